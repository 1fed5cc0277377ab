package spool

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// pending is a record that is not durable yet: it is written but not synced,
// or it is kept in memory.
type pending struct {
	record
	off  int64 // in the active segment
	size int   // of the encoded record, in bytes
	at   int32 // seconds after the queue was opened
	done bool  // Append may return, with err
	err  error
}

// AppendStats are counters of what was stored.
type AppendStats struct {
	Appended uint64 // messages stored on the disk
	Dropped  uint64 // messages dropped for lack of space, on disk or in memory
	Written  uint64 // bytes
	Syncs    uint64
}

// Append numbers a message, stores it and returns when it is on the disk.
// It calls build with the number and holds the queue's lock meanwhile, so
// build must not call the queue. The message's Payload and Note belong to the
// queue from then on. state replaces the caller's blob in the same step; with
// nil the blob stays as it is.
//
// If build fails or the message is too large, nothing is stored and the next
// message gets the number. If the disk fails, the message is kept in memory,
// delivered in its turn and stored as soon as the disk works again; the error
// is then ErrVolatile. Concurrent calls share one sync.
func (q *Queue) Append(state []byte, build func(seq uint64) (Message, error)) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ensureSegment()
	if q.closed {
		return ErrClosed
	}
	p := &pending{at: int32(time.Since(q.opened) / time.Second)}
	p.seq = q.seq + 1
	var err error
	if p.msg, err = build(p.seq); err != nil {
		return fmt.Errorf("building message %d: %w", p.seq, err)
	}
	p.record.at = time.Now().UnixMilli()
	if state != nil {
		p.state = append([]byte{}, state...)
	}
	if q.buf, err = appendRecord(q.buf[:0], p.record); err != nil {
		return fmt.Errorf("storing message %d: %w", p.seq, err)
	}
	p.size = len(q.buf)
	q.seq = p.seq
	if p.state != nil {
		q.state = p.state
	}
	if q.down != nil {
		q.keepInMemory(p)
		return p.err
	}
	if err := q.write(p); err != nil {
		q.fail(fmt.Errorf("storing message %d: %w", p.seq, err))
		q.keepInMemory(p)
		return p.err
	}
	for !p.done {
		q.flush()
	}
	return p.err
}

// ensureSegment begins a new segment if there is none or the active one is
// full. It may release mu while it waits for a running sync.
func (q *Queue) ensureSegment() {
	for !q.closed && q.down == nil && (q.active == nil || q.active.size >= q.opts.SegmentBytes) {
		if len(q.pending) > 0 || q.syncing != nil {
			q.flush()
			continue
		}
		q.makeRoom(headerFixed)
		g, err := q.newSegment(nil)
		if err != nil {
			q.fail(fmt.Errorf("beginning a segment: %w", err))
			return
		}
		q.activate(g)
	}
}

// write appends the record in buf to the active segment, without a sync.
func (q *Queue) write(p *pending) error {
	q.makeRoom(int64(p.size))
	g := q.active
	p.off = g.size
	n, err := q.disk.writeAt(g.f, q.buf, p.off)
	q.stats.Written += uint64(max(n, 0))
	if err != nil {
		q.count(q.disk.truncate(g.f, p.off))
		return err
	}
	g.size += int64(p.size)
	q.pending = append(q.pending, p)
	return nil
}

// flush syncs the pending records, or waits for the sync that is running. It
// releases mu meanwhile, so that other callers can append and share the next
// sync.
func (q *Queue) flush() {
	if q.syncing != nil {
		ch := q.syncing
		q.mu.Unlock()
		<-ch
		q.mu.Lock()
		return
	}
	ch := make(chan struct{})
	q.syncing = ch
	f, n := q.active.f, len(q.pending)
	q.mu.Unlock()
	err := q.disk.sync(f)
	q.mu.Lock()
	q.syncing = nil
	close(ch)
	q.stats.Syncs++
	if err != nil {
		q.fail(fmt.Errorf("syncing %s: %w", filepath.Base(q.active.path), err))
		return
	}
	for _, p := range q.pending[:n] {
		q.active.add(p)
		q.stored = p.seq
		p.done = true
	}
	q.active.durable = q.active.recs[len(q.active.recs)-1].off + int64(q.pending[n-1].size)
	q.stats.Appended += uint64(n)
	q.pending = append(q.pending[:0], q.pending[n:]...)
	q.signal()
}

