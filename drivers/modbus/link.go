package modbus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"time"

	"iot-edge-anomaly/drivers"
)

// link is one connection of a line, or the place for one. Whoever took it from
// the line owns it until it is given back.
type link struct {
	line    *Line
	framing framing
	turn    turnaround

	conn io.ReadWriteCloser // guarded by Line.mu against Line.Close
	buf  [2 * maxADU]byte
	have int  // bytes of buf received and not yet cut
	late int  // frames passed over before the answer to the newest request
	used bool // the connection has served a request
	mute int  // requests in a row to which no byte came back

	// fails is the number of failed attempts to connect in a row, next the
	// earliest time of another, cause the newest error. Spurned is the number
	// of connections in a row that were hung up before they served a request.
	fails   int
	spurned int
	next    time.Time
	cause   error
}

func newLink(l *Line) *link {
	return &link{line: l, framing: newFraming(l.opts.Mode), turn: newTurnaround(l.opts)}
}

// request carries one request. Timeout bounds connecting, sending and every
// byte of the answer together; the pauses that the line needs come on top.
func (k *link) request(ctx context.Context, timeout time.Duration, req, dst []byte) (int, error) {
	deadline := time.Now().Add(timeout)
	for {
		conn, err := k.connect(ctx, deadline, timeout)
		if err != nil {
			return 0, err
		}
		before := time.Now()
		if err := k.pause(ctx, req); err != nil {
			return 0, err
		}
		deadline = deadline.Add(time.Since(before))
		n, err := k.exchange(ctx, conn, deadline, timeout, req, dst)
		if !errors.Is(err, errHungUp) {
			return n, err
		}
		// The peer closed the idle connection: ask again on a new one.
	}
}

// leftAlone tells whether a request fails at once, because connecting failed a
// short while ago.
func (k *link) leftAlone() bool {
	k.line.mu.Lock()
	defer k.line.mu.Unlock()
	return k.conn == nil && time.Now().Before(k.next)
}

// connect returns the open connection or opens one.
func (k *link) connect(ctx context.Context, deadline time.Time, timeout time.Duration) (io.ReadWriteCloser, error) {
	k.line.mu.Lock()
	conn, closed := k.conn, k.line.closed
	k.line.mu.Unlock()
	if closed {
		return nil, errClosed()
	}
	if conn != nil {
		return conn, nil
	}
	if wait := time.Until(k.next); wait > 0 {
		return nil, fmt.Errorf("%w, next try in %v: %w", drivers.ErrBus, wait.Round(time.Millisecond), k.cause)
	}
	if d, ok := ctx.Deadline(); ok && d.Before(deadline) {
		deadline = d
	}
	start := time.Now()
	dialing, cancel := context.WithDeadline(ctx, deadline)
	conn, err := k.line.open(dialing)
	end := time.Now()
	hasty := !end.Before(deadline) && end.Sub(start) < timeout/2
	cancel()
	if err != nil {
		return nil, k.connectFailed(ctx, hasty, err)
	}
	k.have, k.used, k.mute = 0, false, 0
	k.turn.connected(conn, end)
	k.line.counts.connects.Add(1)
	k.line.mu.Lock()
	defer k.line.mu.Unlock()
	if k.line.closed {
		conn.Close() // the line was closed meanwhile: that is the error to tell
		return nil, errClosed()
	}
	k.conn = conn
	return conn, nil
}

// connectFailed sets the pause before the next attempt: doubling, half of it
// random. A hasty attempt, cut short by a caller with little time left, says
// nothing about the host and sets none.
func (k *link) connectFailed(ctx context.Context, hasty bool, err error) error {
	k.used = false
	if errors.Is(ctx.Err(), context.Canceled) {
		return fmt.Errorf("connecting: %w", ctx.Err())
	}
	k.line.counts.connectErrors.Add(1)
	if hasty {
		return fmt.Errorf("%w: connecting: %w", drivers.ErrBus, err)
	}
	k.retreat(err)
	return fmt.Errorf("%w: connecting: %w", drivers.ErrBus, err)
}

func (k *link) retreat(err error) {
	pause := k.line.opts.MaxPause
	if k.fails < 16 {
		pause = min(pause, k.line.opts.Pause<<k.fails)
	}
	k.fails++
	k.next = time.Now().Add(pause/2 + rand.N(pause/2+1))
	k.cause = err
}

// spurnedAfter is how many connections in a row may be hung up at once before
// that counts as a failed attempt: by a host that has another client, say.
const spurnedAfter = 5

// tried notes what came of a request on a connection that has served none.
func (k *link) tried(got int, err error) {
	var lost *LostError
	if got > 0 || !errors.As(err, &lost) {
		k.fails, k.spurned = 0, 0
	} else if k.spurned++; k.spurned > spurnedAfter {
		k.retreat(fmt.Errorf("hung up at once: %w", lost.Cause))
	}
}

// drop closes a connection that can no longer be trusted.
func (k *link) drop(conn io.Closer) {
	k.line.mu.Lock()
	defer k.line.mu.Unlock()
	if k.conn != nil {
		conn.Close() // already broken: its error adds nothing to the cause
		k.conn = nil
	}
	k.have = 0
}

