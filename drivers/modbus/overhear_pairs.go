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

// inquiry is a request to read.
type inquiry struct {
	unit  byte
	table Table
	at    int // negative: some range, nobody knows which
	n     int
	size  int // data bytes of its answer
	// When its last byte came, at the earliest and at the latest.
	least, most time.Duration
}

// same tells whether two questions have the same answer.
func (q inquiry) same(o inquiry) bool {
	return q.unit == o.unit && q.table == o.table && q.at == o.at && q.n == o.n && q.at >= 0
}

// alike tells whether an answer to one could be taken for one to the other.
func (q inquiry) alike(o inquiry) bool {
	return q.unit == o.unit && q.table == o.table && q.size == o.size
}

// debt is a question whose answer may still come, until then.
type debt struct {
	inquiry
	until time.Duration
	more  int // as many answers besides the first: it was asked again
}

const (
	// lateAfter windows after a question nobody waits for its answer any more.
	lateAfter = 4
	// prompt is how soon a frame that looks like a request and like an answer
	// must follow a request to be an answer: few masters give up so early. It
	// is more than three looks at the line.
	prompt = 150 * time.Millisecond
	// jolts is how many bytes between a request and a prompt answer are the
	// line's turning round, which without bias it seldom does in silence: too few
	// to hide another request, and too early for one.
	jolts = 2
)

// pairs finds the answer to each request. RTU has no transaction number, so an
// answer is believed only where nothing else could be true: it follows its
// request at once and in time, has its unit, function and size, no question of
// another range and the same size is open at that unit, and no second answer
// follows.
type pairs struct {
	emit   func(exchange)
	window time.Duration
	late   time.Duration
	char   time.Duration
	stats  ListenStats

	asked inquiry
	open  bool // asked was the newest frame
	jolt  bool // and a glitch has followed it
	twin  bool // and it is equal to the one before: asked again, or the answer
	held  exchange
	store [250]byte // held's data
	debts [64]debt
	sure  bool // the newest bytes were a frame whose role is known

	wrote    [8]byte // the newest frame, if it writes one value
	writing  bool
	speakers [256]time.Duration // newest answer of each unit
}

// expects tells whether b begins as the answer that is waited for does.
func (p *pairs) expects(b []byte) bool {
	return p.open && len(b) >= 3 && b[0] == p.asked.unit && b[1] == byte(p.asked.table) && int(b[2]) == p.asked.size
}

// frame takes one frame, which arrived between least and now.
func (p *pairs) frame(b []byte, least, now time.Duration) {
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
		p.reading(b, least, now)
	case fc > exceptionFlag && len(b) == 5:
		p.exception(b, now)
	default:
		p.foreign(b)
	}
}

