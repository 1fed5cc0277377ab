package devices

import (
	"fmt"
	"math"
	"sync"
	"testing"

	"periph.io/x/conn/v3/i2c"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/drivers/sim/i2csim"
)

// muxed is a bus with two multiplexers. At each of the ports 0 to 3 of both sits a
// thermometer with the same address, and another one directly on the bus.
func muxed(t *testing.T) (bus *i2csim.Bus, muxes [2]*i2csim.Mux) {
	t.Helper()
	bus = i2csim.New("i2c")
	direct := i2csim.NewLM75(11)
	direct.Set(99)
	bus.Attach(0x49, direct)
	for k := range muxes {
		muxes[k] = i2csim.NewMux()
		bus.AttachMux(uint16(0x70+k), muxes[k])
		for port := range 4 {
			chip := i2csim.NewLM75(11)
			chip.Set(float64(10*k + port))
			muxes[k].Port(port).Attach(0x48, chip)
		}
	}
	return bus, muxes
}

// Chips with the same address behind the ports of two multiplexers, and one beside
// them, are read at the same time, as those of several buses are. Each value is that of
// its own chip, and never are two ports open. After a loss of power of a multiplexer
// this holds too.
func TestMux(t *testing.T) {
	text, want := "buses:\n  direct: {i2c: /dev/i2c-1}\n", []float64{99}
	sensors := "sensors:\n  - {name: direct, driver: lm75, bus: direct, address: 0x49}\n"
	for k := range 2 {
		for port := range 4 {
			text += fmt.Sprintf("  m%d%d: {i2c: /dev/i2c-1, mux: %#x, port: %d}\n", k, port, 0x70+k, port)
			sensors += fmt.Sprintf("  - {name: s%d%d, driver: lm75, bus: m%d%d}\n", k, port, k, port)
			want = append(want, float64(10*k+port))
		}
	}
	c, problems := config.Parse("config.yaml", []byte(text+sensors), Infos())
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	bus, muxes := muxed(t)
	buses := Open(c.Buses[:5], Host{I2C: func(string) (i2c.BusCloser, error) { return keepOpen{bus}, nil }})
	buses = buses.Next(c.Buses, func(name string) bool { return buses.byName[name].i2c != nil }, func(string) bool { return false })
	defer buses.Close()
	all, err := Sensors(c, buses)
	if err != nil {
		t.Fatal(err)
	}
	defer CloseSensors(all)
	for round := range 20 {
		if round%5 == 4 {
			muxes[0].PowerCycle()
		}
		var reading sync.WaitGroup
		for i, s := range all {
			reading.Go(func() {
				dst := []float64{math.NaN()}
				for range 5 {
					if err := s.Read(t.Context(), dst); err != nil || dst[0] != want[i] {
						t.Errorf("sensor %s: %v %v, want %v", c.Sensors[i].Name, dst[0], err, want[i])
					}
				}
			})
		}
		reading.Wait()
	}
	for k, m := range muxes {
		if n := m.Twice(); n != 0 {
			t.Errorf("multiplexer %d: two ports were open in %d transfers", k, n)
		}
	}
}
