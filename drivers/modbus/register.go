package modbus

import (
	"fmt"
	"math"
	"slices"
	"time"

	"iot-edge-anomaly/drivers"
)

// Register is one channel of a device: which bits it reads and what they mean.
type Register struct {
	Name     string
	Quantity drivers.Quantity
	Table    Table
	Address  uint16 // of the first register, from 0
	Type     Type
	Bit      uint8 // of a register read as Bit: 0 (least significant) to 15
	Order    Order
	Mask     uint64  // bits of the value that count, before Shift; 0 = all
	Shift    uint8   // by how many bits they are moved down
	Wide     bool    // each register of the table has 32 bits on the wire
	Scale    float64 // value = raw*Scale + Offset; 0 is refused by New
	Offset   float64
	// Missing are the raw bits, before scaling, that mean "no value".
	Missing []uint64
	// States are the valid raw numbers, with their names. Any other number is a
	// bad value. Nil: every number is valid.
	States map[int64]string
	// Power is the register that holds the power of ten of the value: a SunSpec
	// scale factor, -10 to 10 in two's complement; 0x8000 means that there is no
	// value. Nil: none. It is read together with the value.
	Power *Place

	joint bool // one request reads Power and the value
}

// Place is a register of a device.
type Place struct {
	Table   Table
	Address uint16
}

// String names it, "input 16".
func (p Place) String() string { return fmt.Sprintf("%v %d", p.Table, p.Address) }

// String names the register's place, "input 16" or "input 16.3".
func (r Register) String() string {
	if r.Type == Bit && !r.Table.bits() {
		return fmt.Sprintf("%v %d.%d", r.Table, r.Address, r.Bit)
	}
	return fmt.Sprintf("%v %d", r.Table, r.Address)
}

// size is how many registers, or bits, the value takes.
func (r *Register) size() int {
	if r.Wide {
		return types[r.Type].Bits / 32
	}
	return r.Type.Registers()
}

// width is how many bytes each of its registers has in an answer.
func (r *Register) width() int {
	if r.Wide {
		return 4
	}
	return 2
}

// end is the first address after the register.
func (r *Register) end() int { return int(r.Address) + r.size() }

// extent is the first address that must be read for a value, and the first one
// after. Apart, Power is read by another request.
func (r *Register) extent(apart bool) (first, end int) {
	first, end = int(r.Address), r.end()
	if r.joint && !apart {
		first, end = min(first, int(r.Power.Address)), max(end, int(r.Power.Address)+1)
	}
	return first, end
}

func (r Register) check() error {
	switch {
	case tableNames[r.Table] == "":
		return fmt.Errorf("%v: unknown", r.Table)
	case !r.Type.known():
		return fmt.Errorf("%v: unknown", r.Type)
	case r.Table.bits() && r.Type != Bit:
		return fmt.Errorf("type %v does not fit table %v", r.Type, r.Table)
	case r.Bit > 15 || r.Bit != 0 && (r.Type != Bit || r.Table.bits()):
		return fmt.Errorf("bit %d: want 0 to 15, of a register read as bit", r.Bit)
	case r.Wide && (r.Table.bits() || types[r.Type].Bits%32 != 0 || types[r.Type].join != nil):
		return fmt.Errorf("type %v does not fit registers of 32 bits", r.Type)
	case r.Power != nil && (r.Power.Table.bits() || tableNames[r.Power.Table] == "" || r.Wide || r.Type == Bit):
		return fmt.Errorf("the power of ten of %v cannot be in %v", r, *r.Power)
	case !r.Order.fits(r.Type.Registers()):
		return fmt.Errorf("%v does not fit type %v", r.Order, r.Type)
	case (r.Mask != 0 || r.Shift != 0) && (!types[r.Type].Fields || r.Mask>>(types[r.Type].Bits-1)>>1 != 0 || r.span()>>r.Shift == 0):
		return fmt.Errorf("mask %#x and shift %d leave no bits of type %v", r.Mask, r.Shift, r.Type)
	case r.end() > math.MaxUint16+1:
		return fmt.Errorf("%v ends beyond address %d", r, math.MaxUint16)
	case r.Scale == 0 || !finite(r.Scale):
		return fmt.Errorf("scale %v: want a finite number other than 0", r.Scale)
	case !finite(r.Offset):
		return fmt.Errorf("offset %v: want a finite number", r.Offset)
	}
	for _, m := range r.Missing {
		if w := types[r.Type].Bits; w < 64 && m>>w != 0 {
			return fmt.Errorf("missing value %#x has more than %d bits", m, w)
		}
	}
	return nil
}

