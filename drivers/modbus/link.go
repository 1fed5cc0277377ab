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

// LinkStats are counters of connections and of what came over them.
type LinkStats struct {
	Connects      int64 // connections opened
	ConnectErrors int64 // attempts to connect that failed
	Hangups       int64 // connections that broke or were closed during a request
	Timeouts      int64 // requests without a complete answer before the deadline
	BadFrames     int64 // received frames that are no answer to the request
	Resyncs       int64 // frames skipped while waiting for the answer: late answers, echoes, stray bytes
}

// link is one connection of a line, open or not. Whoever took it from the line
// owns it until it is given back.
type link struct {
	line    *Line
	framing framing
	turn    turnaround
	hungUp  hangUp

	conn    io.ReadWriteCloser // guarded by Line.mu against Line.Close
	opening chan struct{}      // guarded by Line.mu; closed when an attempt to connect ends; nil = there is none
	buf     [2 * maxADU]byte
	have    int                // bytes in buf
	late    int                // frames skipped while waiting for the answer to the newest request
	used    bool               // the connection has served a request
	last    [requestChars]byte // the newest request of a serial line
	owed    int                // frames that may follow an answer of the wrong shape: itself and the right one
	odd     bool               // serial: the answer to the newest request had the wrong shape, or did not come
	mute    int                // requests in a row without a single byte in return

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

// request makes one request. Timeout bounds the sum of connecting, sending and
// receiving the whole answer; the pauses that the line needs come on top. Repeated
// is that of Line.send.
func (k *link) request(ctx context.Context, timeout time.Duration, req, dst []byte) (n int, repeated bool, err error) {
	deadline := time.Now().Add(timeout)
	for {
		conn, err := k.connect(ctx, deadline, timeout)
		if err != nil {
			return 0, repeated, err
		}
		if k.odd && k.line.opts.Mode != RTU { // an own one may still come: only a new connection is in step
			k.odd = false
			k.drop(conn)
			continue
		}
		k.odd = false
		before := time.Now()
		if err := k.pause(ctx, req); err != nil {
			return 0, repeated, err
		}
		deadline = deadline.Add(time.Since(before))
		if k.used && k.hungUp.before() { // the peer closed the idle connection
			k.line.count(&k.line.stats.Hangups)
			k.drop(conn)
			continue
		}
		n, err := k.exchange(ctx, conn, deadline, timeout, req, dst)
		if !errors.Is(err, errHungUp) {
			return n, repeated, err
		}
		repeated = true // the peer closed it after the request was sent, or just before
	}
}

// leftAlone reports whether a request would fail at once because connecting failed
// a short while ago.
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
	defer k.announce()()
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
	if k.line.opts.Mode == TCP {
		k.hungUp.of(conn)
	}
	k.line.count(&k.line.stats.Connects)
	k.line.mu.Lock()
	defer k.line.mu.Unlock()
	if k.line.closed {
		conn.Close() // the line was closed meanwhile: report that, not an error of Close
		return nil, errClosed()
	}
	k.conn = conn
	return conn, nil
}

// announce tells the other links that this one connects. The function that it
// returns tells that the attempt has ended.
func (k *link) announce() (ended func()) {
	opening := make(chan struct{})
	k.line.mu.Lock()
	defer k.line.mu.Unlock()
	k.opening = opening
	return func() {
		k.line.mu.Lock()
		defer k.line.mu.Unlock()
		k.opening = nil
		close(opening)
	}
}

// connectFailed sets the pause before the next attempt: it doubles, and half of it
// is random. A hasty attempt was cut short by a caller with little time left. It
// says nothing about the host and sets no pause.
func (k *link) connectFailed(ctx context.Context, hasty bool, err error) error {
	k.used = false
	if errors.Is(ctx.Err(), context.Canceled) {
		return fmt.Errorf("connecting: %w", ctx.Err())
	}
	k.line.count(&k.line.stats.ConnectErrors)
	if hasty {
		return fmt.Errorf("%w: connecting: %w", drivers.ErrBus, err)
	}
	k.retreat(err)
	return fmt.Errorf("%w: connecting: %w", drivers.ErrBus, err)
}

// retreat forbids attempts to connect for the next pause.
func (k *link) retreat(err error) {
	pause := k.line.opts.MaxPause
	if k.fails < 16 {
		pause = min(pause, k.line.opts.Pause<<k.fails)
	}
	k.fails++
	k.next = time.Now().Add(pause/2 + rand.N(pause/2+1))
	k.cause = err
}

