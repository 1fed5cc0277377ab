package gateway

import (
	"errors"
	"fmt"
	"log/slog"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/devices"
	"iot-edge-anomaly/agent/sampler"
	"iot-edge-anomaly/drivers"
)

// prepared is another configuration for a plant that runs, with everything made that
// can be made without stopping anything.
type prepared struct {
	*difference
	next  *plant
	shape *sampler.Group // what the sampler is to become
}

// prepare makes what a configuration needs beside what stays. An error means that the
// configuration does not fit; nothing has changed then.
func (p *plant) prepare(c *config.Config) (*prepared, error) {
	d, err := p.compare(c)
	if err != nil {
		return nil, err
	}
	next := &plant{cfg: c, group: p.group, life: p.life, plantOptions: p.plantOptions}
	next.buses = p.buses.Next(c.Buses, func(name string) bool { return d.buses[name] }, func(name string) bool { return d.sensors[name] != nil })
	out := &prepared{difference: d, next: next}
	if next.sensors, err = devices.SensorsBeside(c, next.buses, d.sensors); err != nil {
		return nil, errors.Join(err, next.buses.CloseBut(p.buses))
	}
	if out.shape, err = devices.Group(c, c.Machines, next.sensors); err == nil {
		err = out.probe()
	}
	if err != nil {
		return nil, errors.Join(err, out.discard(p))
	}
	return out, nil
}

// probe makes the machines that do not stay and throws them away: what is on disk
// belongs to those at work until they stop. It logs nothing.
func (c *prepared) probe() error {
	quiet := *c.next
	quiet.log = slog.New(slog.DiscardHandler)
	for _, mc := range c.next.cfg.Machines {
		if c.units[mc.Name] != nil {
			continue
		}
		if _, err := quiet.newUnit(mc); err != nil {
			return err
		}
	}
	return nil
}

// discard closes what prepare has made.
func (c *prepared) discard(p *plant) error {
	return errors.Join(devices.CloseSensors(without(c.next.sensors, p.sensors)), c.next.buses.CloseBut(p.buses))
}

// without are the sensors of a that b does not have.
func without(a, b []drivers.Sensor) (out []drivers.Sensor) {
	for _, s := range a {
		if !contains(b, s) {
			out = append(out, s)
		}
	}
	return out
}

func contains(sensors []drivers.Sensor, s drivers.Sensor) bool {
	for _, o := range sensors {
		if o == s {
			return true
		}
	}
	return false
}

// enact stops what does not stay and takes the sampler to what it is to become. Its
// machines must be started. An error means that the plant has stopped halfway.
func (c *prepared) enact(p *plant) error {
	var stopped []string
	for _, u := range p.units {
		if c.units[u.Name()] == nil {
			stopped = append(stopped, u.Name())
		}
	}
	p.group.Stop(stopped...)
	for _, name := range stopped {
		if u := p.unit(name); u.done != nil {
			<-u.done
		}
	}
	p.group.Leave(c.shape)
	if err := errors.Join(devices.CloseSensors(without(p.sensors, c.next.sensors)), p.buses.CloseBut(c.next.buses)); err != nil {
		p.log.Warn("close sensors and buses", "error", err)
	}
	p.group.Become(c.shape)
	for _, mc := range c.next.cfg.Machines {
		u := c.units[mc.Name]
		if u == nil {
			var err error
			if u, err = c.next.newUnit(mc); err != nil {
				return restartError{fmt.Errorf("the configuration was good a moment ago: %w", err)}
			}
		}
		u.conf = mc
		c.next.units = append(c.next.units, u)
	}
	return nil
}

// startNew starts what the change has made.
func (p *plant) startNew() {
	p.buses.Listen(p.life.ctx)
	p.startUnits()
	p.group.Start()
}
