package spool

import (
	"errors"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// faulty is a real disk without waiting, whose operations fail with cause
// while it is set.
type faulty struct{ cause atomic.Pointer[error] }

func (f *faulty) set(err error) {
	if err == nil {
		f.cause.Store(nil)
		return
	}
	f.cause.Store(&err)
}

func (f *faulty) err() error {
	if e := f.cause.Load(); e != nil {
		return *e
	}
	return nil
}

// disk fails in the operations named by what: "w" writing and creating, "s"
// syncing.
func (f *faulty) disk(what string) disk {
	d := realDisk()
	write, create := d.writeAt, d.create
	if what != "s" {
		d.writeAt = func(file *os.File, b []byte, off int64) (int, error) {
			if err := f.err(); err != nil {
				n, _ := write(file, b[:len(b)/2], off) // half of it arrives
				return n, err
			}
			return write(file, b, off)
		}
		d.create = func(name string) (*os.File, error) {
			if err := f.err(); err != nil {
				return nil, err
			}
			return create(name)
		}
	}
	d.sync = func(*os.File) error {
		if what != "w" {
			return f.err()
		}
		return nil
	}
	d.syncDir = func(string) error { return nil }
	return d
}

// The disk fails, in each way; messages stay in memory, are delivered, and
// are on the disk a second after it is well again.
func TestDisk_fails(t *testing.T) {
	for name, c := range map[string]struct {
		what  string
		cause error
	}{
		"full":      {"w", syscall.ENOSPC},
		"dying":     {"s", syscall.EIO},
		"read-only": {"ws", syscall.EROFS},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir := t.TempDir()
				var f faulty
				q, err := open(dir, Options{Logger: quiet}, f.disk(c.what))
				if err != nil {
					t.Fatal(err)
				}
				mustAppend(t, q, 3)
				f.set(c.cause)
				for range 5 {
					err := put(q, []byte("open"), message)
					if !errors.Is(err, ErrVolatile) || !errors.Is(err, c.cause) {
						t.Fatalf("append: %v", err)
					}
				}
				time.Sleep(10*time.Second + retryEvery/2) // ten attempts, and none under way
				if s := q.Stats(); s.Volatile != 5 || s.Messages != 8 || s.Down == "" || s.Appended != 3 {
					t.Fatalf("%+v", s)
				}
				ids := drain(t, q) // a dead card does not stop alarms
				wantIDs(t, ids, 1, 8)
				if err := q.Ack(5); err != nil {
					t.Fatal(err)
				}
				f.set(nil)
				time.Sleep(1100 * time.Millisecond)
				if s := q.Stats(); s.Volatile != 0 || s.Messages != 7 || s.Down != "" || s.Appended != 7 || s.Dropped != 0 {
					t.Fatalf("%+v", s)
				}
				mustAppend(t, q, 1)
				if err := q.Close(); err != nil {
					t.Fatal(err)
				}
				q = mustOpen(t, dir, Options{})
				if ids := drain(t, q); !slices.Equal(ids, []uint64{1, 2, 3, 4, 6, 7, 8, 9}) || stateOf(q) != "open" {
					t.Fatalf("after reopening: %v, state %q", ids, stateOf(q))
				}
				if s := q.Stats(); s.Corrupt+s.Quarantined+s.Torn != 0 {
					t.Fatalf("%+v", s)
				}
				q.Close()
			})
		})
	}
}

// A write fails while the sync of the one before runs, which fails then: both
// are kept, in order.
func TestDisk_failsInSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f faulty
		d := f.disk("w")
		d.sync = func(file *os.File) error {
			if f.err() == nil {
				time.Sleep(time.Second)
			}
			return f.err()
		}
		q, err := open(t.TempDir(), Options{Logger: quiet}, d)
		if err != nil {
			t.Fatal(err)
		}
		mustAppend(t, q, 1)
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := put(q, nil, message); !errors.Is(err, ErrVolatile) {
				t.Errorf("append during the failing sync: %v", err)
			}
		})
		time.Sleep(time.Second / 2)
		f.set(syscall.EIO)
		if err := put(q, nil, message); !errors.Is(err, ErrVolatile) {
			t.Errorf("append with a failing write: %v", err)
		}
		wg.Wait()
		wantIDs(t, drain(t, q), 1, 3)
		f.set(nil)
		time.Sleep(5 * time.Second)
		wantIDs(t, drain(t, q), 1, 3)
		if s := q.Stats(); s.Volatile != 0 || s.Appended != 3 {
			t.Fatalf("%+v", s)
		}
		q.Close()
	})
}

// More messages than memory may hold: the oldest go, counted exactly, and the
// number goes on after a restart.
func TestDisk_failsLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		var f faulty
		q, err := open(dir, Options{Logger: quiet}, f.disk("w"))
		if err != nil {
			t.Fatal(err)
		}
		mustAppend(t, q, 10)
		f.set(syscall.ENOSPC)
		const more = maxWaiting + 500
		for range more {
			if err := put(q, []byte("late"), message); !errors.Is(err, ErrVolatile) {
				t.Fatal(err)
			}
		}
		if s := q.Stats(); s.Dropped != 500 || s.Volatile != maxWaiting {
			t.Fatalf("%+v", s)
		}
		f.set(nil)
		time.Sleep(5 * time.Second)
		want := allBut(10)
		for id := uint64(10 + 500 + 1); id <= 10+more; id++ {
			want = append(want, id)
		}
		if ids := drain(t, q); !slices.Equal(ids, want) {
			t.Fatalf("%d delivered, want %d", len(ids), len(want))
		}
		q.Close()
		q = mustOpen(t, dir, Options{})
		if ids := drain(t, q); !slices.Equal(ids, want) || q.Seq() != 10+more || stateOf(q) != "late" {
			t.Fatalf("after reopening: %d, seq %d, state %q", len(ids), q.Seq(), stateOf(q))
		}
		q.Close()
	})
}

