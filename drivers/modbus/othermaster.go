package modbus

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"iot-edge-anomaly/drivers"
)

// otherMaster knows whether another master polls a serial line. Its requests, and
// the answers to them, arrive here while nobody waits for an answer: on the wires, or
// through a serial server that copies every byte to all its clients. RTU frames do
// not say which master asked, so no answer can be believed then. It is safe for
// concurrent use.
type otherMaster struct {
	mu     sync.Mutex
	frames uint64                   // so far
	seen   [foreignFrames]time.Time // the newest frames, the oldest of them at frames % foreignFrames
	late   map[uint8]immunity       // by unit
	sign   time.Time                // when the newest of its frames came, or an answer that may be one
}

// immunity is until when the frames of a unit may be late answers, how many there were,
// and of which kind the newest is.
type immunity struct {
	until  time.Time
	heard  int
	newest answerKind
}

const (
	// foreignFrames within foreignTime are the proof of another master; fewer cost
	// only the cycle in which they arrive. After the proof nothing is sent until
	// foreignTime has passed without such a frame.
	foreignFrames = 3
	foreignTime   = 30 * time.Second

	// immune is for how many timeouts after a missed answer the frames of its unit
	// prove nothing.
	immune = 10
)

// count returns the number of foreign frames so far.
func (o *otherMaster) count() uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.frames
}

// present is the error of not asking while another master polls the line, else nil.
func (o *otherMaster) present(now time.Time) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	oldest, newest := o.seen[o.frames%foreignFrames], o.seen[(o.frames+foreignFrames-1)%foreignFrames]
	if oldest.IsZero() || newest.Sub(oldest) > foreignTime || now.Sub(newest) >= foreignTime {
		return nil
	}
	return fmt.Errorf("%w: another master polls this line, so no answer can be believed; next try after %v without its frames", drivers.ErrBus, foreignTime)
}

// awaits notes that a unit may answer late, until then.
func (o *otherMaster) awaits(unit uint8, until time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.late == nil {
		o.late = map[uint8]immunity{}
	}
	if i := o.late[unit]; until.After(i.until) {
		i.until = until
		o.late[unit] = i
	}
}

// heard returns how many frames of a unit may have been late answers so far, and the
// kind of the newest.
func (o *otherMaster) heard(unit uint8) (n int, newest answerKind) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.late[unit].heard, o.late[unit].newest
}

// suspect notes a sign of another master.
func (o *otherMaster) suspect(now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.sign = now
}

// suspected reports whether there was a sign of another master lately.
func (o *otherMaster) suspected(now time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return !o.sign.IsZero() && now.Sub(o.sign) < foreignTime
}

// overhear counts the frames in bytes that nobody waited for. It leaves out late
// answers, the echo of own, which is the newest request, and as many frames of its unit
// and function as are owed.
func (o *otherMaster) overhear(got, own []byte, owed int, now time.Time) (frames int) {
	for len(got) >= rtuOverhead+2 {
		n := anyFrame(got)
		if n == 0 {
			got = got[1:]
			continue
		}
		frame := got[:n]
		got = got[n:]
		if bytes.Equal(frame, own) {
			continue
		}
		if owed > 0 && frame[0] == own[0] && frame[1]&^0x80 == own[1] {
			owed--
			continue
		}
		o.mu.Lock()
		if i := o.late[frame[0]]; now.Before(i.until) {
			i.heard, i.newest = i.heard+1, kindOf(frame[1], n-rtuOverhead)
			o.late[frame[0]] = i
		} else {
			o.seen[o.frames%foreignFrames] = now
			o.frames, o.sign = o.frames+1, now
			frames++
		}
		o.mu.Unlock()
	}
	return frames
}

// anyFrame is the length of the request or answer for the functions 1-4 that got
// begins with, or of a request to write one register or coil; 0 = it begins with none.
func anyFrame(got []byte) int {
	const request, refusal = requestChars, rtuOverhead + 2
	unit, fc := got[0], got[1]
	if unit == 0 || unit > 247 {
		return 0
	}
	fits := func(n int) bool { return len(got) >= n && intact(got[:n]) }
	switch {
	case fc&0x80 != 0 && fc&0x7F >= 1 && fc&0x7F <= 6 && fits(refusal):
		return refusal
	case fc >= 1 && fc <= 4 && got[2] > 0 && fits(refusal+int(got[2])):
		return refusal + int(got[2])
	case fc >= 1 && fc <= 6 && fits(request):
		return request
	}
	return 0
}

