package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"iot-edge-anomaly/agent/mqtt"
	"iot-edge-anomaly/agent/state"
)

// budget compares what is written to the disk with what a day allows. A quarter of the
// day's bytes may be written at once; the rest comes back over the day. So no day takes
// more, while only updates of events are written beyond it, however often the agent
// starts anew: the level is kept. The zero value has seen nothing yet.
type budget struct {
	level   float64 // bytes above what time has allowed
	written uint64
	at      time.Time
	over    bool
	kept    keptBudget
}

// keptBudget is what is on the disk.
type keptBudget struct {
	Level float64   `json:"level"` // bytes
	At    time.Time `json:"at"`
	Whole bool      `json:"whole"` // nothing was written since: the agent ended
}

const (
	budgetFile = "budget.json" // in the state folder
	keepStep   = 0.1           // of what may be written at once: by how much the level rises before it is kept
)

// back is what time gives back of the level.
func back(d time.Duration, perDay int64) float64 { return d.Hours() / 24 * float64(perDay) * 3 / 4 }

// rest is what is left of the level that is kept.
func (k *keptBudget) rest(now time.Time, perDay int64) float64 {
	return max(0, k.Level-back(max(0, now.Sub(k.At)), perDay))
}

// loadBudget continues that of an earlier run; what that may have written since it was
// kept counts as written. If it cannot be read, all that may be written at once does.
func loadBudget(folder string, perDay int64, now time.Time) (b budget, err error) {
	text, err := state.ReadFile(filepath.Join(folder, budgetFile), 4096)
	if err == nil {
		err = json.Unmarshal(text, &b.kept)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return b, nil
	}
	if err != nil || !(b.kept.Level >= 0) {
		b.kept = keptBudget{float64(perDay) / 4, now, true}
	}
	if b.level = b.kept.rest(now, perDay); !b.kept.Whole {
		b.level = max(b.level, min(b.level+keepStep*float64(perDay)/4, float64(perDay)/4))
	}
	return b, err
}

// due tells whether the level is to be kept: a start would forget too much.
func (b *budget) due(now time.Time, perDay int64) bool {
	return b.level-b.kept.rest(now, perDay) > keepStep*float64(perDay)/4
}

// enough is the part of what may be written at once below which updates are told again.
const enough = 0.9

// look takes what was written so far. used is the part that is used of what may be
// written at once; changed tells that over has.
func (b *budget) look(now time.Time, written uint64, perDay int64) (used float64, changed bool) {
	burst := float64(perDay) / 4
	if !b.at.IsZero() {
		b.level = max(0, b.level+float64(written-b.written)-back(now.Sub(b.at), perDay))
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

// keepBudget writes the level to the disk, unless that is just being done.
func (g *Gateway) keepBudget(now time.Time, end bool, do func(write func())) {
	if !g.keeping.TryLock() {
		return
	}
	g.budget.kept = keptBudget{g.budget.level, now, end}
	b, err := json.Marshal(g.budget.kept)
	path := filepath.Join(g.cfg.State, budgetFile)
	do(func() {
		defer g.keeping.Unlock()
		if err == nil {
			err = state.WriteFile(path, append(b, '\n'), 0o600)
		}
		if err != nil {
			g.log.Warn("what was written of budget.disk_per_day cannot be kept", "error", err)
		}
	})
}

// spare has the reporter merge updates of events while too much is written.
func (g *Gateway) spare(now time.Time) {
	perDay := g.cfg.Budget.DiskPerDay
	used, changed := g.budget.look(now, g.diskWritten(), perDay)
	g.budgetUsed.Store(used)
	if g.budget.due(now, perDay) {
		g.keepBudget(now, false, func(write func()) { go write() }) // it waits for the disk
	}
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
