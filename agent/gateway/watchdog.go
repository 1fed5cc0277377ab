package gateway

import (
	"context"
	"time"

	"iot-edge-anomaly/agent/diskwait"
	"iot-edge-anomaly/board"
)

// diskPatience is how long an operation on the disk may take before what waits for it is
// not said to have stalled.
const diskPatience = 100 * time.Millisecond

// watchdog feeds the watchdog of systemd while every stage makes progress. Where there is
// none, it ends the agent when a stage has stalled. It has a
// goroutine of its own and takes no lock that is held while the disk is written. It
// reads the plant and the connection anew when a reload has replaced them.
type watchdog struct {
	g      *Gateway
	plant  *plant
	broker *broker
	stages *progressMonitor
	loop   *progressMonitor
	every  time.Duration // 0 = systemd does not ask for it
	next   time.Time
	wait   func() time.Duration // for how long the disk has kept an operation waiting
	late   int                  // looks in a row at which a stage had stalled
	alone  int                  // after how many the agent ends itself
}

// patience is after how many looks (30 s) the agent ends itself, because no service
// manager watches it: in a container, or started by hand. They are counted and not
// timed, because a computer that was suspended has not stalled.
const patience = 60

// loopBudget is for a turn of the Gateway's loop: a reload is one.
const loopBudget = time.Minute

func newWatchdog(g *Gateway) *watchdog {
	interval, err := board.WatchdogInterval()
	g.notify(err)
	w := &watchdog{g: g, every: interval / 2, wait: diskwait.Longest, alone: patience}
	now := time.Now()
	w.loop = newProgressMonitor(now, []stage{{"the loop of the agent", g.turns.Load, loopBudget}})
	w.watch(now)
	return w
}

// watch looks at the stages that there are now.
func (w *watchdog) watch(now time.Time) {
	w.g.mu.Lock()
	p, b := w.g.plant, w.g.broker
	w.g.mu.Unlock()
	if w.stages == nil || p != w.plant || b != w.broker {
		w.plant, w.broker = p, b
		w.stages = newProgressMonitor(now, stages(p, b))
	}
}

func (w *watchdog) run(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
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

// look feeds the watchdog if it is time and nothing has stalled. The time in which the
// disk keeps an operation waiting does not count: a restart would not make it faster.
func (w *watchdog) look(now time.Time) {
	disk := w.wait() >= diskPatience
	w.watch(now)
	stalled := w.loop.stalled(now, disk)
	if s := w.stages.stalled(now, disk || w.g.reloading.Load()); s != "" {
		stalled = s
	}
	if before := w.g.stalled.Swap(stalled); before != stalled && stalled != "" {
		w.g.log.Error("no progress: the watchdog is not fed", "stage", stalled)
	}
	w.end(stalled)
	if stalled != "" || w.every == 0 || now.Before(w.next) {
		return
	}
	w.next = now.Add(w.every)
	w.g.notify(board.Watchdog())
}

// end ends the agent if a stage has stalled for long and nobody else would. The exit code
// (75) asks for a new start. What is open is on disk, as for a crash.
func (w *watchdog) end(stalled string) {
	if stalled == "" {
		w.late = 0
		return
	}
	if w.late++; w.late == w.alone && w.every == 0 {
		w.g.endStalled(stalled)
	}
}

// stages are the parts of the agent that must make progress.
func stages(p *plant, b *broker) (out []stage) {
	for i, m := range p.units {
		mc := p.cfg.Machines[i]
		budget := max(10*time.Second, 5*mc.Period)
		if s := p.group.Sampler(mc.Name); s != nil { // else a reload is removing it
			out = append(out, stage{"sampling of " + mc.Name, s.Rows, budget})
		}
		out = append(out, stage{"scoring of " + mc.Name, m.Progress, budget})
	}
	if b != nil {
		out = append(out, stage{"delivery", func() uint64 { return b.Stats().Progress }, time.Minute})
	}
	return out
}
