package commission

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/devices"
	"iot-edge-anomaly/drivers/modbus"
)

// A scan is gentle: it never asks more often nor for more than this.
const (
	scanPause    = 20 * time.Millisecond // between two requests: at most 50 a second
	maxRegisters = 1000                  // or 2000 bits
	maxSilences  = 3                     // requests in a row without an answer that end the scan
)

// ModbusTarget is what ScanModbus reads.
type ModbusTarget struct {
	Bus   config.Bus     // line of the device; not one that is only listened to
	URL   string         // of the line, for people
	Unit  uint8          // Modbus unit id
	At    config.Address // first register, or bit; without a bit of a register
	Base  int            // what At counts from, 0 or 1
	Count int            // registers, 1 to Limit
	Wide  bool           // each register has 32 bits on the wire
	Find  float64        // a number that the device's display shows; NaN = none

	// Progress is called before each request with the number of registers that
	// are done. Nil means that nobody wants to know.
	Progress func(done int)
}

// Limit is the largest Count of the target.
func (t *ModbusTarget) Limit() int {
	if t.bits() {
		return 2 * maxRegisters
	}
	return maxRegisters
}

// Place finds the table and the first register from what a person types for --table
// and --at, and checks --count with them.
func (t *ModbusTarget) Place(table, at string) (err error) {
	if table != "" && !strings.Contains(at, ":") {
		at = table + ":" + at
	}
	if t.At, err = config.ParseAddress(at, t.Base); err != nil {
		return fmt.Errorf("--at %s: %w", at, err)
	}
	limit, left := t.Limit(), 1<<16+t.Base-t.At.At
	switch {
	case t.Wide && t.bits():
		return fmt.Errorf("--at %s: a table of bits has no registers of 32 bits", at)
	case table != "" && table != t.At.Table:
		return fmt.Errorf("--table %s: --at %s is another table", table, at)
	case t.At.Bit >= 0:
		return fmt.Errorf("--at %s: a scan reads whole registers", at)
	case t.Count == 0:
		return fmt.Errorf("--count is needed, 1 to %d", limit)
	case t.Count < 0 || t.Count > limit:
		return fmt.Errorf("--count %d: want 1 to %d", t.Count, limit)
	case t.Count > left:
		return fmt.Errorf("--count %d: the table ends after %d", t.Count, left)
	}
	return nil
}

// bits tells whether the target's table holds bits rather than registers.
func (t *ModbusTarget) bits() bool {
	return t.At.Table == modbus.Coil.String() || t.At.Table == modbus.Discrete.String()
}

// ModbusScan is what a scan found. Print shows it.
type ModbusScan struct {
	ModbusTarget
	table    modbus.Table
	first    int    // register on the wire, from 0
	words    []word // one for each register asked for (Wide: two), or fewer where the scan ended early
	requests int
	took     time.Duration
	single   bool  // the device gives only the first register of a request
	ended    error // why the last registers were not asked for; nil = they were
}

// word is what came of one register, or bit.
type word struct {
	value uint16
	err   error // nil = read
}

// ScanModbus reads the target once. An error means that nothing was read, and says
// what to try.
func ScanModbus(ctx context.Context, t ModbusTarget) (*ModbusScan, error) {
	buses := devices.Open([]config.Bus{t.Bus}, devices.Host{})
	defer buses.Close()
	return scanLine(ctx, buses.Modbus(t.Bus.Name), t)
}

// scanLine is ScanModbus on a line.
func scanLine(ctx context.Context, l *modbus.Line, t ModbusTarget) (*ModbusScan, error) {
	table, err := modbus.ParseTable(t.At.Table)
	if err != nil {
		return nil, err
	}
	s := &ModbusScan{ModbusTarget: t, table: table, first: t.At.At - t.Base}
	start := time.Now()
	if err := s.run(ctx, l); err != nil {
		return nil, fmt.Errorf("%s: %w", t.URL, err)
	}
	s.took = time.Since(start)
	return s, nil
}

// run reads the range in blocks, and in smaller blocks where one is refused. An
// error means that nothing was read.
func (s *ModbusScan) run(ctx context.Context, l *modbus.Line) error {
	if s.Wide {
		return s.runWide(ctx, l)
	}
	block := 125 // Modbus Application Protocol V1.1b3 §6.3, §6.1
	if s.bits() {
		block = 2000
	}
	for s.ended == nil && len(s.words) < s.Count {
		n := min(block, s.Count-len(s.words))
		if s.single {
			s.ended = s.oneByOne(ctx, l, n)
		} else {
			s.ended = s.block(ctx, l, n)
		}
	}
	if ctx.Err() != nil {
		s.ended = errors.New("interrupted")
	}
	if s.any() {
		return nil
	}
	if s.ended == nil {
		s.ended = s.words[0].err
	}
	return s.explain(s.ended)
}

