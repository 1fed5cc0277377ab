package gateway

import (
	"cmp"
	"fmt"
	"path/filepath"
	"runtime"
	"time"

	"iot-edge-anomaly/agent/diskwait"
	"iot-edge-anomaly/agent/state"
)

const (
	endWithin      = 10 * time.Second // for a clean end of the agent that ends itself
	evidenceWithin = 2 * time.Second  // for the disk to take what is known of the reason
	evidenceMost   = 256 << 10        // bytes of it
)

// end asks for a new start of the process. It waits for nothing: parts that hang are left
// behind after endWithin.
func (g *Gateway) end(err error) {
	select {
	case g.ending <- restartError{err}:
	default:
		return // it ends already
	}
	if g.opts.Abort != nil {
		time.AfterFunc(cmp.Or(g.opts.abortAfter, endWithin), g.opts.Abort)
	}
}

// endStalled ends the agent because a stage has stalled and nobody else ends it.
func (g *Gateway) endStalled(stage string) {
	text := stage + " makes no progress, and there is no watchdog"
	b := make([]byte, evidenceMost)
	g.keepEvidence("stalled.txt", b[:runtime.Stack(b, true)])
	g.end(fmt.Errorf("%s: the agent ends itself to be started again", text))
}

// keepEvidence writes a file into the state folder, in place of the one before it. A disk
// that does not answer is given up.
func (g *Gateway) keepEvidence(name string, b []byte) {
	path := filepath.Join(g.opts.Config.State, name) // a reload does not change it
	done := make(chan error, 1)
	go func() {
		defer diskwait.Begin().End()
		done <- state.WriteFile(path, b, 0o600)
	}()
	select {
	case err := <-done:
		if err != nil {
			g.log.Warn("what the agent ends for is not kept", "error", err)
			return
		}
		g.log.Error("what the agent was doing is kept", "file", path)
	case <-time.After(evidenceWithin):
		g.log.Warn("what the agent ends for is not kept: the disk does not answer", "file", path)
	}
}
