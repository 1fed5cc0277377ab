package modbus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// calm is the silence after which a disturbed line counts as quiet again: FTDI's
// adapters hand bytes on in portions up to 16 ms apart (FT232R data sheet 2.16,
// latency timer).
const calm = 30 * time.Millisecond

// maxStray is how long stray bytes may keep coming before a request is given up.
const maxStray = time.Second

// turnaround says when the next request may be sent on a connection.
type turnaround struct {
	serial  bool          // stray bytes are possible
	silence time.Duration // between two frames
	settle  time.Duration // after connecting
	ready   time.Time     // earliest time of the next request
	input   drain

	spoilt  []byte // request whose answer was preceded by noise; nil = none
	missing int    // bytes of that answer that have not arrived
}

func newTurnaround(o LineOptions) turnaround {
	t := turnaround{serial: o.Mode != TCP, silence: o.Gap, settle: o.Settle}
	if t.serial {
		t.silence = max(t.silence, interFrame(o.Baud))
	}
	return t
}

func (t *turnaround) connected(conn io.ReadWriteCloser, now time.Time) {
	t.ready = now.Add(t.settle)
	if t.serial {
		t.input.of(conn)
	}
}

// after notes that an exchange has just ended.
func (t *turnaround) after(now time.Time, err error) {
	pause := t.silence
	if t.serial && errors.Is(err, ErrFrame) {
		pause = max(pause, calm)
	}
	t.ready = now.Add(pause)
}

// spoil notes that the answer to req may still arrive, until then: the bytes that
// came were noise and fewer than the answer has.
func (k *link) spoil(req []byte, got int, until time.Time) {
	if !k.turn.serial || k.have == 0 || k.buf[0] == req[0] {
		return
	}
	k.turn.spoilt, k.turn.missing = req, rtuOverhead+2+dataLen(req[1:], k.framing.(*rtu).width)-got
	k.framing.missed(req, until)
}

// pause waits until req may be sent on the open connection and discards stray
// bytes.
func (k *link) pause(ctx context.Context, req []byte) error {
	t := &k.turn
	if t.spoilt != nil { // the bytes right after the noise may be the answer
		if err := k.quiet(ctx, t.ready); err != nil {
			return err
		}
	}
	until := t.ready
	if e := k.framing.earliest(req); e.After(until) {
		until = e
	}
	return k.quiet(ctx, until)
}

// quiet waits until then, and then discards received bytes until the line is
// silent.
func (k *link) quiet(ctx context.Context, until time.Time) error {
	t := &k.turn
	if err := sleep(ctx, time.Until(until)); err != nil || !t.serial {
		return err
	}
	t.input.forget(k.buf[:k.have])
	k.have = 0
	limit, stray := time.Now().Add(maxStray), 0
	for n := t.input.empty(); n > 0; n = t.input.empty() {
		if stray == 0 {
			k.line.count(&k.line.stats.Resyncs)
		}
		stray += n
		if time.Now().After(limit) {
			k.line.count(&k.line.stats.BadFrames)
			k.overhear(t.input.bytes())
			return fmt.Errorf("%w: bytes kept coming for %v before the request, is another master on the line?", ErrFrame, maxStray)

		}
		if err := sleep(ctx, max(calm, t.silence)); err != nil {
			return err
		}
	}
	if t.input.have > 0 {
		k.overhear(t.input.bytes())
	}
	if t.spoilt != nil && stray >= t.missing {
		k.framing.missed(t.spoilt, time.Time{})
	}
	t.spoilt = nil
	return nil
}
