package devices

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/sampler"
	"iot-edge-anomaly/drivers"
	"iot-edge-anomaly/drivers/driverstest"
	"iot-edge-anomaly/drivers/modbus"
	"iot-edge-anomaly/drivers/sim/modbussim"
)

// asked notes when each unit on a line was asked.
type asked struct {
	io.ReadWriteCloser
	mu sync.Mutex
	at map[uint8][]time.Time
}

func (a *asked) Read(b []byte) (int, error) {
	n, err := a.ReadWriteCloser.Read(b)
	if n == 8 { // one request
		a.mu.Lock()
		a.at[b[0]] = append(a.at[b[0]], time.Now())
		a.mu.Unlock()
	}
	return n, err
}

// neighbours is a serial line with four units. Unit 1, which stands first, has twelve
// sensors; the other three units have one each.
func neighbours(t *testing.T, port string, period time.Duration) *config.Config {
	t.Helper()
	var text bytes.Buffer
	fmt.Fprintf(&text, "buses:\n  line: {modbus: \"rtu://%s?baud=115200\", timeout: 200ms}\nsensors:\n", port)
	for i := range 12 {
		fmt.Fprintf(&text, "  - {name: dead%d, driver: modbus, bus: line, unit: 1, registers: [{name: x, at: \"input:%d\", type: u16}]}\n", i, i)
	}
	for unit := 2; unit <= 4; unit++ {
		fmt.Fprintf(&text, "  - {name: live%d, driver: modbus, bus: line, unit: %d, registers: [{name: x, at: \"input:3\", type: u16}]}\n", unit, unit)
	}
	fmt.Fprintf(&text, "machines: [{name: main, channels: [\"*\"], period: %v}]\n", period)
	c, problems := config.Parse("config.yaml", text.Bytes(), Infos())
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	return c
}

// watched runs a group and returns the faults that arise until stop.
func watched(g *sampler.Group) (stop func() []sampler.Fault) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { g.Run(ctx) })
	wg.Go(func() {
		m := g.Sampler("main")
		for f := range m.Frames() {
			m.Release(f)
		}
	})
	var faults []sampler.Fault
	wg.Go(func() {
		for f := range g.Faults() {
			faults = append(faults, f)
		}
	})
	return func() []sampler.Fault {
		cancel()
		wg.Wait()
		return faults
	}
}

// oneFault wants one fault. It may be reported twice: where the unit died between two
// of its sensors, the second report names all of them.
func oneFault(t *testing.T, faults []sampler.Fault) {
	t.Helper()
	names := map[string]bool{}
	for _, f := range faults {
		t.Logf("fault %+v", f)
		if names[f.Sensor] = true; !f.Open {
			t.Errorf("closed: %+v", f)
		}
	}
	if len(names) != 1 || len(faults) > 2 {
		t.Errorf("%d tellings of %d faults, want one", len(faults), len(names))
	}
}

// pipeLine is a serial line of units whose input register n holds n. One unit is dead
// between two moments. It notes when each unit is asked. A request and its answer
// take 3 ms.
func pipeLine(a *asked, dead uint8, from, to time.Time) func(context.Context) (io.ReadWriteCloser, error) {
	return func(context.Context) (io.ReadWriteCloser, error) {
		near, far := net.Pipe()
		a.ReadWriteCloser = far
		go func() {
			defer far.Close()
			req := make([]byte, 8)
			for {
				if _, err := a.Read(req); err != nil {
					return
				}
				if now := time.Now(); req[0] == dead && now.After(from) && now.Before(to) {
					continue
				}
				time.Sleep(3 * time.Millisecond)
				far.Write(appendSum([]byte{req[0], req[1], 2, req[2], req[3]}))
			}
		}()
		return near, nil
	}
}