// span is every bit that counts, before Shift.
func (r Register) span() uint64 {
	if r.Mask != 0 {
		return r.Mask
	}
	return math.MaxUint64 >> (64 - types[r.Type].Bits)
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// raw extracts the register's bits from the data of an answer that begins at
// address first.
func (r *Register) raw(data []byte, first int) uint64 {
	at := int(r.Address) - first
	if r.Wide {
		at *= 2
	}
	if r.Table.bits() {
		return uint64(data[at/8] >> (at % 8) & 1)
	}
	raw := r.Type.part(r.Type.join(r.Order, data[2*at:]), r.Bit)
	if r.Mask != 0 || r.Shift != 0 {
		return r.Type.field(raw, r.Mask, r.Shift)
	}
	return raw
}

// noPower is the scale factor that means "no value" (SunSpec Information Model
// Specification, type sunssf), and mostPower the largest one that is possible.
const (
	noPower   = -0x8000
	mostPower = 10
)

// powerIn gives the power of ten from the data of an answer that begins at address
// first; false: it is not in there. 0 if the register has none.
func (r *Register) powerIn(q *request, data []byte) (power int, ok bool) {
	if r.Power == nil {
		return 0, true
	}
	at := int(r.Power.Address) - q.at
	if r.Power.Table != q.table || at < 0 || at >= q.n {
		return 0, false
	}
	return int(int16(r.Order.word(data[2*at:]))), true
}

// decode returns the register's value from the data of an answer that begins
// at address first, which was measured at a time, with the power of ten that Power
// holds. Example, I16 with scale 0.1 and offset 5: FF FE is -2, so the
// value is -2*0.1 + 5 = 4.8. If the data holds no value, decode returns NaN and a
// *drivers.ValueError.
func (r *Register) decode(data []byte, first int, at time.Time, power int) (float64, error) {
	raw := r.raw(data, first)
	if r.Missing != nil && slices.Contains(r.Missing, raw) {
		return math.NaN(), &drivers.ValueError{Channel: r.Name, Text: fmt.Sprintf("%#x, which means no value", raw)}
	}
	n, t := r.Type.number(raw), &types[r.Type]
	switch {
	case t.why != "" && math.IsNaN(n):
		return n, &drivers.ValueError{Channel: r.Name, Text: fmt.Sprintf("%#0*x, %s", t.Bits/4, raw, t.why)}
	case t.Clock:
		n -= float64(at.UnixMilli()) / 1000
	}
	if r.States != nil {
		if _, known := r.States[int64(n)]; !known || float64(int64(n)) != n {
			return math.NaN(), &drivers.ValueError{Channel: r.Name, Bad: true, Text: fmt.Sprintf("%v, none of its %d states", n, len(r.States))}
		}
	}
	if n = float64(n * r.Scale); power != 0 { // the conversion rounds the product and so prevents a fused multiply-add
		if power == noPower {
			return math.NaN(), &drivers.ValueError{Channel: r.Name, Text: fmt.Sprintf("without a scale factor: %v is 0x8000", *r.Power)}
		}
		if power < -mostPower || power > mostPower {
			return math.NaN(), &drivers.ValueError{Channel: r.Name, Text: fmt.Sprintf("without a scale factor: %v is %d, want -%d to %[3]d", *r.Power, power, mostPower)}
		}
		n = scaled(n, power)
	}
	v := n + r.Offset
	if !finite(v) {
		return math.NaN(), &drivers.ValueError{Channel: r.Name, Text: fmt.Sprint(v)}
	}
	return v, nil
}

// scaled is v * 10^power. It divides by powers of ten, because 0.1 is no float64
// but 10 is one.
func scaled(v float64, power int) float64 {
	if power < 0 {
		return v / math.Pow10(-power)
	}
	return v * math.Pow10(power)
}
