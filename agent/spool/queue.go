package spool

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"iot-edge-anomaly/agent/lock"
)

// Errors a caller may test for.
var (
	// ErrLocked: another process uses the folder.
	ErrLocked = lock.ErrInUse
	// ErrClosed: the queue was closed.
	ErrClosed = errors.New("queue is closed")
	// ErrVolatile: messages are kept in memory only, because the disk does not store
	// them.
	ErrVolatile = errors.New("kept in memory only")
	// ErrNotDelivered: Ack got a number that Next has not returned.
	ErrNotDelivered = errors.New("was never delivered")
)

const (
	defaultMaxBytes = 64 << 20
	maxSegment      = 1 << 20
	minSegment      = 4 << 10

	maxWaiting      = 4096    // messages in memory that wait for the disk
	maxWaitingBytes = 4 << 20 // their bytes
	retryEvery      = time.Second

	// gather is how long a message waits for others to share its sync, and again while
	// others come: all alarms of a row do.
	gather     = 5 * time.Millisecond
	gatherMost = 25 * time.Millisecond
	// patience is how long one operation of the disk may take before what waits is
	// delivered without it.
	patience = 10 * time.Second
	// closeWithin is how long Close waits for the disk. The unit gives a stop 15 s.
	closeWithin = 8 * time.Second
)

// Message is what is published, and what the queue stores with it.
type Message struct {
	Topic   string
	Payload []byte
	Retain  bool // the broker keeps it for those who subscribe later
	Spare   bool // not published: where space is short, it is dropped before those that are not spare

	// Note is not published: at most 255 bytes for whoever finishes the payload
	// before publishing. The queue does not look into it.
	Note []byte

	// Key and Value are not published: in the same step with which the message is
	// stored, Value takes its place in the state under Key, or the key is removed if
	// Value is nil. "" = the state stays. A key has at most 255 bytes, a value 64 KiB.
	Key   string
	Value []byte
}

// Entry is a message as Next returns it.
type Entry struct {
	ID       uint64 // the message's number, rising without reuse over the life of the folder
	Resent   bool   // it may have been sent before: Next returned it already, or an earlier process may have sent it
	Volatile bool   // it is not on the disk, which fails or does not answer: a crash may lose it
	Message
}

// Options of Open; the zero value is usable.
type Options struct {
	MaxBytes     int64        // on disk; beyond it the oldest messages are dropped; 0 = 64 MiB
	SegmentBytes int64        // size at which a new segment begins; 0 = MaxBytes/64, at most 1 MiB
	Logger       *slog.Logger // nil = slog.Default()
	BeforeSync   func()       // called before each sync, so that a test has a slow disk; nil = nothing
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
// use. Only Open, Flush and Close wait for the disk to write, and Next for the disk
// to read. The caller of Open must call Close.
type Queue struct {
	dir    string
	disk   disk
	log    *slog.Logger
	opened time.Time // times in the index count from here
	done   chan struct{}

	mu      sync.Mutex // never held while the disk works
	opts    Options
	changed *sync.Cond    // of what the writer does or has to do
	wake    chan struct{} // closed when Next may have something new to return
	closing bool          // the writer is to end
	dirty   bool          // the writer has something to do
	working bool          // it does it
	rounds  uint64        // how often it has done it
	hung    bool          // and the disk has not answered for too long
	retry   bool          // it is time to try again while down is set
	timed   bool          // a timer will set due
	first   time.Time     // when it was set
	due     bool          // what waits has waited for others to share its sync, or somebody waits for it
	fresh   bool          // the newest segment misses a change of the state: begin another
	down    error         // why the disk cannot be written; nil = it can

	segs    []*segment // oldest first
	active  *segment   // the last of segs; nil = the next record begins one
	base    *segment   // with the newest checkpoint: it stays
	seq     uint64     // last number given out
	stored  uint64     // number of the last durable record
	state   state      // newest
	gaps    []gap
	waiting []*pending // not durable, numbers rising
	busy    int        // of waiting: those the writer is storing, the first ones

	inherited uint64 // last number given out before Open
	returned  uint64 // highest number Next has returned since
	stats     Stats

	// The writer's, or of Open before there is one.
	lock     *lock.Held
	cursor   *cursorFile
	cursorAt time.Time // when its writing was counted
	lastFile uint64    // number of the newest segment file
	buf      []byte

	io     ioCounts
	reader reader
}

// Stats are the queue's counters since Open, and its present size. A counter is
// declared in the file that counts.
type Stats struct {
	Messages int           // not yet acknowledged
	Bytes    int64         // on disk
	MaxBytes int64         // the limit of Bytes
	Oldest   time.Duration // age of the oldest message; 0 = empty
	Volatile int           // of Messages: delivered from memory, because the disk does not take them
	Down     string        // why the disk cannot be written; "" = it can

	AppendStats
	ReadStats
	RepairStats
	IOStats
}

// Open opens the queue in dir and repairs damaged files, as doc.go describes.
// It creates dir if needed. It fails if another process uses the folder
// (ErrLocked) or the folder cannot be created or read, but never because of
// damage.
func Open(dir string, o Options) (*Queue, error) {
	d := realDisk()
	if o.BeforeSync != nil {
		sync, syncDir := d.sync, d.syncDir
		d.sync = func(f *os.File) error { o.BeforeSync(); return sync(f) }
		d.syncDir = func(dir string) error { o.BeforeSync(); return syncDir(dir) }
	}
	return open(dir, o, d)
}

func open(dir string, o Options, d disk) (*Queue, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("opening spool: %w", err)
	}
	held, err := lock.Folder(dir)
	if err != nil {
		return nil, fmt.Errorf("opening spool %s: %w", dir, err)
	}
	q := &Queue{dir: dir, opts: o.withDefaults(), disk: d, lock: held, opened: time.Now(), wake: make(chan struct{}), done: make(chan struct{})}
	q.log, q.changed = q.opts.Logger, sync.NewCond(&q.mu)
	q.cursor = openCursor(dir)
	if err := q.load(); err != nil {
		q.cursor.close()
		held.Close()
		return nil, fmt.Errorf("opening spool %s: %w", dir, err)
	}
	q.inherited = q.seq
	q.work()
	go q.run()
	return q, nil
}

