package spool

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"
)

// Errors a caller may test for.
var (
	// ErrLocked: another process uses the folder.
	ErrLocked = errors.New("in use by another process")
	// ErrClosed: the queue was closed.
	ErrClosed = errors.New("queue is closed")
	// ErrVolatile: the message has its number and is kept in memory, but the
	// disk has not stored it yet. The caller must not append it again.
	ErrVolatile = errors.New("kept in memory only")
	// ErrNotDelivered: Ack got a number that Next has not returned.
	ErrNotDelivered = errors.New("was never delivered")
)

const (
	defaultMaxBytes = 64 << 20
	maxSegment      = 1 << 20
	minSegment      = 4 << 10

	maxVolatile      = 1024    // messages kept in memory while the disk is down
	maxVolatileBytes = 4 << 20 // their bytes
	retryEvery       = time.Second
)

// Message is what is published, and what the queue stores with it.
type Message struct {
	Topic   string
	Payload []byte
	Retain  bool // the broker keeps it for those who subscribe later

	// Note is not published: at most 255 bytes for whoever finishes the payload
	// before publishing. The queue does not look into it.
	Note []byte
}

// Entry is a stored message as Next returns it.
type Entry struct {
	ID     uint64 // the message's number, rising without reuse over the life of the folder
	Resent bool   // it may have been sent before: Next returned it already, or an earlier process may have sent it
	Message
}

// Options of Open; the zero value is usable.
type Options struct {
	MaxBytes     int64        // on disk; beyond it the oldest segment is dropped; 0 = 64 MiB
	SegmentBytes int64        // size at which a new segment begins; 0 = MaxBytes/64, at most 1 MiB
	Logger       *slog.Logger // nil = slog.Default()
}

func (o Options) withDefaults() Options {
	if o.MaxBytes <= 0 {
		o.MaxBytes = defaultMaxBytes
	}
	if o.SegmentBytes <= 0 {
		o.SegmentBytes = min(o.MaxBytes/64, maxSegment)
	}
	o.SegmentBytes = max(min(o.SegmentBytes, o.MaxBytes/4), minSegment)
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o
}

// Queue is a durable bounded queue in one folder. It is safe for concurrent
// use. The caller of Open must call Close.
type Queue struct {
	dir    string
	opts   Options
	disk   disk
	lock   *os.File
	opened time.Time // times in the index count from here

	mu       sync.Mutex
	wake     chan struct{} // closed when Next may have something new to return
	closed   bool
	segs     []*segment    // oldest first
	active   *segment      // the last of segs; nil = the next Append begins one
	pending  []*pending    // written to active, not synced
	syncing  chan struct{} // not nil while a sync runs, without mu; closed when it ends
	seq      uint64        // last number given out
	stored   uint64        // number of the last durable record
	state    []byte        // newest blob
	buf      []byte        // the record being appended
	lastFile uint64        // number of the newest segment file
	cursor   *cursorFile

	inherited uint64 // last number given out before Open
	returned  uint64 // highest number Next has returned since
	reader    reader

	volatile      []*pending // messages in memory only, numbers rising
	volatileBytes int        // their bytes
	down          error      // why the disk cannot be written; nil = it can
	timer         *time.Timer

	stats Stats
}

// Stats are the queue's counters since Open, and its present size. A counter is
// declared in the file that counts.
type Stats struct {
	Messages int           // not yet acknowledged
	Bytes    int64         // on disk
	MaxBytes int64         // the limit of Bytes
	Oldest   time.Duration // age of the oldest message; 0 = empty
	Volatile int           // of Messages: in memory only
	Down     string        // why the disk cannot be written; "" = it can

	Errors uint64 // failed file operations
	AppendStats
	ReadStats
	RepairStats
}

// Open opens the queue in dir and repairs damaged files, as doc.go describes.
// It creates dir if needed. It fails if another process uses the folder
// (ErrLocked) or the folder cannot be created or read, but never because of
// damage.
func Open(dir string, o Options) (*Queue, error) { return open(dir, o, realDisk()) }

