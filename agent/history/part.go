package history

import (
	"maps"
	"math"
	"math/rand/v2"
	"time"

	"iot-edge-anomaly/agent/machine"
)

// Part is what a day came to, or the part of it between a start of the agent, or a step
// of its clock, and the next. Durations are in seconds.
type Part struct {
	ID      uint32                  `json:"i"`           // tells parts apart, whatever the clock does
	Day     string                  `json:"d,omitempty"` // 2026-12-01, UTC; empty = the clock is not set yet
	From    int                     `json:"f"`           // seconds of the day
	To      int                     `json:"t"`
	Up      float64                 `json:"u"`           // that the agent ran
	Starts  int                     `json:"s,omitempty"` // of the agent
	Crashes int                     `json:"x,omitempty"` // of these, those after an end that nobody had asked for
	Latency []uint64                `json:"l,omitempty"` // rows by bucket of status.Durations
	Busy    float64                 `json:"b,omitempty"` // of the CPU, all cores
	CPU     float64                 `json:"c,omitempty"` // the highest, in percent
	Memory  uint64                  `json:"m,omitempty"` // the most that was resident, KiB
	Limit   uint64                  `json:"n,omitempty"` // of memory, KiB
	Disk    float64                 `json:"k,omitempty"` // how full the fullest file system was, percent
	Written uint64                  `json:"w,omitempty"` // to the disk, KiB
	Queue   int                     `json:"q,omitempty"` // most messages that waited
	Offline float64                 `json:"o,omitempty"` // without a connection to the broker
	Errors  map[string]uint64       `json:"e,omitempty"` // by class
	Buses   map[string]*BusPart     `json:"B,omitempty"`
	Sensors map[string]*SensorPart  `json:"S,omitempty"`
	Machine map[string]*MachinePart `json:"M,omitempty"`
	Alarms  map[string]uint64       `json:"a,omitempty"` // events that opened, by Alarm.Key
}

// BusPart is how busy a bus was.
type BusPart struct {
	Busy float64 `json:"b"`           // seconds of reading
	Most float64 `json:"m,omitempty"` // percent of the time, at most
}

// SensorPart counts readings.
type SensorPart struct {
	Reads  uint64 `json:"r,omitempty"`
	Errors uint64 `json:"e,omitempty"`
}

// MachinePart is of one machine.
type MachinePart struct {
	Rows     uint64   `json:"r,omitempty"`
	Scored   uint64   `json:"s,omitempty"`
	Watched  float64  `json:"w,omitempty"`
	Idle     float64  `json:"i,omitempty"`
	Learning float64  `json:"l,omitempty"`
	Blind    float64  `json:"b,omitempty"`
	Drift    float64  `json:"d,omitempty"` // the highest score of drift
	Scores   []uint64 `json:"q,omitempty"` // the first bucket of machine.Scores that is in use, and the thousandths from there on

	scores machine.Scores // while it is counted
}

func newPart(day string, from int) *Part {
	return &Part{ID: rand.Uint32(), Day: day, From: from, To: from}
}

// of is the entry of a map, made if it is missing.
func of[V any](m *map[string]*V, name string) *V {
	if *m == nil {
		*m = map[string]*V{}
	}
	if (*m)[name] == nil {
		(*m)[name] = new(V)
	}
	return (*m)[name]
}

// count adds to a map of counters; 0 makes no entry.
func count(m *map[string]uint64, name string, n uint64) {
	if n == 0 {
		return
	}
	if *m == nil {
		*m = map[string]uint64{}
	}
	(*m)[name] += n
}

