package offline

import (
	"strings"
	"testing"
	"time"
)

// TestBadRecordings: what train and score say of recordings that are not what they
// should be, and how many rows are scored. See docs/detect.md.
func TestBadRecordings(t *testing.T) {
	healthy, said, err := learnt(t, TrainOptions{CSV: []string{recording(t, 1000, nil)}})
	if err != nil {
		t.Fatal(said)
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
		learns    bool
		trainSays string
		scoreSays string
		scored    [2]int // at least, at most
		flagged   bool   // more than a tenth of the scored rows
	}{
		{"healthy", 1000, nil, true, "alarms", "", [2]int{900, 1000}, false},
		{"constant channels", 1000, fill(0, "10", "50", "5"), false, "no channel ever changed", "", [2]int{900, 1000}, true},
		{"a constant channel", 1000, func(_ int, at time.Time, cells []string) time.Time { cells[1] = "50"; return at }, true, "b.speed never changed", "", [2]int{900, 1000}, true},
		{"one row", 1, nil, false, "1 row with values, want at least 100", "none of 1 row was scored: the first score takes", [2]int{0, 0}, false},
		{"no row", 0, nil, false, "0 rows with values", "none of 0 rows was scored", [2]int{0, 0}, false},
		{"all missing", 1000, fill(0, ""), false, "0 rows with values", "996 of 1000 rows hold too few values", [2]int{0, 0}, false},
		{"all missing from row 500 on", 1000, fill(500, ""), true, "500 rows have no value in any channel", "496 of 1000 rows hold too few values", [2]int{400, 505}, false},
		{"infinities", 1000, fill(500, "Inf", "-inf", "1e999"), true, `"Inf" is not finite: counts as missing`, "496 of 1000 rows hold too few values", [2]int{400, 505}, false},
		{"time running backwards", 1000, moved(func(i int) time.Duration { return -2 * time.Duration(i) * time.Second }), true, "time runs backwards in 999 rows, first at 2026-11-23T07:59:59Z", "time runs backwards in 999 rows", [2]int{900, 1000}, false},
		{"the clock set back an hour", 1000, moved(func(i int) time.Duration { return -time.Duration(i/500) * time.Hour }), true, "time runs backwards in 1 row, ", "time runs backwards in 1 row, ", [2]int{900, 1000}, false},
		{"a gap of two hours", 1000, moved(func(i int) time.Duration { return time.Duration(i/500) * 2 * time.Hour }), true, "1 hole in time, the first before 2026-11-23T10:08:20Z: the rows around one are no neighbours", "", [2]int{850, 960}, false},
		{"duplicated rows", 2000, func(i int, at time.Time, cells []string) time.Time {
			if i%2 == 0 {
				before = append(before[:0], cells...)
			} else {
				copy(cells, before)
			}
			return at.Add(-time.Duration(i-i/2) * time.Second)
		}, true, "1000 rows repeat the one before", "1000 rows repeat the one before", [2]int{1800, 2000}, false},
		{"one time for all", 1000, moved(func(i int) time.Duration { return -time.Duration(i) * time.Second }), true, "999 rows carry the time of the one before", "999 rows carry the time", [2]int{900, 1000}, false},
		{"a tenfold jump", 1000, func(i int, at time.Time, cells []string) time.Time {
			if i >= 500 {
				cells[1] += "e1"
			}
			return at
		}, true, "b.speed changed its level near row 500", "", [2]int{900, 1000}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			csv := recording(t, c.rows, c.change)
			_, said, err := learnt(t, TrainOptions{CSV: []string{csv}})
			if (err == nil) != c.learns || !strings.Contains(said, c.trainSays) {
				t.Errorf("train: %v, want %q\n%s", err, c.trainSays, said)
			}
			out, warned := scored(t, ScoreOptions{Model: healthy, CSV: csv})
			if !strings.Contains(warned, c.scoreSays) || c.scoreSays == "" && warned != "" {
				t.Errorf("score: want %q, got %q", c.scoreSays, warned)
			}
			lines := strings.Split(strings.TrimSpace(out), "\n")[1:]
			hit, flagged := 0, 0
			for _, l := range lines {
				f := strings.Split(l, ",")
				if f[1] != "" {
					hit++
				}
				if f[2] == "1" {
					flagged++
				}
			}
			if len(lines) != c.rows || hit < c.scored[0] || hit > c.scored[1] || (flagged > hit/10) != c.flagged {
				t.Errorf("%d of %d rows, %d scored, %d flagged", len(lines), c.rows, hit, flagged)
			}
		})
	}
}
