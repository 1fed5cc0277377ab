package sampler

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"iot-edge-anomaly/agent/derive"
	"iot-edge-anomaly/drivers"
)

// DerivedSpec is a sensor whose channels are computed from other channels of the
// same row.
type DerivedSpec struct {
	Name     string
	Channels []DerivedChannel
}

// DerivedChannel is a channel that is computed.
type DerivedChannel struct {
	drivers.Channel
	// Expr may use channels of measured sensors, and derived ones that come before
	// this one.
	Expr  *derive.Expr
	Check Check
}

// derivedSensor is what is known of the derived channels of one sensor.
type derivedSensor struct {
	DerivedSpec
	rows []*derivedCell // by channel: in the rows of the first machine that has it; nil = no machine has
}

// derivedCell is one derived channel in the rows of one machine.
type derivedCell struct {
	row     int   // its cell
	index   int   // in the sensor's channels
	inputs  []int // the cells that its expression uses
	names   []string
	formula *derive.Formula
	checker checker
	sensor  string
	sampler *Sampler

	// Guarded by sampler.derivedMu.
	newest derived
	flags  [Missing + 1]uint64 // by Quality
}

// derived is the outcome for one row.
type derived struct {
	value   float64
	worst   int // the input that quality comes from; -1 = none
	quality Quality
	doubt   Doubt
}

// fill computes the cell of a row whose inputs are complete. A value that is not
// finite is Missing; otherwise the quality is that of the worst input, and the
// channel's own checks judge what is computed from good ones. It is as old as its
// oldest input.
func (c *derivedCell) fill(f *Frame) derived {
	d := derived{quality: Good, worst: -1}
	at := f.Time
	for k, i := range c.inputs {
		if q := f.Quality[i]; q > d.quality {
			d.quality, d.worst = q, k
		}
		if t := &f.At[i]; t.Before(at) {
			at = *t
		}
	}
	d.value = c.formula.Row(f.Raw, d.quality == Good)
	switch finite := !math.IsNaN(d.value) && !math.IsInf(d.value, 0); {
	case !finite && d.quality < Stale:
		d.quality, d.value, d.worst = Missing, math.NaN(), -1
	case !finite:
		d.value = math.NaN()
	case d.quality == Good:
		d.quality, d.doubt = c.checker.flag(f.Time, d.value)
	}
	f.At[c.row], f.Quality[c.row], f.Raw[c.row], f.Values[c.row] = at, d.quality, d.value, math.NaN()
	if d.quality == Good {
		f.Values[c.row] = d.value
	}
	c.flags[d.quality]++
	return d
}

// compute fills the derived cells of a row, in an order in which each finds its
// inputs complete.
func (s *Sampler) compute(f *Frame) {
	if len(s.derived) == 0 {
		return
	}
	s.derivedMu.Lock()
	defer s.derivedMu.Unlock()
	s.derivedAt = f.Time
	for _, c := range s.derived {
		c.newest = c.fill(f)
	}
}

// derivedFlags adds up the flags of the derived cells, sensor by sensor.
func (s *Sampler) derivedFlags() (out []Flags) {
	s.derivedMu.Lock()
	defer s.derivedMu.Unlock()
	for k, c := range s.derived {
		if k == 0 || c.sensor != s.derived[k-1].sensor {
			for _, q := range Qualities {
				out = append(out, Flags{c.sensor, q, 0})
			}
		}
		for i, q := range Qualities {
			out[len(out)-len(Qualities)+i].N += c.flags[q]
		}
	}
	return out
}

// derive adds the derived channels of a machine to its sampler.
func (s *Sampler) derive(m MachineSpec, g *Group) error {
	at := map[string]int{} // the cell of each channel whose value is known before that of the next derived one
	for i, c := range m.Cells {
		if from := g.sensors[c.Sensor]; from != nil {
			at[c.Sensor+"."+from.sensor.Channels()[c.Index].Name] = i
		}
	}
	for _, d := range g.derived {
		for j, ch := range d.Channels {
			row := slices.Index(m.Cells, Cell{d.Name, j})
			if row < 0 {
				continue
			}
			c := &derivedCell{row: row, index: j, sensor: d.Name, checker: checker{check: ch.Check}, sampler: s}
			for _, ref := range ch.Expr.Refs() {
				i, has := at[ref.Channel]
				if !has {
					return fmt.Errorf("channel %s.%s: no channel %s comes before it in the machine", d.Name, ch.Name, ref.Channel)
				}
				c.inputs, c.names = append(c.inputs, i), append(c.names, ref.Channel)
			}
			c.formula = ch.Expr.Compile(func(channel string) int { return at[channel] })
			at[d.Name+"."+ch.Name] = row
			s.derived = append(s.derived, c)
			if d.rows[j] == nil {
				d.rows[j] = c
			}
		}
	}
	return nil
}