// overhear looks for frames of another master in bytes that are about to be
// discarded.
func (k *link) overhear(got []byte) {
	for range k.line.others.overhear(got, k.last[:], k.owed, time.Now()) {
		k.line.count(&k.line.stats.Foreign)
	}
}

// linger waits at the end of a cycle behind a serial server. If another master's
// answer was taken for one of ours, then our own is still to come, about as long
// after it as an answer takes.
func (l *Line) linger(ctx context.Context, took time.Duration) {
	select {
	case <-l.free:
	case <-ctx.Done():
		return
	}
	k := l.take()
	defer l.give(k)
	l.mu.Lock()
	open := k.conn != nil
	l.mu.Unlock()
	if !open || sleep(ctx, lingerFor(took)) != nil {
		return
	}
	k.turn.input.forget(k.buf[:k.have])
	k.have = 0
	k.turn.input.empty()
	k.overhear(k.turn.input.bytes())
}

// suspicious reports whether an answer of the wrong shape, with this error, may mean
// that another master polls the line, so that an earlier answer of this cycle may have
// been to its request. Then our own answers are still to come: this one is one of
// them, or another frame follows. Otherwise the device itself gave a wrong answer.
func (d *Dev) suspicious(ctx context.Context, err error) bool {
	kind, _ := kindIn(err)
	intact, more := d.client.line.follows(ctx, lingerFor(max(d.client.longest, d.slowest*9/10)))
	return more || intact && slices.Contains(d.had, kind)
}

// follows waits for a time after an answer of the wrong shape. It reports whether that
// is an intact frame, and whether more follow it, or may have.
func (l *Line) follows(ctx context.Context, wait time.Duration) (whole, more bool) {
	select {
	case <-l.free:
	case <-ctx.Done():
		return true, true
	}
	k := l.take()
	defer l.give(k)
	if !k.odd || k.turn.input.raw == nil || sleep(ctx, wait) != nil {
		return true, true
	}
	k.turn.input.forget(k.buf[:k.have])
	k.have = 0
	k.turn.input.empty()
	got := k.turn.input.bytes()
	if l.opts.Mode == RTU {
		k.overhear(got)
	}
	if len(got) > maxADU {
		return true, true
	}
	for at := 0; at+rtuOverhead+2 <= len(got); {
		n := anyFrame(got[at:])
		if n > 0 && (whole || at > glitches) {
			return true, true
		}
		whole = whole || n > 0
		at += max(n, 1)
	}
	return whole, false
}

// firstLinger is the assumed time of an answer at the start.
const firstLinger = 100 * time.Millisecond

const maxLinger = 250 * time.Millisecond

// lingerFor is how long linger waits where an answer takes that long.
func lingerFor(took time.Duration) time.Duration { return min(took*3/2, maxLinger) }

// errMisfit is why the values of a cycle are dropped in which an answer had the wrong
// shape or came too much.
var errMisfit = fmt.Errorf("%w: an answer of this reading has another size, or one came unasked, so others may be those to another master", ErrFrame)

// all wraps an error that concerns every channel.
func (d *Dev) all(err error) error {
	return &drivers.PartError{Of: named(d.unit), Channels: d.names(), Err: err}
}

// alone makes sure at the end of a cycle that no other master polls the line. before
// is the number of its frames at the beginning. If there were any since, no value of
// the cycle is believed.
func (d *Dev) alone(ctx context.Context, before uint64, dst []float64) {
	l := d.client.line
	if l.opts.Mode == TCP {
		return
	}
	if l.opts.Mode == RTUOverTCP && d.answered {
		d.slowest = max(d.client.longest, d.slowest*9/10) // another master's answer may have come sooner than ours
		l.linger(ctx, d.slowest)
	}
	if d.misfit || d.unasked() { // the answers before it may be those to others' requests, too
		drivers.Missing(dst)
		d.errs = append(d.errs, d.all(errMisfit))
	}
	if n := l.others.count() - before; n > 0 {
		drivers.Missing(dst)
		what := "frames"
		if n == 1 {
			what = "frame"
		}
		d.errs = []error{fmt.Errorf("%w: %d %s that nobody here asked for: is another master on the line?", drivers.ErrBus, n, what)}
	}
}

// unasked reports whether a frame of the unit came behind an answer of this cycle that
// cannot be the late one of the request that timed out: a unit answers in order.
func (d *Dev) unasked() bool {
	o := &d.client.line.others
	n, newest := o.heard(d.unit)
	if n -= d.heard; len(d.had) == 0 || n <= 0 {
		return false
	}
	return n > 1 || o.suspected(time.Now()) || !d.client.line.late.expects(d.unit, newest)
}
