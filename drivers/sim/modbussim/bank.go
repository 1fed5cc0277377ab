package modbussim

import (
	"encoding/binary"
	"math"
	"sync"
)

// Bank holds the four tables of one unit. The zero value is an empty bank ready to
// use. It is safe for concurrent use; one Set call and one read are atomic, so a
// 32-bit value is never seen half-written.
//
// Addresses are protocol addresses and count from 0. Values at addresses outside
// 0-65535 are ignored.
type Bank struct {
	mu        sync.Mutex
	coils     map[uint16]bool
	discrete  map[uint16]bool
	holding   map[uint16]uint16
	input     map[uint16]uint16
	wide      map[uint16]uint32 // holding registers of 32 bits
	before    func()            // called before each request is answered; nil = nothing is
	firstOnly bool              // of the registers of a read, the others are 0
	max       int               // registers a read may ask for; 0 = the protocol's 125
	identity  []string          // vendor, product, revision; nil = the device does not know the function
}

// SetInput sets consecutive input registers.
func (b *Bank) SetInput(at int, words ...uint16) {
	b.mu.Lock()
	defer b.mu.Unlock()
	setWords(&b.input, at, words)
}

// SetHolding sets consecutive holding registers.
func (b *Bank) SetHolding(at int, words ...uint16) {
	b.mu.Lock()
	defer b.mu.Unlock()
	setWords(&b.holding, at, words)
}

// SetInputFloat32 sets two input registers to v, high word first (ABCD).
func (b *Bank) SetInputFloat32(at int, v float32) {
	bits := math.Float32bits(v)
	b.SetInput(at, uint16(bits>>16), uint16(bits))
}

// SetHoldingFloat32 sets two holding registers to v, high word first (ABCD).
func (b *Bank) SetHoldingFloat32(at int, v float32) {
	bits := math.Float32bits(v)
	b.SetHolding(at, uint16(bits>>16), uint16(bits))
}

// SetWide sets consecutive holding registers that have 32 bits on the wire, as
// Enron's Modbus has them. A read that begins at one of them counts such registers.
func (b *Bank) SetWide(at int, values ...uint32) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.wide == nil {
		b.wide = make(map[uint16]uint32)
	}
	for i, v := range values {
		if a := at + i; a >= 0 && a <= math.MaxUint16 {
			b.wide[uint16(a)] = v
		}
	}
}

// SetBefore makes f be called before each request is answered, so that registers can
// change from one answer to the next. f may call the bank's methods.
func (b *Bank) SetBefore(f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.before = f
}

// SetCoil sets one coil.
func (b *Bank) SetCoil(at int, on bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	setBit(&b.coils, at, on)
}

// SetDiscrete sets one discrete input.
func (b *Bank) SetDiscrete(at int, on bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	setBit(&b.discrete, at, on)
}

// SetMaxRegisters makes the unit refuse reads of more than n registers with
// exception 3, as small devices do. 0 restores the protocol's limit.
func (b *Bank) SetMaxRegisters(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.max = n
}

// SetIdentity makes the unit answer function 43/14, V1.1b3 §6.21, with these texts:
// vendor, product code, revision.
func (b *Bank) SetIdentity(texts ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.identity = texts
}

// answerIdentity gives the objects from the one that is asked for on. Each answer
// has one, as small devices do.
func (b *Bank) answerIdentity(dst, pdu []byte) []byte {
	at := int(pdu[3])
	if pdu[1] != 0x0E || pdu[2] != 1 || at >= len(b.identity) {
		return append(dst, pdu[0]|0x80, illegalAddress)
	}
	more, next := byte(0), byte(0)
	if at+1 < len(b.identity) {
		more, next = 0xFF, byte(at+1)
	}
	dst = append(dst, pdu[0], pdu[1], pdu[2], 1, more, next, 1, byte(at), byte(len(b.identity[at])))
	return append(dst, b.identity[at]...)
}

func setWords(table *map[uint16]uint16, at int, words []uint16) {
	if *table == nil {
		*table = make(map[uint16]uint16)
	}
	for i, w := range words {
		if a := at + i; a >= 0 && a <= math.MaxUint16 {
			(*table)[uint16(a)] = w
		}
	}
}