// reading takes a frame of the functions 1-4. Eight bytes may be a request as
// well as an answer of three bytes: coils or discrete inputs from 768 to 1023.
func (p *pairs) reading(b []byte, least, now time.Duration) {
	q, asks := asQuestion(b)
	q.least, q.most = least, now
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

// asQuestion reads a frame as a request.
func asQuestion(b []byte) (inquiry, bool) {
	t := Table(b[1])
	if len(b) != 8 {
		return inquiry{table: t}, false
	}
	at, n := int(binary.BigEndian.Uint16(b[2:])), int(binary.BigEndian.Uint16(b[4:]))
	if n < 1 || n > t.limit() || at+n > 1<<16 {
		return inquiry{table: t}, false
	}
	return inquiry{unit: b[0], table: t, at: at, n: n, size: dataLen(b[1:])}, true
}

// either takes a frame that is a request or an answer of three bytes.
func (p *pairs) either(b []byte, q inquiry, now time.Duration) {
	as := inquiry{unit: q.unit, table: q.table, size: 3, at: -1}
	switch {
	case p.open && p.asked.same(q):
		p.ask(b, q)
		p.twin = true
		return
	case p.open && p.asked.alike(as) && !p.twin && !p.jolt:
		if now-p.asked.least <= prompt+8*p.char {
			p.answer(b, now)
			return
		}
	case p.sure && p.doubt(as, now) == 0:
		p.ask(b, q)
		return
	}
	p.stats.Ambiguous++
	if p.held.n > 0 && p.held.unit == q.unit && p.held.table == q.table && len(p.held.data) == 3 {
		p.held.n = 0
	}
	p.settle()
	p.interrupted()
	p.owe(q, now+p.late)
}

func (p *pairs) ask(b []byte, q inquiry) {
	p.settle()
	p.unanswered()
	p.stats.Understood += int64(len(b))
	p.asked, p.open, p.jolt, p.twin, p.sure = q, true, false, false, true
}

// answer takes what can only be an answer.
func (p *pairs) answer(b []byte, now time.Duration) {
	a := inquiry{unit: b[0], table: Table(b[1]), size: len(b) - 5, at: -1}
	p.speakers[a.unit] = now
	if !p.open || !p.asked.alike(a) {
		p.stray(a, now)
		return
	}
	p.open = false
	window := p.window
	if p.jolt {
		window = min(window, prompt)
	}
	if now-p.asked.least > window+time.Duration(len(b))*p.char {
		p.stats.Unpaired++
		return
	}
	if until := p.doubt(p.asked, now); until > 0 {
		p.stats.Ambiguous++
		p.owe(p.asked, until) // one of the two is still open
		return
	}
	p.stats.Understood += int64(len(b))
	p.sure = true
	p.held = exchange{p.asked.unit, p.asked.table, p.asked.at, p.asked.n, p.store[:copy(p.store[:], b[3:len(b)-2])], now}
}

// stray takes an answer that nobody has asked for.
func (p *pairs) stray(a inquiry, now time.Duration) {
	p.stats.Unpaired++
	second := p.held.n > 0 && p.held.unit == a.unit
	switch {
	case second:
		p.revoke(now)
	case p.repay(a, now):
	case p.sure: // else its request was among the noise
		p.owe(a, now+p.late)
	}
	p.settle()
	p.unanswered()
	p.sure = true
}

// exception takes a refusal.
func (p *pairs) exception(b []byte, now time.Duration) {
	unit, t := b[0], Table(b[1]&^exceptionFlag)
	p.speakers[unit] = now
	p.stats.Exceptions++
	p.stats.Understood += int64(len(b))
	if p.open && p.asked.unit == unit && p.asked.table == t {
		p.open = false
		if until := p.doubtExcept(p.asked, now); until > 0 {
			p.owe(p.asked, until)
		}
		return
	}
	if p.held.n > 0 && p.held.unit == unit && p.held.table == t {
		p.revoke(now)
	}
	p.settle()
	p.unanswered()
	p.sure = true
}

// write takes a frame that changes a device, asked or done. What is written is
// not what is read: the device may round, refuse or ignore it.
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

// foreign takes a frame of a function that does not matter here.
func (p *pairs) foreign(b []byte) {
	p.known(b)
	p.stats.Foreign++
}

func (p *pairs) known(b []byte) {
	p.settle()
	p.unanswered()
	p.stats.Understood += int64(len(b))
	p.sure = true
}

// garbled takes bytes that belong to no frame: noise, a collision, a frame that
// was hurt.
func (p *pairs) garbled(run []byte, now time.Duration) {
	p.stats.Bursts++
	if p.held.n > 0 && bytes.Contains(run, []byte{p.held.unit, byte(p.held.table), byte(len(p.held.data))}) {
		p.revoke(now) // a second answer, hurt
	}
	p.settle()
	if p.open && !p.jolt && len(run) <= jolts && !isHurt(run, p.asked) {
		p.jolt, p.sure = true, false
		return
	}
	if p.open && isHurt(run, p.asked) {
		p.open = false
		if until := p.doubt(p.asked, now); until > 0 {
			p.owe(p.asked, until)
		}
	}
	p.interrupted()
}

// isHurt tells whether noise was the answer to a question: it has its first
// bytes, or its length and one of them. A question that was answered cannot be
// answered late.
func isHurt(run []byte, q inquiry) bool {
	head := [3]byte{q.unit, byte(q.table), byte(q.size)}
	if bytes.Contains(run, head[:]) || bytes.Contains(run, []byte{q.unit, byte(q.table) | exceptionFlag}) {
		return true
	}
	return len(run) == 5+q.size && (run[0] == head[0] || run[1] == head[1] || run[2] == head[2])
}

// interrupted forgets whose turn it is.
func (p *pairs) interrupted() {
	p.unanswered()
	p.sure = false
}

// unanswered ends the wait for the open question's answer.
func (p *pairs) unanswered() {
	if p.open {
		p.open = false
		p.stats.Unanswered++
		p.owe(p.asked, p.asked.most+p.late)
	}
}

// settle hands on the exchange that nothing has called into question. A unit
// answers in the order in which it was asked, so what it owed of another size
// it will not send any more.
func (p *pairs) settle() {
	if p.held.n == 0 {
		return
	}
	x := p.held
	p.held.n = 0
	for i := range p.debts {
		if d := &p.debts[i]; d.unit == x.unit && (d.table != x.table || d.size != len(x.data)) {
			d.until = 0
		}
	}
	p.stats.Exchanges++
	p.emit(x)
}

// revoke discards the exchange held: one of two answers is not its own.
func (p *pairs) revoke(now time.Duration) {
	x := p.held
	p.held.n = 0
	p.stats.Understood -= int64(5 + len(x.data))
	p.stats.Ambiguous++
	p.owe(inquiry{unit: x.unit, table: x.table, at: -1, size: len(x.data)}, now+p.late)
}

// owe notes that a question's answer may come until then.
func (p *pairs) owe(q inquiry, until time.Duration) {
	oldest := &p.debts[0]
	for i := range p.debts {
		d := &p.debts[i]
		if d.until > 0 && (d.same(q) || d.at < 0 && q.at < 0 && d.alike(q)) {
			d.until = max(d.until, until)
			d.more++
			return
		}
		if d.until < oldest.until {
			oldest = d
		}
	}
	*oldest = debt{inquiry: q, until: until}
}

// doubt tells until when an answer to q could be one to another question; 0 =
// it could not.
func (p *pairs) doubt(q inquiry, now time.Duration) (until time.Duration) {
	for i := range p.debts {
		if d := &p.debts[i]; d.until > now && d.alike(q) && !d.same(q) {
			until = max(until, d.until)
		}
	}
	return until
}

// doubtExcept is doubt for an exception, which tells no size.
func (p *pairs) doubtExcept(q inquiry, now time.Duration) (until time.Duration) {
	for i := range p.debts {
		if d := &p.debts[i]; d.until > now && d.unit == q.unit && d.table == q.table && !d.same(q) {
			until = max(until, d.until)
		}
	}
	return until
}

// repay takes the oldest debt that an answer could belong to off the list.
func (p *pairs) repay(a inquiry, now time.Duration) bool {
	var oldest *debt
	for i := range p.debts {
		if d := &p.debts[i]; d.until > now && d.alike(a) && (oldest == nil || d.until < oldest.until) {
			oldest = d
		}
	}
	if oldest == nil {
		return false
	}
	if oldest.more--; oldest.more < 0 {
		oldest.until = 0
	}
	return true
}
