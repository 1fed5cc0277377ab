package devices

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/i2c"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/sampler"
	"iot-edge-anomaly/drivers"
	"iot-edge-anomaly/drivers/sim/i2csim"
)

// timed notes when its sensor is read.
type timed struct {
	drivers.Sensor
	mu    sync.Mutex
	reads []time.Time
}

func (s *timed) Read(ctx context.Context, dst []float64) error {
	s.mu.Lock()
	s.reads = append(s.reads, time.Now())
	s.mu.Unlock()
	return s.Sensor.Read(ctx, dst)
}

// jitter is the 99th percentile of the distance between the n reads and their ticks.
func (s *timed) jitter(period time.Duration) (p99 time.Duration, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var off []time.Duration
	for _, t := range s.reads {
		off = append(off, (t.Sub(s.reads[0])+period/2)%period-period/2)
	}
	slices.Sort(off)
	middle := off[len(off)/2] // the first read has a jitter of its own
	for i := range off {
		off[i] = max(off[i]-middle, middle-off[i])
	}
	slices.Sort(off)
	return off[len(off)*99/100], len(off)
}

// twoBuses is a gateway with a bus "good" (one chip) and a bus "bad" (two).
func twoBuses(t *testing.T, period time.Duration) (g *sampler.Group, good *timed, bad *i2csim.Bus, l *Buses) {
	t.Helper()
	c, problems := config.Parse("config.yaml", fmt.Appendf(nil, `
buses: {good: {i2c: /dev/i2c-1}, bad: {i2c: /dev/i2c-2}}
sensors:
  - {name: room, driver: lm75, bus: good}
  - {name: cabinet, driver: lm75, bus: bad, address: 0x48}
  - {name: motor, driver: ina226, bus: bad, address: 0x40}
machines:
  - {name: m, channels: ["*"], period: %v}
`, period), Infos())
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	buses := map[string]*i2csim.Bus{"/dev/i2c-1": i2csim.New("good"), "/dev/i2c-2": i2csim.New("bad")}
	buses["/dev/i2c-1"].Attach(0x48, i2csim.NewLM75(11))
	bad = buses["/dev/i2c-2"]
	bad.Attach(0x48, i2csim.NewLM75(11))
	bad.Attach(0x40, i2csim.NewINA226(0.1))
	l = Open(c.Buses, Host{I2C: func(name string) (i2c.BusCloser, error) { return keepOpen{buses[name]}, nil }})
	sensors, err := Sensors(c, l)
	if err != nil {
		t.Fatal(err)
	}
	good = &timed{Sensor: sensors[0]}
	sensors[0] = good
	if g, err = Group(c, c.Machines, sensors); err != nil {
		t.Fatal(err)
	}
	return g, good, bad, l
}

// keepOpen lets a simulated bus be opened again.
type keepOpen struct{ *i2csim.Bus }

func (keepOpen) Close() error { return nil }

// hangOneBus lets a transfer hang in the controller. The other bus must go on
// undisturbed, the fault must be reported within three periods, and the gateway must
// be degraded meanwhile. It returns the jitter of the other bus.
func hangOneBus(t *testing.T, period, hang, after time.Duration) time.Duration {
	g, good, bad, l := twoBuses(t, period)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	opened := make(chan sampler.Fault, 8)
	go func() {
		for f := range g.Faults() {
			opened <- f
		}
	}()
	go func() {
		s := g.Sampler("m")
		for f := range s.Frames() {
			s.Release(f)
		}
	}()
	done := make(chan struct{})
	go func() { g.Run(ctx); close(done) }()
	failing := func() (n int) {
		for _, r := range g.Readings() {
			if r.Err != nil {
				n++
			}
		}
		return n
	}
	time.Sleep(5*period + period/2)
	if n := failing(); n != 0 {
		t.Errorf("%d sensors fail before", n)
	}
	bad.Hang(hang)
	time.Sleep(period / 2) // the next tick reads into the hang
	start := time.Now()
	f := <-opened
	// three periods, or the bus's patience where that is longer
	if seen, most := time.Since(start), max(3*period, 2*time.Second); f.Bus != "bad" || f.Sensor != "" || !f.Open || seen > most {
		t.Errorf("fault %+v after %v, want one of the bus within %v", f, seen, most)
	} else {
		t.Logf("seen after %v: %s", seen, f.Reason)
	}
	if n := failing(); n == 0 {
		t.Error("no sensor fails while a bus hangs")
	}
	if st := l.I2CStats(); len(st) != 2 || st[0].Underway != 0 || st[1].Bus != "bad" || st[1].Underway < period {
		t.Errorf("%+v", st)
	}
	time.Sleep(after)
	bad.Hang(0)
	p99, reads := good.jitter(period)
	t.Logf("jitter of the other bus: p99 %v of %d reads", p99, reads)
	if reads < int(after/period) {
		t.Errorf("%d reads of the other bus in %v", reads, after)
	}
	if f := <-opened; f.Bus != "bad" || f.Sensor != "" || f.Open {
		t.Errorf("after the hang: %+v", f)
	}
	cancel()
	<-done
	return p99
}

