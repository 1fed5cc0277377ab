package spool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// fastDir is a folder in memory where Linux has one: ext4 waits for the card
// whenever a file is renamed over another, which tests do by the thousand.
func fastDir(t testing.TB) string {
	dir, err := os.MkdirTemp("/dev/shm", "spool")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func mustOpen(t testing.TB, dir string, o Options) *Queue {
	t.Helper()
	if o.Logger == nil {
		o.Logger = quiet
	}
	d := realDisk()
	d.sync = func(*os.File) error { return nil } // nobody cuts the power here
	d.syncDir = func(string) error { return nil }
	q, err := open(dir, o, d)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { q.Close() })
	return q
}

// payload is what every test stores under a number; some span sectors.
func payload(seq uint64) []byte {
	pad := seq % 50
	if seq%11 == 0 {
		pad = 1500
	}
	return fmt.Appendf(nil, `{"seq":%d,"pad":"%0*d"}`, seq, pad, seq)
}

func message(seq uint64) (Message, error) {
	m := Message{Topic: "plant/gw/event", Payload: payload(seq), Retain: seq%3 == 0}
	if seq%2 == 0 {
		m.Note = fmt.Appendf(nil, "note %0*d", seq%40, seq)
	}
	return m, nil
}

func mustAppend(t testing.TB, q *Queue, n int) {
	t.Helper()
	for range n {
		if err := put(q, nil, message); err != nil {
			t.Fatal(err)
		}
	}
}

// check fails unless e is the message its number says.
func check(t testing.TB, e Entry) {
	t.Helper()
	e.Key, e.Value = "", nil
	if want, _ := message(e.ID); fmt.Sprint(e.Message) != fmt.Sprint(want) {
		t.Fatalf("message %d is %+v, want %+v", e.ID, e.Message, want)
	}
}

// put appends a message, with a new state unless that is nil, and waits until it is
// stored or known to be in memory only.
func put(q *Queue, state []byte, build func(uint64) (Message, error)) error {
	err := q.Append(func(seq uint64) (Message, error) {
		m, err := build(seq)
		if state != nil {
			m.Key, m.Value = "state", state
		}
		return m, err
	})
	if err != nil {
		return err
	}
	return q.Flush()
}

// tryAgain has the writer try a disk that failed, at once, and waits for it.
func (q *Queue) tryAgain() {
	q.mu.Lock()
	if q.down != nil {
		q.retry = true
		q.work()
	}
	q.mu.Unlock()
	q.Flush()
}

// stateOf is what put stored last.
func stateOf(q *Queue) string {
	for _, p := range q.State() {
		if p.Key == "state" {
			return string(p.Value)
		}
	}
	return ""
}

// drain returns the numbers of all that Next has at once, checking each message.
func drain(t testing.TB, q *Queue) []uint64 {
	t.Helper()
	var ids []uint64
	for after := uint64(0); ; {
		e, ok := q.next(after)
		if !ok {
			return ids
		}
		check(t, e)
		after = e.ID
		ids = append(ids, e.ID)
	}
}

func wantIDs(t testing.TB, got []uint64, from, to uint64) {
	t.Helper()
	if len(got) != int(to+1-from) {
		t.Fatalf("got %d messages %v, want %d..%d", len(got), got, from, to)
	}
	for i, id := range got {
		if id != from+uint64(i) {
			t.Fatalf("got %v, want %d..%d", got, from, to)
		}
	}
}

func TestQueue(t *testing.T) {
	dir := t.TempDir()
	q := mustOpen(t, dir, Options{})
	if q.Seq() != 0 || len(q.State()) != 0 {
		t.Fatalf("a new queue has seq %d, state %q", q.Seq(), q.State())
	}
	mustAppend(t, q, 10)
	wantIDs(t, drain(t, q), 1, 10)
	if err := q.Ack(11); !errors.Is(err, ErrNotDelivered) {
		t.Fatalf("ack of 11: %v", err)
	}
	for _, id := range []uint64{1, 2, 4, 4} { // 4 out of turn, and twice
		if err := q.Ack(id); err != nil {
			t.Fatal(err)
		}
	}
	if ids := drain(t, q); fmt.Sprint(ids) != "[3 5 6 7 8 9 10]" {
		t.Fatalf("after acknowledging 1, 2 and 4: %v", ids)
	}
	if s := q.Stats(); s.Messages != 7 || q.Len() != 7 || s.Acked != 3 || s.Appended != 10 {
		t.Fatalf("stats %+v", s)
	}
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	if err := put(q, nil, message); !errors.Is(err, ErrClosed) {
		t.Fatalf("append after close: %v", err)
	}
	q = mustOpen(t, dir, Options{})
	wantIDs(t, drain(t, q), 3, 10) // 4 again: duplicates may come, losses not
}

// A folder is opened once, and free after Close.
func TestOpen_locked(t *testing.T) {
	dir := t.TempDir()
	q := mustOpen(t, dir, Options{})
	if _, err := Open(dir, Options{}); !errors.Is(err, ErrLocked) {
		t.Fatalf("second open: %v", err)
	}
	q.Close()
	mustOpen(t, dir, Options{})
}

