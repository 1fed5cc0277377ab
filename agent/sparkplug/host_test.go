package sparkplug

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"iot-edge-anomaly/agent/report"
	"iot-edge-anomaly/agent/sampler"
	"iot-edge-anomaly/agent/telemetry"
	"iot-edge-anomaly/model"
)

// heard is a message as testdata/host.py, an independent host, understands it.
type heard struct {
	Topic, Kind, Device string
	Seq                 *int
	Timestamp           int64
	Metrics             []heardMetric
	Faults              []string
}

type heardMetric struct {
	Name, Type string
	Value      any
	Timestamp  int64
	Quality    *int
	EngUnit    string
}

// metric finds one by name.
func (h *heard) metric(name string) *heardMetric {
	for i := range h.Metrics {
		if h.Metrics[i].Name == name {
			return &h.Metrics[i]
		}
	}
	return nil
}

func (m *heardMetric) String() string {
	if m == nil {
		return "none"
	}
	s := fmt.Sprint(m.Value)
	if m.Quality != nil {
		s += fmt.Sprint(" q", *m.Quality)
	}
	return s + " " + m.EngUnit
}

// wire collects what a node publishes.
type wire struct {
	lines strings.Builder
	sizes []int
}

func (w *wire) take(topic string, payload []byte) error {
	w.sizes = append(w.sizes, len(payload))
	fmt.Fprintf(&w.lines, "%s 0 0 %x\n", topic, payload)
	return nil
}

// connect has the node make the will of a connection, and the broker publish it if the
// connection breaks.
func (w *wire) connect(n *Node) (breaks func()) {
	topic, payload := n.Will()
	return func() { fmt.Fprintf(&w.lines, "%s 1 0 %x\n", topic, payload) }
}

// hear has the host read everything, and fails for what breaks the specification.
func (w *wire) hear(t *testing.T) (out []heard) {
	t.Helper()
	cmd := exec.Command("/usr/bin/python3", "testdata/host.py", "-")
	cmd.Stdin = strings.NewReader(w.lines.String())
	var errs bytes.Buffer
	cmd.Stderr = &errs
	b, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v (scripts/setup.sh installs python3-protobuf)\n%s", err, errs.String())
	}
	for d := json.NewDecoder(bytes.NewReader(b)); d.More(); {
		var h heard
		if err := d.Decode(&h); err != nil {
			t.Fatal(err)
		}
		if len(h.Faults) > 0 {
			t.Errorf("message %d, %s: %q", len(out), h.Topic, h.Faults)
		}
		out = append(out, h)
	}
	return out
}

// kinds are the kinds of messages in order, with the device after a dash.
func kinds(all []heard) string {
	var out []string
	for _, h := range all {
		s := h.Kind
		if h.Device != "" {
			s += "-" + h.Device
		}
		out = append(out, s)
	}
	return strings.Join(out, " ")
}

// bench is a node with a plant to play with.
type bench struct {
	mu sync.Mutex // held while the plant is played with
	*Node
	*wire
	plant   Plant
	numbers uint8
	quality string
	boot    time.Time
	shift   time.Duration // of the wall clock
}

func newBench(machines ...Machine) *bench {
	b := &bench{wire: &wire{}, plant: Plant{Machines: machines}, quality: report.Synced, boot: time.Now().Add(-time.Hour)}
	b.Node = New(Options{Group: "Plant 3", Node: "gw7", Version: "1.4.0", Policy: telemetry.Policy{Interval: 10 * time.Second, Batch: 1},
		Look: b.look, BdSeq: func() uint8 { b.numbers++; return b.numbers - 1 }})
	return b
}

// sleep lets the node look.
func (b *bench) sleep(d time.Duration) {
	b.mu.Unlock()
	defer b.mu.Lock()
	time.Sleep(d)
}

func (b *bench) look() Plant {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.plant
	p.Clock = report.Clock{Now: time.Now(), Uptime: time.Since(b.boot), Quality: b.quality}
	if b.shift != 0 { // a time with both readings, one of them shifted, cannot be made
		p.Clock.Now = p.Clock.Now.Round(0).Add(b.shift)
	}
	p.Machines = append([]Machine(nil), b.plant.Machines...)
	return p
}

// pump is a machine with two channels and a row that is made now.
func pump(name string, score, current, speed float64) Machine {
	return Machine{Name: name, State: "normal", Channels: []model.Channel{{Name: "pump.current", Unit: "A"}, {Name: "pump.speed"}},
		Row: row(score, current, speed)}
}

func row(score float64, values ...float64) report.Row {
	r := report.Row{Time: time.Now(), Score: score, Values: values}
	for _, v := range values {
		q := sampler.Good
		if v != v {
			q = sampler.Missing
		}
		r.Quality = append(r.Quality, q)
	}
	return r
}
