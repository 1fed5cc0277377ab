package spool

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// pending is a record that is not durable yet: written and not synced, or in
// the ring.
type pending struct {
	record
	off  int64 // in the active segment
	size int
	at   int32 // seconds after the queue's birth
	done bool
	err  error
}

// Append numbers a message, stores it and returns when it is on the disk.
// build is called with the number, under the queue's lock (it must not call
// the queue), and its Payload belongs to the queue from then on. state
// replaces the caller's blob together with the message; nil leaves it.
//
// If build fails or the message is too large, nothing happened and the number
// is free again. If the disk fails, the message is kept in memory, delivered
// in its turn and stored as soon as the disk allows: errors.Is(err,
// ErrVolatile). Concurrent calls share a sync.
func (q *Queue) Append(state []byte, build func(seq uint64) (Message, error)) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ready()
	if q.closed {
		return ErrClosed
	}
	p := &pending{at: int32(time.Since(q.born) / time.Second)}
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
		q.keep(p)
		return p.err
	}
	if err := q.write(p); err != nil {
		q.fail(fmt.Errorf("storing message %d: %w", p.seq, err))
		q.keep(p)
		return p.err
	}
	for !p.done {
		q.flush()
	}
	return p.err
}

// ready begins a segment if there is none or the active one is full. It may
// let go of mu while it waits for a running sync.
func (q *Queue) ready() {
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
		q.adopt(g)
	}
}

// write puts the record in buf behind the active segment, unsynced.
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

// flush makes what is pending durable, or waits for whoever is doing so. It
// lets go of mu meanwhile, so that others can write behind and share the next
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

// fail takes the disk out of use. What was written and not synced moves to
// memory, since after a failed sync nobody knows which bytes arrived.
func (q *Queue) fail(err error) {
	q.count(err)
	if q.down == nil {
		q.opts.Logger.Error("spool keeps messages in memory", "err", err)
	}
	q.down = err
	if q.syncing == nil && len(q.pending) > 0 {
		q.count(q.disk.truncate(q.active.f, q.active.durable))
		q.active.size = q.active.durable
		waiting := q.pending
		q.pending = nil
		behind := q.ring
		q.ring, q.ringN = nil, 0
		for _, p := range append(waiting, behind...) {
			q.keep(p)
		}
	}
	q.retryLater()
}

// newSegment writes a segment with a header and recs and makes it durable
// under its name; recs are in the index afterwards.
func (q *Queue) newSegment(recs []*pending) (*segment, error) {
	q.file++
	g := &segment{path: filepath.Join(q.dir, segmentName(q.file))}
	b := appendHeader(nil, header{last: q.seq, prev: q.stored, created: time.Now().UnixMilli(), state: q.state})
	for _, p := range recs {
		p.off = int64(len(b))
		r := p.record
		r.state = nil // the header carries the newest
		var err error
		if b, err = appendRecord(b, r); err != nil {
			return nil, err
		}
		p.size = len(b) - int(p.off)
	}
	tmp := g.path + tmpExt
	f, err := q.disk.create(tmp)
	if err != nil {
		return nil, err
	}
	if err := q.publish(f, b, tmp, g.path); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	g.f, g.size, g.durable = f, int64(len(b)), int64(len(b))
	for _, p := range recs {
		g.add(p)
	}
	return g, nil
}

// publish writes b to f, which stands at tmp, and gives it its name, durably.
// On an error neither name is left.
func (q *Queue) publish(f *os.File, b []byte, tmp, name string) error {
	n, err := q.disk.writeAt(f, b, 0)
	q.stats.Written += uint64(max(n, 0))
	if err == nil {
		err = q.disk.sync(f)
	}
	if err == nil {
		if err = q.disk.rename(tmp, name); err == nil {
			if err = q.disk.syncDir(q.dir); err == nil {
				q.stats.Syncs++
				return nil
			}
			q.count(q.disk.remove(name))
			return err
		}
	}
	q.count(q.disk.remove(tmp))
	return err
}

// adopt makes g the active segment.
func (q *Queue) adopt(g *segment) {
	if old := q.active; old != nil {
		old.f.Close()
		old.f = nil
	}
	q.segs = append(q.segs, g)
	q.active = g
	q.release()
}

// makeRoom drops oldest segments until n bytes fit below MaxBytes.
func (q *Queue) makeRoom(n int64) {
	total := n
	for _, g := range q.segs {
		total += g.size
	}
	for total > q.opts.MaxBytes && len(q.segs) > 1 {
		g := q.segs[0]
		total -= g.size
		q.stats.Dropped += uint64(g.live)
		q.opts.Logger.Warn("spool full, oldest messages dropped", "messages", g.live, "max_bytes", q.opts.MaxBytes)
		q.discard()
		q.saveCursor()
	}
}