// TestDeadSlave_virtual: by a clock that no other program disturbs, the neighbours of
// a dead unit are read in their period within 5 %, from the third period after its
// death on. Its return, 50 s later, closes the one fault.
func TestDeadSlave_virtual(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const period = 500 * time.Millisecond
		c := neighbours(t, "/dev/ttyUSB0", period)
		tap := &asked{at: map[uint8][]time.Time{}}
		dies := time.Now().Add(20 * period)
		returns := dies.Add(100 * period)
		l := modbus.NewLine(pipeLine(tap, 1, dies, returns), lineOptions(c.Buses[0], modbus.RTU))
		var sensors []drivers.Sensor
		for _, s := range c.Sensors {
			d, err := makeModbus(s, bus{modbus: l})
			if err != nil {
				t.Fatal(err)
			}
			sensors = append(sensors, d)
		}
		g, err := Group(c, c.Machines, sensors)
		if err != nil {
			t.Fatal(err)
		}
		stop := watched(g)
		time.Sleep(200 * period)
		faults := stop()
		l.Close()
		time.Sleep(time.Second) // the line's last answer
		tap.mu.Lock()
		defer tap.mu.Unlock()
		for unit := uint8(2); unit <= 4; unit++ {
			var worst time.Duration
			n := 0
			for i, at := range tap.at[unit] {
				if i == 0 || at.After(dies) && at.Before(dies.Add(3*period)) || at.After(returns) {
					continue
				}
				n++
				worst = max(worst, (at.Sub(tap.at[unit][i-1]) - period).Abs())
			}
			if n < 115 || worst > period/20 {
				t.Errorf("unit %d: %d intervals, the worst %v off", unit, n, worst)
			}
			t.Logf("unit %d: %d intervals, the worst %v off", unit, n, worst)
		}
		probes := 0
		for _, at := range tap.at[1] {
			if at.After(dies.Add(3*period)) && at.Before(returns) {
				probes++
			}
		}
		if t.Logf("the dead unit: %d times in 48 s", probes); probes < 1 || probes > 15 {
			t.Errorf("the dead unit was asked %d times", probes)
		}
		end := faults[len(faults)-1]
		faults = faults[:len(faults)-1]
		oneFault(t, faults)
		if t.Logf("fault %+v", end); end.Open || end.Time.After(returns.Add(35*time.Second)) {
			t.Errorf("the last of the faults: %+v, want it closed within 35 s of %v", end, returns)
		}
		if all := faults[len(faults)-1].Channels; len(all) != 12 || faults[len(faults)-1].Time.After(dies.Add(5*period)) {
			t.Errorf("%v are missing at %v", all, faults[len(faults)-1].Time.Sub(dies))
		}
	})
}

// TestDeadSlaveCostsItsNeighboursNothing: one of four units on a serial line dies.
// The others are asked as often and as regularly as before. There is one fault,
// although the dead unit is twelve sensors.
func TestDeadSlaveCostsItsNeighboursNothing(t *testing.T) {
	const period = 500 * time.Millisecond
	p, err := modbussim.OpenPTY()
	if err != nil {
		t.Fatal(err)
	}
	units := map[uint8]*modbussim.Bank{}
	for unit := uint8(1); unit <= 4; unit++ {
		units[unit] = &modbussim.Bank{}
		for at := range 20 {
			units[unit].SetInput(at, uint16(at))
		}
	}
	tap := &asked{ReadWriteCloser: p, at: map[uint8][]time.Time{}}
	s := modbussim.ServeRTU(tap, 115200, units)
	defer s.Close()
	c := neighbours(t, p.Path, period)
	l := Open(c.Buses, Host{})
	defer l.Close()
	sensors, err := Sensors(c, l)
	if err != nil {
		t.Fatal(err)
	}
	g, err := Group(c, c.Machines, sensors)
	if err != nil {
		t.Fatal(err)
	}
	stalls := driverstest.WatchStalls(t)
	stop := watched(g)
	time.Sleep(6 * period)
	s.SetSilent(1, true)
	time.Sleep(3*period + period/2) // it was found silent twice; now is between two ticks
	from := time.Now()
	time.Sleep(24 * period)
	until := time.Now()
	faults := stop()
	tap.mu.Lock()
	defer tap.mu.Unlock()
	for unit := uint8(2); unit <= 4; unit++ {
		var off []float64
		n := 0
		for i, at := range tap.at[unit] {
			if i > 0 && at.After(from) && at.Before(until) {
				n++
				before := tap.at[unit][i-1]
				own := (at.Sub(before) - period).Abs() - stalls.Between(before.Add(-period), at)
				off = append(off, float64(own)/float64(period))
			}
		}
		far := 0 // told only: a busy machine is late by itself, TestDeadSlave_virtual is strict
		for _, o := range off {
			if o > 0.05 {
				far++
			}
		}
		slices.Sort(off)
		// Where this machine stood still, the reading of that moment and the next may be lost.
		lost, ticks := 2*stalls.Longer(period/10, from, until), int(until.Sub(from)/period)
		if n < ticks-1-lost || n > ticks+1 || n == 0 || off[n/2] > 0.05 {
			t.Errorf("unit %d was asked %d times in %d periods, half of them more than %.1f %% off", unit, n, ticks, 100*off[n/2])
		}
		t.Logf("unit %d: %d times, %d more than 5 %% off", unit, n, far)
	}
	probes := 0
	for _, at := range tap.at[1] {
		if at.After(from) && at.Before(until) {
			probes++
		}
	}
	t.Logf("the dead unit: %d times", probes)
	// A request that was due before the span may be late.
	if late := stalls.Longer(period/10, from.Add(-4*period), from); probes < 1 || probes > 5+late {
		t.Errorf("the dead unit was asked %d times in %v, want growing pauses", probes, until.Sub(from))
	}
	oneFault(t, faults)
}
