package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sort"
	"time"

	"iot-edge-anomaly/agent/diskwait"
)

// ReadStats are counters of what was read.
type ReadStats struct {
	Acked uint64 // messages acknowledged
}

// segment is a file of the queue and the index of its records.
type segment struct {
	path    string
	f       *os.File // of the active segment only
	size    int64
	durable int64 // size after the last sync
	recs    []rec
	head    int  // index of the first record that is not acknowledged
	live    int  // number of records that are not acknowledged
	damaged bool // the file is kept as .bad instead of being removed
}

// rec is the index entry of one durable record, 24 bytes.
type rec struct {
	seq   uint64
	off   int64
	at    int32 // seconds after the queue was opened; negative = before
	acked bool
}

func (g *segment) add(p *pending) {
	g.recs = append(g.recs, rec{seq: p.seq, off: p.off, at: p.at})
	g.live++
}

// ack marks record i as acknowledged.
func (g *segment) ack(i int) {
	g.recs[i].acked = true
	g.live--
	for g.head < len(g.recs) && g.recs[g.head].acked {
		g.head++
	}
}

// find returns the segment and the index of the first record with a number of
// at least seq; nil if there is none on the disk.
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
			q.dropUnreadable(g, i, err)
			continue
		}
		return q.entry(r), true
	}
}

// nextVolatile returns the next message that is in memory only, unless
// messages before it still wait for a sync. It first saves the last number
// given out in the cursor, so that no later process uses the number again if
// this one ends before the disk works.
func (q *Queue) nextVolatile(after uint64) (Entry, bool) {
	if len(q.pending) > 0 {
		return Entry{}, false
	}
	for _, p := range q.volatile {
		if p.seq > after {
			q.saveCursor()
			e := q.entry(p.record)
			e.Payload = slices.Clone(e.Payload) // the queue still has to store its own
			return e, true
		}
	}
	return Entry{}, false
}

// entry makes what Next returns of r.
func (q *Queue) entry(r record) Entry {
	e := Entry{ID: r.seq, Resent: r.seq <= max(q.returned, q.inherited), Message: r.msg}
	q.returned = max(q.returned, r.seq)
	return e
}

// dropUnreadable gives up record i, which was intact when it was indexed and
// cannot be read any more. If the file is gone it gives up the rest of the
// segment too.
func (q *Queue) dropUnreadable(g *segment, i int, err error) {
	q.count(err)
	gone := errors.Is(err, fs.ErrNotExist)
	if !g.damaged {
		q.opts.Logger.Error("spool lost messages: they cannot be read", "from", g.recs[i].seq, "file_gone", gone, "err", err)
	}
	g.damaged = !gone
	for ; i < len(g.recs); i++ {
		if !g.recs[i].acked {
			q.stats.Corrupt++
			g.ack(i)
		}
		if !gone {
			break
		}
	}
	q.removeAcked()
	q.saveCursor()
}

// Ack says that the message with this number has arrived; it leaves the queue.
// Numbers may come in any order. A number that is acknowledged or dropped
// already is no error. If the cursor cannot be written, the message is
// acknowledged all the same but is delivered again after a restart.
func (q *Queue) Ack(id uint64) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return ErrClosed
	}
	if id == 0 || id > q.returned {
		return fmt.Errorf("acknowledging message %d: %w", id, ErrNotDelivered)
	}
	if g, i := q.find(id); g != nil && g.recs[i].seq == id {
		if g.recs[i].acked {
			return nil
		}
		g.ack(i)
		q.stats.Acked++
		q.removeAcked()
	} else if i := slices.IndexFunc(q.volatile, func(p *pending) bool { return p.seq == id }); i >= 0 {
		q.volatileBytes -= q.volatile[i].size
		q.volatile = slices.Delete(q.volatile, i, i+1)
		q.stats.Acked++
	}
	if err := q.saveCursor(); err != nil {
		return fmt.Errorf("saving the acknowledgement of message %d: %w", id, err)
	}
	return nil
}

// lowest returns the lowest number that is not acknowledged, or the number
// after the last one if all are.
func (q *Queue) lowest() uint64 {
	for _, g := range q.segs {
		if g.head < len(g.recs) {
			return g.recs[g.head].seq
		}
	}
	if len(q.pending) > 0 {
		return q.pending[0].seq
	}
	if len(q.volatile) > 0 {
		return q.volatile[0].seq
	}
	return q.seq + 1
}

// oldest returns when the oldest message was appended, counted from the
// opening of the queue. There must be one.
func (q *Queue) oldest() time.Duration {
	for _, g := range q.segs {
		if g.head < len(g.recs) {
			return time.Duration(g.recs[g.head].at) * time.Second
		}
	}
	return time.Duration(q.volatile[0].at) * time.Second
}

func (q *Queue) saveCursor() error {
	return q.count(q.cursor.set(cursor{acked: q.lowest() - 1, last: q.seq}, &q.disk))
}

// removeAcked removes the oldest segments as long as all their records are
// acknowledged. The last segment always stays: its header has the last number
// and the blob.
func (q *Queue) removeAcked() {
	for len(q.segs) > 1 && q.segs[0].live == 0 {
		q.removeOldest()
	}
}

// removeOldest removes the oldest segment, or keeps its file as .bad if it is
// damaged.
func (q *Queue) removeOldest() {
	g := q.segs[0]
	q.segs[0] = nil
	q.segs = q.segs[1:]
	q.reader.forget(g)
	if g.damaged {
		q.quarantine(g.path)
		return
	}
	q.removeFile(g.path)
}

// reader reads records for Next and keeps the file of the last one open.
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
		rec, err = r.readAt(g.recs[i].off) // once more: a read error of a card may be transient
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
	op := diskwait.Begin()
	_, err := r.f.ReadAt(r.buf, off)
	if op.End(); err != nil {
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
