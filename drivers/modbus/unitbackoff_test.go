package modbus

import (
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// Twelve sensors of one dead unit cost little more than one, in growing pauses:
// each of them asks once, if another has found the unit silent. It makes no
// difference whether the unit ever answered, and when it is back, which one of
// them finds within the longest pause, all are read at once.
func TestDev_deadUnitOfManySensors(t *testing.T) {
	for _, alive := range []int{0, 5} { // seconds
		synctest.Test(t, func(t *testing.T) {
			var dead atomic.Bool
			open, asked := unitOnPipe(func(unit byte, _ int) bool { return unit == 7 && dead.Load() })
			l := begun(NewLine(open, LineOptions{Timeout: 300 * time.Millisecond}))
			defer l.Close()
			var devs []*Dev
			for i := range 12 {
				devs = append(devs, newDev(t, l, 7, words(10*i), Options{}))
			}
			begin, died, returned := time.Now(), alive, alive+200
			var asks []int                  // seconds in which the dead unit was asked
			first := make([]int, len(devs)) // answer since the unit is back
			for second := range returned + 32 {
				dead.Store(second >= died && second < returned)
				start, before := time.Now(), asked.Load()
				for i, d := range devs {
					_, err := read(t, d)
					if err == nil {
						if second >= returned && first[i] == 0 {
							first[i] = second
						}
					} else if !errors.Is(err, ErrTimeout) {
						t.Fatalf("second %d: %v", second, err)
					}
				}
				if d := time.Since(start); d > 600*time.Millisecond {
					t.Fatalf("second %d: one dead unit cost %v", second, d)
				}
				if dead.Load() && asked.Load() > before {
					asks = append(asks, second)
				}
				time.Sleep(time.Until(begin.Add(time.Duration(second+1) * time.Second)))
			}
			for i := 2; i < len(asks); i++ {
				if pause, last := asks[i]-asks[i-1], asks[i-1]-asks[i-2]; pause < last-1 { // it is asked on full seconds
					t.Errorf("a pause of %d s after one of %d s: asked in seconds %d", pause, last, asks)
				}
			}
			if len(asks) > 20 {
				t.Errorf("asked %d times in 200 s, want little more than for one sensor", len(asks))
			}
			if slices.Min(first) < returned || slices.Max(first)-slices.Min(first) > 2 {
				t.Errorf("back in second %d, the sensors' first answers in seconds %d", returned, first)
			}
			t.Logf("asked in seconds %d", asks)
		})
	}
}

// Dead units together take at most a fifth of the line's time.
func TestDev_manyDeadUnits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		open, _ := unitOnPipe(func(unit byte, _ int) bool { return unit < 20 })
		l := NewLine(open, LineOptions{Timeout: 300 * time.Millisecond})
		defer l.Close()
		var devs []*Dev
		for i := range 19 {
			devs = append(devs, newDev(t, l, uint8(i+1), words(0), Options{MaxPause: time.Second}))
		}
		begin := time.Now()
		var lost time.Duration
		for time.Since(begin) < 10*time.Minute {
			start := time.Now()
			for _, d := range devs {
				read(t, d)
			}
			if time.Since(begin) > 15*time.Second { // each was found silent twice
				lost += time.Since(start)
			}
			time.Sleep(time.Second)
		}
		if share := lost.Seconds() / (585); share > 0.21 || share < 0.05 {
			t.Errorf("probes took %.0f %% of the time", 100*share)
		}
	})
}
