package modbussim

import (
	"io"
	"time"
)

// ServeRTU serves units in RTU frames on a serial line, for example the master's end
// of a pseudo terminal, until Close, which closes the line. Requests to units without
// a bank remain unanswered.
//
// With baud above 0 the server has the timing of a UART: it receives a request after
// the time that its characters take, answers after a silence of 3.5 characters, and
// sends each byte when its last bit would be sent. With 0 it answers at once.
func ServeRTU(line io.ReadWriteCloser, baud int, units map[uint8]*Bank) *Server {
	s := newRTU(baud, units)
	s.attach(line)
	return s
}

// ListenRTU serves RTU frames at a TCP address, as a serial server does.
func ListenRTU(addr string, units map[uint8]*Bank) (*Server, error) {
	return listen(addr, newRTU(0, units))
}

func newRTU(baud int, units map[uint8]*Bank) *Server {
	s := newServer(units)
	s.baud, s.pace = max(baud, 1), baud > 0
	s.silentUnknown = true
	return s
}

// Attach serves RTU frames on another line, for example to replace one that was
// lost.
func (s *Server) Attach(line io.ReadWriteCloser) { s.attach(line) }

const requestLen = 8 // of the functions 1-4: unit, PDU of 5, CRC

// lengthOf is the length of a request: one for the identification is shorter.
func lengthOf(b []byte) int {
	if b[1] == readIdentity {
		return requestLen - 1
	}
	return requestLen
}

// serveRTU serves one line. It finds requests by their checksum.
func (s *Server) serveRTU(p *peer) {
	var buf [4 * maxFrame]byte
	have := 0
	for {
		n, err := p.Read(buf[have:])
		if n == 0 || err != nil {
			return
		}
		at := time.Now()
		have += n
		for have >= 2 && have >= lengthOf(buf[:]) {
			n := lengthOf(buf[:])
			if crc16(buf[:n]) != 0 {
				have = copy(buf[:], buf[1:have])
				continue
			}
			if !s.answerRTU(p, buf[:n-2], at) {
				return
			}
			have = copy(buf[:], buf[n:have])
		}
		if have == len(buf) {
			have = 0
		}
	}
}

// answerRTU answers a request that was read at a time, converted to a TCP frame.
func (s *Server) answerRTU(p *peer, req []byte, at time.Time) bool {
	tcp := append([]byte{0, 0, 0, 0, 0, byte(len(req))}, req...)
	return s.answer(p, tcp, func(b []byte) {
		if s.pace {
			s.uart(p, b, at)
		} else {
			p.send(b)
		}
	})
}

// uart sends each byte when the last of its 11 bits would be sent. Overdue bytes are
// sent at once.
func (s *Server) uart(p *peer, b []byte, at time.Time) {
	char := 11 * time.Second / time.Duration(s.baud)
	silence := char * 7 / 2
	if s.baud > 19_200 {
		silence = 1750 * time.Microsecond // V1.02 §2.5.1.1
	}
	at = at.Add(requestLen*char + silence)
	for sent := 0; sent < len(b); {
		snooze(time.Until(at.Add(time.Duration(sent+1) * char)))
		due := min(int(time.Since(at)/char), len(b))
		if due > sent {
			p.send(b[sent:due])
			sent = due
		}
	}
}

// distortRTU converts a TCP frame, to which the lie was applied, to an RTU frame and
// applies the lies of serial lines.
func (l *liar) distortRTU(lie Lie, frame []byte) []byte {
	if lie == Garbage {
		return frame
	}
	frame = appendCRC(frame[headerLen-1:])
	switch lie {
	case WrongCRC:
		bit := l.rng.IntN(8 * len(frame))
		frame[bit/8] ^= 1 << (bit % 8)
	case Noise:
		noise := make([]byte, 1+l.rng.IntN(12))
		for i := range noise {
			noise[i] = byte(l.rng.Uint32())
		}
		frame = append(noise, frame...)
	}
	return frame
}

// crc16 is the checksum of V1.02 §2.5.1.2, computed bit by bit so that it shares
// nothing with the driver's. Over a frame with its checksum it is 0.
func crc16(b []byte) uint16 {
	crc := uint16(0xFFFF)
	for _, c := range b {
		crc ^= uint16(c)
		for range 8 {
			odd := crc & 1
			crc >>= 1
			if odd == 1 {
				crc ^= 0xA001
			}
		}
	}
	return crc
}

func appendCRC(b []byte) []byte {
	crc := crc16(b)
	return append(b, byte(crc), byte(crc>>8))
}
