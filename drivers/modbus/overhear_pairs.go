package modbus

import (
	"bytes"
	"encoding/binary"
	"time"
)

// exchange is a read that was overheard: a request with its answer.
type exchange struct {
	unit  byte
	table Table
	at    int // first address
	n     int // registers or bits
	data  []byte
	time  time.Duration // arrival of the answer's last byte
}

// inquiry is a request to read, as overheard or as an answer implies it.
type inquiry struct {
	unit  byte
	table Table
	at    int // negative: unknown, only the answer was heard
	n     int
	size  int // data bytes of its answer
	// Bounds of the time at which its last byte arrived.
	earliest, latest time.Duration
}

// same tells whether both requests read the same range.
func (q inquiry) same(o inquiry) bool {
	return q.unit == o.unit && q.table == o.table && q.at == o.at && q.n == o.n && q.at >= 0
}

// alike tells whether an answer to one could be mistaken for an answer to the
// other.
func (q inquiry) alike(o inquiry) bool {
	return q.unit == o.unit && q.table == o.table && q.size == o.size
}

const (
	// lateAfter is how many windows after its request an answer may still arrive.
	lateAfter = 4
	// prompt decides about a frame that could be the answer to the open request or
	// another request: within prompt of the open request it is the answer, because
	// few masters give up so early. It is longer than three reads of the port.
	prompt = 150 * time.Millisecond
	// turnGlitches is how many stray bytes may stand between a request and a
	// prompt answer. A line without bias resistors often makes them when the
	// direction of transmission changes. They are too few to hide another request.
	turnGlitches = 2
)

// pairs finds the answer to each request. RTU frames carry no transaction id, so
// pairs accepts an answer only if no other interpretation is possible: it follows
// its request directly and in time; it has the request's unit, function and size;
// no request for another range with the same size may still be answered by that
// unit; and no second answer follows.
type pairs struct {
	emit   func(exchange)
	window time.Duration // an answer must begin within it
	late   time.Duration // how long an answer that did not come may still arrive
	char   time.Duration // of one character
	stats  ListenStats

	asked    inquiry
	open     bool      // asked was the newest frame
	glitched bool      // and stray bytes followed it
	repeated bool      // and it equals the frame before it: repeated, or its own answer
	held     exchange  // not yet delivered: the next frame may contradict it; n = 0: none
	heldData [250]byte // its data
	pending  [64]pendingAnswer
	sure     bool // the newest bytes were a frame whose role is known

	wrote    [8]byte            // the newest frame, if it writes one value
	writing  bool               // it does
	speakers [256]time.Duration // newest answer of each unit
}

// expects tells whether b begins like the answer to the open request.
func (p *pairs) expects(b []byte) bool {
	return p.open && len(b) >= 3 && b[0] == p.asked.unit && b[1] == byte(p.asked.table) && int(b[2]) == p.asked.size
}

// frame takes one frame that arrived between earliest and now.
func (p *pairs) frame(b []byte, earliest, now time.Duration) {
	p.stats.Frames++
	unit, fc := b[0], b[1]
	writing := p.writing
	p.writing = false
	switch {
	case fc >= writeCoil && fc <= writeRegister, fc == writeCoils, fc == writeRegisters:
		p.write(b, writing)
	case unit == 0 || unit > 247: // V1.02 §2.2: broadcast, reserved
		p.foreign(b)
	case fc >= byte(Coil) && fc <= byte(Input):
		p.reading(b, earliest, now)
	case fc > exceptionFlag && len(b) == 5:
		p.exception(b, now)
	default:
		p.foreign(b)
	}
}

// reading takes a frame of the functions 1-4. A frame of eight bytes may be a
// request or an answer with three data bytes: requests for coils or discrete
// inputs from 768 to 1023 look like that.
func (p *pairs) reading(b []byte, earliest, now time.Duration) {
	q, asks := asInquiry(b)
	q.earliest, q.latest = earliest, now
	answers := len(b) == 5+int(b[2]) && (q.table.bits() || b[2]%2 == 0)
	switch {
	case asks && answers:
		p.either(b, q, now)
	case asks:
		p.ask(b, q)
	case answers:
		p.answer(b, now)
	default:
		p.foreign(b)
	}
}

// asInquiry reads a frame as a request; false: it cannot be one.
func asInquiry(b []byte) (inquiry, bool) {
	t := Table(b[1])
	if len(b) != 8 {
		return inquiry{table: t}, false
	}
	at, n := int(binary.BigEndian.Uint16(b[2:])), int(binary.BigEndian.Uint16(b[4:]))
	if n < 1 || n > t.limit(2) || at+n > 1<<16 {
		return inquiry{table: t}, false
	}
	return inquiry{unit: b[0], table: t, at: at, n: n, size: dataLen(b[1:], 2)}, true
}

// either takes a frame that may be a request or an answer with three data bytes.
func (p *pairs) either(b []byte, q inquiry, now time.Duration) {
	as := inquiry{unit: q.unit, table: q.table, size: 3, at: -1}
	switch {
	case p.open && p.asked.same(q):
		p.ask(b, q)
		p.repeated = true
		return
	case p.open && p.asked.alike(as) && !p.repeated && !p.glitched:
		if now-p.asked.earliest <= prompt+8*p.char {
			p.answer(b, now)
			return
		}
	case p.sure && p.ambiguousUntil(as, now) == 0:
		p.ask(b, q)
		return
	}
	p.stats.Ambiguous++
	if p.held.n > 0 && p.held.unit == q.unit && p.held.table == q.table && len(p.held.data) == 3 {
		p.held.n = 0
	}
	p.deliver()
	p.interrupted()
	p.expectLate(q, now+p.late)
}

