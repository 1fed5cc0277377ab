package modbus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// calm is the silence after which a disturbed line is believed to be at rest:
// FTDI's adapters hand bytes on in portions up to 16 ms apart (FT232R data
// sheet 2.16, latency timer).
const calm = 30 * time.Millisecond

// noisy is how long a line may go on talking before a request is given up.
const noisy = time.Second

// rest is when a line may be spoken to again.
type rest struct {
	serial  bool          // stray bytes are to be expected
	silence time.Duration // between two frames
	settle  time.Duration // after connecting
	ready   time.Time     // of the next request
	input   drain

	spoilt []byte // request to which noise came before its answer; nil = none
	owed   int    // bytes of that answer that have not come
}

func newRest(o LineOptions) rest {
	r := rest{serial: o.Mode != TCP, silence: o.Gap, settle: o.Settle}
	if r.serial {
		r.silence = max(r.silence, interFrame(o.Baud))
	}
	return r
}

func (r *rest) connected(conn io.ReadWriteCloser, now time.Time) {
	r.ready = now.Add(r.settle)
	if r.serial {
		r.input.of(conn)
	}
}

// after notes that an exchange has just ended.
func (r *rest) after(now time.Time, err error) {
	pause := r.silence
	if r.serial && errors.Is(err, ErrFrame) {
		pause = max(pause, calm)
	}
	r.ready = now.Add(pause)
}

// spoil notes that the answer to req may still come, until then: what came was
// nothing of the slave's, and shorter than its answer.
func (k *link) spoil(req []byte, got int, until time.Time) {
	if !k.rest.serial || k.have == 0 || k.buf[0] == req[0] {
		return
	}
	k.rest.spoilt, k.rest.owed = req, rtuOverhead+2+dataLen(req[1:])-got
	k.framing.missed(req, until)
}

// pause waits until req may be sent on the open connection, and empties the
// line of stray bytes.
func (k *link) pause(ctx context.Context, req []byte) error {
	r := &k.rest
	if r.spoilt != nil { // what follows the noise at once may be the answer
		if err := k.quiet(ctx, r.ready); err != nil {
			return err
		}
	}
	until := r.ready
	if e := k.framing.earliest(req); e.After(until) {
		until = e
	}
	return k.quiet(ctx, until)
}

// quiet waits until then and throws away what has come, until nothing does.
func (k *link) quiet(ctx context.Context, until time.Time) error {
	r := &k.rest
	if err := sleep(ctx, time.Until(until)); err != nil || !r.serial {
		return err
	}
	k.have = 0
	limit, stray := time.Now().Add(noisy), 0
	for n := r.input.empty(); n > 0; n = r.input.empty() {
		if stray == 0 {
			k.line.counts.resyncs.Add(1)
		}
		stray += n
		if time.Now().After(limit) {
			k.line.counts.frames.Add(1)
			return fmt.Errorf("%w: others talk on the line without a pause", ErrFrame)
		}
		if err := sleep(ctx, max(calm, r.silence)); err != nil {
			return err
		}
	}
	if r.spoilt != nil && stray >= r.owed {
		k.framing.missed(r.spoilt, time.Time{})
	}
	r.spoilt = nil
	return nil
}
