package config

import (
	"fmt"
	"math/bits"
	"strconv"
	"time"
)

// ChipTable is what the driver regs knows of a chip.
type ChipTable struct {
	Init      []ChipWrite
	Check     []ChipCheck
	Registers []ChipRegister
}

// ChipWrite is written when the chip is opened.
type ChipWrite struct {
	Bytes []byte
	Wait  time.Duration
}

// ChipPlace is where a number stands in a chip.
type ChipPlace struct {
	At    []byte // written first; empty = only read
	Wait  time.Duration
	Skip  int
	Width int    // bytes; default 1
	Order string // "big" or "little"; default big
	CRC   string // "none", "sensirion" or "pec"; default none
	Mask  uint64 // 0 = every bit
}

// ChipCheck is a number that the chip must have.
type ChipCheck struct {
	ChipPlace
	Value uint64
}

// ChipRegister is one channel of the driver regs.
type ChipRegister struct {
	ChipPlace
	Measurand
	Shift   int
	Signed  bool
	Missing []uint64
}

const (
	maxTransfer = 32          // bytes of one transfer, drivers/regs
	longestWait = time.Second // after a command: the bus waits too
)

// table is the sensor's table, made when it is first needed.
func (s *Sensor) table() *ChipTable {
	if s.Table == nil {
		s.Table = &ChipTable{}
	}
	return s.Table
}

func (v value) chipInit(s *Sensor) {
	v.list(func(_ int, v value) {
		var w ChipWrite
		var at []byte
		v.object(nil,
			need("at", func(v value) { v.bytes(&at) }),
			key("write", func(v value) { v.bytes(&w.Bytes) }),
			key("wait", func(v value) { v.duration(&w.Wait, 0, longestWait) }),
		)
		if w.Bytes = append(at, w.Bytes...); len(w.Bytes) == 0 || len(w.Bytes) > maxTransfer {
			v.fail(fmt.Sprintf("a write holds 1 to %d", maxTransfer), "%d bytes are written", len(w.Bytes))
		}
		s.table().Init = append(s.table().Init, w)
	})
}

func (v value) chipChecks(s *Sensor) {
	v.list(func(_ int, v value) {
		c := ChipCheck{ChipPlace: newPlace()}
		v.object(nil, place(&c.ChipPlace, need("value", func(v value) { v.unsigned(&c.Value) }))...)
		v.checkPlaceOf(&c.ChipPlace)
		if all := c.bits(); c.Value&^all != 0 {
			v.fail("clear them, or widen the mask", "the value 0x%x has bits outside %s", c.Value, c.what())
		}
		s.table().Check = append(s.table().Check, c)
	})
}

func (v value) chipRegisters(s *Sensor) {
	v.measurandList("register", func(v value) string {
		r := ChipRegister{ChipPlace: newPlace(), Measurand: Measurand{Pos: v.pos, Scale: 1}}
		keys := place(&r.ChipPlace,
			key("shift", func(v value) { v.integer(&r.Shift, 0, 63) }),
			key("signed", func(v value) { v.boolean(&r.Signed) }),
			key("missing", func(v value) { v.missingNumbers(&r.Missing) }))
		v.object(map[string]string{"type": "write width: 2 and signed: true", "address": "write at:"}, measurand(&r.Measurand, keys...)...)
		if v.checkPlaceOf(&r.ChipPlace) {
			v.checkNumbersOf(&r)
		}
		s.table().Registers = append(s.table().Registers, r)
		return r.Name
	})
}

func newPlace() ChipPlace { return ChipPlace{Width: 1, Order: "big", CRC: "none"} }

// place gives the keys of p beside those of its kind.
func place(p *ChipPlace, more ...field) []field {
	return append([]field{
		need("at", func(v value) { v.bytes(&p.At) }),
		key("wait", func(v value) { v.duration(&p.Wait, 0, longestWait) }),
		key("skip", func(v value) { v.integer(&p.Skip, 0, maxTransfer) }),
		key("width", func(v value) { v.integer(&p.Width, 1, 8) }),
		key("order", func(v value) { v.enum(&p.Order, "byte order", orderNames, "big", "little") }),
		key("crc", func(v value) { v.enum(&p.CRC, "checksum", crcNames, "none", "sensirion", "pec") }),
		key("mask", func(v value) {
			if v.unsigned(&p.Mask) && p.Mask == 0 {
				v.fail("leave the key out for every bit", "the mask 0 leaves nothing")
			}
		}),
	}, more...)
}

