package devices

import (
	"fmt"
	"slices"
	"time"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/sampler"
	"iot-edge-anomaly/drivers"
)

// Group makes the sampler that reads the sensors for the machines. sensors are
// those of Sensors, in the configuration's order; those that no machine uses are
// not read. An error means that the configuration does not fit; it is a
// config.Refusal.
func Group(c *config.Config, machines []config.Machine, sensors []drivers.Sensor) (*sampler.Group, error) {
	periods := Periods(c, machines)
	var specs []sampler.MachineSpec
	for _, m := range machines {
		specs = append(specs, sampler.MachineSpec{Name: m.Name, Period: m.Period, Cells: cells(c, m)})
	}
	var sources sources
	for i, s := range c.Sensors {
		if periods[i] != 0 {
			sources.add(c, i, sampler.SensorSpec{Name: s.Name, Sensor: sensors[i], Period: periods[i], MaxAge: s.MaxAge,
				Checks: checks(c.Channels[i]), Device: device(s)})
		}
	}
	g, err := sampler.New(sources.buses, sources.derived, specs)
	return g, config.Refuse(err)
}

// Readings makes a sampler that reads the sensors for nobody: its user looks at
// the readings themselves. periods has one period for each sensor of the
// configuration; a sensor with 0 is not read, unless one that is read is computed
// from it. An error is a config.Refusal.
func Readings(c *config.Config, sensors []drivers.Sensor, periods []time.Duration) (*sampler.Group, error) {
	periods = slices.Clone(periods)
	for i := range c.Sensors {
		for _, input := range Inputs(c, i) {
			if periods[input] == 0 {
				periods[input] = periods[i]
			}
		}
	}
	var sources sources
	for i, s := range c.Sensors {
		if periods[i] != 0 {
			sources.add(c, i, sampler.SensorSpec{Name: s.Name, Sensor: sensors[i], Period: periods[i], Checks: checks(c.Channels[i])})
		}
	}
	g, err := sampler.New(sources.buses, sources.derived, nil)
	return g, config.Refuse(err)
}

// Periods is how often each sensor of the configuration is read: in its own period
// or, where it has none, as often as the fastest machine that uses it wants; 0
// where no machine uses it.
func Periods(c *config.Config, machines []config.Machine) []time.Duration {
	periods := make([]time.Duration, len(c.Sensors))
	for _, m := range machines {
		for _, r := range m.Resolved {
			if p := &periods[r.Sensor]; *p == 0 || m.Period < *p {
				*p = m.Period
			}
		}
	}
	for i, s := range c.Sensors {
		if periods[i] != 0 && s.Period != 0 {
			periods[i] = s.Period
		}
	}
	return periods
}

// Patience is how long one read on the named bus may take: a few requests that
// time out one after the other, or what a driver of the kernel waits for, such as
// a 1-Wire conversion or a block of samples.
func Patience(c *config.Config, bus string) time.Duration {
	for _, b := range c.Buses {
		switch {
		case b.Name != bus:
		case b.Modbus == nil:
			return i2cPatience
		default:
			return max(3*b.Timeout, time.Second)
		}
	}
	return 3 * time.Second
}

// i2cPatience is how long one read on an I2C bus may take: some transfers that the
// kernel gives up, each after 200 ms.
const i2cPatience = 1500 * time.Millisecond

// cells tells the sampler where a machine's channels come from.
func cells(c *config.Config, m config.Machine) (out []sampler.Cell) {
	for _, r := range m.Resolved {
		out = append(out, sampler.Cell{Sensor: c.Sensors[r.Sensor].Name, Index: r.Cell})
	}
	return out
}

// checks is what the configuration says of each of a sensor's channels.
func checks(channels []config.ChannelRef) (out []sampler.Check) {
	for _, c := range channels {
		q := c.Checks
		check := sampler.Check{MaxRate: q.MaxRate, MaxSpike: q.MaxSpike, FlatAfter: q.FlatAfter, FlatBand: q.FlatBand}
		if c.Range != nil {
			check.Range = sampler.Range{Min: c.Range.Min, Max: c.Range.Max}
		}
		if n := c.Counter; n != nil {
			check.Counter = sampler.Counter{Per: n.Per, Step: n.Step, Relative: n.Relative, Span: n.Span}
		}
		out = append(out, check)
	}
	return out
}

// device names the Modbus unit that a sensor is a part of; empty for others.
func device(s config.Sensor) string {
	if s.Driver != "modbus" {
		return ""
	}
	return fmt.Sprintf("unit %d", s.Unit)
}

// sources collects sensors: measured ones by the bus that they share, and derived
// ones.
type sources struct {
	buses   []sampler.BusSpec
	derived []sampler.DerivedSpec
}

// add adds a sensor of the configuration.
func (g *sources) add(c *config.Config, sensor int, spec sampler.SensorSpec) {
	if d, is := spec.Sensor.(*derivedSensor); is {
		g.derived = append(g.derived, d.spec(spec.Name, c.Channels[sensor]))
		return
	}
	name := c.Sensors[sensor].Bus
	switch {
	case name != "":
	case c.Sensors[sensor].Driver == "mqtt":
		name = brokerBus(c.Sensors[sensor])
	default:
		name = spec.Name // a file, or the kernel's: it shares no bus
	}
	for i := range g.buses {
		if b := &g.buses[i]; b.Name == name {
			b.Sensors = append(b.Sensors, spec)
			return
		}
	}
	g.buses = append(g.buses, sampler.BusSpec{Name: name, Sensors: []sampler.SensorSpec{spec}, Patience: Patience(c, name), AtOnce: connections(c, name)})
}

// connections is how many sensors of a bus are read at once.
func connections(c *config.Config, bus string) int {
	for _, b := range c.Buses {
		if b.Name == bus && b.Modbus != nil && !b.Modbus.Listen {
			return b.Connections
		}
	}
	return 1
}
