package demo

import (
	"context"
	"time"
)

// The times of the script, by the wall clock.
const (
	beforeFault = 5 * time.Second  // from the end of learning to the first fault
	faultLasts  = 12 * time.Second // long enough to be found and looked at
	betweenThem = 14 * time.Second // long enough for the event to close
	waitAtMost  = 17 * time.Second // for the right moment; a cycle of the demand takes 8 s
	lookEvery   = 20 * time.Millisecond
)

// RunScript plays the faults one after the other, again and again, until the context
// ends. It waits until learned is closed, leaves the plant alone for beforeFault, begins
// a fault, ends it after its time, and lets the plant recover. It describes each step
// by say.
func (s *Station) RunScript(ctx context.Context, learned <-chan struct{}, say func(string)) {
	sc := script{faults: Faults(), set: s.SetFault, values: s.Values, say: say}
	if f, err := ParseFault(string(s.o.Fault)); err == nil {
		sc.faults = []FaultInfo{f}
	}
	sc.run(ctx, learned)
}

// script sets faults by set and describes them by say.
type script struct {
	faults []FaultInfo
	set    func(Fault, float64)
	values func() Values
	say    func(string)
}

func (s *script) run(ctx context.Context, learned <-chan struct{}) {
	select {
	case <-learned:
	case <-ctx.Done():
		return
	}
	if !pause(ctx, beforeFault) {
		return
	}
	for {
		for _, f := range s.faults {
			if !s.play(ctx, f) {
				return
			}
		}
	}
}

// play plays one fault from its beginning to the recovery. It returns false if the
// context has ended; the fault has ended then too.
func (s *script) play(ctx context.Context, f FaultInfo) bool {
	for waited := time.Duration(0); f.When != nil && waited < waitAtMost && !f.When(s.values()); waited += lookEvery {
		if !pause(ctx, lookEvery) {
			return false
		}
	}
	s.say(f.Begins)
	s.set(f.Fault, 1)
	more := pause(ctx, f.Lasts)
	s.set(f.Fault, 0)
	if !more {
		return false
	}
	s.say(f.Ends)
	return pause(ctx, betweenThem)
}

// pause waits; false means that the context ended first.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
