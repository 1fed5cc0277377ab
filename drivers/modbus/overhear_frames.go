package modbus

import "time"

// overhearing decodes the traffic of another master on a serial line. It takes
// bytes with their times of arrival and emits exchanges. It has no clock and no
// goroutine, and allocates nothing once made. Times count from any fixed moment
// and never go back. It is for one goroutine.
//
// The checksum decides what is a frame. Times are hints only: a USB adapter hands
// bytes over every 16 ms and so hides silences, and a busy host adds silences
// that the line did not have. So each byte has two times, the earliest and the
// latest at which it can have arrived, and each decision uses the safe one.
type overhearing struct {
	pairs
	char, gap time.Duration // of one character, between two frames

	buf          [2 * maxADU]byte
	latest       [2 * maxADU]time.Duration // when each byte arrived, at the latest
	earliest     [2 * maxADU]time.Duration // and at the earliest
	afterSilence [2 * maxADU]bool          // a silence preceded it
	have         int                       // bytes in buf
	inStep       bool                      // the next byte probably begins a frame
	last         time.Duration             // arrival of the newest byte
	looked       time.Duration             // all that had arrived by then was read

	noiseBuf [maxADU]byte // the first bytes of the noise since the last frame
	noiseLen int          // of them
	noiseAt  time.Duration
}

// newOverhearing decodes a line of the given rate. An answer that begins later
// than window after its request is rejected. Emit receives every exchange that is
// certain; its data is valid during the call.
func newOverhearing(baud int, window time.Duration, emit func(exchange)) *overhearing {
	o := &overhearing{char: charTime(baud), gap: interFrame(baud)}
	o.pairs = pairs{emit: emit, window: window, late: lateAfter * window, char: o.char}
	return o
}

// pause is how long the line must be silent before idle is called.
func (o *overhearing) pause() time.Duration { return max(40*time.Millisecond, 10*o.char) }

// feed takes bytes that arrived by now. The caller began its read at looked: all
// bytes that came before that had been read, so the bytes of the next call are
// younger.
func (o *overhearing) feed(looked, now time.Duration, b []byte) {
	earliest := o.looked
	o.looked = looked
	afterSilence := now-o.last-time.Duration(len(b))*o.char >= o.gap
	o.last = now
	for len(b) > 0 {
		n := copy(o.buf[o.have:], b)
		for i := o.have; i < o.have+n; i++ {
			o.latest[i], o.earliest[i], o.afterSilence[i] = now, earliest, false
		}
		o.afterSilence[o.have], afterSilence = afterSilence, false
		o.have += n
		b = b[n:]
		o.parse(false)
	}
}

// idle notes that nothing came for a while, at least until looked. An incomplete
// frame will not be completed any more, and no second answer follows the newest
// one.
func (o *overhearing) idle(looked time.Duration) {
	o.looked = looked
	o.parse(true)
	o.endNoise()
	o.deliver()
	o.inStep = true
}

// lost notes that bytes may have been missed: a request before is not paired with
// an answer after.
func (o *overhearing) lost() {
	o.parse(true)
	o.endNoise()
	o.deliver()
	o.interrupted()
	o.inStep = false
}

// waiting tells whether idle would change anything.
func (o *overhearing) waiting() bool { return o.have > 0 || o.noiseLen > 0 || o.held.n > 0 }

// parse takes frames off the buffer. Unless final is set, it leaves bytes that may
// become a frame.
func (o *overhearing) parse(final bool) { o.compact(o.cut(0, o.have, final)) }

// cut takes the frames in buf[at:end] and returns where it stopped.
func (o *overhearing) cut(at, end int, final bool) int {
	for at < end {
		b := o.buf[at:end]
		n, more := match(b, o.inStep || o.afterSilence[at], o.expects(b), final)
		switch {
		case n > 0:
			o.endNoise()
			o.stats.Bytes += int64(n)
			o.frame(b[:n], o.earliest[at+n-1], o.latest[at+n-1])
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

// restart finds a whole frame that begins after a silence within buf[at:end]. The
// incomplete frame at its start was then broken off. 0 = there is none.
func (o *overhearing) restart(at, end int) int {
	for i := at + 1; i < end; i++ {
		if o.afterSilence[i] {
			if n, _ := match(o.buf[i:end], false, false, false); n > 0 {
				return i
			}
		}
	}
	return 0
}

func (o *overhearing) compact(at int) {
	copy(o.buf[:], o.buf[at:o.have])
	copy(o.latest[:], o.latest[at:o.have])
	copy(o.earliest[:], o.earliest[at:o.have])
	copy(o.afterSilence[:], o.afterSilence[at:o.have])
	o.have -= at
}

// noise takes one byte that belongs to no frame.
func (o *overhearing) noise(at int) {
	o.inStep = false
	o.stats.Bytes++
	if o.noiseLen == len(o.noiseBuf) {
		o.endNoise()
	}
	o.noiseBuf[o.noiseLen], o.noiseAt = o.buf[at], o.latest[at]
	o.noiseLen++
}

func (o *overhearing) endNoise() {
	if o.noiseLen > 0 {
		o.garbled(o.noiseBuf[:o.noiseLen], o.noiseAt)
		o.noiseLen = 0
	}
}

// Function codes besides 1-4 for which the bytes of a frame determine its length;
// V1.1b3 §6.5, §6.6, §6.11, §6.12.
const (
	writeCoil      = 5
	writeRegister  = 6
	writeCoils     = 15
	writeRegisters = 16
	exceptionFlag  = 0x80
)

const minADU = 4 // unit, function, checksum

// match finds the frame that b begins with. N is its length, 0 if there is none;
// more tells whether further bytes may complete one, never if final is set.
//
// If anything is set, match also accepts frames of other functions, whose length
// is unknown, by their checksum alone. Some bytes can begin a frame of either of
// two lengths. If longest is set, wait for the longer candidate frame.
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

// whole tells whether b begins with a frame of n bytes. Test the longer candidate
// first: a frame of n+1 bytes passes for a frame of n bytes once in 256, when its
// last data byte equals the first byte of the checksum of what precedes it.
func whole(b []byte, n int) bool {
	if n < minADU || n > min(len(b), maxRTU) {
		return false
	}
	crc := crc16(b[:n-2])
	return b[n-2] == byte(crc) && b[n-1] == byte(crc>>8)
}

const maxRTU = 256 // V1.02 §2.5.1

// matchAny finds the shortest frame of any length: after a whole frame, checksum
// included, the CRC register is 0. A zero byte that follows leaves it 0, so it
// belongs to the frame.
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
