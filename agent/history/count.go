package history

import (
	"math"
	"strings"
	"time"

	"iot-edge-anomaly/agent/detect"
	"iot-edge-anomaly/agent/judge"
	"iot-edge-anomaly/agent/machine"
	"iot-edge-anomaly/agent/report"
	"iot-edge-anomaly/agent/sampler"
	"iot-edge-anomaly/agent/status"
)

// counters are what the look before saw of everything that only rises.
type counters struct {
	plain    map[string]uint64
	latency  status.Durations
	machines map[string]machine.Scores
	alarms   map[report.Alarm]uint64
}

// since is by how much a counter has risen since the look before; one that has begun
// anew, because what it is of was made anew, has risen by all that it has.
func (c *counters) since(name string, now uint64) uint64 {
	if c.plain == nil {
		c.plain = map[string]uint64{}
	}
	before := c.plain[name]
	c.plain[name] = now
	return rise(before, now)
}

func rise(before, now uint64) uint64 {
	if now < before {
		return now
	}
	return now - before
}

// count adds to the part that goes on what has happened since the look before.
func (l *Log) count(s *status.Snapshot, passed time.Duration, dated bool) {
	l.mark(s, dated)
	p, seconds := l.now, passed.Seconds()
	p.Up += seconds
	l.latency(s, seconds)
	if cpu := s.Host.CPU; cpu > 0 {
		p.Busy, p.CPU = p.Busy+float64(seconds*cpu/100), max(p.CPU, cpu)
	}
	p.Memory, p.Limit = max(p.Memory, s.Memory>>10), s.MemoryLimit>>10
	for _, d := range s.Host.Disks {
		p.Disk = max(p.Disk, d.Percent)
	}
	l.diskBytes += l.before.since("disk", s.DiskWritten)
	p.Written += l.diskBytes >> 10
	l.diskBytes &= 1<<10 - 1
	if s.Spool != nil {
		p.Queue = max(p.Queue, s.Spool.Messages)
	}
	if s.Broker != nil && !s.Broker.Connected {
		p.Offline += seconds
	}
	l.errors(s)
	l.sensors(s, seconds)
	for i := range s.Machines {
		l.machine(&s.Machines[i], seconds)
	}
	l.alarms(s)
}

// latency counts the rows by how long they took, in the day and since the models are new.
func (l *Log) latency(s *status.Snapshot, seconds float64) {
	rows := make([]uint64, 0, len(s.Inference))
	for i, n := range s.Inference {
		rows = append(rows, rise(l.before.latency[i], n))
	}
	l.before.latency = s.Inference
	for len(rows) > 0 && rows[len(rows)-1] == 0 {
		rows = rows[:len(rows)-1]
	}
	l.now.Latency = addAll(l.now.Latency, rows)
	if l.firstS < firstDay.Seconds() {
		l.first, l.firstS = addAll(l.first, rows), l.firstS+seconds
	}
}

// errors counts what went wrong, by class.
func (l *Log) errors(s *status.Snapshot) {
	n := map[string]uint64{}
	each := func(class, name string, now uint64) { n[class] += l.before.since(class+" "+name, now) }
	for i := range s.Readings {
		for j, e := range s.Readings[i].Errors {
			each("sensors: "+sampler.Reasons[j], s.Readings[i].Sensor, e)
		}
	}
	for _, b := range s.Buses {
		each("readings that were skipped: the bus is too slow", b.Bus, b.Overruns)
	}
	for i := range s.Machines {
		m := &s.Machines[i]
		each("rows that could not be judged: no model", m.Name, m.Failed[machine.NoModel])
		each("rows that could not be judged: no values", m.Name, m.Failed[machine.NoValues])
		each("rows that were missed", m.Name, m.Sampling.Dropped)
		each("rows to learn from that were lost", m.Name, m.RowsLost)
		each("trouble with model, rows or state", m.Name, m.Errors)
		each("faults of the program", m.Name, m.Panics)
	}
	if s.Broker != nil {
		each("broker: connections that failed or broke", "", s.Broker.Errors)
	}
	each("HTTP requests without the token", "", s.Unauthorized)
	if s.Spool != nil {
		each("messages that were lost", "", s.Spool.Dropped+s.Spool.Corrupt)
	}
	if s.Push != nil {
		each("pushes of metrics that failed", "", s.Push.Errors)
	}
	for class, e := range n {
		count(&l.now.Errors, class, e)
	}
}

