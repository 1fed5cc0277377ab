package modbus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"time"

	"iot-edge-anomaly/drivers"
)

// Dial returns the open function of a TCP line. It connects to addr, "host:port".
func Dial(addr string) func(context.Context) (io.ReadWriteCloser, error) {
	return func(ctx context.Context) (io.ReadWriteCloser, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", addr)
	}
}

// Mode is the framing of requests and the kind of connection they use.
type Mode int

// The modes.
const (
	TCP        Mode = iota // Modbus TCP
	RTU                    // Modbus RTU on a serial port of this machine
	RTUOverTCP             // RTU frames through a serial server
)

// LineOptions tunes a line. The zero value of each field means its default.
type LineOptions struct {
	Mode Mode
	// Timeout bounds one request, including connecting. Default: 1 s.
	Timeout time.Duration

	// Pause and MaxPause are the first and the longest pause between attempts to
	// connect; the pause doubles. Default: 500 ms, and 10 s or on a serial port 1 s.
	Pause    time.Duration
	MaxPause time.Duration

	// Gap is the pause between an answer and the next request, Settle the pause
	// between connecting and the first request, for devices that need one.
	// Default: none.
	Gap    time.Duration
	Settle time.Duration

	// Connections is how many connections may be open at once, each with one
	// request at a time. Default: 1. A serial line, local or behind a serial
	// server, always has one.
	Connections int

	// CloseAfterRead closes the connections that are not in use at the end of each
	// Dev.Read, for devices that serve one client at a time.
	CloseAfterRead bool

	// Baud is the rate of the serial line, which determines the silence between
	// frames. Default: 19200, behind a serial server 9600.
	Baud int
}

func (o LineOptions) withDefaults() LineOptions {
	fallback := func(d *time.Duration, to time.Duration) {
		if *d <= 0 {
			*d = to
		}
	}
	fallback(&o.Timeout, time.Second)
	fallback(&o.Pause, 500*time.Millisecond)
	longest := 10 * time.Second
	if o.Mode == RTU {
		longest = time.Second // opening a local port costs nothing
	}
	fallback(&o.MaxPause, longest)
	if o.Connections < 1 || o.Mode != TCP {
		o.Connections = 1
	}
	if o.Baud <= 0 {
		o.Baud = 19_200
		if o.Mode == RTUOverTCP {
			o.Baud = 9_600 // the slowest common rate, because the real one is unknown
		}
	}
	return o
}

// RequestStats are counters of requests.
type RequestStats struct {
	Requests int64 // sent or ended by a failed attempt to connect; not those that failed at once between attempts
	Refused  int64 // not sent, because they were not reads
}

// Line is one physical line, or a limited number of connections to one host,
// shared by the units behind it. Each connection carries one request at a time. A
// connection is opened by the first request that needs it, and again after it was
// lost. A Line is safe for concurrent use. Whoever made it closes it.
type Line struct {
	open    func(context.Context) (io.ReadWriteCloser, error)
	opts    LineOptions
	backoff unitBackoff
	late    *lateReplies // nil over TCP

	sequence *sequence // nil on serial lines
	others   otherMaster

	counting sync.Mutex
	stats    Stats // guarded by counting

	free chan struct{} // one token for each link that is not in use

	mu     sync.Mutex // guards the fields below, and each link's conn
	idle   []*link    // the most recently used last
	excess []*link    // connections that the host refuses; their tokens are withheld
	links  []*link
	closed bool
}

// NewLine makes a line that calls open to connect. NewLine itself touches no
// network and no port. Open must honour its context. A connection with a
// SetDeadline method is interrupted by it, any other by closing it.
func NewLine(open func(context.Context) (io.ReadWriteCloser, error), o LineOptions) *Line {
	l := &Line{open: open, opts: o.withDefaults()}
	l.backoff.units = make(map[uint8]*breaker)
	if l.opts.Mode == TCP {
		l.sequence = new(sequence)
	} else {
		l.late = newLateReplies()
	}
	l.free = make(chan struct{}, l.opts.Connections)
	for range l.opts.Connections {
		k := newLink(l)
		l.links, l.idle = append(l.links, k), append(l.idle, k)
		l.free <- struct{}{}
	}
	return l
}

