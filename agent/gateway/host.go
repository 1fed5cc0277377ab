package gateway

import (
	"math"
	"time"

	"iot-edge-anomaly/agent/alerts"
	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/diskwait"
	"iot-edge-anomaly/agent/guard"
	"iot-edge-anomaly/agent/status"
	"iot-edge-anomaly/board"
)

// hostEvery is how often the computer itself is looked at. Its CPU is busy or not on the
// average of this time, however often somebody scrapes.
const hostEvery = alerts.Every

// host is how the computer is. The zero value has not looked yet. It is for one
// goroutine.
type host struct {
	at   time.Time
	load board.Load
}

// look tells how the computer is, if it is time; else nil.
func (h *host) look(now time.Time, c *config.Config) *status.Host {
	if !h.at.IsZero() && now.Sub(h.at) < hostEvery && !now.Before(h.at) {
		return nil
	}
	before := h.load
	h.at, h.load = now, board.ReadLoad("/")
	hot := board.Hottest("/")
	out := &status.Host{Received: h.load.Received, Sent: h.load.Sent,
		Figures: guard.Figures{CPU: math.NaN(), Heat: guard.Heat(hot), Supply: board.Supply("/")}}
	if p, ok := h.load.CPUPercent(before); ok && before.Total > 0 {
		out.CPU = p
	}
	out.Disks = disks(c)
	return out
}

// disks tells how full the file systems with the state and with the queue are. It may
// wait for them.
func disks(c *config.Config) (out []guard.Disk) {
	defer diskwait.Begin().End()
	for i, path := range []string{c.State, c.Spool.Dir} {
		if i > 0 && path == c.State+"/spool" {
			continue // on the same file system
		}
		if p, err := board.DiskPercent(path); err == nil {
			out = append(out, guard.Disk{Path: path, Percent: p})
		}
	}
	return out
}

// lookAtHost looks at the computer. It may wait for the disk. It tells whether it was
// time for all of it. A disk that is too full is looked at each time: whoever makes
// space waits for the gateway to say that it is well.
func (g *Gateway) lookAtHost(now time.Time) bool {
	h := g.host.look(now, g.cfg)
	due := h != nil
	if !due {
		if !g.guards.has(guard.Kinds[2]) {
			return false
		}
		again := *g.hostNow.Load()
		again.Disks = disks(g.cfg)
		h = &again
	}
	g.hostNow.Store(h)
	g.guards.host(now, h.Figures)
	return due
}

// certificates are those in force, with when they expire.
func certificates(s *status.Snapshot, endpoint *endpoint) (out []status.Certificate) {
	add := func(of string, at time.Time) {
		if !at.IsZero() {
			out = append(out, status.Certificate{Of: of, Expires: at})
		}
	}
	if endpoint != nil {
		add("http", endpoint.Expires())
	}
	if b := s.Broker; b != nil {
		add("mqtt", b.Expires)
		add("broker", b.PeerExpires)
	}
	return out
}