// errHungUp marks a connection that was found closed where an answer should
// have begun, after it had served earlier requests.
var errHungUp = errors.New("connection was closed while idle")

// reopenAfter is how many requests in a row may stay without a byte before a
// serial port is opened anew: more than one dead unit, perhaps a stuck adapter.
const reopenAfter = 8

// exchange sends req and waits for its answer.
func (k *link) exchange(ctx context.Context, conn io.ReadWriteCloser, deadline time.Time, timeout time.Duration, req, dst []byte) (int, error) {
	d, limited := ctx.Deadline()
	if limited = limited && d.Before(deadline); limited {
		deadline = d
	}
	k.late = 0
	release := interrupt(ctx, conn, deadline)
	n, got, err := k.transact(conn, deadline, req, dst)
	k.turn.after(time.Now(), err)
	// An interruption that came as the answer did may still hit the next
	// request.
	interrupted := !release()
	if got > 0 {
		k.mute = 0
	}
	if err == nil {
		k.used, k.fails, k.spurned = true, 0, 0
		k.framing.missed(req, time.Time{})
		if interrupted {
			k.drop(conn)
		}
		return n, nil
	}
	hungUp := k.used && got == 0
	err = k.judge(ctx, deadline, limited, timeout, got, err)
	if !k.used {
		k.tried(got, err)
	}
	if errors.Is(err, ErrFrame) {
		k.spoil(req, got, deadline.Add(calm))
	} else { // the answer may be on its way, and then in an adapter
		k.framing.missed(req, time.Now().Add(timeout+calm))
	}
	if interrupted || !k.keeps(err) {
		k.drop(conn)
	}
	if hungUp && errors.Is(err, drivers.ErrBus) && !k.line.isClosed() {
		return 0, fmt.Errorf("%w: %w", errHungUp, err)
	}
	return 0, err
}

// keeps tells whether the connection stays open after an error. The bytes of a
// serial port are thrown away before the next request; those of a TCP
// connection may be anywhere on their way, so only a new one is in step.
func (k *link) keeps(err error) bool {
	if k.line.opts.Mode != RTU {
		return false
	}
	if errors.Is(err, ErrTimeout) {
		k.mute++
		return k.mute < reopenAfter
	}
	return errors.Is(err, ErrFrame)
}

// transact writes req and reads until its answer is whole. Got is the number of
// bytes that were received.
func (k *link) transact(conn io.ReadWriter, deadline time.Time, req, dst []byte) (n, got int, err error) {
	if w, err := conn.Write(req); err != nil {
		return 0, 0, err
	} else if w < len(req) {
		return 0, 0, io.ErrShortWrite
	}
	for {
		n, stale, err := k.framing.cut(req, k.buf[:k.have])
		if err != nil {
			return 0, got, err
		}
		if n > 0 {
			if !stale {
				copy(dst, k.buf[:n])
			}
			k.have = copy(k.buf[:], k.buf[n:k.have])
			if !stale {
				return n, got, nil
			}
			k.line.counts.resyncs.Add(1)
			k.late++
			if time.Now().After(deadline) { // a flood of old answers
				return 0, got, os.ErrDeadlineExceeded
			}
			continue
		}
		r, err := conn.Read(k.buf[k.have:])
		k.have, got = k.have+r, got+r
		if r == 0 && err == nil {
			err = io.EOF // a serial adapter that was unplugged reads like this
		}
		if r == 0 {
			return 0, got, err
		}
	}
}

// judge names the error of an exchange and counts it.
func (k *link) judge(ctx context.Context, deadline time.Time, limited bool, timeout time.Duration, got int, err error) error {
	counts := &k.line.counts
	switch {
	case errors.Is(err, ErrFrame):
		counts.frames.Add(1)
		return err
	case errors.Is(ctx.Err(), context.Canceled):
		return fmt.Errorf("waiting for an answer: %w", ctx.Err())
	case !time.Now().Before(deadline):
		counts.timeouts.Add(1)
		if limited { // the context's timer may be about to fire
			return fmt.Errorf("%w: %w", ErrTimeout, context.DeadlineExceeded)
		}
		if k.late > 0 && k.line.opts.Mode == TCP {
			return fmt.Errorf("%w in %v, only to transactions before it", ErrTimeout, timeout)
		}
		if got > 0 {
			return fmt.Errorf("%w in %v, only %d bytes", ErrTimeout, timeout, got)
		}
		return fmt.Errorf("%w in %v", ErrTimeout, timeout)
	}
	counts.hangups.Add(1)
	if k.line.isClosed() {
		return errClosed()
	}
	return &LostError{err}
}

// interrupt makes conn fail at deadline or when ctx ends. Release undoes it and
// is false when the interruption has already begun.
func interrupt(ctx context.Context, conn io.Closer, deadline time.Time) (release func() bool) {
	d, ok := conn.(interface{ SetDeadline(time.Time) error })
	if ok && d.SetDeadline(deadline) == nil {
		if ctx.Done() == nil {
			return released
		}
		return context.AfterFunc(ctx, func() { d.SetDeadline(time.Unix(1, 0)) })
	}
	timer := time.AfterFunc(time.Until(deadline), func() { conn.Close() })
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	return func() bool {
		stopped := timer.Stop()
		return stop() && stopped
	}
}

func released() bool { return true }
