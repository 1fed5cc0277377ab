package demo

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/detect"
	"iot-edge-anomaly/agent/devices"
	"iot-edge-anomaly/agent/judge"
	"iot-edge-anomaly/agent/settings"
	rowlog "iot-edge-anomaly/agent/state"
	"iot-edge-anomaly/model"
	"iot-edge-anomaly/model/train"
)

// machine is a machine of the demonstration's configuration, offline: the agent's own
// parts learn and watch rows of the plant, as its instruments encode them.
type machine struct {
	cfg    config.Machine
	schema model.Schema
	read   []func(*Values) float64
	plant  *Plant
	jitter *rand.Rand
	now    time.Time
	row    []float64
}

// sinceStart is how long the agent would have run by the wall clock.
func (m *machine) sinceStart() time.Duration { return m.now.Sub(time.Unix(0, 0)) }

func newMachine(t *testing.T, name string, seed uint64) *machine {
	t.Helper()
	s := start(t, Options{})
	cfg, problems := config.Parse("demo.yaml", s.Config("", "127.0.0.1:8080", t.TempDir()), devices.Infos())
	if len(problems) > 0 {
		t.Fatal(problems.Error())
	}
	m := &machine{plant: NewPlant(seed), jitter: rand.New(rand.NewPCG(seed, 3)), now: time.Unix(0, 0)}
	for _, c := range cfg.Machines {
		if c.Name == name {
			m.cfg = c
		}
	}
	m.schema = settings.Schema(m.cfg)
	for _, c := range m.schema.Channels {
		m.read = append(m.read, reader(t, c.Name))
	}
	m.row = make([]float64, len(m.read))
	return m
}

// reader reads a channel from what the plant shows, in the steps of its register or
// converter.
func reader(t *testing.T, channel string) func(*Values) float64 {
	t.Helper()
	for _, r := range registers() {
		if r.sensor+"."+r.name == channel {
			return func(v *Values) float64 { return r.physical64(r.words(r.value(v))) }
		}
	}
	steps := func(x, step float64) float64 { return math.Round(x/step) * step }
	chips := map[string]func(*Values) float64{
		"bearing.temperature": func(v *Values) float64 { return steps(v.BearingTemp, 0.125) },
		"cabinet.temperature": func(v *Values) float64 { return steps(v.CabinetTemp, 0.01) },
		"cabinet.pressure":    func(v *Values) float64 { return steps(v.CabinetPressure, 0.2) },
		"cabinet.humidity":    func(v *Values) float64 { return steps(v.CabinetHumidity, 0.02) },
		"supply.voltage":      func(v *Values) float64 { return steps(v.SupplyVoltage, 4e-3) },
		"supply.current":      func(v *Values) float64 { return steps(v.SupplyCurrent, 1e-4) },
		"supply.power":        func(v *Values) float64 { return steps(v.SupplyVoltage, 4e-3) * steps(v.SupplyCurrent, 1e-4) },
	}
	if chips[channel] == nil {
		t.Fatalf("channel %s: nothing in the plant shows it", channel)
	}
	return chips[channel]
}

// next returns the row of the next tick. The plant's clock does not advance evenly
// between two rows, because the station moves it in its own ticks.
func (m *machine) next() []float64 {
	const pace = 20
	wall := float64(m.cfg.Period) * (1 + 0.2*(m.jitter.Float64()-0.5))
	m.plant.Step(time.Duration(wall * pace))
	m.now = m.now.Add(m.cfg.Period)
	v := m.plant.Values()
	for i, read := range m.read {
		m.row[i] = read(&v)
	}
	return m.row
}

// learn collects rows as the agent does and trains on them.
func (m *machine) learn(t *testing.T) *model.Model {
	t.Helper()
	settle := 0
	if m.schema.RunWhen != nil {
		settle = int(m.schema.RunWhen.Settle / m.schema.Period)
	}
	rows, err := rowlog.OpenRowLog(rowlog.RowLogOptions{Path: filepath.Join(t.TempDir(), "rows"), Channels: len(m.row),
		Want: int(m.cfg.Model.Learn.For / m.cfg.Period), SettleRows: settle})
	if err != nil {
		t.Fatal(err)
	}
	gate := model.NewGate(m.schema)
	for !rows.Full() {
		row := m.next()
		if err := rows.Push(row, gate.Running(row)); err != nil {
			t.Fatal(err)
		}
	}
	begin := time.Now()
	set, err := rows.Load()
	if err != nil {
		t.Fatal(err)
	}
	mod, report, err := train.Train(context.Background(), m.schema, set,
		judge.TrainOptions(settings.Policy(m.cfg), judge.TrainingSet{Rows: set, Gaps: rows.Gaps(set)}, begin))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("learnt after %v in %v: %+v", m.sinceStart(), time.Since(begin).Round(time.Millisecond), report)
	return mod
}

