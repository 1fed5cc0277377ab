package gateway

import (
	"errors"
	"fmt"
	"slices"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/machine"
	"iot-edge-anomaly/agent/models"
	"iot-edge-anomaly/agent/settings"
	"iot-edge-anomaly/agent/spool"
	"iot-edge-anomaly/agent/state"
	"iot-edge-anomaly/drivers"
)

// difference tells what of a plant stays when another configuration comes into force.
// A bus stays if its own settings do; a sensor if its settings and its bus stay; a
// machine if its settings, its sensors and its model stay and no panic has stopped it.
type difference struct {
	buses   map[string]bool // those that stay
	sensors map[string]drivers.Sensor
	units   map[string]*unit
	changed []string // what does not, for people
}

// compare finds the difference between a plant and a configuration. An error means
// that a model was put in place that cannot be used.
func (p *plant) compare(c *config.Config) (*difference, error) {
	d := &difference{buses: map[string]bool{}, sensors: map[string]drivers.Sensor{}, units: map[string]*unit{}}
	d.compareBuses(p.cfg, c)
	d.compareSensors(p, c)
	return d, d.compareMachines(p, c)
}

// note says what became of something: it was there before, is there now, and is the
// same.
func (d *difference) note(what, name string, before, now, same bool) {
	switch {
	case before && !now:
		d.changed = append(d.changed, what+" "+name+" removed")
	case !before && now:
		d.changed = append(d.changed, what+" "+name+" added")
	case !same:
		d.changed = append(d.changed, what+" "+name+" changed")
	}
}

func (d *difference) compareBuses(old, c *config.Config) {
	for _, b := range c.Buses {
		i := slices.IndexFunc(old.Buses, func(o config.Bus) bool { return o.Name == b.Name })
		same := i >= 0 && config.Same(old.Buses[i], b)
		d.buses[b.Name] = same
		d.note("bus", b.Name, i >= 0, true, same)
	}
	for _, o := range old.Buses {
		if !slices.ContainsFunc(c.Buses, func(b config.Bus) bool { return b.Name == o.Name }) {
			d.note("bus", o.Name, true, false, false)
		}
	}
}

func (d *difference) compareSensors(p *plant, c *config.Config) {
	for i, s := range c.Sensors {
		j := slices.IndexFunc(p.cfg.Sensors, func(o config.Sensor) bool { return o.Name == s.Name })
		// What the channels may do is the sensor's, wherever the file says it.
		same := j >= 0 && config.Same(p.cfg.Sensors[j], s) && sameChannels(p.cfg.Channels[j], c.Channels[i])
		d.note("sensor", s.Name, j >= 0, true, same)
		if same && (s.Bus == "" || d.buses[s.Bus]) {
			d.sensors[s.Name] = p.sensors[j]
		}
	}
	for _, o := range p.cfg.Sensors {
		if !slices.ContainsFunc(c.Sensors, func(s config.Sensor) bool { return s.Name == o.Name }) {
			d.note("sensor", o.Name, true, false, false)
		}
	}
}

// sameChannels compares channels, wherever in its file their sensor stands.
func sameChannels(a, b []config.ChannelRef) bool {
	return slices.EqualFunc(a, b, func(a, b config.ChannelRef) bool {
		a.Sensor, b.Sensor = 0, 0
		return config.Same(a, b)
	})
}

func (d *difference) compareMachines(p *plant, c *config.Config) error {
	var errs []error
	for _, mc := range c.Machines {
		u := p.unit(mc.Name)
		same := u != nil && !u.Failed() && config.Same(p.cfg.Trust, c.Trust) && d.sameMachine(u.conf, mc, c)
		if u != nil {
			other, err := u.otherModel(c, mc)
			errs = append(errs, err)
			same = same && !other
		}
		if same {
			d.units[mc.Name] = u
		}
		d.note("machine", mc.Name, u != nil, true, same)
		if lost := u.lostRows(mc); !same && lost > 0 {
			d.changed[len(d.changed)-1] += " (its " + spool.Count(lost, "learning row does", "learning rows do") + " not fit any more: they are collected anew)"
		}
	}
	for _, u := range p.units {
		if !slices.ContainsFunc(c.Machines, func(m config.Machine) bool { return m.Name == u.Name() }) {
			d.note("machine", u.Name(), true, false, false)
		}
	}
	return errors.Join(errs...)
}

// sameMachine tells whether a machine's settings and sensors stay.
func (d *difference) sameMachine(old, now config.Machine, c *config.Config) bool {
	for _, r := range now.Resolved {
		if d.sensors[c.Sensors[r.Sensor].Name] == nil {
			return false
		}
	}
	if !sameChannels(old.Resolved, now.Resolved) {
		return false
	}
	old.Resolved, now.Resolved = nil, nil
	return config.Same(old, now)
}

// otherModel tells whether the machine would start with another model than the one
// that it has. If somebody has put one there that cannot be used, that is an error.
func (u *unit) otherModel(c *config.Config, mc config.Machine) (bool, error) {
	store := models.Of(c, mc).Models
	stamp := store.Stamp()
	// A folder without versions may look as it did before the machine was learnt.
	vanished := store.Writable() && len(store.Versions()) == 0 && u.Status().Model.SHA256 != ""
	if stamp == u.stamp && mc.Model.Path == u.conf.Model.Path && !vanished {
		return false, nil
	}
	if has, passed := u.has(store); has && passed == nil {
		u.stamp = stamp
		return false, nil
	} else if has {
		return false, config.Refuse(fmt.Errorf("machine %s: the version at work stays, for the active one cannot be used: %w: %s", mc.Name, passed, "activate another one with model activate, or mend it; then reload"))
	}
	if a := assess(store, c, mc); a.Err != nil && !errors.Is(a.Err, state.ErrNone) {
		return false, config.Refuse(fmt.Errorf("machine %s: %s: %s", mc.Name, a.Problem, a.Cure))
	}
	return true, nil
}

// lostRows is how many learning rows the machine has that are of no use with other
// settings. A nil unit has none.
func (u *unit) lostRows(mc config.Machine) int {
	if u == nil || settings.Schema(u.conf).Hash() == settings.Schema(mc).Hash() {
		return 0
	}
	s := u.Status()
	return s.Learning.Have
}

// has tells whether the active model is the one at work: the machine itself has learnt
// it, and whether it fits another configuration is for the machine to say. passed tells
// of versions that should come before it and cannot be used.
func (u *unit) has(models *state.Models) (is bool, passed error) {
	active, err := models.Active(settings.Schema(u.conf))
	if active == nil {
		return false, err
	}
	s := u.Status()
	return active.SHA256() == s.Model.SHA256 || active.SHA256() == s.Storing, err
}

// assess tells what a machine would start with.
func assess(models *state.Models, c *config.Config, mc config.Machine) machine.Assessment {
	s := settings.Schema(mc)
	return machine.Assess(models, s, learning(c, mc, s))
}
