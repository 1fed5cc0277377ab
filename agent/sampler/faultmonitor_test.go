package sampler

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"iot-edge-anomaly/drivers"
)

// faultsOf runs a bus of sensors for each step's time and returns the faults
// that arose, in words.
func faultsOf(t *testing.T, sensors []SensorSpec, length time.Duration, steps ...func()) (got []string) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var cells []Cell
		for _, s := range sensors {
			cells = append(cells, one(s.Name, 0))
		}
		g := mustNew(t, []BusSpec{{Name: "line", Sensors: sensors}}, []MachineSpec{{"m", time.Second, cells}})
		go func() {
			for f := range g.Faults() {
				got = append(got, fmt.Sprintf("%s/%s open=%v %v", f.Bus, f.Sensor, f.Open, f.Channels))
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
		for _, step := range steps {
			step()
			time.Sleep(length)
		}
		cancel()
		synctest.Wait()
	})
	return got
}

// TestTwelveSensorsOneFault: a line that loses its port is one fault of the
// bus; one dead unit among twelve is one fault of it, of its channels only.
func TestTwelveSensorsOneFault(t *testing.T) {
	var down atomic.Bool
	var dead atomic.Int64
	dead.Store(-1)
	var sensors []SensorSpec
	var all []string
	for i := range 12 {
		name := fmt.Sprintf("u%d", i)
		all = append(all, name+".c0", name+".c1")
		sensors = append(sensors, sensor(name, newLying(2, func(n int, dst []float64) error {
			switch {
			case down.Load():
				return fmt.Errorf("open /dev/ttyUSB0: %w", drivers.ErrBus)
			case int64(i) == dead.Load():
				return context.DeadlineExceeded
			}
			return counting(n, dst)
		})))
	}
	got := faultsOf(t, sensors, time.Minute,
		func() { dead.Store(5) }, func() { dead.Store(-1) }, func() { down.Store(true) }, func() { down.Store(false) })
	want := []string{"line/u5 open=true [u5.c0 u5.c1]", "line/u5 open=false [u5.c0 u5.c1]",
		fmt.Sprintf("line/ open=true %v", all), fmt.Sprintf("line/ open=false %v", all)}
	if !slices.Equal(got, want) {
		t.Errorf("faults\n%q, want\n%q", got, want)
	}
}

// TestNobodyAnswers: a line of which every device falls silent, one after the
// other, is one fault of the bus, and they may come back as slowly; what stays
// silent has a fault of its own.
// Two sensors of one silent device say nothing about the line.
func TestNobodyAnswers(t *testing.T) {
	var silent [3]atomic.Bool
	device := func(i int, name string) SensorSpec {
		s := sensor(name, newLying(1, func(n int, dst []float64) error {
			if silent[i].Load() {
				return fmt.Errorf("unit %d: %w", i, os.ErrDeadlineExceeded)
			}
			return counting(n, dst)
		}))
		s.Device = fmt.Sprint("unit ", i)
		return s
	}
	fall := func(from, to int, is bool) func() {
		return func() {
			for i := from; i <= to; i++ {
				silent[i].Store(is)
				time.Sleep(100 * time.Millisecond)
			}
		}
	}
	several := []SensorSpec{device(0, "a"), device(0, "b"), device(1, "c"), device(2, "d")}
	got := faultsOf(t, several, time.Minute, fall(0, 2, true), fall(0, 0, false), fall(1, 2, false))
	if bus := got[:min(2, len(got))]; len(got) == 6 {
		slow := faultsOf(t, several, 20*time.Second, fall(0, 2, true), fall(0, 0, false), fall(1, 2, false))
		if !slices.Equal(slow, bus) {
			t.Errorf("back within 40 s:\n%q, want\n%q", slow, bus)
		}
	}
	want := []string{"line/ open=true [a.c0 b.c0 c.c0 d.c0]", "line/ open=false [a.c0 b.c0 c.c0 d.c0]",
		"line/c open=true [c.c0]", "line/d open=true [d.c0]", "line/c open=false [c.c0]", "line/d open=false [d.c0]"}
	if !slices.Equal(got, want) {
		t.Errorf("several devices:\n%q, want\n%q", got, want)
	}
	got = faultsOf(t, several[:2], 20*time.Second, fall(0, 0, true))
	if want := []string{"line/a open=true [a.c0 b.c0]"}; !slices.Equal(got, want) {
		t.Errorf("one device:\n%q, want\n%q", got, want)
	}
}