func (p *pairs) ask(b []byte, q inquiry) {
	p.deliver()
	p.unanswered()
	p.stats.Understood += int64(len(b))
	p.asked, p.open, p.glitched, p.repeated, p.sure = q, true, false, false, true
}

// answer takes a frame that can only be an answer.
func (p *pairs) answer(b []byte, now time.Duration) {
	a := inquiry{unit: b[0], table: Table(b[1]), size: len(b) - 5, at: -1}
	p.speakers[a.unit] = now
	if !p.open || !p.asked.alike(a) {
		p.stray(a, now)
		return
	}
	p.open = false
	window := p.window
	if p.glitched {
		window = min(window, prompt)
	}
	if now-p.asked.earliest > window+time.Duration(len(b))*p.char {
		p.stats.Unpaired++
		return
	}
	if until := p.ambiguousUntil(p.asked, now); until > 0 {
		p.stats.Ambiguous++
		p.expectLate(p.asked, until) // one of the two requests is still unanswered
		return
	}
	p.stats.Understood += int64(len(b))
	p.sure = true
	p.held = exchange{p.asked.unit, p.asked.table, p.asked.at, p.asked.n, p.heldData[:copy(p.heldData[:], b[3:len(b)-2])], now}
}

// stray takes an answer that does not belong to the open request.
func (p *pairs) stray(a inquiry, now time.Duration) {
	p.stats.Unpaired++
	second := p.held.n > 0 && p.held.unit == a.unit
	switch {
	case second:
		p.revoke(now)
	case p.takeLate(a, now):
	case p.sure: // otherwise its request was lost in the noise
		p.expectLate(a, now+p.late)
	}
	p.deliver()
	p.unanswered()
	p.sure = true
}

// exception takes an exception answer.
func (p *pairs) exception(b []byte, now time.Duration) {
	unit, t := b[0], Table(b[1]&^exceptionFlag)
	p.speakers[unit] = now
	p.stats.Exceptions++
	p.stats.Understood += int64(len(b))
	if p.open && p.asked.unit == unit && p.asked.table == t {
		p.open = false
		if until := p.exceptionAmbiguousUntil(p.asked, now); until > 0 {
			p.expectLate(p.asked, until)
		}
		return
	}
	if p.held.n > 0 && p.held.unit == unit && p.held.table == t {
		p.revoke(now)
	}
	p.deliver()
	p.unanswered()
	p.sure = true
}

// write takes a request to change a device, or its answer. A written value is
// never used as a reading: the device may round, refuse or ignore it.
func (p *pairs) write(b []byte, again bool) {
	p.known(b)
	if len(b) == 8 {
		if b[1] >= writeCoils || again && bytes.Equal(p.wrote[:], b) {
			return // the answer
		}
		p.writing = true
		copy(p.wrote[:], b)
	}
	p.stats.Writes++
}

// foreign takes a frame of a function that neither reads nor writes registers.
func (p *pairs) foreign(b []byte) {
	p.known(b)
	p.stats.Foreign++
}

func (p *pairs) known(b []byte) {
	p.deliver()
	p.unanswered()
	p.stats.Understood += int64(len(b))
	p.sure = true
}

// garbled takes bytes that belong to no frame: noise, a collision or a damaged
// frame.
func (p *pairs) garbled(run []byte, now time.Duration) {
	p.stats.Bursts++
	if p.held.n > 0 && bytes.Contains(run, []byte{p.held.unit, byte(p.held.table), byte(len(p.held.data))}) {
		p.revoke(now) // a second answer, damaged
	}
	p.deliver()
	if p.open && !p.glitched && len(run) <= turnGlitches && !isDamagedAnswer(run, p.asked) {
		p.glitched, p.sure = true, false
		return
	}
	if p.open && isDamagedAnswer(run, p.asked) {
		p.open = false
		if until := p.ambiguousUntil(p.asked, now); until > 0 {
			p.expectLate(p.asked, until)
		}
	}
	p.interrupted()
}

// isDamagedAnswer tells whether noise was the answer to a request, damaged: it
// contains the answer's first bytes, or has its length and one of them. After
// that, no late answer to the request will come.
func isDamagedAnswer(run []byte, q inquiry) bool {
	head := [3]byte{q.unit, byte(q.table), byte(q.size)}
	if bytes.Contains(run, head[:]) || bytes.Contains(run, []byte{q.unit, byte(q.table) | exceptionFlag}) {
		return true
	}
	return len(run) == 5+q.size && (run[0] == head[0] || run[1] == head[1] || run[2] == head[2])
}

// interrupted notes that frames may have been lost: the next frame may be a
// request or an answer.
func (p *pairs) interrupted() {
	p.unanswered()
	p.sure = false
}

// unanswered ends the wait for the answer to the open request.
func (p *pairs) unanswered() {
	if p.open {
		p.open = false
		p.stats.Unanswered++
		p.expectLate(p.asked, p.asked.latest+p.late)
	}
}

// deliver emits the held exchange, which no later frame has contradicted. A unit
// answers requests in order, so its pending answers of another size will not come
// any more.
func (p *pairs) deliver() {
	if p.held.n == 0 {
		return
	}
	x := p.held
	p.held.n = 0
	for i := range p.pending {
		if d := &p.pending[i]; d.unit == x.unit && (d.table != x.table || d.size != len(x.data)) {
			d.until = 0
		}
	}
	p.stats.Exchanges++
	p.emit(x)
}

// revoke discards the held exchange: a second answer came, and one of the two
// belongs to another request.
func (p *pairs) revoke(now time.Duration) {
	x := p.held
	p.held.n = 0
	p.stats.Understood -= int64(5 + len(x.data))
	p.stats.Ambiguous++
	p.expectLate(inquiry{unit: x.unit, table: x.table, at: -1, size: len(x.data)}, now+p.late)
}
