package gateway

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/guard"
	"iot-edge-anomaly/agent/homeassistant"
	"iot-edge-anomaly/agent/mqtt"
	"iot-edge-anomaly/agent/report"
	"iot-edge-anomaly/agent/sampler"
	"iot-edge-anomaly/agent/status"
	"iot-edge-anomaly/agent/telemetry"
)

const (
	liveEvery   = 250 * time.Millisecond // how often the machines are looked at
	healthLook  = 5 * time.Second        // and the health
	healthEvery = time.Minute            // how often health is published if it has not changed
	birthWait   = 3 * time.Second        // within which everything is announced again after Home Assistant has started, and after which it has made its entities
)

// live publishes what counts now and not later: telemetry and health. It has its own
// goroutine, so that nothing waits for it; what it publishes is never on disk.
type live struct {
	g      *Gateway
	turn   sync.Mutex // held from reading what is in force until that is published, and while retained topics are emptied
	policy telemetry.Policy
	units  map[*unit]*telemetry.Machine
	looked time.Time // at the health
	told   time.Time // when it was published
	tale   string    // what it was
	birth  atomic.Bool
	again  time.Time // when everything is to be announced again; zero = not
	renew  time.Time // when all values are to be published again; zero = not
}

// listeners are the topics that the broker connection listens to.
func (l *live) listeners(c config.MQTT) []mqtt.Listener {
	if !c.HomeAssistant {
		return nil
	}
	return []mqtt.Listener{{Topic: homeassistant.Birth, Take: func(payload []byte, retained bool) {
		if !retained && string(payload) == "online" { // a retained one is from before this connection
			l.birth.Store(true)
		}
	}}}
}

func (l *live) run(ctx context.Context) {
	tick := time.NewTicker(liveEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			l.look(now)
		}
	}
}

// look publishes what is due.
func (l *live) look(now time.Time) {
	broker := l.offer(now)
	if broker == nil {
		l.units, l.told = nil, time.Time{}
		return
	}
	if now.Sub(l.looked) >= healthLook {
		l.looked = now
		l.health(now, broker)
	}
}

// offer publishes what is due of the machines. It returns the broker; nil = nothing is
// to be published.
func (l *live) offer(now time.Time) *broker {
	l.turn.Lock()
	defer l.turn.Unlock()
	l.g.mu.Lock()
	t, ha, plant, broker := l.g.cfg.MQTT.Telemetry, l.g.cfg.MQTT.HomeAssistant, l.g.plant, l.g.broker
	l.g.mu.Unlock()
	if !t.On || broker == nil || broker.leaving {
		return nil
	}
	if ha {
		l.g.announced.settle(now)
		l.greet(now)
	}
	l.telemetry(now, t, plant, broker)
	return broker
}

// greet announces everything again some moments after Home Assistant has started,
// because many gateways hear it at once; and it publishes all values once more when Home
// Assistant has had the time to make entities of what was announced.
func (l *live) greet(now time.Time) {
	if l.birth.Swap(false) {
		l.again = now.Add(rand.N(birthWait))
	}
	if !l.again.IsZero() && !now.Before(l.again) {
		l.again = time.Time{}
		l.g.announced.again()
	}
	if l.g.announced.fresh() {
		l.renew = now.Add(birthWait)
	}
	if l.renew.IsZero() || now.Before(l.renew) {
		return
	}
	l.renew, l.told, l.looked = time.Time{}, time.Time{}, time.Time{}
	for _, m := range l.units {
		m.Renew()
	}
}

// telemetry publishes the rows that are due.
func (l *live) telemetry(now time.Time, t config.Telemetry, p *plant, b *broker) {
	before := l.units
	if policy := telemetryPolicy(t); policy != l.policy {
		l.policy, before = policy, nil
	}
	l.units = make(map[*unit]*telemetry.Machine, len(p.units))
	var readings []sampler.Reading // read only if a machine has counters
	for i, u := range p.units {
		m := before[u]
		if m == nil {
			m = telemetry.New(l.policy)
		}
		l.units[u] = m
		if !m.Due(now) {
			continue
		}
		s := u.Status()
		rows := m.Look(now, &report.Row{Time: s.RowTime, Score: s.Score, Values: s.Values, Quality: s.Quality})
		if rows == nil {
			continue
		}
		if guard.Shed(l.g.guards.shed.Load()) >= guard.ShedTelemetry {
			l.g.guards.shedRows.Add(uint64(len(rows)))
			continue
		}
		mc := &p.cfg.Machines[i]
		if readings == nil && hasCounters(mc) {
			readings = p.group.Readings()
		}
		b.Offer(b.at.MachineTopic(s.Name, "telemetry"), l.g.reporter.Telemetry(&report.Rows{Machine: s.Name, Channels: s.Channels, State: string(s.State),
			Drift: s.Drift.Score, Counts: totals(p.cfg, mc, readings), Rows: rows}), t.Retain)
	}
}

func hasCounters(m *config.Machine) bool {
	for i := range m.Resolved {
		if m.Resolved[i].Counter != nil {
			return true
		}
	}
	return false
}

// totals are what the counters of a machine have counted.
func totals(c *config.Config, m *config.Machine, readings []sampler.Reading) (out []report.Total) {
	for i := range m.Resolved {
		ref := &m.Resolved[i]
		if ref.Counter == nil {
			continue
		}
		for j := range readings {
			if r := &readings[j]; r.Sensor == c.Sensors[ref.Sensor].Name && ref.Cell < len(r.Counts) {
				out = append(out, report.Total{Channel: ref.Channel, Value: r.Counts[ref.Cell]})
			}
		}
	}
	return out
}

// healthMessage is /health with what a subscriber needs besides.
type healthMessage struct {
	Schema  int     `json:"schema"`
	Site    string  `json:"site"`
	Time    *string `json:"time"` // null while the clock is not set
	Quality string  `json:"time_quality"`
	status.Health
	Queue    queueHealth             `json:"queue"`
	Machines map[string]machineModel `json:"machines"` // instead of those of /health: their state has a topic of its own
}

type queueHealth struct {
	Messages int    `json:"messages"`
	Dropped  uint64 `json:"dropped"`
}

type machineModel struct {
	State string `json:"state"`
	Model string `json:"model"` // version; "none" = there is none
}

// health publishes the health if it is another one, or after a while.
func (l *live) health(now time.Time, b *broker) {
	s := l.g.Snapshot()
	m := healthMessage{Schema: 1, Site: s.Site, Quality: s.TimeQuality, Health: s.Health(), Machines: map[string]machineModel{}}
	m.UptimeS = float64(int64(m.UptimeS))
	if s.Spool != nil {
		m.Queue = queueHealth{s.Spool.Messages, s.Spool.Dropped}
	}
	tale := m.Health.Status.String() + m.Plant
	for i := range s.Machines {
		sm := &s.Machines[i]
		mm := machineModel{string(sm.State), sm.Model.Version}
		if mm.Model == "" {
			mm.Model = "none"
		}
		m.Machines[sm.Name] = mm
		tale += mm.Model
	}
	if tale == l.tale && now.Sub(l.told) < healthEvery-healthLook {
		return
	}
	if s.TimeQuality != report.Unset {
		text := s.Now.UTC().Format("2006-01-02T15:04:05.000Z")
		m.Time = &text
	}
	payload, err := json.Marshal(m)
	if err != nil {
		l.g.log.Warn("health message", "error", err)
		return
	}
	l.tale, l.told = tale, now
	b.Offer(b.at.GatewayTopic("health"), payload, false)
}