// TestBusIsBackWithoutAGoodRead: the only device on a line has a probe that was
// never connected, so no read of it is good. The line's fault closes all the same.
func TestBusIsBackWithoutAGoodRead(t *testing.T) {
	for _, cause := range []error{fmt.Errorf("connection refused: %w", drivers.ErrBus), os.ErrDeadlineExceeded} {
		var down atomic.Bool
		device := func(name string) SensorSpec {
			return sensor(name, newLying(2, func(_ int, dst []float64) error {
				if down.Load() {
					return cause
				}
				dst[0] = 1
				return &drivers.ValueError{Channel: "c1", Text: "0x8000, which means no value"}
			}))
		}
		sensors := []SensorSpec{device("a"), device("b")}
		got := faultsOf(t, sensors, time.Minute, func() { down.Store(true) }, func() { down.Store(false) })
		slices.Sort(got[:min(2, len(got))]) // b is named first if both were read while the monitor looked
		want := []string{"line/a open=true [a.c1]", "line/b open=true [b.c1]",
			"line/ open=true [a.c0 a.c1 b.c0 b.c1]", "line/ open=false [a.c0 a.c1 b.c0 b.c1]"}
		if !slices.Equal(got, want) {
			t.Errorf("%v: faults\n%q, want\n%q", cause, got, want)
		}
	}
}

// TestBusFaultSince: a bus is down since its last good reading, whatever was
// dead on it before.
func TestBusFaultSince(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	for _, c := range []struct{ a, b, want time.Time }{
		{at(5), at(900), at(900)}, {time.Time{}, at(900), at(900)}, {time.Time{}, time.Time{}, at(1000)},
	} {
		b := &bus{name: "line"}
		for _, since := range []time.Time{c.a, c.b} {
			b.sensors = append(b.sensors, &sensorState{sensor: newLying(1, counting), last: make([]lastValue, 1), reads: 9, fails: faultAfter, lastGood: since, err: drivers.ErrBus})
		}
		m := newFaultMonitor(new(sync.Mutex), []*bus{b}, nil)
		if fs := m.look(at(1000)); len(fs) != 1 || !fs[0].Since.Equal(c.want) {
			t.Errorf("%v and %v: %+v, want one since %v", c.a, c.b, fs, c.want)
		}
	}
}

// TestPartialFailureNamesItsChannels: a device that refuses some registers
// loses those, and the fault is told anew when it loses others.
func TestPartialFailureNamesItsChannels(t *testing.T) {
	var refused atomic.Int64
	got := faultsOf(t, []SensorSpec{sensor("a", newLying(4, func(n int, dst []float64) error {
		r := int(refused.Load())
		if err := counting(n, dst); r == 0 {
			return err
		}
		for i := r; i < 4; i++ {
			dst[i] = nan
		}
		return errors.New("exception 2")
	}))}, 2*time.Minute, func() { refused.Store(3) }, func() { refused.Store(1) }, func() { refused.Store(0) })
	want := []string{"line/a open=true [a.c3]", "line/a open=true [a.c1 a.c2 a.c3]", "line/a open=false [a.c1 a.c2 a.c3]"}
	if !slices.Equal(got, want) {
		t.Errorf("faults\n%q, want\n%q", got, want)
	}
}

// TestLostAnswerOfPart: one lost answer of a device that refuses a register says
// nothing new; three in a row do.
func TestLostAnswerOfPart(t *testing.T) {
	var lose atomic.Int64
	got := faultsOf(t, []SensorSpec{sensor("well", newLying(1, counting)), sensor("a", newLying(2, func(n int, dst []float64) error {
		if lose.Add(-1) >= 0 {
			return os.ErrDeadlineExceeded
		}
		dst[0] = float64(n)
		return errors.New("exception 2")
	}))}, 2*time.Minute, func() { lose.Store(1) }, func() { lose.Store(2) }, func() { lose.Store(9) })
	want := []string{"line/a open=true [a.c1]", "line/a open=true [a.c0 a.c1]", "line/a open=true [a.c1]"}
	if !slices.Equal(got, want) {
		t.Errorf("faults\n%q, want\n%q", got, want)
	}
}

// TestLeftForLaterIsNoFault: a device that is read in turns, as its budget has it,
// delivers, and one that is silent as well does not.
func TestLeftForLaterIsNoFault(t *testing.T) {
	var dead atomic.Bool
	later := &drivers.PartError{Of: "a", Channels: []string{"c0"}, Err: drivers.ErrLater}
	got := faultsOf(t, []SensorSpec{sensor("a", newLying(2, func(n int, dst []float64) error {
		counting(n, dst)
		if dst[n%2] = nan; dead.Load() {
			dst[1-n%2] = nan
			return errors.Join(later, os.ErrDeadlineExceeded)
		}
		return later
	}))}, time.Minute, func() { dead.Store(true) }, func() { dead.Store(false) })
	if want := []string{"line/a open=true [a.c0 a.c1]", "line/a open=false [a.c0 a.c1]"}; !slices.Equal(got, want) {
		t.Errorf("faults\n%q, want\n%q", got, want)
	}
}

func TestReasons(t *testing.T) {
	for want, err := range map[string]error{
		"timeout": fmt.Errorf("unit 7: %w", context.DeadlineExceeded),
		"bus":     fmt.Errorf("dial: %w: %w", drivers.ErrBus, context.DeadlineExceeded),
		"device":  errors.New("exception 2"),
		"panic":   fmt.Errorf("read a: %w", errPanic),
	} {
		if got := Reasons[reasonOf(err)]; got != want {
			t.Errorf("%v: %s, want %s", err, got, want)
		}
	}
}
