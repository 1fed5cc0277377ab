package modbus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"iot-edge-anomaly/drivers"
)

// Options tunes a device. A zero field means what its comment says.
type Options struct {
	// MaxGap is the most unwanted registers between two wanted ones that are read
	// to save a request (bits: 16 times as many). 0 means none.
	MaxGap int
	// MaxRegisters is how many registers one request may ask for, 1 to 125. 0 means
	// 125. Requests for bits may always ask for 2000.
	MaxRegisters int
	// NeverRead are in no request, not even between two registers.
	NeverRead []Range
	// Alone means one request for each register: none are joined.
	Alone bool
	// Relearn is how long requests that the device refused stay cut before the
	// uncut plan is tried again; it doubles up to a day. 0 means 1 h.
	Relearn time.Duration
	// Pause and MaxPause are the first and the longest pause in which a silent
	// unit is not asked; the pause doubles. 0 means 1 s and 30 s.
	Pause    time.Duration
	MaxPause time.Duration
	// Valid is what must hold for the device's values to mean anything. Nil: nothing.
	Valid *Condition
	RequestLimits
}

func (o Options) withDefaults() Options {
	if o.MaxRegisters == 0 {
		o.MaxRegisters = Holding.limit(2)
	}
	if o.Relearn <= 0 {
		o.Relearn = time.Hour
	}
	if o.Pause <= 0 {
		o.Pause = time.Second
	}
	if o.MaxPause <= 0 {
		o.MaxPause = 30 * time.Second
	}
	return o
}

// Dev is one unit of a line with its registers as channels. It implements
// drivers.Sensor and, like every sensor, is for one goroutine at a time; several
// devices on one line may be read concurrently.
type Dev struct {
	client   *client
	unit     uint8
	opts     Options
	regs     []Register // of the channels, and then that of opts.Valid
	channels []drivers.Channel
	rules    rules
	plan     []*request
	first    int     // index in plan of the request that begins the next cycle
	silence  breaker // opens if the unit stays silent
	canaries canaries
	misfit   bool          // an answer of this cycle may have been to a request of another master's
	had      []answerKind  // serial: of the answers of this cycle
	heard    int           // serial: frames that may have been late answers, before the first of them
	slowest  time.Duration // of the requests of the newest cycles
	replan   bool          // the plan is to be made anew after the cycle
	limit    int           // most registers that the device was found to return at once
	relearn  time.Duration // pause before the uncut plan is tried again
	recut    time.Time     // when it will be tried; zero = the plan is uncut

	begun    time.Time     // start of the newest cycle
	every    time.Duration // between the start of the newest cycle and the one before
	answered bool          // the unit has answered in this cycle
	errs     []error       // of this cycle
	marker   *request      // for the register of opts.Valid alone; nil = there is none
	validity validity      // of this cycle's values
	copied   [maxADU]byte  // of an answer, while others are read
}

var _ drivers.Sensor = (*Dev)(nil)

// New makes a device from unit on line whose channels are regs, in their order.
// It sends nothing. An error names the register at fault.
func New(line *Line, unit uint8, regs []Register, o Options) (*Dev, error) {
	o = o.withDefaults()
	if line == nil || len(regs) == 0 {
		return nil, fmt.Errorf("modbus unit %d: want a line and at least one register", unit)
	}
	if o.MaxRegisters < 1 || o.MaxRegisters > Holding.limit(2) {
		return nil, fmt.Errorf("modbus unit %d: %d registers in a request, want 1 to %d", unit, o.MaxRegisters, Holding.limit(2))
	}
	channels, err := channelsOf(regs, o.allow)
	if err != nil {
		return nil, fmt.Errorf("modbus unit %d: %w", unit, err)
	}
	d := &Dev{client: newClient(line, unit, o.RequestLimits), unit: unit, opts: o, slowest: firstLinger, regs: slices.Clone(regs), channels: channels}
	if o.Valid != nil {
		valid := *o.Valid
		if err := valid.check(o); err != nil {
			return nil, fmt.Errorf("modbus unit %d: valid_when: %w", unit, err)
		}
		d.opts.Valid = &valid
		d.regs = append(d.regs, valid.Register)
		d.marker = newRequest(d.regs, []int{len(regs)}, false)
	}
	d.rules = rules{gap: o.MaxGap, limit: o.MaxRegisters, never: o.NeverRead, alone: o.Alone}
	for i := range d.regs {
		d.regs[i].joint = d.rules.joins(&d.regs[i])
	}
	d.forget()
	return d, nil
}