// fail marks the disk as down. Records that were written but not synced move
// to memory: after a failed sync it is unknown which bytes reached the disk.
func (q *Queue) fail(err error) {
	q.count(err)
	if q.down == nil {
		q.opts.Logger.Error("spool cannot be written, keeping messages in memory", "err", err)
	}
	q.down = err
	if q.syncing == nil && len(q.pending) > 0 {
		q.count(q.disk.truncate(q.active.f, q.active.durable))
		q.active.size = q.active.durable
		waiting := q.pending
		q.pending = nil
		later := q.volatile
		q.volatile, q.volatileBytes = nil, 0
		for _, p := range append(waiting, later...) {
			q.keepInMemory(p)
		}
	}
	q.retryLater()
}

// newSegment writes a segment with a header and recs, durably, and enters
// recs in its index.
func (q *Queue) newSegment(recs []*pending) (*segment, error) {
	q.lastFile++
	g := &segment{path: filepath.Join(q.dir, segmentName(q.lastFile))}
	b := appendHeader(nil, header{last: q.seq, prev: q.stored, created: time.Now().UnixMilli(), state: q.state})
	for _, p := range recs {
		p.off = int64(len(b))
		r := p.record
		r.state = nil // the header has the newest blob
		var err error
		if b, err = appendRecord(b, r); err != nil {
			return nil, err
		}
		p.size = len(b) - int(p.off)
	}
	f, err := q.writeTemp(g.path, b)
	if err != nil {
		return nil, err
	}
	if err := q.commit(g.path); err != nil {
		q.removeFile(g.path)
		return nil, errors.Join(err, f.Close())
	}
	g.f, g.size, g.durable = f, int64(len(b)), int64(len(b))
	for _, p := range recs {
		g.add(p)
	}
	return g, nil
}

// writeTemp writes b, durably, to a temporary file beside path. On an error it
// leaves no file.
func (q *Queue) writeTemp(path string, b []byte) (*os.File, error) {
	f, err := q.disk.create(path + tmpExt)
	if err != nil {
		return nil, err
	}
	n, err := q.disk.writeAt(f, b, 0)
	q.stats.Written += uint64(max(n, 0))
	if err == nil {
		err = q.disk.sync(f)
	}
	if err != nil {
		q.removeFile(path + tmpExt)
		return nil, errors.Join(err, f.Close())
	}
	q.stats.Syncs++
	return f, nil
}

// commit renames the temporary file to path, durably. On an error it leaves no
// temporary file, but path may have the new content.
func (q *Queue) commit(path string) error {
	if err := q.disk.rename(path+tmpExt, path); err != nil {
		q.removeFile(path + tmpExt)
		return err
	}
	return q.disk.syncDir(q.dir)
}

// activate makes g the segment that Append writes to.
func (q *Queue) activate(g *segment) {
	if old := q.active; old != nil {
		old.f.Close()
		old.f = nil
	}
	q.segs = append(q.segs, g)
	q.active = g
	q.removeAcked()
}

// makeRoom drops the oldest segments until n more bytes fit into MaxBytes.
func (q *Queue) makeRoom(n int64) {
	total := n
	for _, g := range q.segs {
		total += g.size
	}
	for total > q.opts.MaxBytes && len(q.segs) > 1 {
		g := q.segs[0]
		total -= g.size
		q.stats.Dropped += uint64(g.live)
		q.opts.Logger.Warn("spool is full, dropped the oldest messages", "messages", g.live, "max_bytes", q.opts.MaxBytes)
		q.removeOldest()
		q.saveCursor()
	}
}