func setBit(table *map[uint16]bool, at int, on bool) {
	if *table == nil {
		*table = make(map[uint16]bool)
	}
	if at >= 0 && at <= math.MaxUint16 {
		(*table)[uint16(at)] = on
	}
}

// Function and exception codes, V1.1b3 §5.1 and §7.
const (
	readCoils    = 1
	readDiscrete = 2
	readHolding  = 3
	readInput    = 4
	readIdentity = 0x2B

	illegalFunction = 1
	illegalAddress  = 2
	illegalValue    = 3
	targetSilent    = 11
)

const (
	maxBits      = 2000 // V1.1b3 §6.1: 0x7D0
	maxRegisters = 125  // V1.1b3 §6.3: 0x7D
)

// answer appends the answer to a request PDU to dst.
func (b *Bank) answer(dst, pdu []byte) []byte {
	fc := pdu[0]
	if fc == readIdentity && len(pdu) == 4 {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.identity != nil {
			return b.answerIdentity(dst, pdu)
		}
	}
	if fc < readCoils || fc > readInput {
		return append(dst, fc|0x80, illegalFunction)
	}
	if len(pdu) != 5 {
		return append(dst, fc|0x80, illegalValue)
	}
	at, n := int(binary.BigEndian.Uint16(pdu[1:])), int(binary.BigEndian.Uint16(pdu[3:]))
	b.mu.Lock()
	before := b.before
	b.mu.Unlock()
	if before != nil {
		before()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch fc {
	case readCoils:
		return appendBits(dst, fc, b.coils, at, n)
	case readDiscrete:
		return appendBits(dst, fc, b.discrete, at, n)
	case readHolding:
		if _, wide := b.wide[uint16(at)]; wide {
			return appendWide(dst, fc, b.wide, at, n)
		}
		return b.appendWords(dst, fc, b.holding, at, n)
	}
	return b.appendWords(dst, fc, b.input, at, n)
}

func (b *Bank) appendWords(dst []byte, fc byte, table map[uint16]uint16, at, n int) []byte {
	if n < 1 || n > maxRegisters || b.max > 0 && n > b.max {
		return append(dst, fc|0x80, illegalValue)
	}
	start := len(dst)
	dst = append(dst, fc, byte(2*n))
	for a := at; a < at+n; a++ {
		w, ok := table[uint16(a)]
		if !ok || a > math.MaxUint16 {
			return append(dst[:start], fc|0x80, illegalAddress)
		}
		if b.firstOnly && a > at {
			w = 0
		}
		dst = binary.BigEndian.AppendUint16(dst, w)
	}
	return dst
}

func appendWide(dst []byte, fc byte, table map[uint16]uint32, at, n int) []byte {
	if n < 1 || n > maxRegisters/2 {
		return append(dst, fc|0x80, illegalValue)
	}
	start := len(dst)
	dst = append(dst, fc, byte(4*n))
	for a := at; a < at+n; a++ {
		v, ok := table[uint16(a)]
		if !ok {
			return append(dst[:start], fc|0x80, illegalAddress)
		}
		dst = binary.BigEndian.AppendUint32(dst, v)
	}
	return dst
}

// appendBits packs bits, the first into the least significant bit of the first byte,
// V1.1b3 §6.1.
func appendBits(dst []byte, fc byte, table map[uint16]bool, at, n int) []byte {
	if n < 1 || n > maxBits {
		return append(dst, fc|0x80, illegalValue)
	}
	start := len(dst)
	size := (n + 7) / 8
	dst = append(dst, fc, byte(size))
	dst = append(dst, make([]byte, size)...)
	for i := range n {
		on, ok := table[uint16(at+i)]
		if !ok || at+i > math.MaxUint16 {
			return append(dst[:start], fc|0x80, illegalAddress)
		}
		if on {
			dst[start+2+i/8] |= 1 << (i % 8)
		}
	}
	return dst
}

// SetFirstOnly makes the unit give only the first register of a read and zeros for
// the others, without an exception.
func (b *Bank) SetFirstOnly(on bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.firstOnly = on
}
