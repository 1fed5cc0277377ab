package machine

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"iot-edge-anomaly/agent/detect"
	"iot-edge-anomaly/agent/report"
	"iot-edge-anomaly/agent/sampler"
	"iot-edge-anomaly/agent/state"
	"iot-edge-anomaly/drivers"
	"iot-edge-anomaly/model"
)

const fleetPeriod = 100 * time.Millisecond

// timedSensor notes when it was read. Only its bus reads it.
type timedSensor struct {
	channels []drivers.Channel
	rnd      *rand.Rand
	mu       sync.Mutex
	at       []time.Time
}

func (s *timedSensor) Channels() []drivers.Channel { return s.channels }
func (s *timedSensor) Close() error                { return nil }

func (s *timedSensor) Read(_ context.Context, dst []float64) error {
	s.mu.Lock()
	s.at = append(s.at, time.Now())
	s.mu.Unlock()
	fleetRow(dst, len(s.at), s.rnd)
	return nil
}

func fleetRow(dst []float64, i int, rnd *rand.Rand) {
	load := math.Sin(float64(i) / 11)
	for j := range dst {
		dst[j] = 20 + load/float64(1+j%5) + 0.05*rnd.NormFloat64()
	}
}

// counted is a Reporter of many machines.
type counted struct{ events atomic.Int64 }

func (c *counted) Event(detect.Event, report.ModelRef) error { c.events.Add(1); return nil }

func (c *counted) EventID(detect.Event) string { return "" }

// fleet is a gateway of n machines, each on a bus of its own, that have collected all
// learning rows but the last ones.
type fleet struct {
	group    *sampler.Group
	sensors  []*timedSensor
	machines []*Machine
	told     counted
}

func newFleet(t testing.TB, n, channels, rows int) *fleet {
	f, dir, turns := &fleet{}, t.TempDir(), new(Turns)
	var buses []sampler.BusSpec
	var specs []sampler.MachineSpec
	var options []Options
	for i := range n {
		name := fmt.Sprintf("m%d", i)
		s := &timedSensor{rnd: rand.New(rand.NewPCG(1, uint64(i)))}
		schema := model.Schema{Period: fleetPeriod}
		spec := sampler.MachineSpec{Name: name, Period: fleetPeriod}
		for j := range channels {
			c := fmt.Sprintf("c%d", j)
			s.channels = append(s.channels, drivers.Channel{Name: c})
			schema.Channels = append(schema.Channels, model.Channel{Name: name + "." + c})
			spec.Cells = append(spec.Cells, sampler.Cell{Sensor: name, Index: j})
		}
		buses = append(buses, sampler.BusSpec{Name: name, Sensors: []sampler.SensorSpec{{Name: name, Sensor: s, Period: fleetPeriod}}})
		specs = append(specs, spec)
		f.sensors = append(f.sensors, s)
		log := state.RowLogOptions{Path: filepath.Join(dir, "learn", name+".rows"), Schema: schema.Hash(), Channels: channels, Want: rows}
		collect(t, log, rows-5, s.rnd)
		options = append(options, Options{Schema: schema, Sensors: slices.Repeat([]string{name}, channels), Models: state.OpenModels(filepath.Join(dir, name)),
			Learn: Learn{Allow: true, Duty: 0.5, Rows: log, Turns: turns, Backlog: 16 << 20 / n}, Policy: detect.DefaultPolicy(name, schema.Channels), Report: &f.told,
			State: filepath.Join(dir, "judge", name), Log: slog.New(slog.DiscardHandler)})
	}
	var err error
	if f.group, err = sampler.New(buses, nil, specs); err != nil {
		t.Fatal(err)
	}
	for _, o := range options {
		o.Sampler = f.group.Sampler(o.Policy.Machine)
		m, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		f.machines = append(f.machines, m)
	}
	return f
}

