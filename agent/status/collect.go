package status

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"time"

	"iot-edge-anomaly/agent/detect"
	"iot-edge-anomaly/agent/devices"
	"iot-edge-anomaly/agent/machine"
	"iot-edge-anomaly/agent/mqtt"
	"iot-edge-anomaly/agent/report"
	"iot-edge-anomaly/agent/sampler"
	"iot-edge-anomaly/agent/spool"
)

// metric is one row of the table of metrics. /metrics and docs/metrics.md are
// both written from it.
type metric struct {
	name    string
	kind    kind
	labels  []string
	help    string // one sentence, for Prometheus' HELP line
	meaning string // what an operator concludes from it, or does about it

	// Either collect or histogram is set. Collect puts the samples of one
	// scrape; it puts none where nothing can be said.
	collect   collect
	histogram func(*Metrics) *histogram
}

// kind is the type of a metric in Prometheus' text format.
type kind string

const (
	counter kind = "counter"
	gauge   kind = "gauge"
	distrib kind = "histogram"
)

// section is a part of the table under one heading of docs/metrics.md.
type section struct {
	title   string
	metrics []metric
}

func labels(names ...string) []string { return names }

// scrape is what one scrape is collected from.
type scrape struct {
	*Snapshot
	metrics *Metrics
}

// put adds a sample of the row that is being collected. The label values come
// in the order of the row's labels. An empty value is left out, which means the
// same to Prometheus.
type put func(value float64, labels ...string)

// collect puts the samples of one row.
type collect func(*scrape, put)

type numeric interface {
	~int | ~int64 | ~uint64 | ~float64
}

// one is a single sample without labels.
func one[N numeric](of func(*scrape) N) collect {
	return func(s *scrape, put put) { put(float64(of(s))) }
}

// perMachine is one sample for each machine.
func perMachine[N numeric](of func(*machine.Status) N) collect {
	return func(s *scrape, put put) {
		for i := range s.Machines {
			put(float64(of(&s.Machines[i])), s.Machines[i].Name)
		}
	}
}

// perChannel is one sample for each channel of each machine.
func perChannel(of func(m *machine.Status, channel int) float64) collect {
	return func(s *scrape, put put) {
		for i := range s.Machines {
			m := &s.Machines[i]
			for j := range m.Channels {
				put(of(m, j), m.Name, m.Channels[j].Name)
			}
		}
	}
}

// perSensor is one sample for each sensor that is read.
func perSensor[N numeric](of func(*sampler.Reading) N) collect {
	return func(s *scrape, put put) {
		for i := range s.Readings {
			if r := &s.Readings[i]; !r.Derived {
				put(float64(of(r)), r.Bus, r.Sensor)
			}
		}
	}
}

// perBus is one sample for each bus.
func perBus[N numeric](of func(*sampler.BusStats) N) collect {
	return func(s *scrape, put put) {
		for i := range s.Buses {
			put(float64(of(&s.Buses[i])), s.Buses[i].Bus)
		}
	}
}

// perModbus is one sample for each Modbus bus that the agent polls.
func perModbus[N numeric](of func(*devices.ModbusStats) N) collect {
	return func(s *scrape, put put) {
		for i := range s.Modbus {
			put(float64(of(&s.Modbus[i])), s.Modbus[i].Bus)
		}
	}
}

// perListener is one sample for each Modbus bus that the agent listens to.
func perListener[N numeric](of func(*devices.Heard) N) collect {
	return func(s *scrape, put put) {
		for i := range s.Heard {
			put(float64(of(&s.Heard[i])), s.Heard[i].Bus)
		}
	}
}

// perI2C is one sample for each I2C bus.
func perI2C[N numeric](of func(*devices.I2CStats) N) collect {
	return func(s *scrape, put put) {
		for i := range s.I2C {
			put(float64(of(&s.I2C[i])), s.I2C[i].Bus)
		}
	}
}

// ofBroker is one sample where a broker is configured.
func ofBroker[N numeric](of func(*mqtt.Stats) N) collect {
	return func(s *scrape, put put) {
		if s.Broker != nil {
			put(float64(of(s.Broker)))
		}
	}
}

// ofPush is one sample where metrics are pushed.
func ofPush[N numeric](of func(*PushStats) N) collect {
	return func(s *scrape, put put) {
		if s.Push != nil {
			put(float64(of(s.Push)))
		}
	}
}

// ofEdge is one sample where there is an edge node.
func ofEdge[N numeric](of func(*Sparkplug) N) collect {
	return func(s *scrape, put put) {
		if s.Sparkplug != nil {
			put(float64(of(s.Sparkplug)))
		}
	}
}

// ofSpool is one sample where there is a queue.
func ofSpool[N numeric](of func(*spool.Stats) N) collect {
	return func(s *scrape, put put) {
		if s.Spool != nil {
			put(float64(of(s.Spool)))
		}
	}
}

// modbusErrors puts the requests without values by what went wrong.
func modbusErrors(s *scrape, put put) {
	for i := range s.Modbus {
		n := &s.Modbus[i]
		put(float64(n.Timeouts), n.Bus, "timeout")
		put(float64(n.BadFrames), n.Bus, "frame")
		put(float64(n.Exceptions), n.Bus, "exception")
		put(float64(n.Hangups), n.Bus, "hangup")
		put(float64(n.ConnectErrors), n.Bus, "connect")
		put(float64(n.Refused), n.Bus, "refused")
	}
}