// watcher does with rows what the agent does once it has a model.
type watcher struct {
	m       *machine
	judge   *judge.Judge
	highest float64
}

func (m *machine) watch(t *testing.T, mod *model.Model) *watcher {
	t.Helper()
	j, err := judge.New(judge.Options{Policy: settings.Policy(m.cfg)})
	if err == nil {
		err = j.Use(mod)
	}
	if err != nil {
		t.Fatal(err)
	}
	return &watcher{m: m, judge: j}
}

// pass lets d of the wall clock pass and returns the events in that time.
func (w *watcher) pass(d time.Duration) (events []detect.Event) {
	for end := w.m.now.Add(d); w.m.now.Before(end); {
		row := w.m.next()
		v := w.judge.Push(w.m.now, row)
		if v.Scored {
			w.highest = max(w.highest, float64(v.Score.Value))
		}
		events = append(events, v.Events...)
	}
	return events
}

func describe(events []detect.Event) string {
	var b strings.Builder
	for _, e := range events {
		fmt.Fprintf(&b, "\n%v %s %s score %.2f", e.Time.Sub(time.Unix(0, 0)), e.State, e.Severity, e.Score)
		for _, c := range e.Causes {
			fmt.Fprintf(&b, ", %s %.2f", c.Channel, c.Share)
		}
	}
	return b.String()
}

// seeds are the plants that are watched; the first is that of the demonstration.
func seeds() []uint64 {
	if testing.Short() {
		return []uint64{0}
	}
	return []uint64{0, 1, 2, 3}
}

// A healthy station raises nothing for three minutes after it was learnt.
func TestDetection_healthy(t *testing.T) {
	for _, name := range []string{"pump1", "cabinet"} {
		for _, seed := range seeds() {
			t.Run(fmt.Sprintf("%s, seed %d", name, seed), func(t *testing.T) {
				m := newMachine(t, name, seed)
				w := m.watch(t, m.learn(t))
				if events := w.pass(200 * time.Second); len(events) > 0 {
					t.Errorf("false events:%s", describe(events))
				}
				t.Logf("highest score %.2f", w.highest)
			})
		}
	}
}

// As in the script, each fault of the process is found within ten seconds, has one of
// its causes among the first two, and its event closes after the fault has gone.
//
// A stuck value is another kind of fault: it is wrong only because of what the other
// channels say, and because it stays the same for longer than it ever did.
func TestDetection_script(t *testing.T) {
	for _, seed := range seeds() {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			m := newMachine(t, "pump1", seed)
			w := m.watch(t, m.learn(t))
			if events := w.pass(beforeFault); len(events) > 0 {
				t.Errorf("before the first fault:%s", describe(events))
			}
			for _, f := range Faults() {
				if f.Blame == nil {
					continue
				}
				t.Run(string(f.Fault), func(t *testing.T) {
					w.playFault(t, f)
				})
			}
		})
	}
}

// playFault plays one fault and checks what is found of it.
func (w *watcher) playFault(t *testing.T, f FaultInfo) {
	t.Helper()
	for end := w.m.now.Add(waitAtMost); f.When != nil && !f.When(w.m.plant.Values()) && w.m.now.Before(end); {
		if events := w.pass(w.m.cfg.Period); len(events) > 0 {
			t.Errorf("before the fault:%s", describe(events))
		}
	}
	begin := w.m.now
	w.m.plant.SetFault(f.Fault, 1)
	events := w.pass(f.Lasts)
	w.m.plant.SetFault(f.Fault, 0)
	after := w.pass(betweenThem)
	t.Logf("%s begins at %v:%s", f.Fault, begin.Sub(time.Unix(0, 0)), describe(append(slices.Clone(events), after...)))
	if len(events) == 0 || events[0].State != detect.Open {
		t.Fatal("not found")
	}
	// A value that stays as it was becomes wrong only gradually.
	if d := events[0].Time.Sub(begin); d > 10*time.Second && f.Fault != StuckSensor {
		t.Errorf("found after %v, want 10 s at most", d)
	}
	first := events[0].Causes[:min(2, len(events[0].Causes))]
	if !slices.ContainsFunc(first, func(c detect.Cause) bool { return slices.Contains(f.Blame, c.Channel) }) {
		t.Errorf("blamed %+v, want one of %v", first, f.Blame)
	}
	if all := append(events, after...); all[len(all)-1].State != detect.Close {
		t.Errorf("not closed %v after the fault's end", betweenThem)
	}
}
