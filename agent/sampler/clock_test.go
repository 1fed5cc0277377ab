package sampler

import (
	"testing"
	"time"
	"unsafe"
)

// TestToday: when the clock is set, the rows that follow have its time, as mute windows
// and the hours of learning need; the time between rows stays.
func TestToday(t *testing.T) {
	epoch := time.Now()
	for _, step := range []time.Duration{0, time.Hour, -time.Hour, 72 * time.Hour, -10 * 365 * 24 * time.Hour} {
		now := epoch.Add(95 * time.Second)
		wall := (*uint64)(unsafe.Pointer(&now)) // package time makes no Time whose wall clock was stepped
		*wall = uint64(int64(*wall) + int64(step/time.Second)<<30)
		tick := epoch.Add(90 * time.Second)
		got := today(tick, now)
		if got.Sub(epoch) != 90*time.Second || !got.Round(0).Equal(tick.Round(0).Add(step)) {
			t.Errorf("step %v: %v after the epoch, at %v, want %v", step, got.Sub(epoch), got.Round(0), tick.Round(0).Add(step))
		}
	}
}