// any tells whether anything was read.
func (s *ModbusScan) any() bool {
	return slices.ContainsFunc(s.words, func(w word) bool { return w.err == nil })
}

// block reads the next n registers at once. If the device refuses them, it reads
// them in halves, and the last few one by one. An error ends the scan.
func (s *ModbusScan) block(ctx context.Context, l *modbus.Line, n int) error {
	const few = 5
	ws, err := s.read(ctx, l, len(s.words), n)
	switch {
	case err == nil && !s.firstOnly(ctx, l, ws):
		s.words = append(s.words, ws...)
		return nil
	case err == nil:
		s.single = true
		return s.oneByOne(ctx, l, n)
	case n > 1 && unanswered(err), n > 1 && n <= few && refused(err):
		return s.oneByOne(ctx, l, n)
	case !refused(err), noTable(err) && !s.any():
		return err
	case n == 1:
		s.words = append(s.words, word{err: err})
		return nil
	}
	if err := s.block(ctx, l, n/2); err != nil {
		return err
	}
	return s.block(ctx, l, n-n/2)
}

// firstOnly tells whether a block whose registers behind the first are zero has others
// in truth: some devices give only the first register of a request. It compares three.
func (s *ModbusScan) firstOnly(ctx context.Context, l *modbus.Line, ws []word) bool {
	if s.bits() || len(ws) < 2 || slices.ContainsFunc(ws[1:], func(w word) bool { return w.value != 0 }) {
		return false
	}
	for _, i := range slices.Compact([]int{1, max(1, len(ws)/2), len(ws) - 1}) {
		if one, err := s.read(ctx, l, len(s.words)+i, 1); err == nil && one[0].value != 0 {
			return true
		}
	}
	return false
}

// oneByOne reads n registers one by one. A register that is refused is tried again
// together with the next one where a value may begin: some devices refuse to give
// half of a value. An error ends the scan.
func (s *ModbusScan) oneByOne(ctx context.Context, l *modbus.Line, n int) error {
	end := len(s.words) + n
	silences := 0
	for len(s.words) < end {
		i := len(s.words)
		ws, err := s.read(ctx, l, i, 1)
		if refused(err) && i+2 <= end && (i%2 == 0 || s.words[i-1].err == nil) {
			if pair, pairErr := s.read(ctx, l, i, 2); pairErr == nil {
				ws, err = pair, nil
			}
		}
		switch {
		case err == nil:
			s.words = append(s.words, ws...)
			silences = 0
			continue
		case unanswered(err):
			silences++
		case !refused(err):
			return err
		}
		s.words = append(s.words, word{err: err})
		// A unit that never answered is dead or absent: it is not asked again.
		if silences >= maxSilences || silences > 0 && s.requests <= 2 {
			return err
		}
	}
	return nil
}

// pace waits until the next request may be made, and counts it.
func (s *ModbusScan) pace(ctx context.Context) error {
	if s.requests > 0 {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(scanPause):
		}
	}
	s.requests++
	if s.Progress != nil {
		done := len(s.words)
		if s.Wide {
			done /= 2
		}
		s.Progress(done)
	}
	return nil
}

// read makes one request for n registers, the first of which is number at of the
// target.
func (s *ModbusScan) read(ctx context.Context, l *modbus.Line, at, n int) ([]word, error) {
	if err := s.pace(ctx); err != nil {
		return nil, err
	}
	b, err := l.Read(ctx, s.Unit, s.table, uint16(s.first+at), uint16(n))
	if err != nil {
		return nil, err
	}
	ws := make([]word, n)
	for i := range ws {
		if s.bits() {
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

// unanswered tells whether no valid answer came: nothing at all, noise, or fewer
// registers than were asked for.
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
func (s *ModbusScan) explain(err error) error {
	var refusal *modbus.ExceptionError
	if other := s.At.Otherwise(); other != "" && errors.As(err, &refusal) && refusal.Code <= 2 {
		return fmt.Errorf("%w: %s was taken as %v:%d: try --at %s", err, s.At.Plain, s.At.Table, s.At.At, other)
	}
	if hint := hint(s.URL, err); hint != "" {
		return fmt.Errorf("%w: %s", err, hint)
	}
	return err
}