// spurnedAfter is how many connections in a row a host may hang up at once, for
// example because it serves another client, before the next one counts as a
// failed attempt to connect.
const spurnedAfter = 5

// tried notes the result of the first request on a connection.
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
		conn.Close() // the connection is broken: an error of Close adds nothing
		k.conn = nil
	}
	k.have = 0
}

// errHungUp marks a connection that was found closed where an answer should
// have begun, after it had served earlier requests.
var errHungUp = errors.New("connection was closed while idle")

// reopenAfter is how many requests in a row may remain without a single byte in
// return before a serial port is opened again: the adapter may be stuck.
const reopenAfter = 8

// exchange sends req and waits for its answer.
func (k *link) exchange(ctx context.Context, conn io.ReadWriteCloser, deadline time.Time, timeout time.Duration, req, dst []byte) (int, error) {
	d, limited := ctx.Deadline()
	if limited = limited && d.Before(deadline); limited {
		deadline = d
	}
	k.late = 0
	k.owed = 0
	copy(k.last[:], req)
	release := interrupt(ctx, conn, deadline)
	n, got, err := k.transact(conn, deadline, req, dst)
	k.turn.after(time.Now(), err)
	// An interruption that coincides with the answer may still break the next
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
	if k.turn.serial && errors.Is(err, ErrTimeout) {
		k.line.others.awaits(req[0], time.Now().Add(immune*timeout))
		k.odd = k.line.opts.Mode == RTUOverTCP
	}
	if isOutOfStep(err) {
		k.owed, k.odd = 2, k.turn.serial
	}
	if !k.used {
		k.tried(got, err)
	}
	if errors.Is(err, ErrFrame) {
		k.spoil(req, got, deadline.Add(calm))
	} else { // the answer may still arrive, and an adapter may delay it
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

// keeps reports whether the connection stays open after an error. Stray bytes of a
// serial port are discarded before the next request. Those of a TCP connection
// may still be under way, so only a new connection is in step; that to a serial
// server stays open until the next request, to hear what follows.
func (k *link) keeps(err error) bool {
	if k.line.opts.Mode != RTU {
		return k.odd
	}
	if errors.Is(err, ErrTimeout) {
		k.mute++
		return k.mute < reopenAfter
	}
	return errors.Is(err, ErrFrame)
}

// transact writes req and reads until the answer is complete. Got is the number of
// bytes received.
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
			k.line.count(&k.line.stats.Resyncs)
			k.late++
			if time.Now().After(deadline) { // a flood of old answers
				return 0, got, os.ErrDeadlineExceeded
			}
			continue
		}
		r, err := conn.Read(k.buf[k.have:])
		k.have, got = k.have+r, got+r
		if r == 0 && err == nil {
			err = io.EOF // an unplugged serial adapter returns 0 bytes and no error
		}
		if r == 0 {
			return 0, got, err
		}
	}
}

// judge classifies the error of an exchange and counts it.
func (k *link) judge(ctx context.Context, deadline time.Time, limited bool, timeout time.Duration, got int, err error) error {
	stats := &k.line.stats
	switch {
	case errors.Is(err, ErrFrame):
		k.line.count(&stats.BadFrames)
		return err
	case errors.Is(ctx.Err(), context.Canceled):
		return fmt.Errorf("waiting for an answer: %w", ctx.Err())
	case !time.Now().Before(deadline):
		k.line.count(&stats.Timeouts)
		if limited { // the context's timer may be about to fire
			return fmt.Errorf("%w: %w", ErrTimeout, context.DeadlineExceeded)
		}
		if k.late > 0 && k.line.opts.Mode == TCP {
			return fmt.Errorf("%w in %v, only answers to earlier transactions", ErrTimeout, timeout)
		}
		if got > 0 {
			return fmt.Errorf("%w in %v, only %d bytes", ErrTimeout, timeout, got)
		}
		return fmt.Errorf("%w in %v", ErrTimeout, timeout)
	}
	k.line.count(&stats.Hangups)
	if k.line.isClosed() {
		return errClosed()
	}
	return &LostError{err}
}

// interrupt makes conn fail at deadline or when ctx ends. Release undoes that; it
// returns false if the interruption has already begun.
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
