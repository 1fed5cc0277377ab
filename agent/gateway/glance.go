package gateway

import (
	"sync"
	"time"

	"iot-edge-anomaly/agent/report"
	"iot-edge-anomaly/agent/spool"
)

// seen is what was known of the queue and of the open events at one moment.
type seen struct {
	spool  spool.Stats
	active []report.ActiveEvent
	opened []report.Count
}

// glanceWait is how long see waits for a new look: on a card that works, one takes
// microseconds.
const glanceWait = 20 * time.Millisecond

// glance looks at what is guarded by locks that are held while the disk is written. A
// look that takes long goes on beside, and who asks meanwhile gets what the one before
// saw: whoever asks how the agent is never waits for the disk. It is safe for concurrent
// use.
type glance struct {
	look func() *seen

	mu    sync.Mutex
	under chan struct{} // closed when the look under way has ended; nil = none is
	began time.Time     // of it
	last  *seen
}

// newGlance looks once, and waits for it.
func newGlance(look func() *seen) *glance { return &glance{look: look, last: look()} }

// see is what is known now, and for how long a look has been waiting; 0 = it is new.
// What it returns must not be changed.
func (g *glance) see() (s *seen, late time.Duration) {
	g.mu.Lock()
	if g.under == nil {
		g.under, g.began = make(chan struct{}), time.Now()
		go g.run(g.under)
	}
	under, patience := g.under, time.NewTimer(glanceWait-time.Since(g.began)) // nobody waits for one that is late already
	g.mu.Unlock()
	defer patience.Stop()
	select {
	case <-under:
	case <-patience.C:
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.under != nil {
		late = time.Since(g.began)
	}
	return g.last, late
}

func (g *glance) run(under chan struct{}) {
	s := g.look()
	g.mu.Lock()
	g.last, g.under = s, nil
	g.mu.Unlock()
	close(under)
}
