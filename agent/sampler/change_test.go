package sampler

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"iot-edge-anomaly/drivers"
)

// leaving is a sensor that notices when it is read after it was left.
type leaving struct {
	*lying
	takes time.Duration
	left  atomic.Bool
	after atomic.Int64 // reads that began after it was left
}

func newLeaving(takes time.Duration) *leaving {
	return &leaving{lying: newLying(1, counting), takes: takes}
}

func (l *leaving) Read(ctx context.Context, dst []float64) error {
	if l.left.Load() {
		l.after.Add(1)
	}
	time.Sleep(l.takes)
	return l.lying.Read(ctx, dst)
}

// become takes a group through the steps of a change.
func become(t *testing.T, g *Group, buses []BusSpec, machines []MachineSpec, stop ...string) {
	t.Helper()
	next := mustNew(t, buses, machines)
	g.Stop(stop...)
	g.Leave(next)
	g.Become(next)
	g.Start()
}

// TestBecome: while everything else is added, changed and removed at random moments,
// a machine loses no row and no value, and its sensors go on counting.
func TestBecome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const changes = 200
		rnd := rand.New(rand.NewPCG(1, 2))
		ctx, cancel := context.WithCancel(t.Context())
		a, b := newLeaving(10*time.Millisecond), newLeaving(0)
		kept := MachineSpec{"kept", time.Second, []Cell{one("a", 0), one("b", 0)}}
		periods := []time.Duration{100 * time.Millisecond, 500 * time.Millisecond, time.Second, 3 * time.Second}
		others := map[string]*leaving{}
		// layout makes a configuration with a and b in it.
		layout := func() (buses []BusSpec, machines []MachineSpec, changed []string) {
			buses = []BusSpec{{Name: "x", Sensors: []SensorSpec{sensor("a", a)}}, {Name: "y", Sensors: []SensorSpec{sensor("b", b)}}, {Name: "z"}}
			machines = []MachineSpec{kept}
			for i := range 6 {
				name := fmt.Sprint("s", i)
				if drop := rnd.IntN(6); drop < 2 {
					delete(others, name)
					if drop == 0 {
						continue
					}
				}
				if others[name] == nil {
					others[name] = newLeaving(time.Duration(rnd.IntN(20)) * time.Millisecond)
				}
				period := periods[rnd.IntN(len(periods))]
				b := &buses[i%3]
				b.Sensors = append(b.Sensors, SensorSpec{Name: name, Sensor: others[name], Period: period})
				machines = append(machines, MachineSpec{"m" + name, period, []Cell{one(name, 0)}})
				changed = append(changed, "m"+name)
			}
			// Sometimes another machine wants the same sensor more often.
			buses[0].Sensors[0].Period = periods[rnd.IntN(3)]
			machines = append(machines, MachineSpec{"fast", buses[0].Sensors[0].Period, []Cell{one("a", 0)}})
			return buses, machines, append(changed, "fast")
		}
		buses, machines, before := layout()
		g := mustNew(t, buses, machines)
		ended := make(chan struct{})
		go func() { g.Run(ctx); close(ended) }()
		go func() {
			for range g.Faults() {
			}
		}()
		synctest.Wait()
		took := make(chan int)
		go func() {
			n := 0
			var at time.Time
			for f := range g.Sampler("kept").Frames() {
				if n++; n > 1 && f.Time.Sub(at) != time.Second {
					t.Errorf("row %d: %v after the one before, want 1s", n, f.Time.Sub(at))
				}
				at = f.Time
				if f.Quality[0] != Good || f.Quality[1] != Good {
					t.Errorf("row %d at %v: quality %v", n, f.Time, f.Quality)
				}
				g.Sampler("kept").Release(f)
			}
			took <- n
		}()
		reads, past := uint64(0), []*leaving{}
		for range changes {
			time.Sleep(time.Duration(rnd.Int64N(int64(2500 * time.Millisecond))))
			for _, l := range others {
				past = append(past, l)
			}
			var now []string
			buses, machines, now = layout()
			next := mustNew(t, buses, machines)
			g.Stop(append(before, now...)...)
			g.Leave(next)
			for _, l := range past {
				if !had(next, l) {
					l.left.Store(true)
				}
			}
			g.Become(next)
			g.Start()
			before = now
			for _, m := range machines {
				if g.Sampler(m.Name) == nil {
					t.Fatalf("machine %s has no sampler", m.Name)
				}
			}
			for _, r := range g.Readings() {
				if r.Sensor == "b" {
					if r.Reads < reads {
						t.Fatalf("sensor b was read %d times, before that %d", r.Reads, reads)
					}
					reads = r.Reads
				}
			}
		}
		stats := g.Sampler("kept").Stats()
		if stats.Dropped != 0 || stats.Late != 0 {
			t.Errorf("machine kept: %d rows dropped, %d late", stats.Dropped, stats.Late)
		}
		cancel()
		<-ended
		if n := <-took; n < changes/2 {
			t.Errorf("%d rows only", n)
		}
		for _, l := range past {
			if n := l.after.Load(); n > 0 {
				t.Errorf("a sensor was read %d times after it was left", n)
			}
		}
	})
}

