package modbus

import "time"

// overhearing makes sense of the bytes of a serial line on which another master
// talks: bytes and their times of arrival in, exchanges out. It has no clock
// and no goroutine, and allocates nothing once made. Times count from any fixed
// moment and never go back. It is for one goroutine.
//
// A frame is what the checksum says is one. Times are hints only: an adapter on
// USB hands bytes over every 16 ms, so that a silence may be invisible, and a
// busy host makes silences where there were none. Where a time decides, it is
// the one that is certain.
type overhearing struct {
	pairs
	char, gap time.Duration // of one character, between two frames

	buf    [2 * maxADU]byte
	stamps [2 * maxADU]time.Duration // when each byte arrived, at the latest
	least  [2 * maxADU]time.Duration // and at the earliest
	rested [2 * maxADU]bool          // there was a silence before it
	have   int
	inStep bool          // the next byte begins a frame, as far as is known
	last   time.Duration // arrival of the newest byte
	looked time.Duration // there was nothing else to read

	run     [maxADU]byte // what the noise since the last frame began with
	noisy   int          // bytes of it in run
	noiseAt time.Duration
}

// newOverhearing listens at a rate. An answer that begins later than window
// after its request is not believed. Emit receives every exchange that is
// beyond doubt; its data is valid during the call.
func newOverhearing(baud int, window time.Duration, emit func(exchange)) *overhearing {
	o := &overhearing{char: charTime(baud), gap: interFrame(baud)}
	o.pairs = pairs{emit: emit, window: window, late: lateAfter * window, char: o.char}
	return o
}

// pause is how long nothing must have come until idle is to be called.
func (o *overhearing) pause() time.Duration { return max(40*time.Millisecond, 10*o.char) }

// feed takes bytes that had arrived by now. All that had arrived before looked
// had been read by then, which bounds how old the bytes of the next call are.
func (o *overhearing) feed(looked, now time.Duration, b []byte) {
	least := o.looked
	o.looked = looked
	rested := now-o.last-time.Duration(len(b))*o.char >= o.gap
	o.last = now
	for len(b) > 0 {
		n := copy(o.buf[o.have:], b)
		for i := o.have; i < o.have+n; i++ {
			o.stamps[i], o.least[i], o.rested[i] = now, least, false
		}
		o.rested[o.have], rested = rested, false
		o.have += n
		b = b[n:]
		o.parse(false)
	}
}

// idle says that nothing has come for a while, at least until looked: a frame
// that is not whole will never be, and an answer that is has no second one
// behind it.
func (o *overhearing) idle(looked time.Duration) {
	o.looked = looked
	o.parse(true)
	o.endNoise()
	o.settle()
	o.inStep = true
}

// lost says that bytes may have been missed: nothing pairs across it.
func (o *overhearing) lost() {
	o.parse(true)
	o.endNoise()
	o.settle()
	o.interrupted()
	o.inStep = false
}

// waiting tells whether idle would change anything.
func (o *overhearing) waiting() bool { return o.have > 0 || o.noisy > 0 || o.held.n > 0 }

// parse cuts frames off the buffer. Without final it leaves what may become one.
func (o *overhearing) parse(final bool) { o.compact(o.cut(0, o.have, final)) }

// cut takes the frames between two places of the buffer and returns how far it
// came.
func (o *overhearing) cut(at, end int, final bool) int {
	for at < end {
		b := o.buf[at:end]
		n, more := match(b, o.inStep || o.rested[at], o.expects(b), final)
		switch {
		case n > 0:
			o.endNoise()
			o.stats.Bytes += int64(n)
			o.frame(b[:n], o.least[at+n-1], o.stamps[at+n-1])
			o.inStep = true
			at += n
		case more:
			next := o.restart(at, end)
			if next == 0 {
				return at
			}
			at = o.cut(at, next, true)
		default:
			o.noise(at)
			at++
		}
	}
	return at
}