// orderNames and crcNames are words of other programs.
var (
	orderNames = map[string]string{"be": "big", "le": "little", "msb": "big", "lsb": "little", "big-endian": "big", "little-endian": "little"}
	crcNames   = map[string]string{"crc8": "sensirion", "crc-8": "sensirion", "smbus": "pec"}
)

// bits are those that a number of this place can have.
func (p *ChipPlace) bits() uint64 {
	if p.Mask != 0 {
		return p.Mask
	}
	return ^uint64(0) >> (64 - 8*p.Width)
}

// what names those bits.
func (p *ChipPlace) what() string {
	if p.Mask != 0 {
		return "the mask 0x" + strconv.FormatUint(p.Mask, 16)
	}
	return "width " + strconv.Itoa(p.Width)
}

// checkPlaceOf makes the keys of a place agree.
func (v value) checkPlaceOf(p *ChipPlace) bool {
	length := p.Skip + p.Width
	switch p.CRC {
	case "sensirion":
		if p.Width%2 != 0 || p.Skip%3 != 0 {
			return v.fail("width counts bytes without, skip with checksums", "width %d and skip %d are no whole words, which this checksum protects", p.Width, p.Skip)
		}
		length = p.Skip + p.Width/2*3
	case "pec":
		length++
	}
	switch {
	case length > maxTransfer:
		return v.fail("read and skip fewer", "a transfer of %d bytes, want at most %d", length, maxTransfer)
	case p.Mask != 0 && bits.Len64(p.Mask) > 8*p.Width:
		return v.fail("write a narrower mask, or a greater width", "the mask 0x%x is wider than width %d", p.Mask, p.Width)
	case p.Wait > 0 && len(p.At) == 0:
		return v.fail("name what is written", "wait stands between writing at and reading, and at is empty")
	}
	return true
}

// checkNumbersOf holds shift and missing against the bits that there are: a
// number that the chip cannot send would let the value it stands for pass.
func (v value) checkNumbersOf(r *ChipRegister) {
	most := r.bits() >> r.Shift
	if most == 0 {
		v.fail("shift by less", "shift %d leaves nothing of %s", r.Shift, r.what())
		return
	}
	for _, n := range r.Missing {
		if n&^most != 0 {
			v.fail("write it as it is after mask and shift", "missing 0x%x is none of %s shifted by %d", n, r.what(), r.Shift)
		}
	}
}

// bytes reads one byte, or a list of bytes.
func (v value) bytes(dst *[]byte) {
	one := func(v value) {
		var n int
		if v.integer(&n, 0, 0xFF) {
			*dst = append(*dst, byte(n))
		}
	}
	if v.node.Kind != yamlSequence {
		one(v)
		return
	}
	if len(v.node.Content) > maxTransfer {
		v.fail("split it", "%d bytes, want at most %d", len(v.node.Content), maxTransfer)
		return
	}
	v.list(func(_ int, v value) { one(v) })
}

// missingNumbers reads one number or a list of them.
func (v value) missingNumbers(dst *[]uint64) {
	one := func(v value) {
		var n uint64
		if v.unsigned(&n) {
			*dst = append(*dst, n)
		}
	}
	if v.node.Kind != yamlSequence {
		one(v)
		return
	}
	v.list(func(_ int, v value) { one(v) })
}

// unsigned reads a whole number of up to 64 bits in decimal or 0x form.
func (v value) unsigned(dst *uint64) bool {
	if !v.scalar(aWhole, "!!int") {
		return false
	}
	n, err := strconv.ParseUint(v.node.Value, 0, 64)
	if err != nil {
		return v.fail("write it in decimal or with 0x", "%s is no whole number of up to 64 bits", quoteShort(v.node.Value))
	}
	*dst = n
	return true
}
