package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// recording writes n rows of three channels that follow one load; change may make
// anything of a row's time and cells.
func recording(t *testing.T, n int, change func(i int, at time.Time, cells []string) time.Time) string {
	t.Helper()
	rnd := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	b.WriteString("timestamp,a.load,b.speed,c.flow\n")
	begin, load := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC), 0.0
	for i := range n {
		load += 0.3*rnd.NormFloat64() - load/20
		cells := []string{fmt.Sprintf("%.4f", 10+load+0.05*rnd.NormFloat64()), fmt.Sprintf("%.4f", 50+2*load+0.1*rnd.NormFloat64()), fmt.Sprintf("%.4f", 5+3*load+0.1*rnd.NormFloat64())}
		at := begin.Add(time.Duration(i) * time.Second)
		if change != nil {
			at = change(i, at, cells)
		}
		b.WriteString(at.Format(time.RFC3339) + "," + strings.Join(cells, ",") + "\n")
	}
	return write(t, "rows.csv", b.String())
}

// TestBadRecordings: what train and score say of recordings that are not what they
// should be, their exit codes, and how many rows are scored. See docs/detect.md.
func TestBadRecordings(t *testing.T) {
	healthy := filepath.Join(t.TempDir(), "m.safetensors")
	if code, _, errs := call(t, "", "train", "--csv", recording(t, 1000, nil), "--out", healthy); code != 0 {
		t.Fatal(errs)
	}
	fill := func(from int, text ...string) func(int, time.Time, []string) time.Time {
		return func(i int, at time.Time, cells []string) time.Time {
			if i >= from {
				for k := range cells {
					cells[k] = text[k%len(text)]
				}
			}
			return at
		}
	}
	moved := func(f func(i int) time.Duration) func(int, time.Time, []string) time.Time {
		return func(i int, at time.Time, _ []string) time.Time { return at.Add(f(i)) }
	}
	var before []string
	for _, c := range []struct {
		name      string
		rows      int
		change    func(int, time.Time, []string) time.Time
		trainCode int
		trainSays string
		scoreSays string
		scored    [2]int // at least, at most
		flagged   bool   // more than a tenth of the scored rows
	}{
		{"healthy", 1000, nil, 0, "alarms", "", [2]int{900, 1000}, false},
		{"constant channels", 1000, fill(0, "10", "50", "5"), 1, "no channel ever moved", "", [2]int{900, 1000}, true},
		{"a constant channel", 1000, func(_ int, at time.Time, cells []string) time.Time { cells[1] = "50"; return at }, 0, "b.speed never moved", "", [2]int{900, 1000}, true},
		{"one row", 1, nil, 1, "1 row with values, want at least 100", "none of 1 row was scored: the first score takes", [2]int{0, 0}, false},
		{"no row", 0, nil, 1, "0 rows with values", "none of 0 rows was scored", [2]int{0, 0}, false},
		{"all missing", 1000, fill(0, ""), 1, "0 rows with values", "996 of 1000 rows hold too few values", [2]int{0, 0}, false},
		{"all missing from row 500 on", 1000, fill(500, ""), 0, "500 rows hold no value at all", "496 of 1000 rows hold too few values", [2]int{400, 505}, false},
		{"infinities", 1000, fill(500, "Inf", "-inf", "1e999"), 0, `"Inf" is not finite: counts as missing`, "496 of 1000 rows hold too few values", [2]int{400, 505}, false},
		{"time running backwards", 1000, moved(func(i int) time.Duration { return -2 * time.Duration(i) * time.Second }), 0, "time runs backwards in 999 rows, first at 2026-11-23T07:59:59Z", "time runs backwards in 999 rows", [2]int{900, 1000}, false},
		{"the clock set back an hour", 1000, moved(func(i int) time.Duration { return -time.Duration(i/500) * time.Hour }), 0, "time runs backwards in 1 row, ", "time runs backwards in 1 row, ", [2]int{900, 1000}, false},
		{"a gap of two hours", 1000, moved(func(i int) time.Duration { return time.Duration(i/500) * 2 * time.Hour }), 0, "1 hole in time, the first before 2026-11-23T10:08:20Z: the rows around one are no neighbours", "", [2]int{850, 960}, false},
		{"duplicated rows", 2000, func(i int, at time.Time, cells []string) time.Time {
			if i%2 == 0 {
				before = append(before[:0], cells...)
			} else {
				copy(cells, before)
			}
			return at.Add(-time.Duration(i-i/2) * time.Second)
		}, 0, "1000 rows repeat the one before", "1000 rows repeat the one before", [2]int{1800, 2000}, false},
		{"one time for all", 1000, moved(func(i int) time.Duration { return -time.Duration(i) * time.Second }), 0, "999 rows carry the time of the one before", "999 rows carry the time", [2]int{900, 1000}, false},
		{"a tenfold jump", 1000, func(i int, at time.Time, cells []string) time.Time {
			if i >= 500 {
				cells[1] += "e1"
			}
			return at
		}, 0, "b.speed changed its level near row 500", "", [2]int{900, 1000}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			csv := recording(t, c.rows, c.change)
			code, out, errs := call(t, "", "train", "--csv", csv, "--out", filepath.Join(t.TempDir(), "m"))
			if code != c.trainCode || !strings.Contains(out+errs, c.trainSays) {
				t.Errorf("train: %d, want %d and %q\n%s%s", code, c.trainCode, c.trainSays, out, errs)
			}
			scores := filepath.Join(t.TempDir(), "s.csv")
			code, _, errs = call(t, "", "score", "--model", healthy, "--csv", csv, "--out", scores)
			if code != 0 || !strings.Contains(errs, c.scoreSays) || c.scoreSays == "" && errs != "" {
				t.Errorf("score: %d, want %q, got %q", code, c.scoreSays, errs)
			}
			text, err := os.ReadFile(scores)
			if err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(strings.TrimSpace(string(text)), "\n")[1:]
			scored, flagged := 0, 0
			for _, l := range lines {
				f := strings.Split(l, ",")
				if f[1] != "" {
					scored++
				}
				if f[2] == "1" {
					flagged++
				}
			}
			if len(lines) != c.rows || scored < c.scored[0] || scored > c.scored[1] || (flagged > scored/10) != c.flagged {
				t.Errorf("%d of %d rows, %d scored, %d flagged", len(lines), c.rows, scored, flagged)
			}
		})
	}
}
