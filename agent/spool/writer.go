package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"iot-edge-anomaly/agent/lock"
)

// IOStats are counters of what was done to the disk.
type IOStats struct {
	Written uint64 // bytes
	Pages   uint64 // bytes in whole pages of 4 KiB, as file systems write them
	Syncs   uint64
	Errors  uint64 // failed file operations
}

type ioCounts struct{ written, pages, syncs, errors atomic.Uint64 }

func (c *ioCounts) load() IOStats {
	return IOStats{Written: c.written.Load(), Pages: c.pages.Load(), Syncs: c.syncs.Load(), Errors: c.errors.Load()}
}

// wrote counts n bytes written at off.
func (c *ioCounts) wrote(n int, off int64) {
	const page = 4096
	if n > 0 {
		c.written.Add(uint64(n))
		c.pages.Add(uint64((off+int64(n)+page-1)/page-off/page) * page)
	}
}

// count counts a failed file operation and returns its error.
func (q *Queue) count(err error) error {
	if err != nil {
		q.io.errors.Add(1)
	}
	return err
}

// run is the writer: the one goroutine that changes the folder.
func (q *Queue) run() {
	defer close(q.done)
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		for !q.dirty {
			q.changed.Wait()
		}
		q.dirty, q.working = false, true
		closing := q.closing
		q.step()
		q.working = false
		q.rounds++
		q.changed.Broadcast()
		if closing && !q.dirty {
			q.end()
			return
		}
	}
}

// step does once what there is to do; mu is held.
func (q *Queue) step() {
	if q.down != nil {
		if q.retry {
			q.heal()
		}
	} else if q.due && len(q.waiting) > 0 || q.fresh {
		q.commit()
	}
	q.retry = false
	q.makeRoom(0)
	q.removeAcked()
	if cur := q.position(); !cur.equal(&q.cursor.cursor) {
		q.atDisk(func() error { return q.saveCursor(cur) })
	}
}

// end closes the files; mu is held.
func (q *Queue) end() {
	if q.cursor.f != nil {
		q.atDisk(func() error { return q.disk.sync(q.cursor.f) })
	}
	q.cursor.close()
	q.reader.close()
	if q.active != nil {
		q.active.f.Close()
	}
	q.lock.Close()
}

// atDisk runs op without mu. If op takes too long, what waits is delivered meanwhile.
func (q *Queue) atDisk(op func() error) error {
	late := time.AfterFunc(patience, func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		if q.working && !q.hung {
			q.log.Error("the disk of the spool does not answer: what waits is delivered before it is stored", "after", patience)
			q.hung = true
			q.signal()
			q.changed.Broadcast()
		}
	})
	q.mu.Unlock()
	err := q.count(op())
	late.Stop()
	q.mu.Lock()
	if q.hung {
		q.log.Info("the disk of the spool answers again")
		q.hung = false
	}
	return err
}

// commit stores everything that waits, by one write and one sync; mu is held.
func (q *Queue) commit() {
	q.makeRoom(int64(sizeOf(q.waiting)))
	if len(q.waiting) == 0 && !q.fresh {
		return
	}
	g := q.active
	if q.fresh || g == nil || g.size-g.log >= max(q.opts.SegmentBytes, 8*int64(q.state.size())) {
		if err := q.begin(); err != nil {
			q.fail(fmt.Errorf("beginning a segment: %w", err))
		}
		return
	}
	batch, prev := q.take(), q.stored
	err := q.atDisk(func() error { return q.appendTo(g, batch, prev) })
	if q.busy = 0; err != nil {
		q.fail(fmt.Errorf("storing messages %d to %d: %w", batch[0].seq, batch[len(batch)-1].seq, err))
		return
	}
	g.size += int64(len(q.buf))
	q.accept(g, batch)
}

// take is what waits; it stays in the list until it is accepted.
func (q *Queue) take() []*pending {
	q.busy, q.due = len(q.waiting), false
	return q.waiting
}

// encode writes the records of a batch into buf, from b on, and notes where they are.
func (q *Queue) encode(b []byte, batch []*pending, prev uint64, off int64) {
	start := len(b)
	for _, p := range batch {
		p.off = off + int64(len(b)-start)
		p.prev = prev
		b = appendRecord(b, &p.record)
		prev = p.seq
	}
	q.buf = b
}

// appendTo stores a batch behind the records of g.
func (q *Queue) appendTo(g *segment, batch []*pending, prev uint64) error {
	q.encode(q.buf[:0], batch, prev, g.size)
	n, err := q.disk.writeAt(g.f, q.buf, g.size)
	q.io.wrote(n, g.size)
	if err == nil {
		q.io.syncs.Add(1)
		err = q.disk.sync(g.f)
	}
	if err != nil { // which bytes reached the disk is unknown
		q.count(q.disk.truncate(g.f, g.size))
		return fmt.Errorf("%s: %w", filepath.Base(g.path), err)
	}
	return nil
}

// begin begins a segment with a checkpoint of the state and everything that waits; mu
// is held. The file appears whole or not at all.
func (q *Queue) begin() error {
	batch := q.take()
	h := header{last: q.seq, prev: q.stored, created: time.Now().UnixMilli(), checkpoint: q.state.append(nil)}
	fresh := q.fresh
	q.fresh = false
	q.lastFile = max(q.lastFile+1, q.stored+1)
	g := &segment{path: filepath.Join(q.dir, segmentName(q.lastFile))}
	err := q.atDisk(func() error {
		b := appendHeader(q.buf[:0], h)
		g.log = int64(len(b))
		q.encode(b, batch, h.prev, g.log)
		f, err := q.writeTemp(g.path, q.buf)
		if err != nil {
			return err
		}
		if err := q.rename(g.path); err != nil {
			q.removeFile(g.path)
			return errors.Join(err, f.Close())
		}
		g.f = f
		return nil
	})
	if q.busy = 0; err != nil {
		q.fresh = q.fresh || fresh
		return err
	}
	g.size = int64(len(q.buf))
	if cap(q.buf) > maxSegment {
		q.buf = nil
	}
	if q.active != nil {
		q.active.f.Close()
		q.active.f = nil
	}
	q.segs = append(q.segs, g)
	q.active, q.base = g, g
	q.accept(g, batch)
	return nil
}

