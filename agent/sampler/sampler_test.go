package sampler

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"iot-edge-anomaly/drivers"
)

// lying is a sensor that does as it is told: the only part here that is not
// the real thing.
type lying struct {
	channels []drivers.Channel
	read     func(n int, dst []float64) error
	n        int
}

func newLying(channels int, read func(n int, dst []float64) error) *lying {
	l := &lying{read: read}
	for i := range channels {
		l.channels = append(l.channels, drivers.Channel{Name: fmt.Sprintf("c%d", i)})
	}
	return l
}

func (l *lying) Channels() []drivers.Channel { return l.channels }
func (l *lying) Close() error                { return nil }
func (l *lying) Read(_ context.Context, dst []float64) error {
	l.n++
	return l.read(l.n, dst)
}

func counting(n int, dst []float64) error {
	for i := range dst {
		dst[i] = float64(n*10 + i)
	}
	return nil
}

func sensor(name string, s drivers.Sensor) SensorSpec {
	return SensorSpec{Name: name, Sensor: s, Period: time.Second}
}

func one(sensor string, index int) Cell { return Cell{sensor, index} }

func mustNew(t *testing.T, buses []BusSpec, machines []MachineSpec) *Group {
	t.Helper()
	g, err := New(buses, nil, machines)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// take collects rows until n have come, copying what the sampler reuses.
func take(s *Sampler, n int) (rows [][]float64, flags [][]Quality, at []time.Time) {
	for f := range s.Frames() {
		rows = append(rows, append([]float64(nil), f.Values...))
		flags = append(flags, append([]Quality(nil), f.Quality...))
		at = append(at, f.Time)
		s.Release(f)
		if len(rows) == n {
			return rows, flags, at
		}
	}
	return rows, flags, at
}

// TestMissedTicksAreCounted: rows that could not be made because the process did not run
// are counted, not only absent.
func TestMissedTicksAreCounted(t *testing.T) {
	epoch := time.Now()
	at := func(ms int) time.Time { return epoch.Add(time.Duration(ms) * time.Millisecond) }
	for _, tc := range []struct{ now, want, lost int }{{5010, 6000, 0}, {6900, 6000, 0}, {7000, 6000, 0}, {7001, 8000, 2}, {105500, 106000, 100}} {
		s := &Sampler{period: time.Second}
		if got := s.after(at(5000), epoch, at(tc.now)); !got.Equal(at(tc.want)) || s.Stats().Dropped != uint64(tc.lost) {
			t.Errorf("at %d ms: next at %v, %d lost; want %d ms and %d", tc.now, got.Sub(epoch), s.Stats().Dropped, tc.want, tc.lost)
		}
	}
}

func TestRowsAreCompleteAndOnTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		a := newLying(2, func(n int, dst []float64) error { time.Sleep(20 * time.Millisecond); return counting(n, dst) })
		b := newLying(1, counting)
		g := mustNew(t, []BusSpec{{Name: "x", Sensors: []SensorSpec{sensor("a", a)}}, {Name: "y", Sensors: []SensorSpec{sensor("b", b)}}},
			[]MachineSpec{{"m", time.Second, []Cell{one("b", 0), one("a", 1), one("a", 0)}}})
		go g.Run(ctx)
		rows, flags, at := take(g.Sampler("m"), 3600)
		cancel()
		synctest.Wait()
		for i, r := range rows {
			if r[1] != r[2]+1 || r[0] != r[2] {
				t.Fatalf("row %d: %v mixes reads", i, r)
			}
			if flags[i][0] != Good {
				t.Fatalf("row %d: quality %v", i, flags[i])
			}
			if i > 0 && at[i].Sub(at[i-1]) != time.Second {
				t.Fatalf("row %d: %v after the one before, want 1s", i, at[i].Sub(at[i-1]))
			}
		}
		if d := g.Sampler("m").Stats().Dropped; d != 0 {
			t.Errorf("%d rows dropped", d)
		}
	})
}

// A bus of several connections reads as many sensors at once, never more, and
// what fails comes last.
func TestBusReadsSeveralAtOnce(t *testing.T) {
	for _, c := range []struct {
		atOnce int
		took   time.Duration
	}{{0, 400 * time.Millisecond}, {2, 200 * time.Millisecond}, {4, 100 * time.Millisecond}} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			start := time.Now()
			bus := BusSpec{Name: "x", AtOnce: c.atOnce}
			var cells []Cell
			var mu sync.Mutex
			var last time.Duration
			for i := range 4 {
				s := newLying(1, func(n int, dst []float64) error {
					time.Sleep(100 * time.Millisecond)
					mu.Lock()
					defer mu.Unlock()
					last = max(last, time.Since(start)%time.Second)
					return counting(n, dst)
				})
				bus.Sensors = append(bus.Sensors, sensor(fmt.Sprint(i), s))
				cells = append(cells, one(fmt.Sprint(i), 0))
			}
			g := mustNew(t, []BusSpec{bus}, []MachineSpec{{"m", time.Second, cells}})
			go g.Run(ctx)
			rows, _, _ := take(g.Sampler("m"), 5)
			cancel()
			synctest.Wait()
			if last != c.took || len(rows) != 5 {
				t.Errorf("%d at once: a round took %v, want %v; %d rows", c.atOnce, last, c.took, len(rows))
			}
		})
	}
}

func TestFailingSensorIsMissingNeverStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cause := errors.New("crc error")
		a := newLying(2, func(n int, dst []float64) error {
			dst[0] = float64(n) // half of it was read
			if n%2 == 0 {
				return cause
			}
			dst[1] = float64(n)
			return nil
		})
		g := mustNew(t, []BusSpec{{Name: "x", Sensors: []SensorSpec{sensor("a", a)}}},
			[]MachineSpec{{"m", time.Second, []Cell{one("a", 0), one("a", 1)}}})
		go g.Run(ctx)
		rows, flags, _ := take(g.Sampler("m"), 10)
		cancel()
		synctest.Wait()
		for i, r := range rows {
			n := i + 1
			if r[0] != float64(n) {
				t.Errorf("row %d: %v, want the fresh cell %d", i, r, n)
			}
			if n%2 == 0 && (!math.IsNaN(r[1]) || flags[i][1] != Missing) {
				t.Errorf("row %d: %v %v, want a missing cell", i, r, flags[i])
			}
		}
	})
}

func TestHangingBusCostsOnlyItsCells(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		hung := newLying(1, func(n int, dst []float64) error {
			if n == 5 {
				time.Sleep(time.Minute)
			}
			return counting(n, dst)
		})
		g := mustNew(t, []BusSpec{{Name: "bad", Sensors: []SensorSpec{sensor("h", hung)}}, {Name: "good", Sensors: []SensorSpec{sensor("w", newLying(1, counting))}}},
			[]MachineSpec{{"m", time.Second, []Cell{one("h", 0), one("w", 0)}}})
		var opened, closed Fault
		go func() {
			for f := range g.Faults() {
				if f.Open {
					opened = f
				} else {
					closed = f
				}
			}
		}()
		start := time.Now()
		go g.Run(ctx)
		rows, _, at := take(g.Sampler("m"), 120)
		cancel()
		synctest.Wait()
		missing := 0
		for i, r := range rows {
			if math.IsNaN(r[1]) {
				t.Errorf("row %d: the other bus lost its value", i)
			}
			if math.IsNaN(r[0]) {
				missing++
			}
			if i > 0 && at[i].Sub(at[i-1]) != time.Second {
				t.Errorf("row %d: %v after the one before", i, at[i].Sub(at[i-1]))
			}
		}
		if missing < 59 || missing > 61 {
			t.Errorf("%d rows miss the hanging bus, want about 60", missing)
		}
		hangAt := start.Add(4 * time.Second)
		if seen := opened.Time.Sub(hangAt); opened.Sensor != "" || opened.Bus != "bad" || seen > 5*time.Second {
			t.Errorf("fault %+v seen %v after the hang, want one of the bus within 5s", opened, seen)
		}
		if closed.Bus != "bad" {
			t.Errorf("the fault never closed")
		}
	})
}

func TestFaultsAreOnePerCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var down, dead atomic.Bool
		reader := func(silent bool) func(int, []float64) error {
			return func(n int, dst []float64) error {
				if down.Load() {
					return fmt.Errorf("dial: %w", drivers.ErrBus)
				}
				if silent && dead.Load() {
					return errors.New("no answer within 300ms")
				}
				return counting(n, dst)
			}
		}
		g := mustNew(t, []BusSpec{{Name: "line", Sensors: []SensorSpec{sensor("a", newLying(4, reader(true))), sensor("b", newLying(4, reader(false)))}}},
			[]MachineSpec{{"m", time.Second, []Cell{one("a", 0), one("a", 1), one("b", 0)}}})
		var got []string
		go func() {
			for f := range g.Faults() {
				got = append(got, fmt.Sprintf("%s/%s open=%v %s", f.Bus, f.Sensor, f.Open, f.Machine))
			}
		}()
		go func() {
			s := g.Sampler("m")
			for f := range s.Frames() {
				s.Release(f)
			}
		}()
		go g.Run(ctx)
		for _, step := range []func(){func() {}, func() { dead.Store(true) }, func() { dead.Store(false) }, func() { down.Store(true) }, func() { down.Store(false) }} {
			step()
			time.Sleep(20 * time.Second)
		}
		cancel()
		synctest.Wait()
		want := []string{"line/a open=true m", "line/a open=false m", "line/ open=true m", "line/ open=false m"}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("faults %v, want %v", got, want)
		}
	})
}

