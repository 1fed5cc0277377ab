package main

import (
	"encoding/binary"
	"math/rand/v2"
	"sync"
	"time"
)

// link carries IPv4 packets between two places, as a bad network does. It is made by
// this program, packet by packet, so it needs no module of the kernel but tun. Its
// methods are safe for concurrent use.
type link struct {
	mu sync.Mutex
	weather
	flows     map[flow]bool // seen so far
	forgotten map[flow]bool
	lost      int
}

// weather is what the link does to packets: nothing by default.
type weather struct {
	loss        float64       // the share of the packets that vanish, in each direction
	delay       time.Duration // of the others, in each direction
	there, back bool          // all packets in this direction vanish; nobody is told
}

// flow is a TCP connection: addresses and ports, those of the first place first.
type flow [12]byte

// join makes a link between two places.
func join(a, b *place) *link {
	l := &link{flows: map[flow]bool{}, forgotten: map[flow]bool{}}
	go l.carry(a, b, true)
	go l.carry(b, a, false)
	return l
}

// set changes the weather.
func (l *link) set(w weather) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.weather = w
}

// forget makes packets of the present connections vanish from now on, as behind a
// firewall that has lost its table. New connections are carried.
func (l *link) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for f := range l.flows {
		l.forgotten[f] = true
	}
}

// dropped is how many packets vanished.
func (l *link) dropped() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lost
}

// carry carries the packets of one direction, in their order, until the places end.
func (l *link) carry(from, to *place, there bool) {
	type late struct {
		at     time.Time
		packet []byte
	}
	queue := make(chan late, 4096)
	defer close(queue)
	go func() {
		for p := range queue {
			time.Sleep(time.Until(p.at))
			to.tun.Write(p.packet) // an end that is down takes nothing
		}
	}()
	buffer := make([]byte, 1<<16)
	for {
		n, err := from.tun.Read(buffer)
		if err != nil {
			return
		}
		delay, ok := l.passes(buffer[:n], there)
		if !ok {
			continue
		}
		select {
		case queue <- late{time.Now().Add(delay), append([]byte(nil), buffer[:n]...)}:
		default: // like any queue that is full
		}
	}
}

// passes decides about a packet.
func (l *link) passes(p []byte, there bool) (delay time.Duration, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f, tcp := flowOf(p, there)
	if tcp {
		l.flows[f] = true
	}
	if tcp && l.forgotten[f] || there && l.there || !there && l.back || rand.Float64() < l.loss {
		l.lost++
		return 0, false
	}
	return l.delay, true
}

// flowOf is the connection of a packet that goes there, or back.
func flowOf(p []byte, there bool) (f flow, tcp bool) {
	if len(p) < 20 || p[0]>>4 != 4 || p[9] != 6 {
		return f, false
	}
	head := int(p[0]&15) * 4
	if len(p) < head+4 {
		return f, false
	}
	src, dst := p[12:16], p[16:20]
	from, to := binary.BigEndian.Uint16(p[head:]), binary.BigEndian.Uint16(p[head+2:])
	if !there {
		src, dst, from, to = dst, src, to, from
	}
	copy(f[:4], src)
	copy(f[4:8], dst)
	binary.BigEndian.PutUint16(f[8:], from)
	binary.BigEndian.PutUint16(f[10:], to)
	return f, true
}
