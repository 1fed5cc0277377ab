package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestReports: both verbs write a page beside what they do anyway; the same input
// gives the same page, from a file and through a pipe.
func TestReports(t *testing.T) {
	csvPath, dir := write(t, "wave.csv", wave(1200, 1000)), t.TempDir()
	m, trainPage, scorePage, piped := filepath.Join(dir, "m.safetensors"), filepath.Join(dir, "train.html"), filepath.Join(dir, "score.html"), filepath.Join(dir, "piped.html")
	if code, out, errs := call(t, "", "train", "--csv", csvPath, "--rows", "800", "--out", m, "--report", trainPage); code != 0 || !strings.Contains(out, "learnt from 800") {
		t.Fatalf("train ended with %d: %s%s", code, out, errs)
	}
	plain := filepath.Join(dir, "plain.csv")
	if code, _, errs := call(t, "", "score", "--model", m, "--csv", csvPath, "--out", plain); code != 0 {
		t.Fatalf("score ended with %d: %s", code, errs)
	}
	scores := filepath.Join(dir, "scores.csv")
	if code, _, errs := call(t, "", "score", "--model", m, "--csv", csvPath, "--out", scores, "--report", scorePage); code != 0 {
		t.Fatalf("score ended with %d: %s", code, errs)
	}
	a, b := read(t, plain), read(t, scores)
	if !bytes.Equal(a, b) {
		t.Error("a report changes the scores")
	}
	if code, _, errs := call(t, wave(1200, 1000), "score", "--model", m, "--csv", "-", "--report", piped); code != 0 {
		t.Fatalf("score ended with %d: %s", code, errs)
	}
	page := string(read(t, scorePage))
	if got := strings.ReplaceAll(string(read(t, piped)), "Scored: stdin", "Scored: wave.csv"); got != page {
		t.Error("a recording through a pipe gives another page")
	}
	for _, want := range []string{"1 event in 20 min", "still open", "Normal is what 800 of 800 rows"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page of a recording lacks %q", want)
		}
	}
	for _, want := range []string{"Learnt from 800 of 800 rows", "What to doubt:"} {
		if !strings.Contains(string(read(t, trainPage)), want) {
			t.Errorf("the page of a training lacks %q", want)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

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

// TestTrainReport_gaps: the pages of several files and of a recording with a hole
// hold every row, and the hole.
func TestTrainReport_gaps(t *testing.T) {
	lines := strings.SplitAfter(wave(900, 900), "\n")
	for i := 500; i < len(lines); i++ {
		lines[i] = strings.Replace(lines[i], "2026-11-23", "2026-11-25", 1)
	}
	first, second := write(t, "a.csv", strings.Join(lines, "")), write(t, "b.csv", strings.ReplaceAll(wave(300, 300), "2026-11-23", "2026-11-27"))
	dir := t.TempDir()
	page := filepath.Join(dir, "t.html")
	if code, out, errs := call(t, "", "train", "--csv", first+","+second, "--out", filepath.Join(dir, "m"), "--report", page); code != 0 {
		t.Fatalf("train ended with %d: %s%s", code, out, errs)
	}
	text := string(read(t, page))
	for _, want := range []string{"Learnt: a.csv, b.csv", "Learnt from 1,200 of 1,200 rows", "no rows</span>", "2026-11-27"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(text, "left out: no value") {
		t.Error("what stands for a hole is counted as rows without a value")
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
