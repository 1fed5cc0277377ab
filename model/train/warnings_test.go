package train

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"iot-edge-anomaly/model"
)

// TestCoverage holds that hours and days that are not covered are described in words.
func TestCoverage(t *testing.T) {
	monday := time.Date(2026, 11, 23, 0, 0, 0, 0, time.Local)
	for _, c := range []struct {
		name  string
		days  []int // after Monday
		hours [][2]int
		want  string
	}{
		{"all week", []int{0, 1, 2, 3, 4, 5, 6}, [][2]int{{0, 24}}, ""},
		{"at night only", []int{0, 1, 2, 3, 4, 5, 6}, [][2]int{{22, 24}, {0, 6}}, "nothing was learnt from 06:00 to 22:00: what"},
		{"by day only", []int{0, 1, 2, 3, 4, 5, 6}, [][2]int{{6, 22}}, "nothing was learnt from 22:00 to 06:00: what"},
		{"no breaks", []int{0, 1, 2, 3, 4, 5, 6}, [][2]int{{0, 9}, {10, 12}, {13, 24}}, "nothing was learnt from 09:00 to 10:00 and from 12:00 to 13:00: what"},
		{"weekdays", []int{0, 1, 2, 3, 4}, [][2]int{{0, 24}}, "nothing was learnt on Saturday and Sunday: what"},
		{"one shift", []int{3}, [][2]int{{6, 14}}, "nothing was learnt from 14:00 to 06:00: what;learnt on Thursday only: what"},
	} {
		var w Coverage
		for _, d := range c.days {
			for _, h := range c.hours {
				for i := h[0]; i < h[1]; i++ {
					if !w.Mark(monday.AddDate(0, 0, d).Add(time.Duration(i)*time.Hour + 7*time.Minute)) {
						t.Fatal("not marked")
					}
				}
			}
		}
		var got []string
		for _, d := range w.warnings() {
			got = append(got, d[:strings.Index(d, ": what")+6])
		}
		if s := strings.Join(got, ";"); s != c.want {
			t.Errorf("%s: %q, want %q", c.name, s, c.want)
		}
	}
	if w := new(Coverage); w.Mark(time.Unix(1000, 0)) || len(w.warnings()) != 0 {
		t.Error("a clock that was not set was marked")
	}
}

// TestReport_warnsOfStates: a machine without a start in the learning rows, and one that
// seems to stop but has no condition.
func TestReport_warnsOfStates(t *testing.T) {
	running := &model.Condition{Channel: "speed", Above: 20, Below: math.NaN(), Settle: 5 * time.Second}
	report := func(c *model.Condition, zeros, rows int, seen *Coverage) []string {
		v := batches(c)
		if seen != nil {
			v.schema.Period = time.Minute
		}
		data := v.rows(0, rows)
		for i := 0; i < len(data); i += 3 {
			if at := i / 3 % 360; at >= 360-zeros {
				data[i] = 0
			}
		}
		tab, err := newTrainingSet(v.schema, data)
		if err != nil {
			t.Fatal(err)
		}
		var r Report
		r.begin(tab, Options{Coverage: seen})
		return r.Warnings
	}
	has := func(warnings []string, part string) bool {
		return slices.ContainsFunc(warnings, func(d string) bool { return strings.Contains(d, part) })
	}
	if d := report(nil, 120, 1800, nil); !has(d, "speed is 0 in 33 % of the rows") || !has(d, "less than a shift") {
		t.Errorf("a machine that stops: %q", d)
	}
	if d := report(nil, 5, 1800, nil); has(d, "speed is 0") {
		t.Errorf("short zeros: %q", d)
	}
	if d := report(running, 120, 230, nil); !has(d, "no start of the machine") {
		t.Errorf("no start: %q", d)
	}
	if d := report(running, 120, 800, nil); !has(d, "only 2 starts") || has(d, "speed is 0") {
		t.Errorf("two starts: %q", d)
	}
	w := new(Coverage)
	w.Mark(time.Date(2026, 11, 23, 8, 0, 0, 0, time.Local))
	if d := report(running, 120, 1800, w); !has(d, "from 09:00 to 08:00") || !has(d, "on Monday only") || has(d, "shift") {
		t.Errorf("one hour: %q", d)
	}
}

// TestWarnClustered holds that a stretch that was not normal is named with its rows, and
// that scattered rows above the threshold are not.
func TestWarnClustered(t *testing.T) {
	s := model.Schema{Period: time.Minute, Channels: []model.Channel{{Name: "a"}, {Name: "b"}}}
	rows := func(odd func(i int) bool) (out []float64) {
		x, y := ar(6000, 0.9, 1), ar(6000, 0, 2)
		for i := range 6000 {
			b := 2*x[i] + 0.1*y[i]
			if odd(i) {
				b += 40 * math.Sin(float64(i))
			}
			out = append(out, x[i], b)
		}
		return out
	}
	for name, c := range map[string]struct {
		odd  func(i int) bool
		want bool
	}{
		"none":            {func(int) bool { return false }, false},
		"maintenance":     {func(i int) bool { return i >= 3000 && i < 3100 }, true},
		"again and again": {func(i int) bool { return i%600 < 10 }, false},
	} {
		_, r := learn(t, s, rows(c.odd), Options{Seed: 1, Epochs: 1})
		got := ""
		for _, d := range r.Warnings {
			if strings.Contains(d, "if there was maintenance or a fault then") {
				got = d
			}
		}
		var n, all, first, last int
		_, err := fmt.Sscanf(got, "%d of %d rows above the threshold lie between rows %d and %d:", &n, &all, &first, &last)
		if (got != "") != c.want || c.want && (err != nil || first < 2990 || last > 3150 || n > all) {
			t.Errorf("%s: %q, %v; %d above", name, got, err, r.Above)
		}
	}
}
