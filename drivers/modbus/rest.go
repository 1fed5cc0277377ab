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

// pause waits until req may be sent on the open connection, and empties the
// line of stray bytes.
func (k *link) pause(ctx context.Context, req []byte) error {
	r := &k.rest
	until := r.ready
	if e := k.framing.earliest(req); e.After(until) {
		until = e
	}
	if err := sleep(ctx, time.Until(until)); err != nil || !r.serial {
		return err
	}
	k.have = 0
	limit := time.Now().Add(noisy)
	for first := true; r.input.empty() > 0; first = false {
		if first {
			k.line.counts.resyncs.Add(1)
		}
		if time.Now().After(limit) {
			k.line.counts.frames.Add(1)
			return fmt.Errorf("%w: others talk on the line without a pause", ErrFrame)
		}
		if err := sleep(ctx, max(calm, r.silence)); err != nil {
			return err
		}
	}
	return nil
}
