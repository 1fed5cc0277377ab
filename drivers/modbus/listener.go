package modbus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"iot-edge-anomaly/drivers"
)

// Port is what a listener needs of a serial port. It has no Write: a listener
// cannot send.
type Port interface {
	io.ReadCloser
	// SetReadDeadline makes reads that have not ended by t fail with
	// os.ErrDeadlineExceeded, including a read under way; zero = never.
	SetReadDeadline(t time.Time) error
}

// ListenOptions tunes a listener. The zero value of each field means its
// default.
type ListenOptions struct {
	Baud int // default: 19200
	// Timeout is how long after a request its answer may begin. It should not
	// exceed the master's own timeout. Default: 500 ms.
	Timeout time.Duration
	Pause   time.Duration // between attempts to open the port; default: 500 ms
}

func (o ListenOptions) withDefaults() ListenOptions {
	if o.Baud <= 0 {
		o.Baud = fastBaud
	}
	if o.Timeout <= 0 {
		o.Timeout = 500 * time.Millisecond
	}
	if o.Pause <= 0 {
		o.Pause = 500 * time.Millisecond
	}
	return o
}

// ListenStats are the counters of a listener since it was made.
type ListenStats struct {
	Bytes      int64 // received
	Understood int64 // of them in frames whose role is known
	Frames     int64 // with a correct checksum
	Exchanges  int64 // reads that were accepted: a request with its answer
	Exceptions int64 // exception answers
	Writes     int64 // requests of the master to change a device
	Foreign    int64 // frames of other functions
	Unanswered int64 // requests to read that no answer followed
	Unpaired   int64 // answers without a request, or too late for it
	Ambiguous  int64 // answers that could belong to more than one request
	Bursts     int64 // runs of bytes that belong to no frame: noise, collisions
	Opens      int64 // times that the port was opened
	Hangups    int64 // times that it was lost
}

// Share is the share of the received bytes that was understood, 0 to 1; 0 before
// the first byte.
func (s ListenStats) Share() float64 {
	if s.Bytes == 0 {
		return 0
	}
	return float64(s.Understood) / float64(s.Bytes)
}

// Listener overhears the traffic of another master on a serial line. It is safe
// for concurrent use.
type Listener struct {
	open  func(context.Context) (Port, error)
	opts  ListenOptions
	epoch time.Time

	mu      sync.Mutex // guards the fields below
	hears   *overhearing
	sensors []*Overheard
	stats   ListenStats   // Opens and Hangups only
	cause   error         // why the port is not open; nil = it is
	heard   time.Duration // newest byte
	framed  time.Duration // newest frame
	opened  time.Duration
}

// errNotStarted is the cause before Run opens the port.
var errNotStarted = errors.New("not opened yet")

// NewListener makes a listener on the port that open opens. It touches no
// hardware before Run.
func NewListener(open func(context.Context) (Port, error), o ListenOptions) *Listener {
	l := &Listener{open: open, opts: o.withDefaults(), epoch: time.Now(), cause: errNotStarted}
	l.hears = newOverhearing(l.opts.Baud, l.opts.Timeout, l.dispatch)
	return l
}

// Run listens until ctx is done. A port that is absent or vanishes is opened
// again. The caller runs it in a goroutine of its own, because the kernel buffers
// only 4 KiB, a third of a second at 115,200 baud.
func (l *Listener) Run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		port, err := l.open(ctx)
		if err == nil {
			l.begin()
			err = l.drain(ctx, port)
			if closing := port.Close(); closing != nil && ctx.Err() != nil {
				err = errors.Join(err, closing)
			}
		}
		l.end(err)
		timer.Reset(l.opts.Pause)
	}
}

func (l *Listener) now() time.Duration { return time.Since(l.epoch) }

func (l *Listener) begin() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stats.Opens++
	l.cause = nil
	l.opened = l.now()
}

func (l *Listener) end(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cause == nil {
		l.stats.Hangups++
		l.hears.lost()
	}
	l.cause = err
}

// drain reads the port until it fails or ctx is done.
func (l *Listener) drain(ctx context.Context, port Port) error {
	stop := context.AfterFunc(ctx, func() { port.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	var buf [1024]byte
	for pause, again := l.hears.pause(), false; ; {
		looked := l.now()
		deadline := pause
		if again {
			deadline = time.Millisecond
		}
		if err := port.SetReadDeadline(time.Now().Add(deadline)); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := port.Read(buf[:])
		switch {
		case n > 0:
			l.feed(looked, buf[:n])
			again = false
		case errors.Is(err, os.ErrDeadlineExceeded):
			// Bytes may have arrived just at the deadline. Where they matter,
			// read once more.
			if again || !l.hears.waiting() {
				l.idle(looked)
			}
			again = !again && l.hears.waiting()
		case err == nil:
			return io.EOF // an unplugged adapter returns 0 bytes and no error
		default:
			return err
		}
	}
}

func (l *Listener) feed(looked time.Duration, b []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := l.hears.stats.Frames
	l.heard = l.now()
	l.hears.feed(looked, l.heard, b)
	if l.hears.stats.Frames != before {
		l.framed = l.heard
	}
}

func (l *Listener) idle(looked time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hears.idle(looked)
}

// dispatch hands an exchange to the unit's sensors. The caller holds l.mu.
func (l *Listener) dispatch(x exchange) {
	for _, s := range l.sensors {
		if s.unit == x.unit {
			s.hear(x)
		}
	}
}

// Stats returns a copy of the counters.
func (l *Listener) Stats() ListenStats {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.hears.stats
	s.Opens, s.Hangups = l.stats.Opens, l.stats.Hangups
	return s
}

// deaf is how long a line may deliver no byte, or no frame, before that is an
// error of the line.
const deaf = 3 * time.Second

// trouble is why no traffic can be heard on the line at all; nil if it can. The
// caller holds l.mu.
func (l *Listener) trouble(now time.Duration) error {
	if l.cause != nil {
		return fmt.Errorf("%w: %w", drivers.ErrBus, l.cause)
	}
	silent, senseless := now-max(l.heard, l.opened), now-max(l.framed, l.opened)
	switch {
	case silent >= deaf:
		return fmt.Errorf("%w: overheard nothing for %v: is the master polling, are A and B connected", drivers.ErrBus, silent.Round(100*time.Millisecond))
	case senseless >= deaf && l.heard > l.opened:
		return fmt.Errorf("%w: overheard no frame for %v, only noise: baud rate and parity as the master's, A and B not swapped", drivers.ErrBus, senseless.Round(100*time.Millisecond))
	}
	return nil
}

// others lists the units that were heard. The caller holds l.mu.
func (l *Listener) others() string {
	var b strings.Builder
	for unit, spoke := range l.hears.speakers {
		if spoke > 0 && b.Len() == 0 {
			fmt.Fprintf(&b, ", only of units %d", unit)
		} else if spoke > 0 {
			fmt.Fprintf(&b, ", %d", unit)
		}
	}
	return b.String()
}
