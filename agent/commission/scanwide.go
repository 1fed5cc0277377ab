package commission

import (
	"context"
	"encoding/binary"
	"slices"

	"iot-edge-anomaly/drivers/modbus"
	"iot-edge-anomaly/drivers/modbus/guess"
)

// wideBlock is how many registers of 32 bits one request can ask for.
const wideBlock = 62

// runWide is run for registers of 32 bits.
func (s *ModbusScan) runWide(ctx context.Context, l *modbus.Line) error {
	for s.ended == nil && len(s.words) < 2*s.Count {
		s.ended = s.wide(ctx, l, min(wideBlock, s.Count-len(s.words)/2))
	}
	if s.any() {
		return nil
	}
	if s.ended == nil {
		s.ended = s.words[0].err
	}
	return s.explain(s.ended)
}

// wide reads the next n registers at once, or in halves where the device refuses
// them. An error ends the scan.
func (s *ModbusScan) wide(ctx context.Context, l *modbus.Line, n int) error {
	if err := s.pace(ctx); err != nil {
		return err
	}
	b, err := l.ReadWide(ctx, s.Unit, s.table, uint16(s.wire(len(s.words))), uint16(n))
	switch {
	case err == nil:
		for i := 0; i < len(b); i += 2 {
			s.words = append(s.words, word{value: binary.BigEndian.Uint16(b[i:])})
		}
		return nil
	case !refused(err), noTable(err) && !s.any():
		return err
	case n == 1:
		s.words = append(s.words, word{err: err}, word{err: err})
		return nil
	}
	if err := s.wide(ctx, l, n/2); err != nil {
		return err
	}
	return s.wide(ctx, l, n-n/2)
}

// readings are the interpretations of what begins with word i. Those of registers
// of 32 bits take whole ones.
func (v *modbusView) readings(i int) []guess.Reading {
	rs := guess.Readings(v.from(i))
	if !v.Wide {
		return rs
	}
	return slices.DeleteFunc(rs, func(r guess.Reading) bool {
		return r.Type.Registers()%2 != 0 || r.Type == modbus.U24 || r.Type == modbus.I24
	})
}

// refusals prints the registers that were not read.
func (v *modbusView) refusals() {
	any := false
	for i := 0; i < len(v.words); i++ {
		if v.words[i].err != nil {
			i, any = v.refusal(i), true
		}
	}
	if any {
		v.printf("\n")
	}
}

// word is what a proposed register says of its width.
func (v *modbusView) word() string {
	if v.Wide {
		return ", word: 32"
	}
	return ""
}

// wideYAML proposes for each register of 32 bits what is plausible, most of all a
// floating-point number.
func (v *modbusView) wideYAML() {
	for i := 0; i < len(v.words); i += 2 {
		if v.words[i].err != nil {
			continue
		}
		best := guess.Reading{Type: modbus.U32}
		for _, r := range v.readings(i) {
			switch {
			case r.Type == modbus.U32 && r.Order == modbus.ABCD && best.Type != modbus.F32, r.Type == modbus.F32 && r.Order == modbus.ABCD && r.Plausible:
				best = r
			}
		}
		v.printf("      - {name: %s, at: %q, %s%s}   # %s\n", v.name(i), v.at(i), typeAndOrder(best), v.word(), number(best))
	}
}
