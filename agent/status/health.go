package status

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"slices"
	"time"

	"iot-edge-anomaly/agent/detect"
	"iot-edge-anomaly/agent/judge"
	"iot-edge-anomaly/agent/machine"
	"iot-edge-anomaly/agent/sampler"
	"iot-edge-anomaly/agent/spool"
	"iot-edge-anomaly/drivers"
)

// Level is how well something works; worse levels are greater.
type Level int

// The levels.
const (
	Healthy Level = iota
	Degraded
	Unhealthy
)

// String is the level's name in /health.
func (l Level) String() string { return [...]string{"healthy", "degraded", "unhealthy"}[l] }

// MarshalText gives the name to JSON. It never fails.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText reads a level's name.
func (l *Level) UnmarshalText(text []byte) error {
	for *l = Healthy; *l <= Unhealthy; *l++ {
		if l.String() == string(text) {
			return nil
		}
	}
	return fmt.Errorf("level %q: want healthy, degraded or unhealthy", text)
}

// Check is one line of /health.
type Check struct {
	Status Level  `json:"status"`
	Detail string `json:"detail,omitempty"`
}

// MachineHealth is one machine in /health.
type MachineHealth struct {
	State    string          `json:"state"`
	Note     string          `json:"note,omitempty"`
	Score    *float64        `json:"score"`
	Model    string          `json:"model,omitempty"`
	Learning *LearningHealth `json:"learning,omitempty"`
	Muted    *MuteHealth     `json:"muted,omitempty"`
}

// MuteHealth is until when a machine is muted, and who wanted it.
type MuteHealth struct {
	machine.Mute
	Silent uint64 `json:"silent"` // events that did not open because of it, since the start of the agent
}

// LearningHealth is how far the learning has come.
type LearningHealth struct {
	Phase    string  `json:"phase"`
	Progress float64 `json:"progress"` // 0..1
	LeftS    float64 `json:"left_s"`
}

// Health is the answer of /health.
type Health struct {
	Status   Level                    `json:"status"` // of the gateway itself
	Plant    string                   `json:"plant"`  // what it sees: normal, or the highest severity of an open process anomaly, limit or drift
	Version  string                   `json:"version"`
	Device   string                   `json:"device"`
	UptimeS  float64                  `json:"uptime_s"`
	Checks   map[string]Check         `json:"checks"`
	Machines map[string]MachineHealth `json:"machines"`
}

// Health judges the snapshot. Degraded means that somebody should look although
// the agent does its work; unhealthy means that it does not do its work.
func (s *Snapshot) Health() Health {
	h := Health{Plant: s.plant(), Version: s.Build.Version, Device: s.Device, UptimeS: s.Now.Sub(s.Started).Seconds(),
		Checks: map[string]Check{}, Machines: map[string]MachineHealth{}}
	h.Checks["sampling"] = s.sampling()
	h.Checks["sensors"] = s.sensors()
	if c := s.silence(); c.Status != Healthy {
		h.Checks["sensors"] = c
	}
	h.Checks["model"] = s.models()
	h.Checks["clock"] = s.clock()
	if s.Broker != nil {
		h.Checks["mqtt"] = s.broker()
	}
	if s.Isolated != "" {
		h.Checks["mqtt"] = Check{Degraded, s.Isolated + "; events wait in the queue; mqtt enable ends it"}
	}
	if s.Sparkplug != nil {
		h.Checks["sparkplug"] = s.sparkplug()
	}
	if s.Spool != nil {
		h.Checks["spool"] = s.spool()
	}
	if s.Push != nil && s.Push.Trouble != "" {
		h.Checks["metrics"] = Check{Degraded, "not pushed: " + s.Push.Trouble}
	}
	if s.DiskWait >= diskSlow {
		h.Checks["disk"] = Check{Degraded, fmt.Sprintf("a write or read has been waiting for %v: events wait meanwhile", s.DiskWait.Round(time.Second))}
	}
	for _, t := range s.Troubles {
		c := h.Checks[t.Of]
		if c.Status = Degraded; c.Detail != "" {
			c.Detail += "; "
		}
		c.Detail += t.Detail
		h.Checks[t.Of] = c
	}
	if s.Stalled != "" {
		h.Checks["progress"] = Check{Unhealthy, s.Stalled + " makes no progress"}
	}
	if s.HTTP != "" {
		h.Checks["http"] = Check{Degraded, s.HTTP}
	}
	if s.Control != "" {
		h.Checks["control"] = Check{Degraded, "the agent cannot be asked: " + s.Control}
	}
	if !s.ReloadOK {
		h.Checks["configuration"] = Check{Degraded, "the newest reload was refused: the previous configuration is still in force"}
	}
	for _, c := range h.Checks {
		h.Status = max(h.Status, c.Status)
	}
	for i := range s.Machines {
		h.Machines[s.Machines[i].Name] = machineHealth(&s.Machines[i])
	}
	return h
}

