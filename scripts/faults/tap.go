package main

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"io"
	"net"
	"strings"
	"sync"
)

// tap carries connections to a broker and notes which events pass it: what the program
// sent and what the broker acknowledged, whatever the broker makes of it then. Safe for
// concurrent use.
type tap struct {
	addr string
	mu   sync.Mutex
	sent map[uint64]int // how often, by number
	took map[uint64]bool
	unmarked,
	known, // sent again although the broker had acknowledged them
	last uint64
}

// startTap starts a tap before a broker.
func (t *trial) startTap(to string) (*tap, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &tap{addr: l.Addr().String(), sent: map[uint64]int{}, took: map[uint64]bool{}}
	t.later(func() { l.Close() })
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", to)
			if err != nil {
				near.Close()
				continue
			}
			p.carry(near, far)
		}
	}()
	return p, nil
}

// carry carries one connection in the background.
func (p *tap) carry(near, far net.Conn) {
	var mu sync.Mutex
	flying := map[uint16]uint64{}
	pass := func(from, to net.Conn, note func(first byte, body []byte)) {
		defer near.Close()
		defer far.Close()
		r := bufio.NewReader(from)
		for {
			first, body, err := packet(r)
			if err != nil {
				return
			}
			mu.Lock()
			note(first, body)
			mu.Unlock()
			raw := append(binary.AppendUvarint([]byte{first}, uint64(len(body))), body...)
			if _, err := to.Write(raw); err != nil {
				return
			}
		}
	}
	go pass(near, far, func(first byte, body []byte) {
		if first>>4 != 3 {
			return
		}
		topic, id, err := publish(first, body)
		if err != nil || !strings.HasSuffix(topic, "/event") {
			return
		}
		var e event
		if json.Unmarshal(body[2+len(topic)+2:], &e) == nil {
			flying[id] = e.Seq
			p.passed(e.Seq, e.Resent)
		}
	})
	go pass(far, near, func(first byte, body []byte) {
		if first>>4 == 4 && len(body) >= 2 {
			p.acknowledged(flying[binary.BigEndian.Uint16(body)])
		}
	})
}

// passed notes an event that was sent.
func (p *tap) passed(seq uint64, resent bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent[seq]++
	if p.took[seq] {
		p.known++
	}
	p.last = max(p.last, seq)
	if p.sent[seq] > 1 && !resent {
		p.unmarked++
	}
}

// acknowledged notes that the broker took an event; 0 is another message.
func (p *tap) acknowledged(seq uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if seq > 0 {
		p.took[seq] = true
	}
}

// tally is what a tap has seen.
type tally struct {
	last   uint64 // highest number
	never  uint64 // numbers up to it that the broker did not acknowledge
	again  uint64 // messages that were sent once more
	untold uint64 // of again, without `resent`
	known  uint64 // of again, after the broker had acknowledged them
}

// sums adds up what passed.
func (p *tap) sums() tally {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := tally{last: p.last, never: p.last - uint64(len(p.took)), untold: p.unmarked, known: p.known}
	for _, n := range p.sent {
		s.again += uint64(n - 1)
	}
	return s
}

// losses are the numbers that the broker acknowledged and the subscriber never heard.
func (p *tap) losses(heard []event) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	got := map[uint64]bool{}
	for _, e := range heard {
		got[e.Seq] = true
	}
	for seq := range p.took {
		if !got[seq] {
			n++
		}
	}
	return n
}

// sessionLeft asks a broker whether it has a session of a client.
func sessionLeft(addr, client string) (bool, error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return false, err
	}
	defer c.Close()
	body := append([]byte("\x00\x04MQTT\x04\x00\x00\x0a"), binary.BigEndian.AppendUint16(nil, uint16(len(client)))...)
	body = append(body, client...)
	if _, err := c.Write(append(binary.AppendUvarint([]byte{0x10}, uint64(len(body))), body...)); err != nil {
		return false, err
	}
	first, answer, err := packet(bufio.NewReader(c))
	if err == nil && (first != 0x20 || len(answer) != 2 || answer[1] != 0) {
		err = errPacket
	}
	if err != nil {
		return false, err
	}
	_, err = io.WriteString(c, "\xe0\x00")
	return answer[0] == 1, err
}
