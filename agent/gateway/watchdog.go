package gateway

import (
	"time"

	"iot-edge-anomaly/board"
)

// watchdog feeds the watchdog of systemd while every stage makes progress.
type watchdog struct {
	g       *Gateway
	monitor *progressMonitor
	every   time.Duration // 0 = systemd does not ask for it
	next    time.Time
}

func newWatchdog(g *Gateway) *watchdog {
	interval, err := board.WatchdogInterval()
	g.notify(err)
	return &watchdog{g: g, monitor: newProgressMonitor(time.Now(), g.stages()), every: interval / 2}
}

// look feeds the watchdog if it is time and nothing has stalled.
func (w *watchdog) look(now time.Time) {
	stalled := w.monitor.stalled(now)
	if before := w.g.stalled.Swap(stalled); before != stalled && stalled != "" {
		w.g.log.Error("no progress: the watchdog is not fed", "stage", stalled)
	}
	if stalled != "" || w.every == 0 || now.Before(w.next) {
		return
	}
	w.next = now.Add(w.every)
	w.g.notify(board.Watchdog())
}

// stages are the parts of the agent that must make progress.
func (g *Gateway) stages() (out []stage) {
	p := g.currentPlant()
	for i, m := range p.units {
		mc := p.cfg.Machines[i]
		budget := max(10*time.Second, 5*mc.Period)
		out = append(out, stage{"sampling of " + mc.Name, p.group.Sampler(mc.Name).Rows, budget},
			stage{"scoring of " + mc.Name, m.Progress, budget})
	}
	if b := g.broker; b != nil {
		out = append(out, stage{"delivery", func() uint64 { return b.Stats().Progress }, time.Minute})
	}
	return out
}
