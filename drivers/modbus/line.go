package modbus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"time"

	"iot-edge-anomaly/drivers"
)

// Dial returns the open function of a Modbus TCP line: one connection to addr,
// "host:port".
func Dial(addr string) func(context.Context) (io.ReadWriteCloser, error) {
	return func(ctx context.Context) (io.ReadWriteCloser, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", addr)
	}
}

// LineOptions tunes a line. The zero value of each field means its default.
type LineOptions struct {
	Timeout  time.Duration // of one request, connecting included; 1 s
	Pause    time.Duration // before the second attempt to connect; 500 ms
	MaxPause time.Duration // to which the pause doubles; 10 s
}

func (o LineOptions) withDefaults() LineOptions {
	if o.Timeout <= 0 {
		o.Timeout = time.Second
	}
	if o.Pause <= 0 {
		o.Pause = 500 * time.Millisecond
	}
	if o.MaxPause <= 0 {
		o.MaxPause = 10 * time.Second
	}
	return o
}

// Line is one physical connection shared by the units behind it: one request at
// a time, whoever asks. It is opened by the first request and again when a
// request needs it. It is safe for concurrent use. Whoever made it closes it.
type Line struct {
	open    func(context.Context) (io.ReadWriteCloser, error)
	opts    LineOptions
	framing framing
	counts  counters

	turn chan struct{} // holds one token; whoever took it owns the fields below
	buf  [2 * maxADU]byte
	have int // bytes of buf received and not yet cut
	used bool
	// fails is the number of failed attempts to connect in a row, next the
	// earliest time of another, cause the newest error.
	fails int
	next  time.Time
	cause error

	mu     sync.Mutex // guards conn against Close
	conn   io.ReadWriteCloser
	closed bool
}

// NewLine makes a Modbus TCP line that open connects. It touches no network.
// Open must honour its context. A connection with a SetDeadline method is
// interrupted by it, any other by closing it.
func NewLine(open func(context.Context) (io.ReadWriteCloser, error), o LineOptions) *Line {
	l := &Line{open: open, opts: o.withDefaults(), framing: new(mbap), turn: make(chan struct{}, 1)}
	l.turn <- struct{}{}
	return l
}

// Close closes the connection; a request under way and all later ones fail with
// drivers.ErrBus. It may be called more than once.
func (l *Line) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	if l.conn == nil {
		return nil
	}
	err := l.conn.Close()
	l.conn = nil
	if err != nil {
		return fmt.Errorf("closing modbus line: %w", err)
	}
	return nil
}

// send carries one request and copies its answer, an exception included, into
// dst, which holds maxADU bytes. It stamps req in place.
func (l *Line) send(ctx context.Context, req, dst []byte) (int, error) {
	select {
	case <-l.turn:
		defer func() { l.turn <- struct{}{} }()
	case <-ctx.Done():
		return 0, fmt.Errorf("waiting for the line: %w", ctx.Err())
	}
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	pdu, err := l.framing.stamp(req)
	if err == nil {
		err = checkReading(pdu)
	}
	if err != nil {
		l.counts.refused.Add(1)
		return 0, err
	}
	l.counts.requests.Add(1)
	deadline := time.Now().Add(l.opts.Timeout)
	if d, ok := ctx.Deadline(); ok && d.Before(deadline) {
		deadline = d
	}
	conn, err := l.connect(ctx, deadline)
	if err != nil {
		return 0, err
	}
	n, err := l.exchange(ctx, conn, deadline, req, dst)
	if !errors.Is(err, errHungUp) {
		return n, err
	}
	// The peer closed the idle connection: ask again on a new one.
	if conn, err = l.connect(ctx, deadline); err != nil {
		return 0, err
	}
	return l.exchange(ctx, conn, deadline, req, dst)
}

// connect returns the open connection or opens one.
func (l *Line) connect(ctx context.Context, deadline time.Time) (io.ReadWriteCloser, error) {
	l.mu.Lock()
	conn, closed := l.conn, l.closed
	l.mu.Unlock()
	if closed {
		return nil, fmt.Errorf("%w: line: %w", drivers.ErrBus, net.ErrClosed)
	}
	if conn != nil {
		return conn, nil
	}
	if wait := time.Until(l.next); wait > 0 {
		return nil, fmt.Errorf("%w, next try in %v: %w", drivers.ErrBus, wait.Round(time.Millisecond), l.cause)
	}
	start := time.Now()
	dialing, cancel := context.WithDeadline(ctx, deadline)
	conn, err := l.open(dialing)
	end := time.Now()
	hasty := !end.Before(deadline) && end.Sub(start) < l.opts.Timeout/2
	cancel()
	if err != nil {
		return nil, l.connectFailed(ctx, hasty, err)
	}
	l.fails, l.have, l.used = 0, 0, false
	l.counts.connects.Add(1)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		conn.Close() // the line was closed meanwhile: that is the error to tell
		return nil, fmt.Errorf("%w: line: %w", drivers.ErrBus, net.ErrClosed)
	}
	l.conn = conn
	return conn, nil
}