// add adds another part of the day. It shares nothing with it afterwards.
func (p *Part) add(q *Part) {
	p.From, p.To = min(p.From, q.From), max(p.To, q.To)
	p.Up, p.Starts, p.Crashes = p.Up+q.Up, p.Starts+q.Starts, p.Crashes+q.Crashes
	p.Latency = addAll(p.Latency, q.Latency)
	p.Busy, p.CPU, p.Memory = p.Busy+q.Busy, max(p.CPU, q.CPU), max(p.Memory, q.Memory)
	if q.Limit > 0 {
		p.Limit = q.Limit
	}
	p.Disk, p.Written, p.Queue, p.Offline = max(p.Disk, q.Disk), p.Written+q.Written, max(p.Queue, q.Queue), p.Offline+q.Offline
	for class, n := range q.Errors {
		count(&p.Errors, class, n)
	}
	for key, n := range q.Alarms {
		count(&p.Alarms, key, n)
	}
	for name, b := range q.Buses {
		to := of(&p.Buses, name)
		to.Busy, to.Most = to.Busy+b.Busy, max(to.Most, b.Most)
	}
	for name, s := range q.Sensors {
		to := of(&p.Sensors, name)
		to.Reads, to.Errors = to.Reads+s.Reads, to.Errors+s.Errors
	}
	for name, m := range q.Machine {
		of(&p.Machine, name).add(m)
	}
}

func (m *MachinePart) add(q *MachinePart) {
	m.Rows, m.Scored = m.Rows+q.Rows, m.Scored+q.Scored
	m.Watched, m.Idle, m.Learning, m.Blind = m.Watched+q.Watched, m.Idle+q.Idle, m.Learning+q.Learning, m.Blind+q.Blind
	m.Drift = max(m.Drift, q.Drift)
	for i, n := range q.scores {
		m.scores[i] += n
	}
}

// addAll adds counts by bucket.
func addAll(a, b []uint64) []uint64 {
	out := append(make([]uint64, 0, max(len(a), len(b))), a...)
	for i, n := range b {
		if i == len(out) {
			out = append(out, 0)
		}
		out[i] += n
	}
	return out
}

// Short is the part with few digits, as it is written.
func (p *Part) Short() *Part {
	q := *p
	q.Up, q.Busy, q.CPU, q.Offline, q.Disk = math.Round(p.Up), math.Round(p.Busy), math.Round(p.CPU), math.Round(p.Offline), math.Round(p.Disk)
	q.Buses, q.Machine = maps.Clone(p.Buses), maps.Clone(p.Machine)
	for name, b := range q.Buses {
		q.Buses[name] = &BusPart{math.Round(b.Busy), math.Round(b.Most)}
	}
	for name, m := range q.Machine {
		c := *m
		c.Watched, c.Idle, c.Learning, c.Blind = math.Round(m.Watched), math.Round(m.Idle), math.Round(m.Learning), math.Round(m.Blind)
		c.Drift, c.Scores = math.Round(100*m.Drift)/100, thousandths(&m.scores)
		q.Machine[name] = &c
	}
	return &q
}

// thousandths are the scores as they are written.
func thousandths(s *machine.Scores) []uint64 {
	n := s.Count()
	var out []uint64
	last := 0
	for i, c := range s {
		if part := (1000*c + n/2) / max(n, 1); part > 0 || out != nil {
			if out == nil {
				out = []uint64{uint64(i)}
			}
			if out = append(out, part); part > 0 {
				last = len(out)
			}
		}
	}
	return out[:last]
}

// full undoes Short after reading.
func (p *Part) full() {
	for _, m := range p.Machine {
		if m == nil || len(m.Scores) == 0 {
			continue
		}
		sum := uint64(0)
		for _, n := range m.Scores[1:] {
			sum += min(n, 1000)
		}
		for i, n := range m.Scores[1:] {
			if b := m.Scores[0] + uint64(i); b < uint64(len(m.scores)) && sum > 0 {
				m.scores[b] = m.Scored * min(n, 1000) / sum
			}
		}
		m.Scores = nil
	}
}

// good tells whether a part that was read can be one.
func (p *Part) good() bool {
	if p.Day != "" {
		if _, err := time.Parse(time.DateOnly, p.Day); err != nil {
			return false
		}
	}
	for _, m := range p.Machine {
		if m == nil || !(m.Watched >= 0 && m.Idle >= 0 && m.Learning >= 0 && m.Blind >= 0) {
			return false
		}
	}
	for _, b := range p.Buses {
		if b == nil {
			return false
		}
	}
	for _, s := range p.Sensors {
		if s == nil {
			return false
		}
	}
	return p.Up >= 0 && p.Up < 1e8 && p.From >= 0 && p.To <= daySeconds && p.From <= p.To && len(p.Latency) <= 64
}

const daySeconds = 86400