// sensors counts readings, and how busy each bus is: the time that its sensors take to be
// read, in that between two readings.
func (l *Log) sensors(s *status.Snapshot, seconds float64) {
	busy := map[string]float64{}
	for i := range s.Readings {
		r := &s.Readings[i]
		if r.Derived {
			continue
		}
		to, errors := of(&l.now.Sensors, r.Sensor), uint64(0)
		for _, n := range r.Errors {
			errors += n
		}
		to.Reads += l.before.since("reads "+r.Sensor, r.Reads)
		to.Errors += l.before.since("errors "+r.Sensor, errors)
		if r.Period > 0 {
			busy[r.Bus] += r.Latency.Seconds() / r.Period.Seconds()
		}
	}
	for name, part := range busy {
		to := of(&l.now.Buses, name)
		to.Busy, to.Most = to.Busy+float64(seconds*part), max(to.Most, 100*part)
	}
}

func (l *Log) machine(m *machine.Status, seconds float64) {
	to := of(&l.now.Machine, m.Name)
	to.Rows += l.before.since("rows "+m.Name, m.Rows)
	to.Scored += l.before.since("scored "+m.Name, m.Scored)
	switch m.State {
	case judge.Idle:
		to.Idle += seconds
	case judge.Learning:
		to.Learning += seconds
	case judge.Blind:
		to.Blind += seconds
	default:
		to.Watched += seconds
	}
	if d := m.Drift.Score; !math.IsNaN(d) {
		to.Drift = max(to.Drift, d)
	}
	before := l.before.machines[m.Name]
	anew := m.Scores.Count() < before.Count()
	for i, n := range m.Scores {
		if anew {
			before[i] = 0
		}
		to.scores[i] += rise(before[i], n)
	}
	if l.before.machines == nil {
		l.before.machines = map[string]machine.Scores{}
	}
	l.before.machines[m.Name] = m.Scores
}

// Alarm is a sort of event that opened.
type Alarm struct {
	Machine  string `json:"machine"` // empty = of the gateway
	Kind     string `json:"kind"`
	Severity string `json:"severity"` // when it opened
	Cause    string `json:"cause"`    // the first channel to blame, the faulty sensor or bus, or the name of the alert
	N        uint64 `json:"n"`
}

// mostAlarms is how many sorts one part of a day has; the rest has no cause.
const mostAlarms = 200

// Key is the alarm as it is written, without its number.
func (a *Alarm) Key() string {
	return strings.Join([]string{a.Machine, a.Kind, a.Severity, a.Cause}, "|")
}

// alarmOf reads a key; a cause may hold anything.
func alarmOf(key string, n uint64) Alarm {
	f := append(strings.SplitN(key, "|", 4), "", "", "", "")
	return Alarm{f[0], f[1], f[2], f[3], n}
}

// Opened are the events that opened in the part.
func (p *Part) Opened() (out []Alarm) {
	for key, n := range p.Alarms {
		out = append(out, alarmOf(key, n))
	}
	return out
}

// alarms counts the events that opened.
func (l *Log) alarms(s *status.Snapshot) {
	for c, n := range s.Raised {
		rose := rise(l.before.alarms[c], n)
		a := Alarm{Machine: c.Machine, Kind: string(c.Kind), Severity: string(c.Severity), Cause: c.Cause}
		if _, known := l.now.Alarms[a.Key()]; !known && len(l.now.Alarms) >= mostAlarms {
			a.Cause = "others"
		}
		count(&l.now.Alarms, a.Key(), rose)
	}
	l.before.alarms = s.Raised
}

// OfPlant tells whether the event tells of a machine, and not of its instruments or the
// gateway.
func (a *Alarm) OfPlant() bool {
	rule, _ := detect.RuleOf(detect.Kind(a.Kind))
	return rule.Plant
}
