package main

import (
	"fmt"
	"time"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/sampler"
	"iot-edge-anomaly/drivers"
)

// cellsOf tells the sampler where a machine's channels come from.
func cellsOf(c *config.Config, m config.Machine) (out []sampler.Cell) {
	for _, r := range m.Resolved {
		out = append(out, sampler.Cell{Sensor: c.Sensors[r.Sensor].Name, Index: r.Cell})
	}
	return out
}

// readPeriods is how often each sensor is read: in its own period or, where it
// has none, as often as the fastest machine that uses it wants; 0 where no
// machine does.
func readPeriods(c *config.Config, machines []config.Machine) []time.Duration {
	period := make([]time.Duration, len(c.Sensors))
	for _, m := range machines {
		for _, r := range m.Resolved {
			if p := &period[r.Sensor]; *p == 0 || m.Period < *p {
				*p = m.Period
			}
		}
	}
	for i, s := range c.Sensors {
		if period[i] != 0 && s.Period != 0 {
			period[i] = s.Period
		}
	}
	return period
}

// newGroup builds the sampler of the machines.
func newGroup(c *config.Config, machines []config.Machine, sensors []drivers.Sensor) (*sampler.Group, error) {
	period := readPeriods(c, machines)
	var specs []sampler.MachineSpec
	for _, m := range machines {
		specs = append(specs, sampler.MachineSpec{Name: m.Name, Period: m.Period, Cells: cellsOf(c, m)})
	}
	var g groupBuses
	for i, s := range c.Sensors {
		if period[i] == 0 {
			continue
		}
		g.add(c, s, sampler.SensorSpec{Name: s.Name, Sensor: sensors[i], Period: period[i], MaxAge: s.MaxAge, Checks: checksOf(s, sensors[i]), Device: deviceOf(s)})
	}
	return sampler.New(g, specs)
}

// checksOf is what the configuration says of each of a sensor's channels.
func checksOf(c config.Sensor, s drivers.Sensor) (out []sampler.Check) {
	for _, ch := range s.Channels() {
		q := c.Checks[ch.Name]
		var r *config.Range
		if at, has := c.Ranges[ch.Name]; has {
			r = &at
		}
		for _, reg := range c.Registers {
			if reg.Name == ch.Name {
				q, r = reg.Checks, reg.Range
			}
		}
		check := sampler.Check{MaxRate: q.MaxRate, MaxSpike: q.MaxSpike, FlatAfter: q.FlatAfter, FlatBand: q.FlatBand}
		if r != nil {
			check.Range = sampler.Range{Min: r.Min, Max: r.Max}
		}
		out = append(out, check)
	}
	return out
}

// deviceOf names the Modbus unit that a sensor is a part of.
func deviceOf(s config.Sensor) string {
	if s.Driver != "modbus" {
		return ""
	}
	return fmt.Sprintf("unit %d", s.Unit)
}

// groupBuses collects sensors by the bus they share.
type groupBuses []sampler.BusSpec

func (g *groupBuses) add(c *config.Config, s config.Sensor, spec sampler.SensorSpec) {
	name := s.Bus
	if name == "" {
		name = s.Name // a file: nothing shares it
	}
	for i := range *g {
		if b := &(*g)[i]; b.Name == name {
			b.Sensors = append(b.Sensors, spec)
			return
		}
	}
	*g = append(*g, sampler.BusSpec{Name: name, Sensors: []sampler.SensorSpec{spec}, Patience: patience(c, name), AtOnce: connections(c, name)})
}

// connections is how many sensors of a bus are read at once.
func connections(c *config.Config, bus string) int {
	for _, b := range c.Buses {
		if b.Name == bus {
			return b.Connections
		}
	}
	return 1
}

// patience is how long a read on the bus may take: a few requests that time
// out one after the other, or what a driver of the kernel waits for, a 1-Wire
// conversion or a block of samples.
func patience(c *config.Config, bus string) time.Duration {
	for _, b := range c.Buses {
		if b.Name == bus {
			return max(3*b.Timeout, time.Second)
		}
	}
	return 3 * time.Second
}
