package offline

import (
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestReports: Train and Score write a report beside what they do anyway. The same
// input gives the same report, from a file and through a pipe.
func TestReports(t *testing.T) {
	csv, dir := recording(t, 1200, stuck(1000)), t.TempDir()
	trainPage, scorePage, piped := filepath.Join(dir, "train.html"), filepath.Join(dir, "score.html"), filepath.Join(dir, "piped.html")
	m, said, err := learnt(t, TrainOptions{CSV: []string{csv}, Rows: 800, Report: trainPage})
	if err != nil || !strings.Contains(said, "learnt from 800") {
		t.Fatal(said)
	}
	plain, _ := scored(t, ScoreOptions{Model: m, CSV: csv})
	if out, _ := scored(t, ScoreOptions{Model: m, CSV: csv, Report: scorePage}); out != plain {
		t.Error("a report changes the scores")
	}
	scored(t, ScoreOptions{Model: m, CSV: "-", Stdin: strings.NewReader(read(t, csv)), Report: piped})
	page := read(t, scorePage)
	if got := strings.ReplaceAll(read(t, piped), "Scored: stdin", "Scored: rows.csv"); got != page {
		t.Error("a recording through a pipe gives another page")
	}
	for _, want := range []string{"1 event in 20 min", "still open", "Normal is what the machine did in 800 of 800 learning rows"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page of a recording lacks %q", want)
		}
	}
	for _, want := range []string{"Learnt from 800 of 800 rows", "Warnings:"} {
		if !strings.Contains(read(t, trainPage), want) {
			t.Errorf("the page of a training lacks %q", want)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

// TestTrainReport_gaps: the report on several files, one of them with a hole, holds
// every row, and the hole.
func TestTrainReport_gaps(t *testing.T) {
	days := func(rows, from, n int) string {
		return recording(t, rows, func(i int, at time.Time, _ []string) time.Time {
			if i >= from {
				return at.AddDate(0, 0, n)
			}
			return at
		})
	}
	page := filepath.Join(t.TempDir(), "t.html")
	if _, said, err := learnt(t, TrainOptions{CSV: []string{days(900, 500, 2), days(300, 0, 4)}, Report: page}); err != nil {
		t.Fatal(said)
	}
	text := read(t, page)
	for _, want := range []string{"Learnt: rows.csv, rows.csv", "Learnt from 1,200 of 1,200 rows", "no rows</span>", "2026-11-27"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(text, "left out: no value") {
		t.Error("what stands for a hole is counted as rows without a value")
	}
}