func TestHangingBus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if p99 := hangOneBus(t, time.Second, time.Minute, 55*time.Second); p99 != 0 {
			t.Errorf("the other bus waits: jitter %v", p99)
		}
	})
}

// TestHangingBus_real is the same test by the real clock. Other programs on the
// machine may spoil a try.
func TestHangingBus_real(t *testing.T) {
	if os.Getenv("EDGE_LONG") == "" {
		t.Skip("EDGE_LONG=1 is not set")
	}
	for range 5 {
		if p99 := hangOneBus(t, 20*time.Millisecond, 8*time.Second, 6*time.Second); p99 < 10*time.Millisecond {
			return
		}
	}
	t.Error("jitter of 10 ms and more each time")
}

// TestStuckBusIsOneFault: a bus that is held low fails at each of its chips. That is
// a fault of the bus whatever errno the controller gives. The bus is opened again
// meanwhile, and everything is counted.
func TestStuckBusIsOneFault(t *testing.T) {
	for _, errno := range []error{syscall.ETIMEDOUT, syscall.EIO, syscall.EREMOTEIO, syscall.ENXIO} {
		synctest.Test(t, func(t *testing.T) {
			bus, opens := i2csim.New("i2c-1"), 0
			bus.Attach(0x48, i2csim.NewLM75(11))
			r := &i2cBus{name: "i2c-1", open: func(string) (i2c.BusCloser, error) { opens++; return keepOpen{bus}, nil }}
			read := func(addr uint16) error { return r.Tx(addr, []byte{0}, make([]byte, 2)) }
			for range 3 * reopenAfter { // one chip that is not there is no fault of the bus
				if err := read(0x49); err == nil || errors.Is(err, drivers.ErrBus) {
					t.Fatalf("one absent chip: %v", err)
				}
				time.Sleep(openPause)
			}
			if err := read(0x48); err != nil {
				t.Fatal(err)
			}
			if bus.FailNext(-1, errno); errno == syscall.ETIMEDOUT {
				bus.HoldLow(true)
			}
			var last error
			for i := range 2 * reopenAfter {
				last = read(0x48 + uint16(i%2))
				time.Sleep(openPause)
			}
			if !errors.Is(last, drivers.ErrBus) || !errors.Is(last, errno) {
				t.Errorf("%v: got %v", errno, last)
			}
			bus.HoldLow(false)
			if err := read(0x48); err != nil {
				t.Error(err)
			}
			s := r.counters()
			var failed uint64
			for _, n := range s.Errors {
				failed += n
			}
			if s.Transfers != 5*reopenAfter+2 || s.Opens != uint64(opens) || opens != 6 || failed != 5*reopenAfter || s.Underway != 0 {
				t.Errorf("%+v, %d opens", s, opens)
			}
		})
	}
}

// unplugged is the bus of an adapter that may be unplugged.
type unplugged struct {
	*i2csim.Bus
	gone, closed *bool
}

func (u unplugged) Gone() bool   { return *u.gone }
func (u unplugged) Close() error { *u.closed = true; return nil }

// The bus of an unplugged adapter is closed with the first failure: the kernel waits
// for that before it sees the adapter's return.
func TestUnpluggedBus(t *testing.T) {
	for _, errno := range []error{syscall.EIO, syscall.ENODEV} {
		bus, gone, closed := i2csim.New("i2c-7"), false, false
		bus.Attach(0x48, i2csim.NewLM75(11))
		r := &i2cBus{name: "i2c-7", open: func(string) (i2c.BusCloser, error) { return unplugged{bus, &gone, &closed}, nil }}
		read := func() error { return r.Tx(0x48, []byte{0}, make([]byte, 2)) }
		if bus.FailNext(1, syscall.EIO); read() == nil || closed {
			t.Errorf("closed %v for one lost transfer", closed)
		}
		gone = errno == syscall.EIO
		if bus.FailNext(1, errno); !errors.Is(read(), drivers.ErrBus) || !closed {
			t.Errorf("%v: closed %v", errno, closed)
		}
	}
}

func TestI2CStats(t *testing.T) {
	l := Open([]config.Bus{{Name: "env", I2C: "auto"}}, Host{I2C: func(string) (i2c.BusCloser, error) {
		bus := i2csim.New("sim")
		bus.Attach(0x48, i2csim.NewLM75(11))
		return bus, nil
	}})
	for _, addr := range []uint16{0x48, 0x48, 0x49} {
		_ = l.byName["env"].i2c.Tx(addr, []byte{0}, make([]byte, 2))
	}
	want := I2CStats{Bus: "env", Transfers: 3, Opens: 1, Errors: [len(I2CReasons)]uint64{1}}
	if got := l.I2CStats(); len(got) != 1 || got[0] != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
