package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sort"
	"sync"
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
	size    int64    // all of it durable
	log     int64    // where the records begin
	recs    []rec
	head    int  // index of the first record that is not acknowledged
	live    int  // number of records that are not acknowledged
	damaged bool // the file is kept as .bad instead of being removed
	old     bool // of layout 1: read, not written
	thinned bool // it has no spare messages, or they cannot be taken out
}

// rec is the index entry of one durable record, 24 bytes.
type rec struct {
	seq   uint64
	off   int64
	at    int32 // seconds after the queue was opened; negative = before
	acked bool
	spare bool
}

func (g *segment) add(r rec) {
	g.recs = append(g.recs, r)
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

// recount sets head and live.
func (g *segment) recount() {
	g.live, g.head = 0, len(g.recs)
	for i, r := range g.recs {
		if !r.acked {
			g.live++
			g.head = min(g.head, i)
		}
	}
}

// find returns the segment and the index of the first record with a number of
// at least seq; nil if there is none on the disk. mu is held.
func (q *Queue) find(seq uint64) (*segment, int) {
	for _, g := range q.segs {
		n := len(g.recs)
		if n > 0 && g.recs[n-1].seq >= seq {
			return g, sort.Search(n, func(i int) bool { return g.recs[i].seq >= seq })
		}
	}
	return nil, 0
}

// next is Next without waiting. It reads the disk without mu.
func (q *Queue) next(after uint64) (Entry, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		g, i := q.find(after + 1)
		if g == nil {
			return q.nextVolatile(after)
		}
		at := g.recs[i]
		if at.acked {
			after = at.seq
			continue
		}
		q.mu.Unlock()
		r, err := q.reader.read(g, at)
		q.mu.Lock()
		if now, i := q.find(at.seq); now != g || g.recs[i].seq != at.seq {
			continue // it was written anew or dropped meanwhile
		} else if err != nil {
			q.dropUnreadable(g, i, err)
		} else if !g.recs[i].acked {
			return q.entry(&r, false), true
		}
	}
}

// nextVolatile returns the next message that is in memory only, if the disk fails or
// does not answer; mu is held. The cursor takes the number soon, so that no later
// process uses it again if this one ends before the disk works.
func (q *Queue) nextVolatile(after uint64) (Entry, bool) {
	if !q.volatile() {
		return Entry{}, false
	}
	for _, p := range q.waiting {
		if p.seq <= after || p.acked {
			continue
		}
		if p.seq > q.returned {
			q.stats.Told++
		}
		e := q.entry(&p.record, true)
		e.Payload = slices.Clone(e.Payload) // the queue still has to store its own
		q.work()
		return e, true
	}
	return Entry{}, false
}

// entry makes what Next returns of r; mu is held.
func (q *Queue) entry(r *record, volatile bool) Entry {
	e := Entry{ID: r.seq, Resent: r.seq <= max(q.returned, q.inherited), Volatile: volatile, Message: r.msg}
	q.returned = max(q.returned, r.seq)
	return e
}

// dropUnreadable gives up record i, which was intact when it was indexed and
// cannot be read any more. If the file is gone it gives up the rest of the
// segment too. mu is held.
func (q *Queue) dropUnreadable(g *segment, i int, err error) {
	q.count(err)
	gone := errors.Is(err, fs.ErrNotExist)
	l := loss{from: g.recs[i].seq, harm: true}
	g.damaged = !gone
	for ; i < len(g.recs); i++ {
		if !g.recs[i].acked {
			l.to = g.recs[i].seq
			l.n++
			g.ack(i)
		}
		if !gone {
			break
		}
	}
	q.lose(l, err.Error())
	q.work()
}

// Ack says that the message with this number has arrived; it leaves the queue.
// Numbers may come in any order. A number that is acknowledged or dropped
// already is no error. A crash just after Ack may bring the message once more.
func (q *Queue) Ack(id uint64) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closing {
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
	} else if i := slices.IndexFunc(q.waiting, func(p *pending) bool { return p.seq == id }); i >= 0 && !q.waiting[i].acked {
		q.waiting[i].acked = true
		q.forgetAcked()
		q.stats.Acked++
	}
	q.work()
	return nil
}

// lowest returns the lowest number that is not acknowledged, or the number
// after the last one if all are. mu is held.
func (q *Queue) lowest() uint64 {
	for _, g := range q.segs {
		if g.head < len(g.recs) {
			return g.recs[g.head].seq
		}
	}
	for _, p := range q.waiting {
		if !p.acked {
			return p.seq
		}
	}
	return q.seq + 1
}

// oldest returns when the oldest message was appended, counted from the
// opening of the queue. There must be one. mu is held.
func (q *Queue) oldest() time.Duration {
	for _, g := range q.segs {
		if g.head < len(g.recs) {
			return time.Duration(g.recs[g.head].at) * time.Second
		}
	}
	for _, p := range q.waiting {
		if !p.acked {
			return time.Duration(p.at) * time.Second
		}
	}
	return 0
}

// reader reads records for Next and keeps the file of the last one open.
type reader struct {
	mu  sync.Mutex
	g   *segment
	f   *os.File
	buf []byte
}

func (r *reader) read(g *segment, at rec) (record, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.g != g {
		r.shut()
		f, err := os.Open(g.path)
		if err != nil {
			return record{}, err
		}
		r.g, r.f = g, f
	}
	rec, err := r.readAt(at.off)
	if err != nil {
		rec, err = r.readAt(at.off) // once more: a read error of a card may be transient
	}
	if err == nil && rec.seq != at.seq {
		err = errDamaged
	}
	if err != nil {
		return record{}, fmt.Errorf("reading %s at %d: %w", g.path, at.off, err)
	}
	return rec, nil
}

func (r *reader) readAt(off int64) (record, error) {
	r.buf = slices.Grow(r.buf[:0], recordFixed)[:recordFixed]
	op := diskwait.Begin()
	defer op.End()
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

// forget closes the file of g, unless a read is just under way: the next one closes it.
func (r *reader) forget(g *segment) {
	if r.mu.TryLock() {
		defer r.mu.Unlock()
		if r.g == g {
			r.shut()
		}
	}
}

func (r *reader) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.shut()
}

func (r *reader) shut() {
	if r.f != nil {
		r.f.Close()
	}
	r.g, r.f = nil, nil
}
