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