// connectFailed sets the pause before the next attempt: doubling, half of it
// random. A hasty attempt, cut short by a caller with little time left, says
// nothing about the host and sets none.
func (l *Line) connectFailed(ctx context.Context, hasty bool, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return fmt.Errorf("connecting: %w", ctx.Err())
	}
	l.counts.connectErrors.Add(1)
	if hasty {
		return fmt.Errorf("%w: connecting: %w", drivers.ErrBus, err)
	}
	pause := l.opts.MaxPause
	if l.fails < 16 {
		pause = min(pause, l.opts.Pause<<l.fails)
	}
	l.fails++
	l.next = time.Now().Add(pause/2 + rand.N(pause/2+1))
	l.cause = err
	return fmt.Errorf("%w: connecting: %w", drivers.ErrBus, err)
}

// drop closes a connection that can no longer be trusted.
func (l *Line) drop(conn io.Closer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn != nil {
		conn.Close() // already broken: its error adds nothing to the cause
		l.conn = nil
	}
	l.have = 0
}

// errHungUp marks a connection that was found closed where an answer should
// have begun, after it had served earlier requests.
var errHungUp = errors.New("connection was closed while idle")

// exchange sends req and waits for its answer. Every error closes the
// connection.
func (l *Line) exchange(ctx context.Context, conn io.ReadWriteCloser, deadline time.Time, req, dst []byte) (int, error) {
	release := interrupt(ctx, conn, deadline)
	n, got, err := l.transact(conn, deadline, req, dst)
	if !release() && err == nil {
		// The interruption came as the answer did; it may still hit the next
		// request.
		l.drop(conn)
	}
	if err == nil {
		l.used = true
		return n, nil
	}
	l.drop(conn)
	return 0, l.judge(ctx, deadline, got, err)
}

// transact writes req and reads until its answer is whole. Got is the number of
// bytes that were received.
func (l *Line) transact(conn io.ReadWriter, deadline time.Time, req, dst []byte) (n, got int, err error) {
	if w, err := conn.Write(req); err != nil {
		return 0, 0, err
	} else if w < len(req) {
		return 0, 0, io.ErrShortWrite
	}
	for {
		n, stale, err := l.framing.cut(req, l.buf[:l.have])
		if err != nil {
			return 0, got, err
		}
		if n > 0 {
			if !stale {
				copy(dst, l.buf[:n])
			}
			l.have = copy(l.buf[:], l.buf[n:l.have])
			if !stale {
				return n, got, nil
			}
			l.counts.resyncs.Add(1)
			if time.Now().After(deadline) { // a flood of old answers
				return 0, got, os.ErrDeadlineExceeded
			}
			continue
		}
		r, err := conn.Read(l.buf[l.have:])
		l.have, got = l.have+r, got+r
		if r == 0 && err == nil {
			err = io.EOF // a serial adapter that was unplugged reads like this
		}
		if r == 0 {
			return 0, got, err
		}
	}
}

// judge names the error of an exchange and counts it.
func (l *Line) judge(ctx context.Context, deadline time.Time, got int, err error) error {
	switch {
	case errors.Is(err, ErrFrame):
		l.counts.frames.Add(1)
		return err
	case errors.Is(ctx.Err(), context.Canceled):
		return fmt.Errorf("waiting for an answer: %w", ctx.Err())
	case !time.Now().Before(deadline):
		l.counts.timeouts.Add(1)
		if d, ok := ctx.Deadline(); ok && d.Equal(deadline) { // its timer may be about to fire
			return fmt.Errorf("%w: %w", ErrTimeout, context.DeadlineExceeded)
		}
		if got > 0 {
			return fmt.Errorf("%w in %v, only %d bytes", ErrTimeout, l.opts.Timeout, got)
		}
		return fmt.Errorf("%w in %v", ErrTimeout, l.opts.Timeout)
	}
	l.counts.hangups.Add(1)
	l.mu.Lock()
	closed := l.closed
	l.mu.Unlock()
	if closed {
		return fmt.Errorf("%w: line: %w", drivers.ErrBus, net.ErrClosed)
	}
	if l.used && got == 0 {
		l.used = false
		return fmt.Errorf("%w: %w: %w", drivers.ErrBus, errHungUp, err)
	}
	return fmt.Errorf("%w: connection: %w", drivers.ErrBus, err)
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
