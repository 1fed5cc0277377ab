package sampler

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestTooLateIsOneFault: a bus whose readings take longer than their period
// delivers and gives no row a value, which must be told, once for all of its
// sensors; with a max age the values arrive, and nothing is wrong.
func TestTooLateIsOneFault(t *testing.T) {
	for _, maxAge := range []time.Duration{0, 4 * time.Second} {
		var slow atomic.Int64
		slow.Store(int64(830 * time.Millisecond))
		spec := func(name string) SensorSpec {
			s := sensor(name, newLying(2, func(n int, dst []float64) error {
				time.Sleep(time.Duration(slow.Load()))
				return counting(n, dst)
			}))
			s.MaxAge = maxAge
			return s
		}
		dead := sensor("dead", newLying(1, func(int, []float64) error { return errSilent }))
		got := faultsOf(t, []SensorSpec{spec("a"), spec("b"), dead}, time.Minute, func() {}, func() { slow.Store(0) })
		var late []string // without the dead one, which is told as ever
		for _, f := range got {
			if !strings.HasPrefix(f, "line/dead open=true") {
				late = append(late, f)
			}
		}
		if len(late) == len(got) {
			t.Errorf("max age %v: the dead one is not told: %q", maxAge, got)
		}
		if maxAge > 0 {
			if len(late) > 0 {
				t.Errorf("max age %v: %q", maxAge, late)
			}
			continue
		}
		// It may begin with one of them; the other joins it, and both end together.
		all, n := "[a.c0 a.c1 b.c0 b.c1]", len(late)
		if n < 2 || n > 3 || late[n-2][6:] != " open=true "+all || late[n-1][6:] != " open=false "+all || late[0][:6] != late[n-1][:6] {
			t.Errorf("faults %q, want one of a and b that ends with them", late)
		}
	}
}

func TestEnoughPeriod(t *testing.T) {
	for _, c := range [][3]time.Duration{{2010, 1000, 3000}, {1100, 1000, 2000}, {900, 1000, 2000}, {700, 1000, 1000}, {5000, 2000, 8000}} {
		if got := EnoughPeriod(c[0], c[1]); got != c[2] {
			t.Errorf("%v of %v: %v, want %v", c[0], c[1], got, c[2])
		}
	}
}