// restart finds a whole frame that follows a silence behind a frame which is
// not whole: that one was broken off. 0 = there is none.
func (o *overhearing) restart(at, end int) int {
	for i := at + 1; i < end; i++ {
		if o.rested[i] {
			if n, _ := match(o.buf[i:end], false, false, false); n > 0 {
				return i
			}
		}
	}
	return 0
}

func (o *overhearing) compact(at int) {
	copy(o.buf[:], o.buf[at:o.have])
	copy(o.stamps[:], o.stamps[at:o.have])
	copy(o.least[:], o.least[at:o.have])
	copy(o.rested[:], o.rested[at:o.have])
	o.have -= at
}

// noise takes one byte that belongs to no frame.
func (o *overhearing) noise(at int) {
	o.inStep = false
	o.stats.Bytes++
	if o.noisy == len(o.run) {
		o.endNoise()
	}
	o.run[o.noisy], o.noiseAt = o.buf[at], o.stamps[at]
	o.noisy++
}

func (o *overhearing) endNoise() {
	if o.noisy > 0 {
		o.garbled(o.run[:o.noisy], o.noiseAt)
		o.noisy = 0
	}
}

// Function codes whose frames have a length that their bytes tell, besides the
// reading ones; V1.1b3 §6.5, §6.6, §6.11, §6.12.
const (
	writeCoil      = 5
	writeRegister  = 6
	writeCoils     = 15
	writeRegisters = 16
	exceptionFlag  = 0x80
)

const minADU = 4 // unit, function, checksum

// match finds the frame that b begins with: n is its length, 0 where there is
// none; more tells that bytes to come may make one, which final rules out.
// Anything means that a frame of a function whose length is unknown counts too,
// by its checksum alone; longest that the longest one is what is waited for.
func match(b []byte, anything, longest, final bool) (n int, more bool) {
	if len(b) < minADU-1 {
		return 0, !final
	}
	long, short := 0, 0
	switch fc := b[1]; {
	case fc >= byte(Coil) && fc <= byte(Input):
		long = 8 // a request
		if c := int(b[2]); c > 0 && c <= 250 && (Table(fc).bits() || c%2 == 0) {
			long, short = max(8, 5+c), min(8, 5+c)
		}
	case fc == writeCoil, fc == writeRegister:
		long = 8
	case fc == writeCoils, fc == writeRegisters:
		if len(b) < 7 {
			return 0, !final
		}
		long, short = max(8, 9+int(b[6])), 8 // an answer
	case fc > exceptionFlag:
		long = 5
	case anything:
		return matchAny(b, final)
	}
	if whole(b, long) {
		return long, false
	}
	more = long > len(b) && long <= maxRTU && !final
	if more && (longest || short == long-1) {
		return 0, true
	}
	if whole(b, short) {
		return short, false
	}
	return 0, more || short > len(b) && !final
}

// whole tells whether b begins with a frame of n bytes. The checksum of one
// that is a byte longer is right for this length too once in 256 frames, for
// its first half is the second half of that one's: the longer goes first.
func whole(b []byte, n int) bool {
	if n < minADU || n > min(len(b), maxRTU) {
		return false
	}
	crc := crc16(b[:n-2])
	return b[n-2] == byte(crc) && b[n-1] == byte(crc>>8)
}

const maxRTU = 256 // V1.02 §2.5.1

// matchAny finds the shortest frame of any length: behind a whole frame the
// checksum's register is 0. A zero behind it belongs to it.
func matchAny(b []byte, final bool) (n int, more bool) {
	crc := uint16(0xFFFF)
	for i, c := range b[:min(len(b), maxRTU)] {
		if crc = crc>>8 ^ crcTable[byte(crc)^c]; crc != 0 || i+1 < minADU {
			continue
		}
		n = i + 1
		if n < len(b) && b[n] == 0 {
			n++
		}
		if n == len(b) && n < maxRTU && !final {
			return 0, true
		}
		return n, false
	}
	return 0, len(b) < maxRTU && !final
}
