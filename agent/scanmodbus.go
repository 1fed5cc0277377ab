package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/board"
	"iot-edge-anomaly/drivers/modbus"
)

// A scan is gentle: it never asks more often nor for more than this.
const (
	scanPause     = 20 * time.Millisecond // between two requests: at most 50 a second
	scanRegisters = 1000                  // or bits; 2000
	scanSilences  = 3                     // requests without an answer in a row that end it
)

// target is what a scan was asked to read.
type target struct {
	url    string
	unit   uint8
	table  modbus.Table
	first  int // on the wire, from 0
	count  int
	base   int // how the user counts
	find   float64
	asYAML bool
	asJSON bool
	brief  bool // only lines with a plausible reading
	all    bool // every line
}

// word is what came of one register, or bit.
type word struct {
	value uint16
	err   error // nil = read
}

// scanned is the result of a scan.
type scanned struct {
	target
	words    []word // one for each register asked for, or fewer where the scan ended early
	requests int
	took     time.Duration
	ended    error // why the last registers were not asked for; nil = they were
}

func scanModbus(ctx context.Context, e env, args []string) error {
	t, bus, err := scanTarget(e, args)
	if err != nil {
		return err
	}
	l := newLines([]config.Bus{bus}, board.OpenI2C)
	defer l.Close()
	s := &scanned{target: t}
	start := time.Now()
	if err := s.run(ctx, l.byName[bus.Name].modbus); err != nil {
		return fmt.Errorf("%s: %w", t.url, err)
	}
	s.took = time.Since(start)
	return s.print(e.stdout)
}

// scanTarget reads the arguments.
func scanTarget(e env, args []string) (target, config.Bus, error) {
	t := target{find: math.NaN()}
	fs := flags("scan")
	unit := fs.String("unit", "", "Modbus unit `N` (slave address), 0 to 255")
	at := fs.String("at", "", "first register, `ADDR`: holding:100, input:0x64, coil:3, or 40101 as in manuals")
	table := fs.String("table", "", "`TABLE` of a plain --at: holding, input, coil or discrete")
	fs.IntVar(&t.count, "count", 0, "how many registers, `N`: 1 to 1000 (bits: 2000)")
	fs.IntVar(&t.base, "address-base", 0, "`N` of the first register in the manual, 0 or 1; 40101 always counts from 1")
	timeout := fs.Duration("timeout", 0, "wait for one answer (default 500ms)")
	find := fs.String("find", "", "a `VALUE` that the device's display shows: lists what reads like it")
	fs.BoolVar(&t.brief, "brief", false, "leave out the lines without a plausible reading")
	fs.BoolVar(&t.all, "all", false, "leave out nothing")
	fs.BoolVar(&t.asYAML, "yaml", false, "print nothing but a configuration to begin with")
	fs.BoolVar(&t.asJSON, "json", false, "print JSON")
	if err := parse(e, fs, args, 1); err != nil {
		return t, config.Bus{}, err
	}
	t.url = fs.Arg(0)
	bus, err := config.ParseModbus(t.url, *timeout)
	id, unitErr := strconv.ParseUint(*unit, 0, 8)
	switch {
	case err != nil:
		return t, bus, usagef("%s: %w", t.url, err)
	case bus.Modbus.Listen:
		return t, bus, usagef("%s: a line with listen=true is never asked", t.url)
	case *unit == "":
		return t, bus, usagef("--unit is needed, 0 to 255")
	case unitErr != nil:
		return t, bus, usagef("--unit %s: want 0 to 255", *unit)
	case *at == "":
		return t, bus, usagef("--at is needed, such as holding:100")
	case t.base != 0 && t.base != 1:
		return t, bus, usagef("--address-base %d: want 0 or 1", t.base)
	}
	t.unit = uint8(id)
	if *find != "" {
		if t.find, err = strconv.ParseFloat(*find, 64); err != nil || t.find == 0 || math.IsNaN(t.find) || math.IsInf(t.find, 0) {
			return t, bus, usagef("--find %s: want a number other than 0", *find)
		}
	}
	return t, bus, t.place(*table, *at)
}

