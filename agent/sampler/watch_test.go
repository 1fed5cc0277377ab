package sampler

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