// TestResumedFaultCloses: a fault of the run before closes once the sensor
// delivers, and does not open a second time while it does not.
func TestResumedFaultCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var well atomic.Bool
		a := newLying(1, func(n int, dst []float64) error {
			if !well.Load() {
				return errors.New("no answer")
			}
			return counting(n, dst)
		})
		g := mustNew(t, []BusSpec{{Name: "x", Sensors: []SensorSpec{sensor("a", a)}}},
			[]MachineSpec{{"m", time.Second, []Cell{one("a", 0)}}})
		if !g.Resume(false, "a", time.Now().Add(-time.Hour)) || g.Resume(false, "b", time.Now()) || g.Resume(true, "y", time.Now()) {
			t.Error("resumed what is not there, or not what is")
		}
		var got []Fault
		go func() {
			for f := range g.Faults() {
				got = append(got, f)
			}
		}()
		go func() {
			s := g.Sampler("m")
			for f := range s.Frames() {
				s.Release(f)
			}
		}()
		go g.Run(ctx)
		time.Sleep(10 * time.Second)
		well.Store(true)
		time.Sleep(10 * time.Second)
		cancel()
		synctest.Wait()
		if len(got) != 1 || got[0].Open || got[0].Sensor != "a" || got[0].Machine != "m" {
			t.Errorf("faults %+v, want one close", got)
		}
	})
}

func TestSlowConsumerLosesTheOldest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		g := mustNew(t, []BusSpec{{Name: "x", Sensors: []SensorSpec{sensor("a", newLying(1, counting))}}},
			[]MachineSpec{{"m", time.Second, []Cell{one("a", 0)}}})
		go g.Run(ctx)
		time.Sleep(100*time.Second + time.Millisecond)
		s := g.Sampler("m")
		rows, _, _ := take(s, framesAhead)
		cancel()
		if rows[0][0] < 600 || s.Stats().Dropped != s.Rows()-framesAhead {
			t.Errorf("first row %v, %d dropped of %d, want the newest %d kept", rows[0], s.Stats().Dropped, s.Rows(), framesAhead)
		}
	})
}

func TestPanickingDriverIsAnError(t *testing.T) {
	b := &bus{name: "x"}
	s, err := newSensorState("x", sensor("a", newLying(1, func(_ int, dst []float64) error { dst[len(dst)] = 0; return nil })), 0)
	if err != nil {
		t.Fatal(err)
	}
	s.due = time.Now()
	b.read(t.Context(), s)
	if r := s.reading(); !errors.Is(r.Err, errPanic) || r.Errors[reasonPanic] != 1 || !math.IsNaN(r.Values[0]) || b.panics.Load() != 1 {
		t.Errorf("reading %+v, panics %d", r, b.panics.Load())
	}
}

// TestPanickingDriverRests: a driver that panics is left alone for a pause that grows, and
// read again; the other sensors of its bus lose nothing.
func TestPanickingDriverRests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		broken, tried := true, 0
		ill := newLying(1, func(n int, dst []float64) error {
			if tried++; broken {
				panic("a fault of the program")
			}
			return counting(n, dst)
		})
		g := mustNew(t, []BusSpec{{Name: "x", Sensors: []SensorSpec{sensor("a", ill), sensor("b", newLying(1, counting))}}},
			[]MachineSpec{{"ill", time.Second, []Cell{one("a", 0)}}, {"well", time.Second, []Cell{one("b", 0)}}})
		go g.Run(ctx)
		good, ills := 0, 0
		serve := func(s *Sampler, n *int) {
			for f := range s.Frames() {
				if f.Quality[0] == Good {
					*n++
				}
				s.Release(f)
			}
		}
		go serve(g.Sampler("well"), &good)
		go serve(g.Sampler("ill"), &ills)
		time.Sleep(100*time.Second + time.Millisecond)
		synctest.Wait()
		if tried != 7 || g.Stats()[0].Panics != 7 || ills != 0 { // at 0, 1, 3, 7, 15, 31 and 63 s
			t.Errorf("the driver was called %d times and panicked %d times, %d good rows", tried, g.Stats()[0].Panics, ills)
		}
		if s := g.Sampler("well").Stats(); good != 101 || s.Dropped != 0 || s.Late != 0 {
			t.Errorf("the other sensor: %d good rows of 101, %+v", good, s)
		}
		broken = false
		time.Sleep(60 * time.Second)
		synctest.Wait()
		if ills != 34 { // from 127 s on
			t.Errorf("%d good rows after the fault, want 34", ills)
		}
		cancel()
	})
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	spec := sensor("a", newLying(9, counting))
	for range 9 {
		spec.Checks = append(spec.Checks, Check{Range: Range{0, 100}, MaxRate: 1, MaxSpike: 20, FlatAfter: time.Minute, FlatBand: 1})
	}
	g := mustNew(t, []BusSpec{{Name: "x", Sensors: []SensorSpec{spec}}},
		[]MachineSpec{{"m", time.Second, []Cell{one("a", 0), one("a", 8)}}})
	b, s := g.buses[0], g.samplers[0]
	b.sensors[0].due = time.Now()
	ctx := t.Context()
	if n := testing.AllocsPerRun(1000, func() {
		tick := b.sensors[0].due
		b.read(ctx, b.sensors[0])
		s.emit(tick)
		s.Release(<-s.Frames())
	}); n != 0 {
		t.Errorf("%v allocations per tick, want 0", n)
	}
}

