package gateway

import (
	"fmt"
	"time"

	"iot-edge-anomaly/agent/mqtt"
	"iot-edge-anomaly/agent/state"
)

// budget compares what is written to the disk with what a day allows. A quarter of the
// day's bytes may be written at once; the rest comes back over the day. So no day takes
// more, while only updates of events are written beyond it. The zero value has seen
// nothing yet.
type budget struct {
	level   float64 // bytes above what time has allowed
	written uint64
	at      time.Time
	over    bool
}

// enough is the part of what may be written at once below which updates are told again.
const enough = 0.9

// look takes what was written so far. used is the part that is used of what may be
// written at once; changed tells that over has.
func (b *budget) look(now time.Time, written uint64, perDay int64) (used float64, changed bool) {
	burst := float64(perDay) / 4
	if !b.at.IsZero() {
		back := now.Sub(b.at).Hours() / 24 * float64(perDay) * 3 / 4
		b.level = max(0, b.level+float64(written-b.written)-back)
	}
	b.at, b.written = now, written
	used = b.level / burst
	before := b.over
	b.over = used >= 1 || b.over && used > enough
	return used, b.over != before
}

// diskWritten is what the agent has written to the disk since the start, in bytes.
func (g *Gateway) diskWritten() uint64 {
	return g.queue.Stats().Pages + state.Written() + mqtt.Written()
}

// spare has the reporter merge updates of events while too much is written.
func (g *Gateway) spare(now time.Time) {
	perDay := g.cfg.Budget.DiskPerDay
	used, changed := g.budget.look(now, g.diskWritten(), perDay)
	g.budgetUsed.Store(used)
	if !changed {
		return
	}
	g.reporter.Spare(g.budget.over)
	if mb := fmt.Sprintf("%d MB", perDay/1e6); g.budget.over {
		g.log.Warn("more is written to the disk than budget.disk_per_day allows: updates of events are merged", "per_day", mb)
	} else {
		g.log.Info("updates of events are told again: budget.disk_per_day has room", "per_day", mb)
	}
}