// channelsOf makes a channel for each register. An error names the register at
// fault.
func channelsOf(regs []Register, check func(Register) error) (channels []drivers.Channel, err error) {
	if len(regs) == 0 {
		return nil, errors.New("want at least one register")
	}
	seen := make(map[string]bool)
	for _, r := range regs {
		if err = check(r); err == nil && (r.Name == "" || seen[r.Name]) {
			err = errors.New("name is empty or used twice")
		}
		if err != nil {
			return nil, fmt.Errorf("register %q: %w", r.Name, err)
		}
		seen[r.Name] = true
		channels = append(channels, drivers.Channel{Name: r.Name, Quantity: r.Quantity})
	}
	return channels, nil
}

// allow is the error why a register cannot be read under these options, else nil.
func (o Options) allow(r Register) error {
	if err := r.check(); err != nil {
		return err
	}
	if !r.Table.bits() && r.size() > o.MaxRegisters {
		return fmt.Errorf("type %v takes %d registers, a request may ask for %d at most", r.Type, r.size(), o.MaxRegisters)
	}
	for _, never := range o.NeverRead {
		if r.Power != nil && never.overlaps(r.Power.Table, int(r.Power.Address), int(r.Power.Address)+1) {
			return fmt.Errorf("%v, its power of ten, lies in %v, which is never read", *r.Power, never)
		}
		if never.overlaps(r.Table, int(r.Address), r.end()) {
			return fmt.Errorf("%v lies in %v, which is never read", r, never)
		}
	}
	return nil
}

// forget makes the uncut plan, as if the device had refused nothing.
func (d *Dev) forget() {
	d.plan = d.rules.plan(d.regs)
	d.first, d.limit, d.recut = 0, d.rules.limit, time.Time{}
}

// remember keeps the parts into which a request was cut.
func (d *Dev) remember(q *request, parts []*request) {
	q.parts = parts
	if d.recut.IsZero() {
		d.relearn = min(max(2*d.relearn, d.opts.Relearn), 24*time.Hour)
		d.recut = time.Now().Add(d.relearn)
	}
}

// Channels returns one channel for each register, in the order of New.
func (d *Dev) Channels() []drivers.Channel { return d.channels }

// Close does nothing: the line is shared and stays open.
func (d *Dev) Close() error { return nil }

// Read makes one cycle. The error has a cause for every missing range; it wraps
// drivers.ErrBus, ErrTimeout, ErrFrame, *ExceptionError or the context's error.
func (d *Dev) Read(ctx context.Context, dst []float64) error {
	if err := drivers.Begin(ctx, dst, len(d.channels)); err != nil {
		return fmt.Errorf("%s: %w", named(d.unit), err)
	}
	defer d.client.line.hangUp()
	start := time.Now()
	d.client.line.late.reads(d, start)
	if err := d.client.line.others.present(start); err != nil {
		d.client.line.linger(ctx, 0) // it may have gone
		return fmt.Errorf("%s: %w", named(d.unit), err)
	}
	backoff := &d.client.line.backoff
	if err := backoff.refuse(d.unit, &d.silence, start); err != nil {
		return fmt.Errorf("%s: %w", named(d.unit), err)
	}
	if !d.recut.IsZero() && !start.Before(d.recut) {
		d.forget()
	}
	d.errs, d.answered, d.misfit, d.had = nil, false, false, d.had[:0]
	d.client.begin(start, d.silence.fails == 0)
	foreign := d.client.line.others.count()
	if err := d.checked(ctx, dst); isSilence(err) && !d.answered {
		backoff.fail(d.unit, &d.silence, start, time.Now(), err, d.opts.Pause, d.opts.MaxPause)
	} else if d.answered {
		backoff.ok(d.unit, &d.silence)
	}
	d.alone(ctx, foreign, dst)
	if d.errs == nil {
		return nil
	}
	return &cycleError{d.unit, d.errs}
}

// cycle tries every request once. It begins after the request that ended the
// previous cycle, so that one silent range cannot block the others for ever. It
// returns the error that ended it early.
func (d *Dev) cycle(ctx context.Context, dst []float64) error {
	defer d.splice()
	n := len(d.plan)
	for k := range n {
		at := (d.first + k) % n
		q := d.plan[at]
		start := time.Now()
		if d.client.spent(start) {
			d.postpone(at, n-k)
			return nil
		}
		if d.silence.fails == 0 && !q.quiet.ready(start) {
			d.errs = append(d.errs, d.part(q, fmt.Errorf("%v: %w", q, q.quiet.refusal(start, q.quiet.next))))
			continue
		}
		if err := d.client.line.late.confusable(d, q, start); err != nil {
			d.errs = append(d.errs, d.part(q, fmt.Errorf("%v: %w", q, err)))
			continue
		}
		err := d.probe(ctx, q)
		if err == nil {
			err = d.try(ctx, at, dst)
		}
		if err == nil {
			continue
		}
		d.first = (at + 1) % n
		if isSilence(err) && d.answered {
			q.quiet.fail(start, time.Now(), err, d.opts.Pause, d.opts.MaxPause)
		}
		return err
	}
	return nil
}