// BenchmarkRow is one tick of a machine with 1,000 channels of ten sensors, all
// checked: reading, judging and the row.
func BenchmarkRow(b *testing.B) {
	var specs []SensorSpec
	var cells []Cell
	for i := range 10 {
		spec := sensor(fmt.Sprint(i), newLying(100, func(n int, dst []float64) error {
			for i := range dst {
				dst[i] = float64(n%7 + i)
			}
			return nil
		}))
		for j := range 100 {
			spec.Checks = append(spec.Checks, Check{Range: Range{0, 200}, MaxRate: 10, MaxSpike: 20, FlatAfter: time.Minute, FlatBand: 1})
			cells = append(cells, one(spec.Name, j))
		}
		specs = append(specs, spec)
	}
	g, err := New([]BusSpec{{Name: "x", Sensors: specs}}, nil, []MachineSpec{{"m", time.Second, cells}})
	if err != nil {
		b.Fatal(err)
	}
	bus, s, tick := g.buses[0], g.samplers[0], time.Now()
	b.ReportAllocs()
	for b.Loop() {
		for _, sl := range bus.sensors {
			sl.due = tick
			bus.read(b.Context(), sl)
		}
		s.emit(tick)
		s.Release(<-s.Frames())
		tick = tick.Add(time.Second)
	}
}

func TestNewRefuses(t *testing.T) {
	a := sensor("a", newLying(1, counting))
	for name, tc := range map[string]struct {
		buses    []BusSpec
		machines []MachineSpec
		want     string
	}{
		"twice":   {[]BusSpec{{Name: "x", Sensors: []SensorSpec{a, a}}}, nil, "sensor a: named twice"},
		"period":  {[]BusSpec{{Name: "x", Sensors: []SensorSpec{{Name: "a", Sensor: a.Sensor}}}}, nil, "sensor a: period 0s, want more than zero"},
		"unknown": {[]BusSpec{{Name: "x", Sensors: []SensorSpec{a}}}, []MachineSpec{{"m", time.Second, []Cell{one("b", 0)}}}, "machine m: sensor b: unknown"},
		"index":   {[]BusSpec{{Name: "x", Sensors: []SensorSpec{a}}}, []MachineSpec{{"m", time.Second, []Cell{one("a", 1)}}}, "machine m: sensor a: channel 1 of 1"},
		"age":     {[]BusSpec{{Name: "x", Sensors: []SensorSpec{{Name: "a", Sensor: a.Sensor, Period: 2 * time.Second, MaxAge: time.Second}}}}, nil, "sensor a: max age 1s, want at least the period 2s"},
		"checks":  {[]BusSpec{{Name: "x", Sensors: []SensorSpec{{Name: "a", Sensor: a.Sensor, Period: 1, Checks: make([]Check, 2)}}}}, nil, "sensor a: 2 checks for 1 channels"},
		"range":   {[]BusSpec{{Name: "x", Sensors: []SensorSpec{{Name: "a", Sensor: a.Sensor, Period: 1, Checks: []Check{{Range: Range{1, 0}}}}}}}, nil, "sensor a: channel 0: range 1 to 0: want min below max"},
		"rate":    {[]BusSpec{{Name: "x", Sensors: []SensorSpec{{Name: "a", Sensor: a.Sensor, Period: 1, Checks: []Check{{MaxRate: math.NaN()}}}}}}, nil, "sensor a: channel 0: max_rate NaN, max_spike 0, flat_after 0s, flat_band 0: want none below 0"},
	} {
		if _, err := New(tc.buses, nil, tc.machines); err == nil || err.Error() != tc.want {
			t.Errorf("%s: got %v, want %s", name, err, tc.want)
		}
	}
}