func open(dir string, o Options, d disk) (*Queue, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("opening spool: %w", err)
	}
	lock, err := lockDir(dir)
	if err != nil {
		return nil, fmt.Errorf("opening spool %s: %w", dir, err)
	}
	q := &Queue{dir: dir, opts: o.withDefaults(), disk: d, lock: lock, opened: time.Now(), wake: make(chan struct{})}
	q.cursor = openCursor(dir)
	if err := q.load(); err != nil {
		q.cursor.close()
		lock.Close()
		return nil, fmt.Errorf("opening spool %s: %w", dir, err)
	}
	q.inherited = q.seq
	return q, nil
}

// SetMax changes MaxBytes, and with it the size at which a new segment begins. The
// oldest segments beyond it are dropped now.
func (q *Queue) SetMax(bytes int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.opts.MaxBytes, q.opts.SegmentBytes = bytes, 0
	q.opts = q.opts.withDefaults()
	if !q.closed {
		q.makeRoom(0)
	}
}

// Seq returns the last number given out.
func (q *Queue) Seq() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.seq
}

// State returns a copy of the newest blob that Append stored; nil = none.
func (q *Queue) State() []byte {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.state == nil {
		return nil
	}
	return append([]byte{}, q.state...)
}

// Len returns the number of messages that are not acknowledged.
func (q *Queue) Len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.waiting()
}

// waiting is Len; mu is held.
func (q *Queue) waiting() int {
	n := len(q.volatile)
	for _, g := range q.segs {
		n += g.live
	}
	return n
}

// Stats returns the counters and the present size.
func (q *Queue) Stats() Stats {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := q.stats
	s.MaxBytes, s.Messages, s.Volatile = q.opts.MaxBytes, q.waiting(), len(q.volatile)
	for _, g := range q.segs {
		s.Bytes += g.size
	}
	if s.Messages > 0 {
		s.Oldest = max(0, time.Since(q.opened)-q.oldest())
	}
	if q.down != nil {
		s.Down = q.down.Error()
	}
	return s
}

// Close tries once more to store the messages that are in memory only, and
// unlocks the folder. Waiting calls return ErrClosed. Close may be called
// twice.
func (q *Queue) Close() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return nil
	}
	for len(q.pending) > 0 {
		q.flush()
	}
	if q.down != nil {
		q.storeVolatile()
	}
	q.closed = true
	q.signal()
	if q.timer != nil {
		q.timer.Stop()
	}
	if q.cursor.f != nil {
		q.count(q.disk.sync(q.cursor.f))
	}
	q.cursor.close()
	q.reader.close()
	if q.active != nil {
		q.active.f.Close()
	}
	q.lock.Close()
	if len(q.volatile) > 0 {
		return fmt.Errorf("closing spool %s: %d messages lost: %w", q.dir, len(q.volatile), q.down)
	}
	return nil
}

// Next returns the oldest message with a number above after that is not
// acknowledged. It waits while there is none. The message stays in the queue
// until Ack. Next fails only with ctx's error or ErrClosed.
func (q *Queue) Next(ctx context.Context, after uint64) (Entry, error) {
	for {
		q.mu.Lock()
		if q.closed {
			q.mu.Unlock()
			return Entry{}, ErrClosed
		}
		e, ok := q.next(after)
		wake := q.wake
		q.mu.Unlock()
		if ok {
			return e, nil
		}
		select {
		case <-ctx.Done():
			return Entry{}, ctx.Err()
		case <-wake:
		}
	}
}

// signal wakes every waiting Next; mu is held.
func (q *Queue) signal() {
	close(q.wake)
	q.wake = make(chan struct{})
}

// count counts a failed file operation and returns its error; mu is held.
func (q *Queue) count(err error) error {
	if err != nil {
		q.stats.Errors++
	}
	return err
}

// removeFile removes a file if it exists and counts a failure; mu is held.
func (q *Queue) removeFile(path string) {
	if err := q.disk.remove(path); !errors.Is(err, fs.ErrNotExist) {
		q.count(err)
	}
}