// place finds table and address.
func (t *target) place(table, at string) error {
	if table != "" && !strings.Contains(at, ":") {
		at = table + ":" + at
	}
	a, err := config.ParseAddress(at, t.base)
	if err != nil {
		return usagef("--at %s: %w", at, err)
	}
	if table != "" && table != a.Table {
		return usagef("--table %s: --at %s is another table", table, at)
	}
	if a.Bit >= 0 {
		return usagef("--at %s: a scan reads whole registers", at)
	}
	tab, first, err := modbus.ParseAt(fmt.Sprintf("%s:%d", a.Table, a.At), t.base)
	if err != nil {
		return usagef("--at: %w", err)
	}
	t.table, t.first = tab, int(first)
	limit := scanRegisters
	if t.bits() {
		limit *= 2
	}
	if t.count == 0 {
		return usagef("--count is needed, 1 to %d", limit)
	}
	if t.count < 0 || t.count > limit {
		return usagef("--count %d: want 1 to %d", t.count, limit)
	}
	if t.first+t.count > 1<<16 {
		return usagef("--count %d: the table ends after %d", t.count, 1<<16-t.first)
	}
	return nil
}

func (t *target) bits() bool { return t.table == modbus.Coil || t.table == modbus.Discrete }

// run reads the range in blocks, and where one is refused in smaller ones. The
// error tells that nothing was read.
func (s *scanned) run(ctx context.Context, l *modbus.Line) error {
	block := 125 // Modbus Application Protocol V1.1b3 §6.3, §6.1
	if s.bits() {
		block = 2000
	}
	for s.ended == nil && len(s.words) < s.count {
		s.ended = s.block(ctx, l, min(block, s.count-len(s.words)))
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, w := range s.words {
		if w.err == nil {
			return nil
		}
	}
	if s.ended == nil {
		s.ended = s.words[0].err
	}
	return s.explain(s.ended)
}

// block reads the next n registers at once; if they are refused in halves, and
// the last few one by one. An error ends the scan.
func (s *scanned) block(ctx context.Context, l *modbus.Line, n int) error {
	const few = 5
	ws, err := s.read(ctx, l, len(s.words), n)
	switch {
	case err == nil:
		s.words = append(s.words, ws...)
		return nil
	case n > 1 && silent(err), n > 1 && n <= few && scanRefused(err):
		return s.oneByOne(ctx, l, n)
	case !scanRefused(err):
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

// oneByOne reads n registers alone. One that is refused is tried with the next
// again where a value may begin: some devices give no half of one. The error
// ends the scan.
func (s *scanned) oneByOne(ctx context.Context, l *modbus.Line, n int) error {
	end := len(s.words) + n
	silences := 0
	for len(s.words) < end {
		i := len(s.words)
		ws, err := s.read(ctx, l, i, 1)
		if scanRefused(err) && i+2 <= end && (i%2 == 0 || s.words[i-1].err == nil) {
			if pair, pairErr := s.read(ctx, l, i, 2); pairErr == nil {
				ws, err = pair, nil
			}
		}
		switch {
		case err == nil:
			s.words = append(s.words, ws...)
			silences = 0
			continue
		case silent(err):
			silences++
		case !scanRefused(err):
			return err
		}
		s.words = append(s.words, word{err: err})
		// A unit that never answered is dead or absent; do not ask on.
		if silences >= scanSilences || silences > 0 && s.requests <= 2 {
			return err
		}
	}
	return nil
}

// read makes one request, at from the first register on.
func (s *scanned) read(ctx context.Context, l *modbus.Line, at, n int) ([]word, error) {
	if s.requests > 0 {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(scanPause):
		}
	}
	s.requests++
	b, err := l.Read(ctx, s.unit, s.table, uint16(s.first+at), uint16(n))
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

// scanRefused tells whether the device answered that it does not give this.
func scanRefused(err error) bool {
	var x *modbus.ExceptionError
	return errors.As(err, &x) && !silent(err)
}

// silent tells whether the device did not answer, or a gateway says so for it.
func silent(err error) bool {
	var x *modbus.ExceptionError
	if errors.As(err, &x) {
		return x.Code == 10 || x.Code == 11
	}
	return errors.Is(err, modbus.ErrTimeout)
}

// explain adds what to try to the error of a scan that read nothing.
func (s *scanned) explain(err error) error {
	var x *modbus.ExceptionError
	hint := ""
	switch {
	case silent(err) && strings.HasPrefix(s.url, "tcp:"):
		hint = "is the unit right? does it take a longer --timeout? a serial server that passes frames on is rtutcp://"
	case silent(err) && strings.HasPrefix(s.url, "rtutcp:"):
		hint = "are unit and wires right? does it take a longer --timeout? a server that speaks Modbus TCP is tcp://"
	case silent(err):
		hint = "are unit, baud rate, parity and wires right? does it take a longer --timeout?"
	case errors.As(err, &x) && x.Code == 1:
		hint = "the device has no such table: try input:N or holding:N"
	case errors.As(err, &x) && x.Code == 2:
		hint = "no such registers: try input:N or holding:N, or one lower where the manual counts from 1"
	default:
		return err
	}
	return fmt.Errorf("%w: %s", err, hint)
}
