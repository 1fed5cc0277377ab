package gateway

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"iot-edge-anomaly/agent/guard"
	"iot-edge-anomaly/agent/status"
	"iot-edge-anomaly/board"
)

// guardEvery is how often the memory is looked at: a heap may double within seconds.
const guardEvery = time.Second

// limitEvery is how often the limit is read.
const limitEvery = 10 * time.Second

// guards act on what package guard finds. Memory has a goroutine of its own, which waits
// for nothing; the rest is looked at by the loop.
type guards struct {
	g           *Gateway
	used        func() uint64 // bytes
	system      atomic.Uint64 // limit of the system in bytes; 0 = unknown
	goLimit     int64         // of Go's heap, as the environment wants it
	collections atomic.Uint64
	shed        atomic.Int32  // guard.Shed
	shedRows    atomic.Uint64 // of telemetry

	memory guard.Memory // of its goroutine
	asked  time.Time    // for the limit of the system; of its goroutine
	limits int64        // of Go's heap, as set; of its goroutine
	rest   guard.Host   // of the loop

	mu    sync.Mutex
	short *guard.Trouble  // memory; nil = there is enough
	other []guard.Trouble // all else
}

func newGuards(g *Gateway) *guards {
	used := g.opts.memoryUsed
	if used == nil {
		used = status.MemoryBytes
	}
	w := &guards{g: g, used: used, goLimit: debug.SetMemoryLimit(-1)}
	w.ask(time.Now())
	return w
}

// ask reads the limit of the system, which whoever runs the service may change.
func (w *guards) ask(now time.Time) {
	w.asked = now
	w.system.Store(uint64(max(0, board.MemoryLimit("/"))))
}

// limit is what the process may use, in bytes; 0 = unknown.
func (w *guards) limit() uint64 {
	w.g.mu.Lock()
	configured := uint64(w.g.cfg.Budget.Memory)
	w.g.mu.Unlock()
	system := w.system.Load()
	return min(cmp.Or(configured, system), cmp.Or(system, configured))
}

// troubles are all that there are.
func (w *guards) troubles() []guard.Trouble {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := slices.Clone(w.other)
	if w.short != nil {
		out = append(out, *w.short)
	}
	return out
}

// has tells whether there is trouble of this kind.
func (w *guards) has(of string) bool { return guard.Worst(w.troubles(), of) != guard.Fine }

// host looks at all but memory.
func (w *guards) host(now time.Time, f guard.Figures) {
	troubles, said := w.rest.Look(now, f)
	w.mu.Lock()
	w.other = troubles
	w.mu.Unlock()
	for _, t := range said {
		w.tell(t)
	}
}

// tell logs a trouble that is new, has changed, or is over.
func (w *guards) tell(t guard.Trouble) {
	level, text := slog.LevelWarn, "scarce"
	switch t.Level {
	case guard.Fine:
		level, text = slog.LevelInfo, "no longer scarce"
	case guard.Critical:
		level = slog.LevelError
	}
	w.g.log.Log(context.Background(), level, text, "of", t.Of, "detail", t.Detail)
}

// run looks at the memory until ctx is done.
func (w *guards) run(ctx context.Context) {
	defer debug.SetMemoryLimit(w.goLimit)
	defer w.give(guard.ShedNothing)
	tick := time.NewTicker(guardEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			w.look(now)
		}
	}
}

// look does what the memory asks for at this moment.
func (w *guards) look(now time.Time) {
	if now.Sub(w.asked) >= limitEvery {
		w.ask(now)
	}
	limit := w.limit()
	w.limitHeap(limit)
	used := w.used()
	s := w.memory.Look(now, used, limit)
	t := guard.Trouble{Of: guard.Kinds[0], Level: s.Level}
	if s.Level != guard.Fine || s.Changed {
		t.Detail = fmt.Sprintf("%d of %d MiB are in use", used>>20, limit>>20) + [...]string{"", ": telemetry waits", ": telemetry and learning wait"}[s.Shed]
	}
	w.mu.Lock()
	if w.short = nil; s.Level != guard.Fine {
		w.short = &t
	}
	w.mu.Unlock()
	if s.Changed {
		w.tell(t)
	}
	w.give(s.Shed)
	if s.Collect {
		w.collections.Add(1)
		debug.FreeOSMemory()
	}
	if s.End {
		w.g.keepEvidence("heap.txt", guard.Heap())
		w.g.end(fmt.Errorf("memory: %s, and it was above 95 %% for a minute: the agent ends itself to be started again", t.Detail))
	}
}

// give has telemetry and learning give way, or go on.
func (w *guards) give(shed guard.Shed) {
	if before := guard.Shed(w.shed.Swap(int32(shed))); before == shed {
		return
	}
	w.g.currentPlant().turns.Hold(shed >= guard.ShedLearning)
	switch shed {
	case guard.ShedTelemetry:
		w.g.log.Warn("telemetry is not published: memory is short")
	case guard.ShedLearning:
		w.g.log.Warn("no machine is trained: memory is short")
	}
}

// limitHeap has Go collect harder before the limit is near.
func (w *guards) limitHeap(limit uint64) {
	heap := w.goLimit
	if limit > 0 {
		heap = min(heap, int64(float64(limit)*guard.GoShare))
	}
	if heap != w.limits {
		w.limits = heap
		debug.SetMemoryLimit(heap)
	}
}
