package modbussim

import (
	"encoding/binary"
	"math/rand/v2"
	"time"
)

// Lie is one kind of wrong answer.
type Lie int

// The lies. Each can be recognised by the framing of the answer. None changes a value
// inside an otherwise valid answer, because Modbus offers no means to detect that.
// Those that concern the TCP header have no effect on a serial line, which has no
// header.
const (
	Honest           Lie = iota
	Late                 // answers after Fault.Delay; other requests are served meanwhile
	Stale                // repeats the connection's previous answer before the true one
	WrongTransaction     // the next request's id
	WrongProtocol        // protocol id other than 0
	WrongUnit            // another unit's id
	WrongFunction        // another function code, not an exception
	ForeignException     // an exception to a function that was not requested
	LengthLong           // the header announces more bytes than follow
	LengthShort          // the header announces fewer bytes than follow
	LengthZero           // the header announces no bytes
	WrongCount           // the byte count does not fit the requested quantity
	Truncated            // a valid answer to a smaller quantity
	Garbage              // random bytes in place of a frame
	Drip                 // one byte per Fault.Delay
	CloseMidFrame        // half a frame, then the connection closes
	CloseAtRequest       // the connection closes in place of an answer
	Mute                 // no answer
	Exception            // a valid exception answer with Fault.Code
	Malformed            // one of WrongTransaction … Garbage, CloseMidFrame, drawn for each request
	WrongCRC             // RTU: one bit of the frame is flipped
	Noise                // RTU: random bytes before the true answer
	Split                // the last byte is sent Fault.Delay after the others
)

// malformed lists the lies from which Malformed draws: those without a delay.
var malformed = [...]Lie{
	WrongTransaction, WrongProtocol, WrongUnit, WrongFunction, ForeignException,
	LengthLong, LengthShort, LengthZero, WrongCount, Truncated, Garbage, CloseMidFrame,
}

// malformedRTU replaces it on serial lines, where CloseMidFrame only cuts the frame
// short.
var malformedRTU = [...]Lie{
	WrongUnit, WrongFunction, ForeignException, WrongCount, Truncated, Garbage, CloseMidFrame, WrongCRC, Noise,
}

// Fault says which wrong answer is sent, by which unit and how often. The zero value
// sends none.
type Fault struct {
	Lie   Lie
	Share float64       // share of the requests that get the lie, (0, 1]; 0 means all
	Every int           // every Every-th request gets the lie; replaces Share if > 0
	Unit  uint8         // the only unit that lies; 0 means all
	Delay time.Duration // Late: delay of the answer; Drip: pause before each byte; Split: before the last
	Code  byte          // Exception: its code; 0 means 4, server device failure
	Seed  uint64        // of the draws
}

// liar is a Fault with its state. It is guarded by Server.mu.
type liar struct {
	Fault
	rng  *rand.Rand
	seen int
}

func newLiar(f Fault) liar {
	if f.Code == 0 {
		f.Code = 4
	}
	return liar{Fault: f, rng: rand.New(rand.NewPCG(f.Seed, 0x6d6f64627573))}
}

// draw decides whether and how the next request to a unit is answered wrongly.
func (l *liar) draw(unit uint8, rtu bool) Lie {
	if l.Lie == Honest || l.Unit != 0 && l.Unit != unit {
		return Honest
	}
	l.seen++
	switch {
	case l.Every > 0:
		if l.seen%l.Every != 0 {
			return Honest
		}
	case l.Share > 0 && l.rng.Float64() >= l.Share:
		return Honest
	}
	if l.Lie == Malformed && rtu {
		return malformedRTU[l.rng.IntN(len(malformedRTU))]
	}
	if l.Lie == Malformed {
		return malformed[l.rng.IntN(len(malformed))]
	}
	return l.Lie
}

// garbage returns 8 to 300 random bytes. The protocol id is never 0, so that they
// cannot form a valid frame. They contain a whole header, so that no client waits
// for more.
func (l *liar) garbage() []byte {
	b := make([]byte, 8+l.rng.IntN(293))
	for i := range b {
		b[i] = byte(l.rng.Uint32())
	}
	b[2] |= 0x01
	return b
}

// distort applies a lie to a frame, a whole ADU: 7 bytes of MBAP header, then the
// PDU.
func (l *liar) distort(lie Lie, frame []byte) []byte {
	tid, length := binary.BigEndian.Uint16(frame), binary.BigEndian.Uint16(frame[4:])
	switch lie {
	case WrongTransaction:
		binary.BigEndian.PutUint16(frame, tid+1)
	case WrongProtocol:
		frame[2] = 0x55
	case WrongUnit:
		frame[6]++
	case WrongFunction:
		frame[7] = frame[7]&0x7f ^ 0x07 // 1-4 become 6, 5, 4, 3
	case ForeignException:
		frame = append(frame[:7], frame[7]&0x7f^0x07|0x80, l.Code)
		binary.BigEndian.PutUint16(frame[4:], 3)
	case LengthLong:
		binary.BigEndian.PutUint16(frame[4:], length+7)
	case LengthShort:
		binary.BigEndian.PutUint16(frame[4:], length-1)
	case LengthZero:
		binary.BigEndian.PutUint16(frame[4:], 0)
	case WrongCount:
		frame[8] += 2 // in an exception this changes the code: still an error for the client
	case Truncated:
		frame = truncate(frame)
	case Garbage:
		frame = l.garbage()
	case Exception:
		frame = append(frame[:7], frame[7]|0x80, l.Code)
		binary.BigEndian.PutUint16(frame[4:], 3)
	}
	return frame
}

// truncate shortens an answer of n registers to n-1 (bits: by one byte), with a
// header and count that agree with each other.
func truncate(frame []byte) []byte {
	if frame[7]&0x80 != 0 {
		return frame
	}
	cut := 2
	if frame[7] <= readDiscrete {
		cut = 1
	}
	frame = frame[:len(frame)-cut]
	frame[8] -= byte(cut)
	binary.BigEndian.PutUint16(frame[4:], uint16(len(frame)-6))
	return frame
}
