package diskwait

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestLongest(t *testing.T) {
	synctest.Test(t, func(*testing.T) {
		if d := Longest(); d != 0 {
			t.Errorf("%v, want 0: nothing is under way", d)
		}
		first := Begin()
		time.Sleep(time.Second)
		second := Begin()
		time.Sleep(time.Second)
		if d := Longest(); d < 1999*time.Millisecond || d > 2*time.Second {
			t.Errorf("%v, want 2s", d)
		}
		first.End()
		if d := Longest(); d < 999*time.Millisecond || d > time.Second {
			t.Errorf("%v, want 1s", d)
		}
		var more []Op
		for range 2 * len(began) { // those that do not fit are not noted
			more = append(more, Begin())
		}
		for _, o := range append(more, second) {
			o.End()
		}
		if d := Longest(); d != 0 {
			t.Errorf("%v, want 0: all have ended", d)
		}
	})
}

func TestAllocatesNothing(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() { Begin().End(); Longest() }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
