package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/sampler"
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

// TestDeadSlaveCostsItsNeighboursNothing: of four units on a serial line one
// dies. The others are asked as often and as regularly as before, and there is
// one fault, of the dead one, though it is twelve sensors.
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
	var text bytes.Buffer
	fmt.Fprintf(&text, "buses:\n  line: {modbus: \"rtu://%s?baud=115200\", timeout: 200ms}\nsensors:\n", p.Path)
	for i := range 12 { // the dead unit stands first and is split
		fmt.Fprintf(&text, "  - {name: dead%d, driver: modbus, bus: line, unit: 1, registers: [{name: x, at: \"input:%d\", type: u16}]}\n", i, i)
	}
	for unit := 2; unit <= 4; unit++ {
		fmt.Fprintf(&text, "  - {name: live%d, driver: modbus, bus: line, unit: %d, registers: [{name: x, at: \"input:3\", type: u16}]}\n", unit, unit)
	}
	fmt.Fprintf(&text, "machines: [{name: main, channels: [\"*\"], period: %v}]\n", period)
	file := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(file, text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(file, driverInfos())
	if err != nil {
		t.Fatal(err)
	}
	l := newLines(c.Buses, nil)
	defer l.Close()
	sensors, err := makeSensors(c, l)
	if err != nil {
		t.Fatal(err)
	}
	g, err := newGroup(c, c.Machines, sensors)
	if err != nil {
		t.Fatal(err)
	}
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
	time.Sleep(6 * period)
	s.SetSilent(1, true)
	time.Sleep(3 * period) // found silent, twice
	from := time.Now()
	time.Sleep(24 * period)
	until := time.Now()
	cancel()
	wg.Wait()
	tap.mu.Lock()
	defer tap.mu.Unlock()
	for unit := uint8(2); unit <= 4; unit++ {
		var off []float64
		n := 0
		for i, at := range tap.at[unit] {
			if i > 0 && at.After(from) && at.Before(until) {
				n++
				off = append(off, math.Abs(float64(at.Sub(tap.at[unit][i-1])-period))/float64(period))
			}
		}
		far := 0 // a busy machine is late by itself now and then
		for _, o := range off {
			if o > 0.05 {
				far++
			}
		}
		if n < 23 || n > 25 || far > 4 {
			t.Errorf("unit %d was asked %d times in 24 periods, %d of them more than 5 %% off", unit, n, far)
		}
		t.Logf("unit %d: %d times, %d more than 5 %% off", unit, n, far)
	}
	probes := 0
	for _, at := range tap.at[1] {
		if at.After(from) {
			probes++
		}
	}
	t.Logf("the dead unit: %d times", probes)
	if probes < 1 || probes > 5 {
		t.Errorf("the dead unit was asked %d times in %v, want growing pauses", probes, until.Sub(from))
	}
	for _, f := range faults {
		t.Logf("fault %+v", f)
	}
	if len(faults) != 1 {
		t.Errorf("%d faults, want one", len(faults))
	}
}
