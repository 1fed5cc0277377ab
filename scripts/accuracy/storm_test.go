package main

import (
	"math"
	"strings"
	"testing"
)

func TestStorm_within(t *testing.T) {
	s := storm{name: "fan", days: 7, alarms: []int{0, 3, 4, 1}, apart: []int{0, 3, 4, 1}, low: []float64{0.2, 0.2, 0.2, 0}, high: []float64{2.3, 2.3, 2.3, 0}, flagged: []float64{0, 0, 0, 4}}
	if got := s.within(); got != 2 {
		t.Errorf("0 and 3 of 0.2 to 2.3 are as stated, 4 is not, and of the last nothing is known: %d, want 2", got)
	}
	if text := s.text(); !strings.Contains(text, "mean 2.0") || !strings.Contains(text, "1.0 % of rows") {
		t.Error(text)
	}
	if got := above([]float64{2, math.NaN(), 0.5, 1}); math.Abs(got-100.0/3) > 1e-9 {
		t.Errorf("one of three scores is above 1: %g %%", got)
	}
}

// TestPromised adds up the recordings whose rate is stated.
func TestPromised(t *testing.T) {
	var out strings.Builder
	b := &bench{w: &out}
	b.promised()
	if out.Len() > 0 {
		t.Errorf("nothing was measured, and printed: %s", out.String())
	}
	b.wanted = []string{"a", "b"}
	b.keep("a", shipped, []outcome{{wrong: 3, months: 2, low: 0.5, high: 2}, {wrong: 5, months: 2, low: 0.5, high: 2}})
	b.keep("b", shipped, []outcome{{wrong: 9, months: 1}})
	b.storms = []storm{{name: "fan", days: 7, alarms: []int{1}, low: []float64{0.1}, high: []float64{3}}}
	b.kept = []rate{{name: "tep", wanted: 1, expected: 0.1}, {name: "tep", wanted: 10}}
	b.promised()
	for _, want := range []string{"1 to 4 ", " 4.0 3 5 b", "unknown", "tep, tuned on", "all whose rate is stated 3.00 3.00 5.0"} {
		if !strings.Contains(strings.Join(strings.Fields(out.String()), " ")+" ", want) {
			t.Errorf("%q is missing in\n%s", want, out.String())
		}
	}
	if strings.Count(out.String(), "tep") != 1 {
		t.Error("only the promise of one a month is compared")
	}
}