// diskSlow is how long an operation on the disk may take: SD cards pause for less.
const diskSlow = 2 * time.Second

func machineHealth(m *machine.Status) MachineHealth {
	mh := MachineHealth{State: string(m.State), Note: m.Note, Model: m.Model.Version, Score: number(m.Score)}
	if m.Learns() {
		mh.Learning = &LearningHealth{m.Learning.Phase, m.Learning.Done, m.Learning.Remaining.Seconds()}
	}
	if m.Mute != nil {
		mh.Muted = &MuteHealth{*m.Mute, m.Silent}
	}
	return mh
}

// sampling is unhealthy when no row has come for three periods: the agent runs but
// does nothing.
func (s *Snapshot) sampling() Check {
	if len(s.Machines) == 0 {
		return Check{Detail: "nothing is configured: run iot-edge-anomaly init"}
	}
	for _, m := range s.Machines {
		from := m.RowTime
		if from.IsZero() {
			from = m.Since // a machine that the start or a reload has just made
		}
		allowed := max(3*m.Period, 2*time.Second)
		if age := s.Now.Sub(from); age > allowed {
			return Check{Unhealthy, fmt.Sprintf("machine %s: newest row is %v old, want at most %v", m.Name, age.Round(time.Millisecond), allowed)}
		}
	}
	return Check{}
}

// plant is what the gateway sees of the machines, in one word.
func (s *Snapshot) plant() string {
	worst := detect.Severity("")
	for i := range s.Events {
		ev := &s.Events[i]
		if rule, _ := detect.RuleOf(detect.Kind(ev.Kind)); rule.Plant {
			if sev := detect.Severity(ev.Severity); sev.Rank() > worst.Rank() {
				worst = sev
			}
		}
	}
	return cmp.Or(string(worst), "normal")
}

// silentPeriods is how many of its periods a sensor may deliver nothing before it counts
// as silent.
const silentPeriods = 10

// silence is unhealthy when no sensor of any machine that is not idle has delivered
// for a while: the agent runs but sees nothing.
func (s *Snapshot) silence() Check {
	readings := map[string]*sampler.Reading{}
	for i := range s.Readings {
		readings[s.Readings[i].Sensor] = &s.Readings[i]
	}
	var newest time.Time // moment at which something was delivered; zero = nothing is expected
	for _, m := range s.Machines {
		if m.State == judge.Idle {
			continue
		}
		for _, sensor := range m.Sensors {
			from, period := s.Started, m.Period
			if r := readings[sensor]; r != nil {
				period = max(period, r.Period)                 // a sensor may be read less often than there are rows
				from = later(from, later(r.LastGood, r.Since)) // a reload may have made the sensor just now
			}
			if s.Now.Sub(from) <= max(silentPeriods*period, 10*time.Second) {
				return Check{}
			}
			if from.After(newest) {
				newest = from
			}
		}
	}
	if newest.IsZero() {
		return Check{} // nothing is configured, or all stand still
	}
	c := Check{Unhealthy, fmt.Sprintf("no sensor of any machine has delivered for %v", s.Now.Sub(newest).Round(time.Second))}
	if why := s.sensors().Detail; why != "" {
		c.Detail += ": " + why
	}
	return c
}