// probe asks a unit or a range that was silent for one value before the whole
// request is made. If the sample of a range answers although the whole stayed
// silent, the request is too long for the device or for a gateway before it, and
// is cut. An error ends the cycle.
func (d *Dev) probe(ctx context.Context, q *request) error {
	unit, part := !d.answered && d.silence.fails >= threshold, q.quiet.fails >= threshold
	if !unit && !part {
		return nil
	}
	s := q.sample(d.regs)
	if s == nil || d.client.line.late.confusable(d, s, time.Now()) != nil {
		return nil
	}
	_, _, err := d.answer(ctx, s)
	if isSilence(err) || err != nil && !isException(err) {
		return d.note(q, err)
	}
	d.answered = true
	if part && err == nil {
		d.remember(q, q.split(d.regs, true))
	}
	return nil
}

// try makes the request at an index of the plan, or the parts into which it was
// cut. It returns an error only if the cycle must end.
func (d *Dev) try(ctx context.Context, at int, dst []float64) error {
	q := d.plan[at]
	if q.parts == nil && !q.table.bits() && q.n > d.limit {
		ru := d.rules
		ru.limit = d.limit
		d.remember(q, ru.join(d.regs, q.items, q.apart))
	}
	if q.parts != nil {
		kept, _, end := d.pieces(ctx, q.parts, dst)
		q.parts = kept
		return end
	}
	err := d.fetch(ctx, q, dst)
	if err == nil {
		q.quiet.ok()
		return nil
	}
	now := time.Now()
	if !isRefusal(err) || !q.refuse.ready(now) {
		return d.note(q, err)
	}
	parts := q.split(d.regs, isTooLong(err))
	if parts == nil {
		return d.note(q, err)
	}
	before := d.errs
	kept, good, end := d.pieces(ctx, parts, dst)
	switch {
	case good:
		if end == nil && !slices.ContainsFunc(d.errs[len(before):], isException) {
			d.learnLimit(q, kept, err)
		}
		d.remember(q, kept)
	case end == nil: // the device refuses every part: it is booting, or the unit is wrong
		d.errs = before
		q.refuse.fail(now, now, err, d.opts.Pause, d.opts.MaxPause)
		end = d.note(q, err)
	}
	return end
}

// learnLimit notes how many registers the device returns at once, after it refused
// q for its quantity and then returned every part of it.
func (d *Dev) learnLimit(q *request, kept []*request, refusal error) {
	if q.table.bits() || !isTooLong(refusal) {
		return
	}
	most := 0
	for _, p := range kept {
		most = max(most, p.n)
	}
	d.limit = min(d.limit, most)
}

// pieces makes the parts of a refused request, and cuts parts that are refused
// again. Kept are the requests to make from now on; good tells whether any
// returned values. End is the error that must end the cycle; the parts after it
// are kept untried.
func (d *Dev) pieces(ctx context.Context, parts []*request, dst []float64) (kept []*request, good bool, end error) {
	for i, p := range parts {
		err := d.fetch(ctx, p, dst)
		if isRefusal(err) {
			if smaller := p.split(d.regs, isTooLong(err)); smaller != nil {
				more, ok, end := d.pieces(ctx, smaller, dst)
				kept, good = append(kept, more...), good || ok
				if end != nil {
					return append(kept, parts[i+1:]...), good, end
				}
				continue
			}
		}
		kept, good = append(kept, p), good || err == nil
		if end := d.note(p, err); end != nil {
			return append(kept, parts[i+1:]...), good, end
		}
	}
	return kept, good, nil
}

// splice replaces the requests that were cut in this cycle by their parts.
func (d *Dev) splice() {
	if d.replan {
		d.replan = false
		d.forget()
		return
	}
	for i := 0; i < len(d.plan); i++ {
		if parts := d.plan[i].parts; parts != nil {
			d.plan = slices.Replace(d.plan, i, i+1, parts...)
			i += len(parts) - 1
			d.first = 0
		}
	}
}

// note adds a request's error to those of the cycle. It returns the error if the
// cycle must end because further requests would most likely time out too.
func (d *Dev) note(q *request, err error) error {
	if err == nil {
		return nil
	}
	d.errs = append(d.errs, d.part(q, fmt.Errorf("%v: %w", q, err)))
	if isException(err) && !isSilence(err) {
		return nil
	}
	return err
}

// part wraps an error with the channels that it concerns.
func (d *Dev) part(q *request, err error) *drivers.PartError {
	var names []string
	for _, i := range q.items {
		if i < len(d.channels) {
			names = append(names, d.channels[i].Name)
		}
	}
	return &drivers.PartError{Of: named(d.unit), Channels: names, Err: err}
}
