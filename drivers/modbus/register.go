package modbus

import (
	"fmt"
	"math"
	"slices"

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
	Scale    float64 // value = raw*Scale + Offset; 0 is refused by New
	Offset   float64
	// Missing are the raw bits, before scaling, that mean "no value".
	Missing []uint64
	// States are the valid raw numbers, with their names. Any other number is a
	// bad value. Nil: every number is valid.
	States map[int64]string
}

// String names the register's place, "input 16" or "input 16.3".
func (r Register) String() string {
	if r.Type == Bit && !r.Table.bits() {
		return fmt.Sprintf("%v %d.%d", r.Table, r.Address, r.Bit)
	}
	return fmt.Sprintf("%v %d", r.Table, r.Address)
}

// end is the first address after the register.
func (r Register) end() int { return int(r.Address) + r.Type.Registers() }

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
	case r.Order > CDAB:
		return fmt.Errorf("%v: unknown", r.Order)
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

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// raw extracts the register's bits from the data of an answer that begins at
// address first.
func (r *Register) raw(data []byte, first int) uint64 {
	at := int(r.Address) - first
	if r.Table.bits() {
		return uint64(data[at/8] >> (at % 8) & 1)
	}
	return r.Type.part(r.Order.join(data[2*at:], r.Type.Registers()), r.Bit)
}

// decode returns the register's value from the data of an answer that begins
// at address first. Example, I16 with scale 0.1 and offset 5: FF FE is -2, so the
// value is -2*0.1 + 5 = 4.8. If the data holds no value, decode returns NaN and a
// *drivers.ValueError.
func (r *Register) decode(data []byte, first int) (float64, error) {
	raw := r.raw(data, first)
	if r.Missing != nil && slices.Contains(r.Missing, raw) {
		return math.NaN(), &drivers.ValueError{Channel: r.Name, Text: fmt.Sprintf("%#x, which means no value", raw)}
	}
	n := r.Type.number(raw)
	if r.States != nil {
		if _, known := r.States[int64(n)]; !known || float64(int64(n)) != n {
			return math.NaN(), &drivers.ValueError{Channel: r.Name, Bad: true, Text: fmt.Sprintf("%v, none of its %d states", n, len(r.States))}
		}
	}
	v := float64(n*r.Scale) + r.Offset // the conversion rounds the product and so prevents a fused multiply-add
	if !finite(v) {
		return math.NaN(), &drivers.ValueError{Channel: r.Name, Text: fmt.Sprint(v)}
	}
	return v, nil
}
