package scan

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"iot-edge-anomaly/drivers/modbus"
)

// A scan is gentle: it never asks more often nor for more than this.
const (
	pause        = 20 * time.Millisecond // between two requests: at most 50 a second
	maxRegisters = 1000                  // or bits; 2000
	maxSilences  = 3                     // requests without an answer in a row that end it
)

// Target is what a scan reads.
type Target struct {
	URL   string // of the line, for people
	Unit  uint8
	Table modbus.Table
	First int     // on the wire, from 0
	Count int     // 1 to Limit
	Base  int     // how the user counts, 0 or 1
	Find  float64 // a number that the device's display shows; NaN = none

	Progress func(done int) // called before each request with the registers that are done; nil = not
}

// Limit is how much a scan of the table may read.
func Limit(t modbus.Table) int {
	if hasBits(t) {
		return 2 * maxRegisters
	}
	return maxRegisters
}

func hasBits(t modbus.Table) bool { return t == modbus.Coil || t == modbus.Discrete }

func (t *Target) bits() bool { return hasBits(t.Table) }

// Result is what a scan found.
type Result struct {
	Target
	words    []word // one for each register asked for, or fewer where the scan ended early
	requests int
	took     time.Duration
	ended    error // why the last registers were not asked for; nil = they were
}

// word is what came of one register, or bit.
type word struct {
	value uint16
	err   error // nil = read
}

// Run reads the target once. An error tells that nothing was read, and what to
// try. It is for one goroutine.
func Run(ctx context.Context, l *modbus.Line, t Target) (*Result, error) {
	r := &Result{Target: t}
	start := time.Now()
	if err := r.run(ctx, l); err != nil {
		return nil, fmt.Errorf("%s: %w", t.URL, err)
	}
	r.took = time.Since(start)
	return r, nil
}

// run reads the range in blocks, and where one is refused in smaller ones. The
// error tells that nothing was read.
func (r *Result) run(ctx context.Context, l *modbus.Line) error {
	block := 125 // Modbus Application Protocol V1.1b3 §6.3, §6.1
	if r.bits() {
		block = 2000
	}
	for r.ended == nil && len(r.words) < r.Count {
		r.ended = r.block(ctx, l, min(block, r.Count-len(r.words)))
	}
	if ctx.Err() != nil {
		r.ended = errors.New("interrupted")
	}
	if r.any() {
		return nil
	}
	if r.ended == nil {
		r.ended = r.words[0].err
	}
	return r.explain(r.ended)
}

// any tells whether anything was read.
func (r *Result) any() bool {
	return slices.ContainsFunc(r.words, func(w word) bool { return w.err == nil })
}

// block reads the next n registers at once; if they are refused in halves, and
// the last few one by one. An error ends the scan.
func (r *Result) block(ctx context.Context, l *modbus.Line, n int) error {
	const few = 5
	ws, err := r.read(ctx, l, len(r.words), n)
	switch {
	case err == nil:
		r.words = append(r.words, ws...)
		return nil
	case n > 1 && unanswered(err), n > 1 && n <= few && refused(err):
		return r.oneByOne(ctx, l, n)
	case !refused(err), noTable(err) && !r.any():
		return err
	case n == 1:
		r.words = append(r.words, word{err: err})
		return nil
	}
	if err := r.block(ctx, l, n/2); err != nil {
		return err
	}
	return r.block(ctx, l, n-n/2)
}

// oneByOne reads n registers alone. One that is refused is tried with the next
// again where a value may begin: some devices give no half of one. The error
// ends the scan.
func (r *Result) oneByOne(ctx context.Context, l *modbus.Line, n int) error {
	end := len(r.words) + n
	silences := 0
	for len(r.words) < end {
		i := len(r.words)
		ws, err := r.read(ctx, l, i, 1)
		if refused(err) && i+2 <= end && (i%2 == 0 || r.words[i-1].err == nil) {
			if pair, pairErr := r.read(ctx, l, i, 2); pairErr == nil {
				ws, err = pair, nil
			}
		}
		switch {
		case err == nil:
			r.words = append(r.words, ws...)
			silences = 0
			continue
		case unanswered(err):
			silences++
		case !refused(err):
			return err
		}
		r.words = append(r.words, word{err: err})
		// A unit that never answered is dead or absent; do not ask on.
		if silences >= maxSilences || silences > 0 && r.requests <= 2 {
			return err
		}
	}
	return nil
}

// read makes one request, at from the first register on.
func (r *Result) read(ctx context.Context, l *modbus.Line, at, n int) ([]word, error) {
	if r.requests > 0 {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(pause):
		}
	}
	r.requests++
	if r.Progress != nil {
		r.Progress(len(r.words))
	}
	b, err := l.Read(ctx, r.Unit, r.Table, uint16(r.First+at), uint16(n))
	if err != nil {
		return nil, err
	}
	ws := make([]word, n)
	for i := range ws {
		if r.bits() {
			ws[i].value = uint16(b[i/8] >> (i % 8) & 1)
		} else {
			ws[i].value = binary.BigEndian.Uint16(b[2*i:])
		}
	}
	return ws, nil
}

// refused tells whether the device answered that it does not give this.
func refused(err error) bool {
	var x *modbus.ExceptionError
	return errors.As(err, &x) && !silent(err)
}

// noTable tells whether the device does not know the function at all.
func noTable(err error) bool {
	var x *modbus.ExceptionError
	return errors.As(err, &x) && x.Code == 1
}

// unanswered tells whether nothing came that is an answer: nothing at all, noise,
// or fewer registers than were asked for.
func unanswered(err error) bool { return silent(err) || errors.Is(err, modbus.ErrFrame) }

// silent tells whether the device did not answer, or a gateway says so for it.
func silent(err error) bool {
	var x *modbus.ExceptionError
	if errors.As(err, &x) {
		return x.Code == 10 || x.Code == 11
	}
	return errors.Is(err, modbus.ErrTimeout)
}

// explain adds what to try to the error of a scan that read nothing.
func (r *Result) explain(err error) error {
	if hint := Hint(r.URL, err); hint != "" {
		return fmt.Errorf("%w: %s", err, hint)
	}
	return err
}