// listenPassed puts the overheard traffic without values by what it was.
func listenPassed(s *scrape, put put) {
	for i := range s.Heard {
		n := &s.Heard[i]
		put(float64(n.Exceptions), n.Bus, "exception")
		put(float64(n.Writes), n.Bus, "write")
		put(float64(n.Foreign), n.Bus, "foreign")
		put(float64(n.Unanswered), n.Bus, "unanswered")
		put(float64(n.Unpaired), n.Bus, "unpaired")
		put(float64(n.Ambiguous), n.Bus, "ambiguous")
		put(float64(n.Bursts), n.Bus, "noise")
	}
}

// blames are the kinds and severities of the events that open with a sensor to
// blame.
var blames = []report.Count{
	{Kind: detect.ProcessAnomaly, Severity: detect.Warning}, {Kind: detect.ProcessAnomaly, Severity: detect.High}, {Kind: detect.ProcessAnomaly, Severity: detect.Critical},
	{Kind: detect.LimitExceeded, Severity: detect.Warning}, {Kind: detect.LimitExceeded, Severity: detect.Critical},
	{Kind: detect.SensorFault, Severity: detect.Warning},
	{Kind: detect.Drift, Severity: detect.Warning},
}

// eventsOpen puts the number of open events of each machine by kind and severity, 0
// where there is none; those that machines share have no machine.
func eventsOpen(s *scrape, put put) {
	n := map[[3]string]float64{}
	for i := range s.Events {
		ev := &s.Events[i]
		n[[3]string{ev.Machine, ev.Kind, ev.Severity}]++
	}
	each := func(machine string) {
		for _, rule := range detect.Rules() {
			for _, severity := range detect.Severities() {
				put(n[[3]string{machine, string(rule.Kind), string(severity)}], machine, string(rule.Kind), string(severity))
			}
		}
	}
	for i := range s.Machines {
		each(s.Machines[i].Name)
	}
	each("")
}

// eventsOpened puts a series for every kind of event that each configured sensor
// and bus can have, so that a rate sees the first event too, and whatever else
// was counted.
func eventsOpened(s *scrape, put put) {
	n := map[report.Count]uint64{}
	var order []report.Count
	add := func(c report.Count, by uint64) {
		c.N = 0
		if _, known := n[c]; !known {
			order = append(order, c)
		}
		n[c] += by
	}
	for i := range s.Readings {
		for _, c := range blames {
			c.Sensor = s.Readings[i].Sensor
			add(c, 0)
		}
	}
	for _, b := range s.Buses {
		add(report.Count{Kind: detect.BusFault, Severity: detect.High, Bus: b.Bus}, 0)
	}
	for _, c := range s.Opened {
		if c.Kind != detect.Alert {
			add(c, c.N)
		}
	}
	for _, c := range order {
		put(float64(n[c]), string(c.Severity), c.Sensor, string(c.Kind), c.Bus)
	}
}

// alertsOpened puts a series for each sort of alert that there may be, so that a rate sees
// the first one too, and whatever else was counted.
func alertsOpened(s *scrape, put put) {
	for _, sort := range s.Alerts {
		n := uint64(0)
		for _, c := range s.Opened {
			if c.Alert == sort.Alert && c.Severity == sort.Severity {
				n = c.N
			}
		}
		put(float64(n), string(sort.Severity), sort.Alert)
	}
	for _, c := range s.Opened {
		n := c.N
		if c.N = 0; c.Kind == detect.Alert && !slices.Contains(s.Alerts, c) {
			put(float64(n), string(c.Severity), c.Alert)
		}
	}
}

// answers are the HTTP statuses that this endpoint itself gives.
var answers = []int{200, 401, 404, 405, 421, 500, 503}

// keyFiles puts whether the files of the endpoint and of the broker connection can be
// used.
func keyFiles(s *scrape, put put) {
	put(truth(s.HTTPFiles), "http")
	if s.Broker != nil {
		put(truth(s.Broker.Files != ""), "mqtt")
	}
}

// requests puts the statuses that were answered, and those of answers at least.
func requests(s *scrape, put put) {
	for code := range s.metrics.requests {
		n := s.metrics.requests[code].Load()
		if n > 0 || slices.Contains(answers, code) {
			put(float64(n), strconv.Itoa(code))
		}
	}
}

// truth is 1 or 0.
func truth(on bool) float64 {
	if on {
		return 1
	}
	return 0
}

// seconds is a time for a *_timestamp_seconds metric; never is 0.
func seconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}

// MemoryBytes is the resident memory of the process without pages of files, which the
// kernel takes back where memory is short: the program's own code, and what it has mapped.
// It is from /proc/self/statm; 0 where the kernel does not tell.
func MemoryBytes() uint64 {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	var pages, resident, shared uint64
	if _, err := fmt.Sscanf(string(b), "%d %d %d", &pages, &resident, &shared); err != nil || shared > resident {
		return 0
	}
	return (resident - shared) * uint64(os.Getpagesize())
}
