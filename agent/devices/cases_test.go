package devices

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"iot-edge-anomaly/agent/config"
)

var update = flag.Bool("update", false, "renew the expected outputs")

// TestConfig holds what is said of the drivers' own keys and of register types: a
// case is a folder with a configuration and every problem with it, line by line.
func TestConfig(t *testing.T) {
	files, err := filepath.Glob("testdata/config/*/*/config.yaml")
	if err != nil || len(files) < 30 {
		t.Fatalf("got %d cases, want 30 or more (%v)", len(files), err)
	}
	for _, file := range files {
		dir := filepath.Dir(file)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			_, problems := config.Parse("config.yaml", data, Infos())
			if good := filepath.Base(filepath.Dir(dir)) == "good"; good != (problems.Err() == nil) {
				t.Fatal(problems)
			}
			golden(t, filepath.Join(dir, "want.txt"), problems.Error()+"\n")
		})
	}
}

// golden holds a text to a file, which -update renews (scripts/golden.sh).
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
	for i := range min(len(gotLines), len(wantLines)) {
		if gotLines[i] != wantLines[i] {
			t.Fatalf("%s line %d:\n got %s\nwant %s", file, i+1, gotLines[i], wantLines[i])
		}
	}
	t.Errorf("%s: %d lines, want %d", file, len(gotLines), len(wantLines))
}