// SetMax changes MaxBytes, and with it the size at which a new segment begins. The
// oldest messages beyond it are dropped soon.
func (q *Queue) SetMax(bytes int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.opts.MaxBytes, q.opts.SegmentBytes = bytes, 0
	q.opts = q.opts.withDefaults()
	q.work()
}

// Seq returns the last number given out.
func (q *Queue) Seq() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.seq
}

// State returns the state, its keys in the order in which they came. An entry without
// key is the whole state of a version before, which the caller must take apart and
// store with Restate.
func (q *Queue) State() []Pair {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Clone(q.state)
}

// Restate replaces the whole state. It is stored soon, or with the next message.
func (q *Queue) Restate(pairs []Pair) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.state, q.fresh = slices.Clone(pairs), true
	q.work()
}

// Len returns the number of messages that are not acknowledged.
func (q *Queue) Len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.unacked()
}

// unacked is Len; mu is held.
func (q *Queue) unacked() (n int) {
	for _, p := range q.waiting {
		if !p.acked {
			n++
		}
	}
	for _, g := range q.segs {
		n += g.live
	}
	return n
}

// bytes is the size of all segments; mu is held.
func (q *Queue) bytes() (n int64) {
	for _, g := range q.segs {
		n += g.size
	}
	return n
}

// Stats returns the counters and the present size.
func (q *Queue) Stats() Stats {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := q.stats
	s.MaxBytes, s.Messages, s.Bytes, s.IOStats = q.opts.MaxBytes, q.unacked(), q.bytes(), q.io.load()
	if q.volatile() {
		for _, p := range q.waiting {
			if !p.acked {
				s.Volatile++
			}
		}
	}
	if s.Messages > 0 {
		s.Oldest = max(0, time.Since(q.opened)-q.oldest())
	}
	switch {
	case q.down != nil:
		s.Down = q.down.Error()
	case q.hung:
		s.Down = fmt.Sprintf("the disk has not answered for %s", patience)
	}
	return s
}

// volatile tells that messages are delivered before they are durable; mu is held.
func (q *Queue) volatile() bool { return q.down != nil || q.hung }

// Flush waits until every message that was appended before is on the disk, and what
// was acknowledged before is noted. It returns an error that is ErrVolatile if the disk
// cannot be written.
func (q *Queue) Flush() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) > 0 && q.down == nil {
		q.due = true
		q.work()
	}
	want := q.rounds + 1 // a round that begins from now on
	if q.working {
		want++
	}
	for (q.dirty || q.working) && q.rounds < want && !q.hung && !q.closing {
		q.changed.Wait()
	}
	if n := len(q.waiting); n > 0 && q.volatile() {
		return fmt.Errorf("%s %w: %w", Count(n, "message", "messages"), ErrVolatile, cmp.Or(q.down, errHung))
	}
	return nil
}

// Close stores what waits, once more if the disk failed, and unlocks the folder.
// Waiting calls return ErrClosed. A disk that does not answer is given up after 8 s.
// Close may be called twice.
func (q *Queue) Close() error {
	q.mu.Lock()
	again := q.closing
	q.closing, q.dirty, q.retry, q.due = true, true, true, true
	q.changed.Broadcast()
	q.signal()
	q.mu.Unlock()
	late := time.NewTimer(closeWithin)
	defer late.Stop()
	select {
	case <-q.done:
	case <-late.C:
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if n := len(q.waiting); n > 0 && !again {
		return fmt.Errorf("closing spool %s: %s lost: %w", q.dir, Count(n, "message", "messages"), cmp.Or(q.down, errHung))
	}
	return nil
}

var errHung = errors.New("the disk does not answer")

// Next returns the oldest message with a number above after that is not
// acknowledged. It waits while there is none. The message stays in the queue
// until Ack. Next fails only with ctx's error or ErrClosed.
func (q *Queue) Next(ctx context.Context, after uint64) (Entry, error) {
	for {
		q.mu.Lock()
		closing, wake := q.closing, q.wake
		q.mu.Unlock()
		if closing {
			return Entry{}, ErrClosed
		}
		if e, ok := q.next(after); ok {
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

// work wakes the writer; mu is held.
func (q *Queue) work() {
	q.dirty = true
	q.changed.Broadcast()
}
