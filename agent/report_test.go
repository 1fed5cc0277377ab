package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestReports_refused: nothing is scored or learnt for a page that cannot be
// written, and a page that was there stays until there is a new one.
func TestReports_refused(t *testing.T) {
	m, csvPath := trainedWave(t)
	page, out := write(t, "old.html", "old"), write(t, "out", "old")
	for _, tc := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"score", "--model", m, "--csv", csvPath, "--out", out, "--report", "-"}, 2, "a report is a file"},
		{[]string{"score", "--model", m, "--csv", csvPath, "--out", out, "--report", csvPath}, 2, "would overwrite"},
		{[]string{"score", "--model", m, "--csv", csvPath, "--out", out, "--report", out}, 2, "two outputs"},
		{[]string{"score", "--model", m, "--csv", csvPath, "--out", out, "--report", "/nowhere/a.html"}, 1, "/nowhere"},
		{[]string{"score", "--model", m, "--csv", csvPath, "--out", out, "--report", t.TempDir()}, 1, "not a regular file"},
		{[]string{"score", "--model", m, "--csv", csvPath, "--out", "/nowhere/s.csv", "--report", page}, 1, "/nowhere"},
		{[]string{"train", "--csv", csvPath, "--out", out, "--report", "-"}, 2, "a report is a file"},
		{[]string{"train", "--csv", csvPath, "--out", out, "--report", out}, 2, "two outputs"},
		{[]string{"train", "--csv", write(t, "few.csv", wave(20, 20)), "--out", out, "--report", page}, 1, "20"},
	} {
		if code, _, errs := call(t, "", tc.args...); code != tc.code || !strings.Contains(errs, tc.want) {
			t.Errorf("%q: code %d, want %d; stderr %q, want %q in it", tc.args, code, tc.code, errs, tc.want)
		}
	}
	for _, path := range []string{page, out} {
		if got := read(t, path); string(got) != "old" {
			t.Errorf("the %s that was there is now %q", filepath.Base(path), got)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(page), ".*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
