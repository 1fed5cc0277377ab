package modbus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"iot-edge-anomaly/drivers"
)

// Overheard is one unit on a line whose traffic is only listened to, with its
// registers as channels. A register is heard when one request of the master
// covers all of it. It implements drivers.Sensor: Read delivers what was heard
// since the previous Read.
type Overheard struct {
	line     *Listener
	unit     uint8
	maxAge   time.Duration
	regs     []Register
	channels []drivers.Channel
	news     chan struct{} // something was heard

	// Guarded by line.mu.
	cells []overheardCell
}

// overheardCell holds what was last heard of one register.
type overheardCell struct {
	data  [12]byte      // its own registers, or its bit
	at    time.Duration // when it was heard
	time  time.Time     // the same
	age   time.Duration // at the newest Read
	power int           // its power of ten
	news  bool          // it was heard since the newest Read
}

var _ drivers.Sensor = (*Overheard)(nil)

// NewOverheard makes a sensor from what line hears of unit's registers. Read
// returns no value older than maxAge; 0 means 10 s. An error names the register
// at fault.
func NewOverheard(line *Listener, unit uint8, regs []Register, maxAge time.Duration) (*Overheard, error) {
	if line == nil {
		return nil, fmt.Errorf("modbus unit %d: want a line", unit)
	}
	channels, err := channelsOf(regs, overhearable)
	if err != nil {
		return nil, fmt.Errorf("modbus unit %d: %w", unit, err)
	}
	if maxAge <= 0 {
		maxAge = 10 * time.Second
	}
	o := &Overheard{line: line, unit: unit, maxAge: maxAge, regs: slices.Clone(regs), channels: channels,
		news: make(chan struct{}, 1), cells: make([]overheardCell, len(regs))}
	for i := range o.regs {
		o.regs[i].joint = o.regs[i].Power != nil
	}
	line.mu.Lock()
	defer line.mu.Unlock()
	line.sensors = append(line.sensors, o)
	return o, nil
}

// overhearable is the error why a register cannot be overheard, else nil. A power of
// ten must be heard in the same answer as its value.
func overhearable(r Register) error {
	switch err := r.check(); {
	case err != nil:
		return err
	case r.Wide:
		return errors.New("registers of 32 bits cannot be overheard")
	case r.Power != nil && r.Power.Table != r.Table:
		return fmt.Errorf("the power of ten in %v cannot be overheard together with %v", *r.Power, r)
	}
	return nil
}

// Channels returns one channel for each register, in the order of NewOverheard.
func (o *Overheard) Channels() []drivers.Channel { return o.channels }

// Close stops listening for this sensor; the line continues.
func (o *Overheard) Close() error {
	o.line.mu.Lock()
	defer o.line.mu.Unlock()
	o.line.sensors = slices.DeleteFunc(o.line.sensors, func(s *Overheard) bool { return s == o })
	return nil
}

// hear takes the registers that an exchange covers. The caller holds line.mu.
func (o *Overheard) hear(x exchange) {
	for i := range o.regs {
		r := &o.regs[i]
		if first, end := r.extent(false); r.Table != x.table || first < x.at || end > x.at+x.n {
			continue
		}
		c := &o.cells[i]
		c.at, c.time, c.news = x.time, time.Now(), true
		if first := int(r.Address) - x.at; x.table.bits() {
			c.data[0] = x.data[first/8] >> (first % 8)
		} else {
			copy(c.data[:], x.data[2*first:2*(first+r.size())])
			c.power, _ = r.powerIn(&request{table: x.table, at: x.at, n: x.n}, x.data)
		}
	}
	select {
	case o.news <- struct{}{}:
	default:
	}
}

// Read does not wait: every cell is what was heard since the previous Read, or
// NaN. The error says for how long a register was not heard. It wraps
// drivers.ErrBus if no unit is heard at all.
func (o *Overheard) Read(ctx context.Context, dst []float64) error {
	if err := drivers.Begin(ctx, dst, len(o.regs)); err != nil {
		return fmt.Errorf("unit %d: %w", o.unit, err)
	}
	o.line.mu.Lock()
	defer o.line.mu.Unlock()
	now := o.line.now()
	var errs []error
	var missed []int
	for i := range o.regs {
		r, c := &o.regs[i], &o.cells[i]
		fresh := c.fresh(now, o.maxAge)
		c.age = now - c.at
		if c.news = false; !fresh {
			missed = append(missed, i)
			continue
		}
		v, err := r.decode(c.data[:], int(r.Address), c.time, c.power)
		if dst[i] = v; err != nil {
			errs = append(errs, fmt.Errorf("%v: %w", r, err))
		}
	}
	if missed != nil {
		errs = append(errs, o.unheard(missed, now)...)
	}
	if errs == nil {
		return nil
	}
	return &cycleError{o.unit, errs}
}

// Age is how old the channel's value was at the newest Read. It is for the
// goroutine that reads.
func (o *Overheard) Age(channel int) time.Duration { return o.cells[channel].age }

func (c *overheardCell) fresh(now, maxAge time.Duration) bool { return c.news && now-c.at <= maxAge }

// namedUnheard is how many unheard registers an error names at most.
const namedUnheard = 3

// unheard explains why registers were not heard. The caller holds line.mu.
func (o *Overheard) unheard(missed []int, now time.Duration) (errs []error) {
	if err := o.line.trouble(now); err != nil {
		return []error{err}
	}
	spoke := o.line.hears.speakers[o.unit]
	if spoke == 0 {
		return []error{fmt.Errorf("never overheard an answer of this unit%s", o.line.others())}
	}
	if quiet := now - spoke; quiet >= deaf {
		return []error{fmt.Errorf("overheard no answer of this unit for %v", quiet.Round(time.Second))}
	}
	var never, late []int
	var longest time.Duration
	for _, i := range missed {
		if at := o.cells[i].at; at > 0 {
			late, longest = append(late, i), max(longest, now-at)
		} else {
			never = append(never, i)
		}
	}
	if late != nil {
		errs = append(errs, o.part(late, fmt.Sprintf("not overheard for %v", longest.Round(100*time.Millisecond))))
	}
	if never != nil {
		errs = append(errs, o.part(never, "never overheard whole in one request of the master"))
	}
	return errs
}

// part is an error about some registers; it names the first of them.
func (o *Overheard) part(of []int, text string) error {
	e := &drivers.PartError{Of: named(o.unit)}
	var places []string
	for k, i := range of {
		e.Channels = append(e.Channels, o.regs[i].Name)
		if k < namedUnheard {
			places = append(places, o.regs[i].String())
		}
	}
	more := ""
	if n := len(of) - namedUnheard; n > 0 {
		more = fmt.Sprintf(" and %d more", n)
	}
	e.Err = fmt.Errorf("%s%s: %s", strings.Join(places, ", "), more, text)
	return e
}

// Wait returns as soon as every register has been heard since the last Read, or
// when ctx is done.
func (o *Overheard) Wait(ctx context.Context) {
	for !o.complete() {
		select {
		case <-ctx.Done():
			return
		case <-o.news:
		}
	}
}

func (o *Overheard) complete() bool {
	o.line.mu.Lock()
	defer o.line.mu.Unlock()
	now := o.line.now()
	for i := range o.cells {
		if !o.cells[i].fresh(now, o.maxAge) {
			return false
		}
	}
	return true
}
