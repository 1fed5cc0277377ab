package main

import (
	"testing"
	"time"
)

// segment is the head of a TCP segment in IPv4.
func segment(src, dst byte, from, to uint16) []byte {
	p := make([]byte, 40)
	p[0], p[9], p[15], p[19] = 0x45, 6, src, dst
	p[20], p[21], p[22], p[23] = byte(from>>8), byte(from), byte(to>>8), byte(to)
	return p
}

// TestLink checks that each kind of weather takes the packets that it should, and no other.
func TestLink(t *testing.T) {
	there, back := segment(1, 2, 5000, 1883), segment(2, 1, 1883, 5000)
	other := segment(1, 2, 5001, 1883)
	passes := func(l *link, p []byte, way bool) bool {
		_, ok := l.passes(p, way)
		return ok
	}
	l := &link{flows: map[flow]bool{}, forgotten: map[flow]bool{}}
	if !passes(l, there, true) || !passes(l, back, false) || len(l.flows) != 1 {
		t.Errorf("fair weather takes packets, or two directions are %d connections", len(l.flows))
	}
	l.set(weather{there: true})
	if passes(l, there, true) || !passes(l, back, false) || l.dropped() != 1 {
		t.Error("there")
	}
	l.set(weather{back: true})
	if !passes(l, there, true) || passes(l, back, false) {
		t.Error("back")
	}
	l.set(weather{})
	l.forget()
	if passes(l, there, true) || passes(l, back, false) || !passes(l, other, true) {
		t.Error("a forgotten connection passes, or a new one does not")
	}
	if !passes(l, []byte{0x60}, true) || !passes(l, make([]byte, 20), true) {
		t.Error("what is no TCP segment is taken for one")
	}
	l.set(weather{loss: 0.2, delay: time.Second})
	n := 0
	for range 10000 {
		if delay, ok := l.passes(other, true); ok && delay == time.Second {
			n++
		}
	}
	if n < 7700 || n > 8300 { // eight standard deviations
		t.Errorf("%d of 10000 pass, want 8000", n)
	}
}

// TestTap checks that the sums of the tap notice what is not acknowledged, sent again,
// or lost behind it.
func TestTap(t *testing.T) {
	p := &tap{sent: map[uint64]int{}, took: map[uint64]bool{}}
	for _, seq := range []uint64{1, 2, 4, 5} {
		p.passed(seq, false)
	}
	p.passed(4, true)
	p.passed(5, false)
	for _, seq := range []uint64{0, 1, 2, 4} {
		p.acknowledged(seq)
	}
	p.passed(2, true)
	if got, want := p.sums(), (tally{last: 5, never: 2, again: 3, untold: 1, known: 1}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if n := p.losses([]event{{Seq: 1}, {Seq: 4}}); n != 1 {
		t.Errorf("%d lost in the broker, want 1", n)
	}
}
