package spool

import (
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// slow is a disk whose syncs take what wait says.
func slow(wait func() time.Duration) disk {
	d := realDisk()
	d.sync = func(*os.File) error { time.Sleep(wait()); return nil }
	d.syncDir = func(string) error { time.Sleep(wait()); return nil }
	return d
}

// A hundred messages at once cost three syncs at the most, also those that begin a
// segment.
func TestAppend_burst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, err := open(t.TempDir(), Options{Logger: quiet}, slow(func() time.Duration { return time.Second }))
		if err != nil {
			t.Fatal(err)
		}
		defer q.Close()
		most := 0
		for range 3 {
			before := q.Stats().Syncs
			for range 100 {
				if err := q.Append(message); err != nil {
					t.Fatal(err)
				}
			}
			if err := q.Flush(); err != nil {
				t.Fatal(err)
			}
			n := int(q.Stats().Syncs - before)
			if most = max(most, n); n > 3 {
				t.Errorf("%d syncs for 100 messages", n)
			}
		}
		t.Logf("%d syncs at most for 100 messages", most)
	})
}

// Each sync takes three seconds: nothing waits but delivery, which is late by the sync
// under way and the one of its own at the most, and by two when a segment begins.
func TestDisk_slow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, err := open(t.TempDir(), Options{Logger: quiet}, slow(func() time.Duration { return 3 * time.Second }))
		if err != nil {
			t.Fatal(err)
		}
		defer q.Close()
		sent := map[uint64]time.Time{}
		done := make(chan struct{})
		var first, later time.Duration // how late the first 20 messages are at most, and the others
		go func() {
			defer close(done)
			for id := uint64(1); id <= 100; id++ {
				e, err := q.Next(t.Context(), id-1)
				if err != nil || e.ID != id || e.Volatile {
					t.Errorf("%+v, %v, want %d", e, err, id)
					return
				}
				q.mu.Lock()
				late := time.Since(sent[id])
				q.mu.Unlock()
				if id > 20 {
					later = max(later, late)
				} else {
					first = max(first, late)
				}
				if limit := 6 * time.Second; late > limit && id > 20 || late > 2*limit {
					t.Errorf("message %d is %s late", id, late)
				}
			}
		}()
		for id := uint64(1); id <= 100; id++ {
			q.mu.Lock()
			sent[id] = time.Now()
			q.mu.Unlock()
			start := time.Now()
			if err := q.Append(message); err != nil {
				t.Error(err)
			}
			q.Stats()
			q.State()
			if time.Since(start) > 0 {
				t.Errorf("message %d waited for the disk", id)
			}
			time.Sleep(500 * time.Millisecond)
		}
		<-done
		t.Logf("late by %v at most, the first 20 messages by %v", later, first)
	})
}

// The disk does not answer for a minute: after ten seconds messages are told without
// it, in order and marked. All are on the disk afterwards, none comes twice.
func TestDisk_hangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		var wait time.Duration
		q, err := open(dir, Options{Logger: quiet}, slow(func() time.Duration { return wait }))
		if err != nil {
			t.Fatal(err)
		}
		mustAppend(t, q, 3)
		wait = time.Minute
		for range 5 {
			if err := q.Append(message); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		wantIDs(t, drain(t, q), 1, 3)
		time.Sleep(6 * time.Second)
		e, ok := q.next(3)
		if s := q.Stats(); !ok || e.ID != 4 || !e.Volatile || s.Volatile != 5 || s.Down == "" || s.Told != 1 {
			t.Fatalf("%+v %v, %+v", e, ok, s)
		}
		wantIDs(t, drain(t, q), 1, 8)
		for _, id := range []uint64{1, 2, 3, 4, 6} { // 4 is being stored, 6 waits
			if err := q.Ack(id); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(3 * time.Minute)
		if s := q.Stats(); s.Volatile != 0 || s.Down != "" || s.Messages != 3 || s.Dropped != 0 {
			t.Fatalf("%+v", s)
		}
		wait = 0
		mustAppend(t, q, 1)
		if err := q.Close(); err != nil {
			t.Fatal(err)
		}
		q = mustOpen(t, dir, Options{})
		if got := drain(t, q); len(got) != 4 || got[0] != 5 || got[3] != 9 || q.Stats().Corrupt != 0 {
			t.Fatalf("%v, %+v", got, q.Stats())
		}
		q.Close()
	})
}

// A disk that never answers again: Close gives up, and says what is lost.
func TestClose_hangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var wait time.Duration
		q, err := open(t.TempDir(), Options{Logger: quiet}, slow(func() time.Duration { return wait }))
		if err != nil {
			t.Fatal(err)
		}
		wait = time.Hour
		if err := q.Append(message); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if err := q.Close(); err == nil {
			t.Error("no word of the message that is lost")
		}
		if d := time.Since(start); d > closeWithin {
			t.Errorf("Close took %s", d)
		}
		<-q.done
	})
}

// Where memory or the disk is full, spare messages go first and order stays.
func TestSpare_first(t *testing.T) {
	dir := t.TempDir()
	q := mustOpen(t, dir, Options{MaxBytes: 256 << 10, SegmentBytes: 16 << 10})
	spare := func(seq uint64) (Message, error) {
		m, err := message(seq)
		m.Spare = seq%4 != 0
		return m, err
	}
	for range 1600 {
		if err := put(q, []byte("x"), spare); err != nil {
			t.Fatal(err)
		}
	}
	s := q.Stats()
	if s.Dropped == 0 || s.Dropped != s.Spared || s.Bytes > 256<<10 || s.Messages != 1600-int(s.Dropped) {
		t.Fatalf("%+v", s)
	}
	check := func(q *Queue) {
		t.Helper()
		var ids []uint64
		for e, ok := q.next(0); ok; e, ok = q.next(e.ID) {
			ids = append(ids, e.ID)
		}
		got := map[uint64]bool{}
		last := uint64(0)
		for _, id := range ids {
			if got[id] = true; id <= last {
				t.Fatalf("%d after %d", id, last)
			}
			last = id
		}
		for id := uint64(4); id <= 1600; id += 4 {
			if !got[id] {
				t.Errorf("message %d was dropped before spare ones", id)
			}
		}
		if len(ids) != s.Messages {
			t.Errorf("%d messages, want %d", len(ids), s.Messages)
		}
	}
	check(q)
	q.Close()
	q = mustOpen(t, dir, Options{MaxBytes: 256 << 10, SegmentBytes: 16 << 10})
	check(q)
	if n := q.Stats().Corrupt; n != 0 {
		t.Errorf("%d messages dropped before count as lost", n)
	}
}
