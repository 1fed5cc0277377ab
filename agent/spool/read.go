package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sort"
	"time"
)

// segment is a file of the queue and the index of its records.
type segment struct {
	path    string
	f       *os.File // active segment only
	size    int64
	durable int64 // size after the last sync
	recs    []rec
	head    int  // first record not acknowledged
	live    int  // records not acknowledged
	damaged bool // to be set aside instead of removed
}

// rec is the index entry of one durable record, 24 bytes.
type rec struct {
	seq   uint64
	off   int64
	at    int32 // seconds after the queue's birth; below 0 = before it was opened
	acked bool
}

func (g *segment) add(p *pending) {
	g.recs = append(g.recs, rec{seq: p.seq, off: p.off, at: p.at})
	g.live++
}

// settle marks record i as done with.
func (g *segment) settle(i int) {
	g.recs[i].acked = true
	g.live--
	for g.head < len(g.recs) && g.recs[g.head].acked {
		g.head++
	}
}

// find returns the place of the first record with a number of at least seq.
func (q *Queue) find(seq uint64) (*segment, int) {
	for _, g := range q.segs {
		n := len(g.recs)
		if n > 0 && g.recs[n-1].seq >= seq {
			return g, sort.Search(n, func(i int) bool { return g.recs[i].seq >= seq })
		}
	}
	return nil, 0
}

// next is Next without waiting; mu is held.
func (q *Queue) next(after uint64) (Entry, bool) {
	for {
		g, i := q.find(after + 1)
		if g == nil {
			return q.nextVolatile(after)
		}
		after = g.recs[i].seq
		if g.recs[i].acked {
			continue
		}
		r, err := q.reader.read(g, i)
		if err != nil {
			q.lose(g, i, err)
			continue
		}
		return q.hand(r), true
	}
}

// nextVolatile returns what the disk did not take, once everything before it
// is settled. The number is noted in the cursor first, so that it is not used
// again if the process ends before the disk heals.
func (q *Queue) nextVolatile(after uint64) (Entry, bool) {
	if len(q.pending) > 0 {
		return Entry{}, false
	}
	for _, p := range q.ring {
		if p.seq > after {
			q.saveCursor()
			e := q.hand(p.record)
			e.Payload = slices.Clone(e.Payload) // stored later
			return e, true
		}
	}
	return Entry{}, false
}

// hand makes the entry that Next returns.
func (q *Queue) hand(r record) Entry {
	e := Entry{ID: r.seq, Resent: r.seq <= max(q.handed, q.inherited), Message: r.msg}
	q.handed = max(q.handed, r.seq)
	return e
}

// lose counts a record that was sound when indexed and can not be read now,
// and with it the rest of its segment if the file is gone.
func (q *Queue) lose(g *segment, i int, err error) {
	q.count(err)
	gone := errors.Is(err, fs.ErrNotExist)
	if !g.damaged {
		q.opts.Logger.Error("spool lost messages", "from", g.recs[i].seq, "file_gone", gone, "err", err)
	}
	g.damaged = !gone
	for ; i < len(g.recs); i++ {
		if !g.recs[i].acked {
			q.stats.Corrupt++
			g.settle(i)
		}
		if !gone {
			break
		}
	}
	q.release()
	q.saveCursor()
}

// Ack says that the message with this number arrived. Numbers may come in any
// order; one that is acknowledged or dropped already is no error. If the disk
// does not take the note, the message counts as acknowledged all the same and
// comes back after a restart.
func (q *Queue) Ack(id uint64) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return ErrClosed
	}
	if id == 0 || id > q.handed {
		return fmt.Errorf("acknowledging message %d: %w", id, ErrNotDelivered)
	}
	if g, i := q.find(id); g != nil && g.recs[i].seq == id {
		if g.recs[i].acked {
			return nil
		}
		g.settle(i)
		q.stats.Acked++
		q.release()
	} else if i := slices.IndexFunc(q.ring, func(p *pending) bool { return p.seq == id }); i >= 0 {
		q.ringN -= q.ring[i].size
		q.ring = slices.Delete(q.ring, i, i+1)
		q.stats.Acked++
	}
	if err := q.saveCursor(); err != nil {
		return fmt.Errorf("noting message %d as delivered: %w", id, err)
	}
	return nil
}

// lowest is the smallest number not settled, or the one after the last.
func (q *Queue) lowest() uint64 {
	for _, g := range q.segs {
		if g.head < len(g.recs) {
			return g.recs[g.head].seq
		}
	}
	if len(q.pending) > 0 {
		return q.pending[0].seq
	}
	if len(q.ring) > 0 {
		return q.ring[0].seq
	}
	return q.seq + 1
}

// oldest is when the oldest message was appended, counted from birth.
func (q *Queue) oldest() time.Duration {
	for _, g := range q.segs {
		if g.head < len(g.recs) {
			return time.Duration(g.recs[g.head].at) * time.Second
		}
	}
	return time.Duration(q.ring[0].at) * time.Second
}

func (q *Queue) saveCursor() error {
	return q.count(q.cursor.set(cursor{acked: q.lowest() - 1, last: q.seq}, &q.disk))
}

// release removes the segments at the front that are wholly settled. The last
// one stays: it carries the number and the blob.
func (q *Queue) release() {
	for len(q.segs) > 1 && q.segs[0].live == 0 {
		q.discard()
	}
}

// discard removes the oldest segment, or sets it aside if it was damaged.
func (q *Queue) discard() {
	g := q.segs[0]
	q.segs[0] = nil
	q.segs = q.segs[1:]
	q.reader.forget(g)
	if g.damaged {
		q.quarantine(g.path)
		return
	}
	if err := q.disk.remove(g.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		q.count(err)
	}
}

// reader keeps the file open that Next reads from.
type reader struct {
	g   *segment
	f   *os.File
	buf []byte
}

func (r *reader) read(g *segment, i int) (record, error) {
	if r.g != g {
		r.close()
		f, err := os.Open(g.path)
		if err != nil {
			return record{}, err
		}
		r.g, r.f = g, f
	}
	rec, err := r.readAt(g.recs[i].off)
	if err != nil {
		rec, err = r.readAt(g.recs[i].off) // once more: cards do recover
	}
	if err == nil && rec.seq != g.recs[i].seq {
		err = errDamaged
	}
	if err != nil {
		return record{}, fmt.Errorf("reading %s at %d: %w", g.path, g.recs[i].off, err)
	}
	return rec, nil
}

func (r *reader) readAt(off int64) (record, error) {
	r.buf = slices.Grow(r.buf[:0], recordFixed)[:recordFixed]
	if _, err := r.f.ReadAt(r.buf, off); err != nil {
		return record{}, err
	}
	n, _, ok := recordHead(r.buf)
	if !ok {
		return record{}, errDamaged
	}
	r.buf = slices.Grow(r.buf, n-recordFixed)[:n]
	if _, err := r.f.ReadAt(r.buf[recordFixed:], off+recordFixed); err != nil {
		return record{}, err
	}
	rec, _, err := parseRecord(r.buf)
	return rec, err
}

func (r *reader) forget(g *segment) {
	if r.g == g {
		r.close()
	}
}

func (r *reader) close() {
	if r.f != nil {
		r.f.Close()
	}
	r.g, r.f = nil, nil
}