// Close closes the connections; requests under way and all later ones fail with
// drivers.ErrBus. It may be called more than once.
func (l *Line) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	var first error
	for _, k := range l.links {
		if k.conn == nil {
			continue
		}
		if err := k.conn.Close(); err != nil && first == nil {
			first = fmt.Errorf("closing modbus line: %w", err)
		}
		k.conn = nil
	}
	return first
}

// errClosed is the error of requests on a closed line.
func errClosed() error { return fmt.Errorf("%w: line: %w", drivers.ErrBus, net.ErrClosed) }

// send makes one request and copies the answer, which may be an exception, into
// dst, which holds maxADU bytes. It changes req in place, as the framing's stamp
// does. Timeout is that of the request; a register has width bytes in the answer.
// Repeated tells whether the request was made twice, because the first connection was
// closed in place of an answer.
func (l *Line) send(ctx context.Context, timeout time.Duration, req, dst []byte, width int) (n int, repeated bool, err error) {
	select {
	case <-l.free:
	case <-ctx.Done():
		return 0, false, fmt.Errorf("waiting for the line: %w", ctx.Err())
	}
	k := l.take()
	if err := ctx.Err(); err != nil {
		l.give(k)
		return 0, false, err
	}
	pdu, err := k.framing.stamp(req, width)
	if err == nil {
		err = checkReading(pdu, width)
	}
	if err != nil {
		l.give(k)
		l.count(&l.stats.Refused)
		return 0, false, err
	}
	if !k.leftAlone() {
		l.count(&l.stats.Requests)
	}
	latest := time.Now().Add(timeout)
	n, repeated, err = k.request(ctx, timeout, req, dst)
	if !k.used && errors.Is(err, drivers.ErrBus) && l.withhold(ctx, k, latest) {
		return l.send(ctx, timeout, req, dst, width) // on another connection, which is open
	}
	l.give(k)
	return n, repeated, err
}

// withhold sets a link aside if the host refused its connection or hung up at once
// while another connection is open. A host that accepts fewer connections than
// are configured would otherwise cost a failed request in each cycle. The link is
// tried again after MaxPause. If another link is just connecting, withhold waits
// for it until latest, because the host may have refused this one for its sake.
func (l *Line) withhold(ctx context.Context, k *link, latest time.Time) bool {
	ctx, cancel := context.WithDeadline(ctx, latest)
	defer cancel()
	for {
		set, opening := l.setAside(k)
		if set || opening == nil {
			return set
		}
		select {
		case <-opening:
		case <-ctx.Done():
			return false
		}
	}
}

// setAside withholds a link if another connection is open. If it did not, opening
// is closed when an attempt to connect that is under way has ended.
func (l *Line) setAside(k *link) (done bool, opening <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false, nil
	}
	for _, o := range l.links {
		if o == k {
			continue
		}
		if o.conn != nil {
			k.next = time.Now().Add(l.opts.MaxPause)
			l.excess = append(l.excess, k)
			return true, nil
		}
		if o.opening != nil {
			opening = o.opening
		}
	}
	return false, opening
}

// take returns the most recently used link, an open one if there is one. So no
// more connections are opened than are needed at the same time.
func (l *Line) take() *link {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := len(l.idle) - 1
	for j := i; j >= 0; j-- {
		if l.idle[j].conn != nil {
			i = j
			break
		}
	}
	k := l.idle[i]
	l.idle = slices.Delete(l.idle, i, i+1)
	return k
}

// give puts a link back. It also puts the withheld links back if their pause is
// over or if k is not connected.
func (l *Line) give(k *link) {
	l.mu.Lock()
	back := 1
	l.idle = append(l.idle, k)
	if len(l.excess) > 0 && (k.conn == nil || !time.Now().Before(l.excess[0].next)) {
		back += len(l.excess)
		for _, e := range l.excess {
			e.next = time.Time{}
		}
		l.idle = slices.Concat(l.excess, l.idle) // at the front, so that take prefers the others
		l.excess = nil
	}
	l.mu.Unlock()
	for range back {
		l.free <- struct{}{}
	}
}

// hangUp closes the connections that are not in use, if the line is to do so.
func (l *Line) hangUp() {
	if !l.opts.CloseAfterRead {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, k := range l.idle {
		if k.conn != nil {
			k.conn.Close() // nothing is under way: an error of Close adds nothing
			k.conn = nil
		}
	}
}

func (l *Line) isClosed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closed
}