// collect writes what an earlier run has collected.
func collect(t testing.TB, o state.RowLogOptions, rows int, rnd *rand.Rand) {
	log, err := state.OpenRowLog(o)
	row := make([]float64, o.Channels)
	for i := 0; i < rows && err == nil; i++ {
		fleetRow(row, i, rnd)
		err = log.Push(row, true)
	}
	if err == nil {
		err = log.Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// fleetFigures are what a fleet did.
type fleetFigures struct {
	took, cpu       time.Duration
	reads           int
	p50, p99, worst time.Duration // of the lateness of reads
	skipped, faults int
	dropped         uint64        // rows
	idle, peak      int64         // bytes of the process: when all are watching, and at most before
	starved         time.Duration // that its threads were ready and had no CPU
	waits           string        // what a machine said of its turn
}

// run samples until each machine is watching, or for a while if learn is false.
func (f *fleet) run(t testing.TB, lasts time.Duration) (g fleetFigures) {
	ctx, cancel := context.WithCancel(t.Context())
	var work sync.WaitGroup
	began, cpu, starved := time.Now(), cpuTime(), starvedTime()
	work.Go(func() { f.group.Run(ctx) })
	work.Go(func() {
		for fault := range f.group.Faults() {
			if fault.Open {
				g.faults++
			}
		}
	})
	for _, m := range f.machines {
		work.Go(func() { m.Run(ctx) })
	}
	for end := began.Add(lasts); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		g.peak = max(g.peak, resident(t))
		learning := 0
		for _, m := range f.machines {
			if s := m.Status(); s.Learns() {
				learning++
				if p := s.Learning; p.Phase == "waiting" && (g.waits == "" || p.Remaining > 0 && !strings.Contains(g.waits, "left")) {
					if g.waits = s.Note; p.Remaining > 0 {
						g.waits += fmt.Sprintf(", %.0f s left", p.Remaining.Seconds())
					}
				}
			}
		}
		if learning == 0 {
			break
		}
	}
	g.took, g.cpu, g.starved = time.Since(began), cpuTime()-cpu, starvedTime()-starved
	debug.FreeOSMemory()
	g.idle = resident(t)
	cancel()
	work.Wait()
	for _, s := range f.group.Stats() {
		g.skipped += int(s.Overruns)
	}
	for _, m := range f.machines {
		g.dropped += m.o.Sampler.Stats().Dropped
	}
	g.lateness(f.sensors)
	return g
}

// lateness measures each read against the ticks that all sensors share.
func (g *fleetFigures) lateness(sensors []*timedSensor) {
	var phase []time.Duration // of each read in its period
	epoch := sensors[0].at[0]
	for _, s := range sensors {
		for _, at := range s.at {
			phase = append(phase, (at.Sub(epoch)%fleetPeriod+fleetPeriod)%fleetPeriod)
		}
	}
	// The earliest read of all is on time: what seems a little earlier than the first
	// read is nearly a period late otherwise.
	for i, p := range phase {
		if p > fleetPeriod-fleetPeriod/20 {
			phase[i] = p - fleetPeriod
		}
	}
	slices.Sort(phase)
	g.reads = len(phase)
	first := phase[0]
	g.p50, g.p99, g.worst = phase[len(phase)/2]-first, phase[len(phase)*99/100]-first, phase[len(phase)-1]-first
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// starvedTime is how long the threads of this process, taken together, were ready to
// run and had no CPU: the second number of schedstat.
func starvedTime() (d time.Duration) {
	files, _ := filepath.Glob("/proc/self/task/*/schedstat")
	for _, f := range files {
		b, _ := os.ReadFile(f)
		var ran, waited int64
		if n, _ := fmt.Sscan(string(b), &ran, &waited); n == 2 {
			d += time.Duration(waited)
		}
	}
	return d
}

// resident is what the process takes of the memory, in bytes.
func resident(t testing.TB) int64 {
	b, err := os.ReadFile("/proc/self/statm")
	var size, pages int64
	if err == nil {
		_, err = fmt.Sscan(string(b), &size, &pages)
	}
	if err != nil {
		t.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}

func (g fleetFigures) String() string {
	return fmt.Sprintf("%.1f s, %.2f cores, %d reads, %d skipped, %d rows dropped, %d faults, late p50 %.1f ms, p99 %.1f ms, most %.1f ms, memory %+.1f MiB to %.1f MiB (waited %.0f %% of the time for a CPU that others had)",
		g.took.Seconds(), g.cores(), g.reads, g.skipped, g.dropped, g.faults,
		ms(g.p50), ms(g.p99), ms(g.worst), float64(g.peak-g.idle)/(1<<20), float64(g.peak)/(1<<20), 100*g.starved.Seconds()/g.took.Seconds())
}

func (g fleetFigures) cores() float64 { return g.cpu.Seconds() / g.took.Seconds() }

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// disturbed is what is wrong with the figures, "" = nothing. A busy computer is late
// too: what is then asked is that few readings are skipped, where those that learn at
// once would skip half.
func (g fleetFigures) disturbed() string {
	busy := g.starved > g.took/200
	switch {
	case g.cores() > 0.75:
		return "training takes more than its duty of one core for all"
	case g.faults > 0:
		return "false faults"
	case g.peak-g.idle > 64<<20:
		return "learning takes more than 64 MiB"
	case busy && (g.skipped > g.reads/10 || int(g.dropped) > g.reads/10):
		return "readings skipped, on a busy computer"
	case !busy && (g.skipped > 0 || g.dropped > 0):
		return "readings skipped"
	case !busy && g.p99 > 10*time.Millisecond:
		return "readings late"
	}
	return ""
}

// TestFleetLearns: machines that have all collected their rows at the same time learn
// one after the other, and reading goes first. EDGE_LONG=1 does it with 64 of them.
func TestFleetLearns(t *testing.T) {
	n, rows, long := 16, 120, os.Getenv("EDGE_LONG") != ""
	if long {
		n, rows = 64, 600
	}
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(80 << 20)) // as the systemd unit does
	var wrong string
	for range 3 { // somebody else's burst of work is no fault of ours
		f := newFleet(t, n, 16, rows)
		g := f.run(t, 10*time.Minute)
		t.Logf("%d machines of 16 channels every %v: %v; one said %q", n, fleetPeriod, g, g.waits)
		for _, m := range f.machines {
			if s := m.Status(); s.Model.SHA256 == "" || s.Unjudged > 0 && !long {
				t.Fatalf("%s: %s, model %q, %d rows not judged, error %q", s.Name, s.State, s.Model.Version, s.Unjudged, s.Error)
			}
		}
		if !strings.Contains(g.waits, " left") {
			t.Errorf("no machine told its turn and the time left, but %q", g.waits)
		}
		if wrong = g.disturbed(); wrong == "" {
			return
		}
	}
	t.Error(wrong)
}

// TestTurns: first come, first served, one at a time; who gives up loses the place only.
func TestTurns(t *testing.T) {
	var turns Turns
	a, b, c := turns.join(), turns.join(), turns.join()
	at := func(w *turn, place, of int) {
		t.Helper()
		if p, n, _ := w.place(); p != place || n != of {
			t.Errorf("place %d of %d, want %d of %d", p, n, place, of)
		}
	}
	at(a, 1, 3)
	at(c, 3, 3)
	if _, err := a.wait(t.Context()); err != nil {
		t.Error(err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.wait(gone); err == nil {
		t.Error("b has the turn of a")
	}
	b.leave(false)
	b.leave(false)
	at(c, 2, 2)
	if _, _, left := c.place(); left != 0 {
		t.Errorf("%v left, and nobody has learnt yet", left)
	}
	a.leave(true)
	if _, err := c.wait(t.Context()); err != nil {
		t.Error(err)
	}
	at(c, 1, 1)
	d := turns.join()
	turns.took = time.Minute
	c.remaining(10 * time.Second)
	if _, _, left := d.place(); left != 70*time.Second {
		t.Errorf("%v left, want the rest of the one before and a minute", left)
	}
	c.leave(true)
	d.leave(true)
	at(d, 0, 0)
}

// TestTurnsHeld: while the turns are held nobody trains; a training under way ends and
// begins again at its place.
func TestTurnsHeld(t *testing.T) {
	var turns Turns
	a, b := turns.join(), turns.join()
	mine, err := a.wait(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	turns.Hold(true)
	turns.Hold(true)
	if context.Cause(mine) != errHeld || !a.waits() {
		t.Errorf("the training goes on: %v", context.Cause(mine))
	}
	late := turns.join()
	short, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	for _, w := range []*turn{a, b, late} {
		if _, err := w.wait(short); err == nil {
			t.Error("somebody trains")
		}
	}
	turns.Hold(false)
	if mine, err = a.wait(t.Context()); err != nil || mine.Err() != nil || a.waits() {
		t.Errorf("it does not begin again: %v", err)
	}
	if place, of, _ := b.place(); place != 2 || of != 3 {
		t.Errorf("b has place %d of %d", place, of)
	}
	a.leave(true)
	if _, err := b.wait(t.Context()); err != nil {
		t.Error(err)
	}
	turns.Hold(true)
	b.leave(false) // while it is held
	turns.Hold(false)
	if _, err := late.wait(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestOrdinal(t *testing.T) {
	for n, want := range map[int]string{1: "1st", 2: "2nd", 3: "3rd", 4: "4th", 11: "11th", 12: "12th", 13: "13th", 21: "21st", 64: "64th", 102: "102nd", 111: "111th"} {
		if got := ordinal(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}
