package machine

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"iot-edge-anomaly/agent/judge"
)

// working runs a fleet of one machine and returns it, with what waits until its status is
// as wanted.
func working(t *testing.T, f *fleet) (m *Machine, until func(what string, ok func(s *Status) bool)) {
	ctx, cancel := context.WithCancel(t.Context())
	var work sync.WaitGroup
	work.Go(func() { f.group.Run(ctx) })
	work.Go(func() {
		for range f.group.Faults() {
		}
	})
	m = f.machines[0]
	work.Go(func() { m.Run(ctx) })
	t.Cleanup(func() { cancel(); work.Wait() })
	return m, func(what string, ok func(s *Status) bool) {
		t.Helper()
		for end := time.Now().Add(2 * time.Minute); ; time.Sleep(5 * time.Millisecond) {
			s := m.Status()
			if ok(&s) {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("%s: %+v", what, s)
			}
		}
	}
}

// TestTrainingGivesWay: while memory is short nothing is trained, and rows go on; then the
// training begins again, and the rows that came meanwhile are judged.
func TestTrainingGivesWay(t *testing.T) {
	f := newFleet(t, 1, 3, 400)
	turns := f.machines[0].o.Learn.Turns
	f.machines[0].o.Learn.Duty = 0.01 // so that it is under way for a while
	m, until := working(t, f)
	until("it does not train", func(s *Status) bool { return s.Learning.Phase == "training" })
	turns.Hold(true)
	until("it does not give way", func(s *Status) bool {
		return s.Learning.Phase == "waiting" && s.Note == "memory is short: training waits" && s.State == judge.Learning
	})
	rows := m.Status().Rows
	until("the rows do not go on", func(s *Status) bool { return s.Rows > rows+20 })
	m.o.Learn.Duty = 1
	turns.Hold(false)
	until("it does not learn afterwards", func(s *Status) bool { return s.Model.SHA256 != "" && s.Scored > 20 && s.Unjudged == 0 })
}

// TestPanicWhileTraining: it ends the training and nothing else; it is counted, and the
// machine collects rows again.
func TestPanicWhileTraining(t *testing.T) {
	f := newFleet(t, 1, 3, 400)
	f.machines[0].o.Models = nil // what has no models cannot find a name for one
	f.machines[0].o.Panics = new(atomic.Uint64)
	m, until := working(t, f)
	until("the panic is not told", func(s *Status) bool {
		return s.Panics == 1 && strings.HasPrefix(s.Error, "training: a fault of the program: ") && s.Learning.Phase == "collecting"
	})
	rows := m.Status().Rows
	until("the rows do not go on", func(s *Status) bool { return s.Rows > rows+20 })
}
