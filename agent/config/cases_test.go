package config

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "renew the expected outputs below testdata")

// TestParse_bad holds every message: a case is a folder with a faulty
// configuration and what must be said of it, line by line.
func TestParse_bad(t *testing.T) {
	cases, err := filepath.Glob("testdata/bad/*/config.yaml")
	if err != nil || len(cases) < 40 {
		t.Fatalf("got %d cases, want 40 or more (%v)", len(cases), err)
	}
	for _, file := range cases {
		dir := filepath.Dir(file)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			cfg, problems := Parse("config.yaml", data, testDrivers)
			if problems.Err() == nil || cfg != nil {
				t.Fatalf("accepted, with %d warnings", len(problems))
			}
			whole(t, problems)
			golden(t, filepath.Join(dir, "want.txt"), problems.Error()+"\n")
		})
	}
}

// TestParse_good holds what a correct configuration sets differently from the
// defaults, and its warnings.
func TestParse_good(t *testing.T) {
	cases, err := filepath.Glob("testdata/good/*/config.yaml")
	if err != nil || len(cases) < 6 {
		t.Fatalf("got %d cases, want 6 or more (%v)", len(cases), err)
	}
	for _, file := range cases {
		dir := filepath.Dir(file)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			cfg, problems := Parse("config.yaml", data, testDrivers)
			if err := problems.Err(); err != nil {
				t.Fatal(err)
			}
			whole(t, problems)
			golden(t, filepath.Join(dir, "want.txt"), dump(cfg))
		})
	}
}

// whole holds that a problem says where it is and what to do.
func whole(t *testing.T, problems Problems) {
	t.Helper()
	for _, p := range problems {
		if p.Line < 1 || p.Column < 1 || p.Message == "" || p.Hint == "" {
			t.Errorf("%+v: want a line, a column, a message and a hint", p)
		}
	}
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got == string(want) {
		return
	}
	gotLines, wantLines := strings.Split(got, "\n"), strings.Split(string(want), "\n")
	for i := range max(len(gotLines), len(wantLines)) {
		g, w := "(nothing)", "(nothing)"
		if i < len(gotLines) {
			g = gotLines[i]
		}
		if i < len(wantLines) {
			w = wantLines[i]
		}
		if g != w {
			t.Errorf("%s line %d:\n got %s\nwant %s", file, i+1, g, w)
		}
	}
}