// accept enters a stored batch in the index of g; mu is held.
func (q *Queue) accept(g *segment, batch []*pending) {
	for _, p := range batch {
		g.add(rec{seq: p.seq, off: p.off, at: p.at, spare: p.msg.Spare})
		if p.acked {
			g.ack(len(g.recs) - 1)
		}
		q.stored = p.seq
	}
	q.waiting = slices.Clone(q.waiting[len(batch):])
	q.stats.Appended += uint64(len(batch))
	q.signal()
	if q.fresh {
		q.work()
	}
}

// fail marks the disk as down; mu is held. What waits is delivered from memory.
func (q *Queue) fail(err error) {
	if q.down == nil {
		q.log.Error("spool cannot be written, keeping messages in memory", "err", err)
	}
	q.down = err
	q.forgetAcked()
	q.retryLater()
	q.signal()
}

// forgetAcked takes out what was acknowledged before it was stored; mu is held.
func (q *Queue) forgetAcked() {
	kept := slices.Clone(q.waiting)
	rest := slices.DeleteFunc(kept[q.busy:], func(p *pending) bool { return p.acked })
	q.fresh = q.fresh || q.busy+len(rest) < len(kept) // a change of the state is in no record
	q.waiting = kept[:q.busy+len(rest)]
}

// retryLater schedules the next attempt to store what waits; mu is held.
func (q *Queue) retryLater() {
	time.AfterFunc(retryEvery, func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		if q.down != nil && !q.closing {
			q.retry = true
			q.work()
		}
	})
}

// heal stores what waits in a new segment; mu is held. It does not write to the file
// that failed: after a failed sync the kernel may have marked its pages clean although
// they are not on the disk.
func (q *Queue) heal() {
	if q.stillFull() {
		q.retryLater()
		return
	}
	q.makeRoom(int64(sizeOf(q.waiting)))
	n := len(q.waiting)
	err := q.begin()
	if err == nil {
		q.log.Info("spool can be written again", "messages", n)
		q.down = nil
		return
	}
	if errors.Is(err, fs.ErrNotExist) {
		q.atDisk(q.recreateDir)
	}
	q.fail(fmt.Errorf("beginning a segment: %w", err))
}

// stillFull tells whether the disk was full and still is. Asking first saves
// the card: creating and removing a file every second while the disk is full
// would wear it.
func (q *Queue) stillFull() bool {
	if !errors.Is(q.down, syscall.ENOSPC) {
		return false
	}
	need := int64(sizeOf(q.waiting) + 2*(headerFixed+q.state.size()))
	var free int64
	err := q.atDisk(func() (err error) { free, err = q.disk.free(q.dir); return err })
	return err == nil && free < need
}

// recreateDir creates the folder again after it was removed.
func (q *Queue) recreateDir() error {
	if err := os.MkdirAll(q.dir, 0o700); err != nil {
		return err
	}
	held, err := lock.Folder(q.dir)
	if err != nil {
		return err
	}
	q.lock.Close()
	q.lock = held
	q.cursor.reopen(q.dir)
	return nil
}

// position is the cursor as it is to be; mu is held.
func (q *Queue) position() cursor {
	c := cursor{last: max(q.stored, q.returned, q.inherited, q.cursor.last)}
	c.acked = min(q.lowest()-1, c.last)
	q.gaps = slices.DeleteFunc(slices.Clone(q.gaps), func(g gap) bool { return g.to <= c.acked })
	c.gaps = q.gaps
	return c
}

func (q *Queue) saveCursor(c cursor) error {
	if q.cursor.f == nil {
		q.cursor.reopen(q.dir)
	}
	// A page that is not synced is written every five seconds at the most.
	if now := time.Now(); now.Sub(q.cursorAt) > 5*time.Second {
		q.cursorAt = now
		q.io.wrote(slotFixed, 0)
	}
	return q.cursor.set(c, &q.disk)
}

// writeTemp writes b, durably, to a temporary file beside path. On an error it
// leaves no file.
func (q *Queue) writeTemp(path string, b []byte) (*os.File, error) {
	f, err := q.disk.create(path + tmpExt)
	if err != nil {
		return nil, err
	}
	n, err := q.disk.writeAt(f, b, 0)
	q.io.wrote(n, 0)
	if err == nil {
		err = q.disk.sync(f)
	}
	if err != nil {
		q.removeFile(path + tmpExt)
		return nil, errors.Join(err, f.Close())
	}
	q.io.syncs.Add(1)
	return f, nil
}

// rename gives the temporary file its name, durably. On an error it leaves no
// temporary file, but path may have the new content.
func (q *Queue) rename(path string) error {
	if err := q.disk.rename(path+tmpExt, path); err != nil {
		q.removeFile(path + tmpExt)
		return err
	}
	q.io.syncs.Add(1)
	return q.disk.syncDir(q.dir)
}

// removeFile removes a file if it exists and counts a failure.
func (q *Queue) removeFile(path string) {
	if err := q.disk.remove(path); !errors.Is(err, fs.ErrNotExist) {
		q.count(err)
	}
}