// reading is the newest row's values of the sensor's channels. A channel that is in
// no machine is computed from the readings of the other sensors, without the
// memory that a mean has in the rows of a machine.
func (d *derivedSensor) reading(others []Reading) Reading {
	n := len(d.Channels)
	r := Reading{Bus: d.Name, Sensor: d.Name, Derived: true, Values: make([]float64, n), Quality: make([]Quality, n), Doubts: make([]Doubt, n), Counts: make([]float64, n)}
	var errs []error
	for j, ch := range d.Channels {
		r.Channels = append(r.Channels, ch.Channel)
		var x derived
		var inputs []string
		var at time.Time // zero = not computed yet
		if c := d.rows[j]; c != nil {
			x, at = c.latest()
			inputs = c.names
		} else {
			x, at, inputs = ch.now(append(others, r))
		}
		r.Values[j], r.Quality[j], r.Doubts[j] = x.value, x.quality, x.doubt
		if at.IsZero() {
			r.Values[j], r.Quality[j] = math.NaN(), Missing
			continue
		}
		r.At = latest(r.At, at)
		if x.quality == Good {
			r.LastGood = latest(r.LastGood, at)
		}
		if err := x.reason(ch.Name, inputs); err != nil {
			errs = append(errs, err)
		}
	}
	r.Err = errors.Join(errs...)
	return r
}

// latest is the outcome for the newest row, and that row's time.
func (c *derivedCell) latest() (derived, time.Time) {
	c.sampler.derivedMu.Lock()
	defer c.sampler.derivedMu.Unlock()
	return c.newest, c.sampler.derivedAt
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// reason says why a channel has no good value, unless its own checks doubt it.
func (x *derived) reason(channel string, inputs []string) error {
	switch {
	case x.quality == Good || x.doubt != NoDoubt:
		return nil
	case x.worst >= 0:
		return &drivers.ValueError{Channel: channel, Text: fmt.Sprintf("%v because %s is", x.quality, inputs[x.worst])}
	}
	return &drivers.ValueError{Channel: channel, Text: "no finite number, as after a division by zero"}
}

// now computes the channel from the newest readings. at is when the newest of its
// inputs was read, zero until all of them have been.
func (ch *DerivedChannel) now(readings []Reading) (d derived, at time.Time, names []string) {
	var f Frame
	for _, ref := range ch.Expr.Refs() {
		names = append(names, ref.Channel)
		i, j := find(readings, ref.Channel)
		if i < 0 || readings[i].At.IsZero() {
			return d, time.Time{}, names
		}
		r := &readings[i]
		at = latest(at, r.At)
		f.Raw, f.Quality, f.At = append(f.Raw, r.Values[j]), append(f.Quality, r.Quality[j]), append(f.At, r.At)
	}
	n := len(names)
	inputs := make([]int, n)
	for i := range inputs {
		inputs[i] = i
	}
	f.Time, f.Values, f.Raw, f.Quality, f.At = at, make([]float64, n+1), append(f.Raw, 0), append(f.Quality, 0), append(f.At, time.Time{})
	c := derivedCell{row: n, inputs: inputs, checker: checker{check: ch.Check},
		formula: ch.Expr.Compile(func(channel string) int { return slices.Index(names, channel) })}
	return c.fill(&f), at, names
}

// find is where the readings have a channel of that full name; -1 = nowhere.
func find(readings []Reading, channel string) (sensor, index int) {
	for i := range readings {
		for j, c := range readings[i].Channels {
			if readings[i].Sensor+"."+c.Name == channel && j < len(readings[i].Values) {
				return i, j
			}
		}
	}
	return -1, -1
}
