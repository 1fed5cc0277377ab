package detect

import (
	"testing"
	"time"
)

// latchPlay pushes one score a second through Detector and Latch.
func latchPlay(d *Detector, l *Latch, from int, scores ...float64) (out []Event) {
	emit := func(ev Event) { out = append(out, ev) }
	for i, v := range scores {
		l.Tick(at(from+i), emit)
		for _, ev := range play(d, from+i, v) {
			emit(l.Take(ev))
		}
	}
	return out
}

func TestLatch(t *testing.T) {
	o := options()
	o.Hold, o.Latch = 0, true
	d := newDetector(t, func(p *Policy) { *p = o })
	l := NewLatch(o)
	got := latchPlay(d, l, 0, 2, 2, 2, 0.1, 0.1)
	if !l.Holds() {
		t.Error("holds nothing")
	}
	if states(got) != "open update" || got[1].Reason != ReasonHeld || !got[1].Until.IsZero() || got[1].Peak != 2 {
		t.Fatalf("over: %+v", got)
	}
	got = latchPlay(d, l, 5, 4, 4, 4, 0.1, 0.1) // again: the same event
	if states(got) != "update update" || !got[0].Since.Equal(at(0)) || got[0].Severity != Critical || got[0].Reason == ReasonHeld {
		t.Fatalf("again: %+v", got)
	}
	var end []Event
	l.Release(at(20), func(ev Event) { end = append(end, ev) })
	if states(end) != "close" || end[0].Reason != ReasonUnlatched || !end[0].Since.Equal(at(0)) ||
		!end[0].Until.Equal(at(8)) || !end[0].Time.Equal(at(20)) || end[0].Severity != Critical || end[0].Peak != 4 {
		t.Fatalf("unlatched: %+v", end)
	}
	if got = latchPlay(d, l, 30, 2, 2, 2); states(got) != "open" || !got[0].Since.Equal(at(30)) {
		t.Fatalf("a new one: %+v", got)
	}
	// What goes on cannot be unlatched.
	l.Release(at(33), func(ev Event) { t.Errorf("unlatched while it lasts: %+v", ev) })
	got = latchPlay(d, l, 33, 0.1)
	l.Release(at(34), func(ev Event) { got = append(got, ev) })
	if states(got) != "update close" {
		t.Errorf("got %q", states(got))
	}
}

func TestLatch_byTime(t *testing.T) {
	o := options()
	o.Hold, o.Latch, o.UnlatchAfter = 0, true, 10*time.Second
	d := newDetector(t, func(p *Policy) { *p = o })
	l := NewLatch(o)
	got := latchPlay(d, l, 0, 2, 2, 2, 0.1, 0, 0, 2, 2, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	if states(got) != "open update update update close" || !got[4].Until.Equal(at(10)) || !got[4].Time.Equal(at(20)) {
		t.Errorf("%q, last %+v", states(got), got[len(got)-1])
	}
}

func TestLatch_passes(t *testing.T) {
	if l := NewLatch(options()); l != nil {
		t.Fatal("a latch without being asked for")
	}
	var none *Latch
	none.Tick(at(0), nil)
	none.Release(at(0), nil)
	end := Event{Machine: "m", Kind: ProcessAnomaly, State: Close, Reason: ReasonNormal}
	if got := none.Take(end); got.State != Close || none.Resume(end) {
		t.Errorf("a nil latch made %+v", got)
	}
	l := NewLatch(Policy{Tuning: Tuning{Latch: true}})
	for _, ev := range []Event{{Kind: SensorFault, State: Close, Reason: ReasonNormal}, {Kind: ProcessAnomaly, State: Close, Reason: "model replaced"}} {
		if got := l.Take(ev); got.State != Close {
			t.Errorf("%+v is held", ev)
		}
	}
	// One of each kind and key.
	for _, ev := range []Event{{Kind: LimitExceeded, Key: "a.x"}, {Kind: LimitExceeded, Key: "b.z"}, {Kind: ProcessAnomaly}} {
		ev.State, ev.Reason = Close, ReasonNormal
		if got := l.Take(ev); got.State != Update {
			t.Errorf("%+v is not held", ev)
		}
	}
	n := 0
	l.Release(at(0), func(Event) { n++ })
	if n != 3 {
		t.Errorf("%d events unlatched, want 3", n)
	}
	if n := testing.AllocsPerRun(100, func() { l.Tick(at(1), nil) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestLatch_resume(t *testing.T) {
	o := options()
	o.Hold, o.Latch = 0, true
	got := latchPlay(newDetector(t, func(p *Policy) { *p = o }), NewLatch(o), 0, 2, 2, 2, 0.1)
	held := got[len(got)-1]
	l := NewLatch(o)
	if l.Resume(got[0]) || !l.Resume(held) || l.Resume(held) {
		t.Fatal("want the held one resumed, once")
	}
	var end []Event
	l.Release(at(60), func(ev Event) { end = append(end, ev) })
	if states(end) != "close" || !end[0].Since.Equal(at(0)) || !end[0].Until.Equal(at(3)) || end[0].Reason != ReasonUnlatched {
		t.Errorf("got %+v", end)
	}
}

// TestLatch_drop: an event that is unknown is forgotten, over or begun again, so that
// the next one opens as a new event.
func TestLatch_drop(t *testing.T) {
	for name, scores := range map[string][]float64{"over": {2, 2, 2, 0.1}, "begun again": {2, 2, 2, 0.1, 2, 2, 2}} {
		o := options()
		o.Hold, o.Latch = 0, true
		d := newDetector(t, func(p *Policy) { *p = o })
		l := NewLatch(o)
		latchPlay(d, l, 0, scores...)
		l.Drop(func(k Kind, _ string) bool { return k == LimitExceeded })
		if len(l.held) != 1 {
			t.Fatalf("%s: a known event was forgotten", name)
		}
		l.Drop(func(Kind, string) bool { return true })
		d.Drop()
		if got := latchPlay(d, l, 30, 2, 2, 2); states(got) != "open" || !got[0].Since.Equal(at(30)) {
			t.Errorf("%s: got %+v, want a new event", name, got)
		}
	}
}