// While the disk stays full nothing is written to it in vain.
func TestDisk_staysFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f faulty
		d := f.disk("w")
		free, tries := int64(100), 0
		d.free = func(string) (int64, error) { return free, nil }
		create := d.create
		d.create = func(name string) (*os.File, error) { tries++; return create(name) }
		q, err := open(t.TempDir(), Options{Logger: quiet}, d)
		if err != nil {
			t.Fatal(err)
		}
		mustAppend(t, q, 1)
		f.set(syscall.ENOSPC)
		for range 5 {
			put(q, nil, message)
		}
		before := tries
		time.Sleep(time.Hour)
		q.mu.Lock()
		if tries != before {
			t.Errorf("%d attempts in an hour without room", tries-before)
		}
		free = 1 << 20
		q.mu.Unlock()
		f.set(nil)
		time.Sleep(2 * time.Second)
		if s := q.Stats(); s.Volatile != 0 || s.Appended != 6 {
			t.Errorf("%+v", s)
		}
		q.Close()
	})
}

// Everything in memory is delivered and acknowledged before the disk heals:
// number and state are on it afterwards all the same.
func TestDisk_healsEmpty(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		var f faulty
		q, err := open(dir, Options{Logger: quiet}, f.disk("w"))
		if err != nil {
			t.Fatal(err)
		}
		f.set(syscall.ENOSPC)
		for range 3 {
			put(q, []byte("only here"), message)
		}
		for _, id := range drain(t, q) {
			q.Ack(id)
		}
		f.set(nil)
		time.Sleep(2 * time.Second)
		q.Close()
		if err := os.Remove(dir + "/" + cursorName); err != nil {
			t.Fatal(err)
		}
		q = mustOpen(t, dir, Options{})
		if q.Seq() != 3 || stateOf(q) != "only here" || q.Stats().Messages != 0 {
			t.Fatalf("seq %d, state %q, %+v", q.Seq(), stateOf(q), q.Stats())
		}
		q.Close()
	})
}

func TestFolder_removed(t *testing.T) {
	dir := t.TempDir() + "/spool"
	q, err := Open(dir, Options{Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	mustAppend(t, q, 3)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := put(q, []byte("open"), message); !errors.Is(err, ErrVolatile) {
		t.Fatalf("append into a removed file: %v", err)
	}
	for range 3 { // what the timer does
		q.tryAgain()
	}
	mustAppend(t, q, 1)
	if ids := drain(t, q); !slices.Equal(ids, []uint64{4, 5}) {
		t.Fatalf("delivered %v", ids)
	}
	if s := q.Stats(); s.Corrupt != 3 || s.Quarantined != 0 || s.Messages != 2 {
		t.Fatalf("%+v", s)
	}
	if _, err := Open(dir, Options{}); !errors.Is(err, ErrLocked) {
		t.Fatalf("the folder made again is not locked: %v", err)
	}
	q.Close()
	q = mustOpen(t, dir, Options{})
	if ids := drain(t, q); !slices.Equal(ids, []uint64{4, 5}) || stateOf(q) != "open" {
		t.Fatalf("after reopening: %v, state %q", ids, stateOf(q))
	}
}

// Many writers, a reader and a disk that comes and goes: nothing is lost,
// nothing comes twice, no data race.
func TestConcurrent(t *testing.T) {
	var f faulty
	q, err := open(t.TempDir(), Options{SegmentBytes: minSegment, Logger: quiet}, f.disk("ws"))
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	const writers, each = 8, 120 // in all fewer than the memory holds, or some may rightly be dropped
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for range each {
				if err := put(q, nil, message); err != nil && !errors.Is(err, ErrVolatile) {
					t.Error(err)
				}
			}
		})
	}
	stop := make(chan struct{})
	var chaos sync.WaitGroup
	chaos.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				f.set(nil)
				return
			default:
			}
			if i%2 == 0 {
				f.set(syscall.EIO)
			} else {
				f.set(nil)
			}
			q.tryAgain()
			time.Sleep(100 * time.Microsecond)
		}
	})
	for want := uint64(1); want <= writers*each; want++ {
		e, err := q.Next(t.Context(), want-1)
		if err != nil {
			t.Fatal(err)
		}
		check(t, e)
		if e.ID != want {
			t.Fatalf("got %d, want %d", e.ID, want)
		}
		if err := q.Ack(e.ID); err != nil && !errors.Is(err, syscall.EIO) && !errors.Is(err, syscall.EROFS) {
			t.Fatal(err)
		}
	}
	wg.Wait()
	close(stop)
	chaos.Wait()
	if s := q.Stats(); s.Messages != 0 || s.Acked != writers*each || s.Dropped != 0 || s.Corrupt != 0 {
		t.Fatalf("%+v", s)
	}
}