func TestAppend_refused(t *testing.T) {
	q := mustOpen(t, t.TempDir(), Options{})
	cause := errors.New("no")
	if err := put(q, nil, func(uint64) (Message, error) { return Message{}, cause }); !errors.Is(err, cause) {
		t.Fatal(err)
	}
	big := func(uint64) (Message, error) { return Message{Payload: make([]byte, maxRecord)}, nil }
	if err := put(q, nil, big); err == nil || errors.Is(err, ErrVolatile) {
		t.Fatal(err)
	}
	if err := put(q, make([]byte, maxValue+1), message); err == nil {
		t.Fatal("a state too large was taken")
	}
	noted := func(uint64) (Message, error) { return Message{Note: make([]byte, maxNote+1)}, nil }
	if err := put(q, nil, noted); err == nil || errors.Is(err, ErrVolatile) {
		t.Fatal("a note too large was taken")
	}
	mustAppend(t, q, 1)
	wantIDs(t, drain(t, q), 1, 1)
}

// The number and the blob outlive every message and every segment.
func TestContinuity_empty(t *testing.T) {
	dir := t.TempDir()
	o := Options{SegmentBytes: minSegment}
	var last uint64
	for life := range 5 {
		q := mustOpen(t, dir, o)
		if q.Seq() != last {
			t.Fatalf("life %d: seq %d, want %d", life, q.Seq(), last)
		}
		if life > 0 && stateOf(q) != fmt.Sprint("open ", life-1) {
			t.Fatalf("life %d: state %q", life, q.State())
		}
		if err := put(q, fmt.Append(nil, "open ", life), message); err != nil {
			t.Fatal(err)
		}
		mustAppend(t, q, 200) // several segments behind the one with the blob
		for _, id := range drain(t, q) {
			if err := q.Ack(id); err != nil {
				t.Fatal(err)
			}
		}
		last = q.Seq()
		q.Flush()
		if n := segmentsIn(t, dir); n != 1 {
			t.Fatalf("%d segments left of an empty queue", n)
		}
		if err := q.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if last != 5*201 {
		t.Fatalf("last number %d", last)
	}
}

func segmentsIn(t testing.TB, dir string) int {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"+segmentExt))
	if err != nil {
		t.Fatal(err)
	}
	return len(files)
}

func TestNext_waits(t *testing.T) {
	q := mustOpen(t, t.TempDir(), Options{})
	ctx, cancel := context.WithCancel(t.Context())
	got := make(chan Entry)
	go func() {
		defer close(got)
		for after := uint64(0); ; {
			e, err := q.Next(ctx, after)
			if err != nil {
				return
			}
			after = e.ID
			got <- e
		}
	}()
	mustAppend(t, q, 1)
	if e := <-got; e.ID != 1 {
		t.Fatalf("got %d", e.ID)
	}
	cancel()
	if _, ok := <-got; ok {
		t.Fatal("Next returned a message after its context ended")
	}
	go func() { time.Sleep(10 * time.Millisecond); q.Close() }()
	if _, err := q.Next(t.Context(), 1); !errors.Is(err, ErrClosed) {
		t.Fatal(err)
	}
}

func TestAppend_groupCommit(t *testing.T) {
	const writers, each = 16, 10
	var left, appending atomic.Int64 // writers
	d := realDisk()
	d.sync = func(*os.File) error { // slow enough for all to come back, on a busy machine too
		for appending.Load() < left.Load() {
			time.Sleep(100 * time.Microsecond)
		}
		time.Sleep(2 * time.Millisecond)
		return nil
	}
	q, err := open(t.TempDir(), Options{Logger: quiet}, d)
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	left.Store(writers)
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			defer left.Add(-1)
			for range each {
				appending.Add(1)
				if err := put(q, nil, message); err != nil {
					t.Error(err)
				}
				appending.Add(-1)
			}
		})
	}
	wg.Wait()
	wantIDs(t, drain(t, q), 1, writers*each)
	if s := q.Stats(); s.Syncs > writers*each/4 {
		t.Fatalf("%d syncs for %d messages of %d writers", s.Syncs, writers*each, writers)
	}
}

func TestMaxBytes_dropsOldest(t *testing.T) {
	q := mustOpen(t, t.TempDir(), Options{MaxBytes: 64 << 10})
	mustAppend(t, q, 3000)
	s := q.Stats()
	if s.Dropped == 0 || s.Bytes > 64<<10+q.opts.SegmentBytes {
		t.Fatalf("stats %+v", s)
	}
	wantIDs(t, drain(t, q), s.Dropped+1, 3000)
	if s.Messages != 3000-int(s.Dropped) {
		t.Fatalf("%d messages, %d dropped of 3000", s.Messages, s.Dropped)
	}
	if err := q.Ack(1); err != nil { // dropped meanwhile
		t.Fatal(err)
	}
}

// TestSetMax: a smaller queue drops the oldest at once and counts them, a larger one
// keeps more.
func TestSetMax(t *testing.T) {
	q, err := Open(t.TempDir(), Options{MaxBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	add := func(n int) {
		t.Helper()
		for range n {
			if err := put(q, nil, func(uint64) (Message, error) { return Message{Topic: "t", Payload: make([]byte, 1000)}, nil }); err != nil {
				t.Fatal(err)
			}
		}
	}
	add(500)
	q.SetMax(100_000)
	q.Flush()
	s := q.Stats()
	if s.Bytes > 100_000 || s.MaxBytes != 100_000 || s.Dropped == 0 || int(s.Dropped)+s.Messages != 500 {
		t.Errorf("after SetMax: %+v", s)
	}
	q.SetMax(1 << 20)
	add(500)
	if now := q.Stats(); now.Dropped != s.Dropped || now.Messages != s.Messages+500 {
		t.Errorf("with more room: %+v", now)
	}
}