// had tells whether a group has the sensor under any name.
func had(g *Group, sensor drivers.Sensor) bool {
	for _, s := range g.sensors {
		if s.sensor == sensor {
			return true
		}
	}
	return false
}

// TestBecome_new: what is new is read at once and gives rows at the common ticks; what
// is gone gives none.
func TestBecome_new(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer func() { cancel(); synctest.Wait() }()
		a, slow := newLeaving(0), newLeaving(0)
		g := mustNew(t, []BusSpec{{Name: "x", Sensors: []SensorSpec{sensor("a", a)}}}, []MachineSpec{{"m", time.Second, []Cell{one("a", 0)}}})
		go g.Run(ctx)
		epoch := time.Now()
		time.Sleep(10*time.Second + 300*time.Millisecond)
		gone := g.Sampler("m")
		become(t, g, []BusSpec{{Name: "x", Sensors: []SensorSpec{{Name: "slow", Sensor: slow, Period: time.Hour}}}},
			[]MachineSpec{{"new", 2 * time.Second, []Cell{one("slow", 0)}}}, "m")
		synctest.Wait()
		if slow.n != 1 || g.Sampler("m") != nil {
			t.Errorf("the new sensor was read %d times, the old machine has %v", slow.n, g.Sampler("m"))
		}
		for range gone.Frames() { // ends, since the sampler has stopped
		}
		rows, _, at := take(g.Sampler("new"), 2)
		if d := at[0].Sub(epoch); d != 12*time.Second || rows[0][0] != 10 {
			t.Errorf("first row %v, %v after the start; want the common tick at 12s", rows[0], d)
		}
		if n := a.n; n != 11 {
			t.Errorf("the sensor that is gone was read %d times, want 11", n)
		}
	})
}

// TestBecome_faults: the fault of a sensor stays open through a change of other
// things and closes when the sensor delivers; that of a sensor that is gone is
// forgotten.
func TestBecome_faults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer func() { cancel(); synctest.Wait() }()
		var works atomic.Bool
		failing := func() *lying {
			return newLying(1, func(n int, dst []float64) error {
				if works.Load() {
					return counting(n, dst)
				}
				return errors.New("no answer")
			})
		}
		a, b, c := failing(), failing(), newLying(1, counting)
		spec := func(names ...string) (specs []SensorSpec) {
			for _, n := range names {
				specs = append(specs, sensor(n, map[string]drivers.Sensor{"a": a, "b": b, "c": c}[n]))
			}
			return specs
		}
		g := mustNew(t, []BusSpec{{Name: "x", Sensors: spec("a", "b")}}, []MachineSpec{{"m", time.Second, []Cell{one("a", 0)}}})
		var got []string
		go func() {
			for f := range g.Faults() {
				got = append(got, fmt.Sprint(f.Sensor, f.Open))
			}
		}()
		go g.Run(ctx)
		time.Sleep(10 * time.Second)
		become(t, g, []BusSpec{{Name: "x", Sensors: spec("a", "c")}}, []MachineSpec{{"m", time.Second, []Cell{one("a", 0)}}})
		if !g.Resume(false, "a", time.Now()) || g.Resume(false, "b", time.Now()) {
			t.Error("the fault of a goes on, that of b cannot")
		}
		works.Store(true)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if text := fmt.Sprint(got); text != "[atrue btrue afalse]" {
			t.Errorf("faults %v", text)
		}
	})
}

// TestLeave_hangs: a driver that hangs does not hold up a change for longer than
// grace, nor the sensors of other buses.
func TestLeave_hangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		hang := make(chan struct{})
		a, h := newLeaving(0), newLying(1, func(int, []float64) error { <-hang; return nil })
		buses := []BusSpec{{Name: "x", Sensors: []SensorSpec{sensor("a", a)}}, {Name: "y", Sensors: []SensorSpec{sensor("h", h)}}}
		machines := []MachineSpec{{"m", time.Second, []Cell{one("a", 0)}}}
		g := mustNew(t, buses, machines)
		go func() {
			for range g.Faults() {
			}
		}()
		go g.Run(ctx)
		time.Sleep(5500 * time.Millisecond)
		start := time.Now()
		become(t, g, buses[:1], machines)
		if d := time.Since(start); d != grace {
			t.Errorf("the change took %v, want %v", d, grace)
		}
		time.Sleep(5 * time.Second)
		close(hang)
		cancel()
		synctest.Wait()
		if a.n < 12 {
			t.Errorf("the other bus was read %d times", a.n)
		}
	})
}
