package detect

import (
	"testing"
	"time"
)

// TestShift_endlessRamp: what gets worse without end becomes drift once, not at each
// half more; a second level that stays does so again.
func TestShift_endlessRamp(t *testing.T) {
	for name, c := range map[string]struct {
		score func(day float64) float64
		want  int
	}{
		"ramp":       {func(day float64) float64 { return 1 + 3*day }, 1},
		"two levels": {func(day float64) float64 { return 2 + 8*float64(int(day/20)) }, 2},
	} {
		s, accepted := newShift(24*time.Hour, 0.8), 0
		for i := range 40 * 1440 {
			s.push(at(60*i), time.Minute, c.score(float64(i)/1440)/s.base, false)
			if s.steady() {
				s.accept()
				accepted++
			}
		}
		if accepted != c.want {
			t.Errorf("%s: became drift %d times, want %d", name, accepted, c.want)
		}
	}
}

// Medians in the text of a drift have no exponent where people write none.
func Test_short(t *testing.T) {
	for v, want := range map[float64]string{-1234567.8: "-1234568", 10350.7: "10351", 9999.4: "9999", 12.345678: "12.35", 0.00123456: "0.001235", 2e13: "2e+13"} {
		if got := short(v); got != want {
			t.Errorf("%v: got %s, want %s", v, got, want)
		}
	}
}
