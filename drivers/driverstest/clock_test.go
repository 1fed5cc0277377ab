package driverstest

import (
	"testing"
	"time"
)

// A step changes the date and no interval.
func TestStepped(t *testing.T) {
	now := time.Now()
	for _, by := range []time.Duration{-50 * 365 * 24 * time.Hour, -time.Hour, 0, time.Second, 10 * 365 * 24 * time.Hour} {
		got := Stepped(now, by)
		if wall := got.Round(0).Sub(now.Round(0)); wall != by {
			t.Errorf("stepped by %v, the date by %v", by, wall)
		}
		if d := got.Add(time.Minute).Sub(now); d != time.Minute {
			t.Errorf("stepped by %v, a minute became %v", by, d)
		}
	}
}
