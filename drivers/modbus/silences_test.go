package modbus

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// Twelve sensors of one dead unit cost as much as one.
func TestDev_deadUnitOfManySensors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		open, asked := unitOnPipe(func(unit byte, _ int) bool { return unit == 7 })
		l := NewLine(open, LineOptions{Timeout: 300 * time.Millisecond})
		defer l.Close()
		var devs []*Dev
		for i := range 12 {
			devs = append(devs, newDev(t, l, 7, words(10*i), Options{}))
		}
		for second := range 100 {
			start := time.Now()
			for _, d := range devs {
				if _, err := read(t, d); !errors.Is(err, ErrTimeout) {
					t.Fatalf("second %d: %v", second, err)
				}
			}
			if d := time.Since(start); d > 600*time.Millisecond {
				t.Fatalf("second %d: one dead unit cost %v", second, d)
			}
			time.Sleep(time.Until(start.Add(time.Second)))
		}
		if n := asked.Load(); n > 10+12 { // each asks once for itself
			t.Errorf("asked %d times in 100 s, want little more than for one sensor", n)
		}
	})
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