// later is the later of two moments.
func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func (s *Snapshot) sensors() Check {
	measured, silent, partly, first := 0, 0, 0, ""
	for _, r := range s.Readings {
		if r.Derived {
			continue // its inputs tell
		}
		measured++
		if r.Late {
			return Check{Degraded, fmt.Sprintf("values of %s come too late for their rows: a reading takes %v", r.Sensor, r.Latency.Round(time.Millisecond))}
		}
		if r.Err == nil || drivers.OnlyLater(r.Err) {
			continue
		}
		if slices.ContainsFunc(r.Values, func(v float64) bool { return !math.IsNaN(v) }) {
			partly++
		} else {
			silent++
		}
		if first == "" {
			first = fmt.Sprintf("%s: %v", r.Sensor, r.Err)
		}
	}
	switch {
	case silent+partly == 0:
		return Check{}
	case silent == measured:
		return Check{Degraded, "no sensor delivers; " + first}
	case silent == 0:
		return Check{Degraded, spool.Count(partly, fmt.Sprintf("of %d sensors delivers", measured), fmt.Sprintf("of %d sensors deliver", measured)) + " only some of their values; " + first}
	}
	return Check{Degraded, spool.Count(silent, fmt.Sprintf("of %d sensors does", measured), fmt.Sprintf("of %d sensors do", measured)) + " not deliver; " + first}
}

func (s *Snapshot) models() Check {
	for _, m := range s.Machines {
		switch {
		case m.State == judge.Blind:
			return Check{Degraded, fmt.Sprintf("machine %s is blind: %s", m.Name, m.Note)}
		case m.Problem != "":
			return Check{Degraded, fmt.Sprintf("machine %s: %s", m.Name, m.Problem)}
		case m.Refused != "":
			return Check{Degraded, fmt.Sprintf("machine %s: %s", m.Name, m.Refused)}
		case m.Loss != "":
			return Check{Degraded, m.Loss}
		case m.Error != "" && s.Now.Sub(m.ErrorAt) < time.Hour:
			return Check{Degraded, fmt.Sprintf("machine %s: %s", m.Name, m.Error)}
		}
	}
	return Check{}
}

func (s *Snapshot) clock() Check {
	switch s.TimeQuality {
	case "unset":
		return Check{Degraded, "the wall clock is not set: events get their time once it is"}
	case "unknown":
		return Check{Detail: "no time server confirms the wall clock: events carry the uptime beside their time"}
	}
	return Check{Detail: s.TimeQuality}
}

func (s *Snapshot) broker() Check {
	switch {
	case s.Broker.Clash:
		return Check{Degraded, "another client uses this gateway's client id, and each takes the other's connection: give every gateway its own gateway.id"}
	case s.Broker.Trouble != "":
		return Check{Degraded, s.Broker.Trouble}
	case s.Broker.Connected && s.Broker.Files != "":
		return Check{Degraded, "connected to " + s.Broker.Broker + " with what was read before: " + s.Broker.Files}
	case s.Broker.Connected:
		return Check{Detail: "connected to " + s.Broker.Broker}
	}
	detail := "not connected to " + s.Broker.Broker
	if s.Broker.LastError != "" {
		detail += ": " + s.Broker.LastError
	}
	return Check{Degraded, detail}
}

func (s *Snapshot) sparkplug() Check {
	if s.Sparkplug.Line.Connected {
		return Check{Detail: "connected"}
	}
	return Check{Degraded, "not connected: " + cmp.Or(s.Sparkplug.Line.LastError, "connecting")}
}

func (s *Snapshot) spool() Check {
	switch {
	case s.Spool.Down != "":
		return Check{Degraded, s.Spool.Down}
	case s.Spool.Volatile > 0:
		return Check{Degraded, spool.Count(s.Spool.Volatile, "message", "messages") + " could not be written to disk yet"}
	case s.Spool.MaxBytes > 0 && s.Spool.Bytes*10 > s.Spool.MaxBytes*9:
		return Check{Degraded, fmt.Sprintf("%d of %d bytes used: the oldest messages are dropped next", s.Spool.Bytes, s.Spool.MaxBytes)}
	}
	if at := s.Spool.LossAt; !at.IsZero() && s.Now.Sub(at) < time.Hour {
		return Check{Degraded, s.Spool.LastLoss}
	}
	return Check{Detail: spool.Count(s.Spool.Messages, "message is", "messages are") + " waiting"}
}

// serveHealth writes the health as JSON, with status 503 when it is unhealthy.
func serveHealth(w http.ResponseWriter, h Health) {
	code := http.StatusOK
	if h.Status == Unhealthy {
		code = http.StatusServiceUnavailable
	}
	writeJSON(w, code, h)
}

func writeJSON(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	body, err := json.Marshal(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.WriteHeader(code)
	w.Write(append(body, '\n')) // an error means that the client has gone
}
