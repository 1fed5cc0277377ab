package spool

import (
	"fmt"
	"slices"
)

// makeRoom drops the oldest messages until n more bytes fit into MaxBytes: first the
// spare ones, segment by segment, then whole segments. mu is held.
func (q *Queue) makeRoom(n int64) {
	for len(q.segs) > 1 && q.bytes()+n > q.opts.MaxBytes {
		if g := q.thickest(); g != nil {
			q.thin(g)
			continue
		}
		g := q.segs[0]
		if g == q.base || q.base == nil {
			return
		}
		q.stats.Dropped += uint64(g.live)
		q.log.Warn("spool is full, dropped the oldest messages", "messages", g.live, "max_bytes", q.opts.MaxBytes)
		q.removeOldest()
	}
}

// thickest is the oldest segment with spare messages that can be written anew without
// them; nil if there is none.
func (q *Queue) thickest() *segment {
	for _, g := range q.segs {
		if g != q.active && g != q.base && !g.damaged && !g.thinned && slices.ContainsFunc(g.recs, func(r rec) bool { return r.spare && !r.acked }) {
			return g
		}
	}
	return nil
}

// thin writes a segment anew without its spare messages and without those that are
// acknowledged; mu is held. If that fails the segment stays as it is.
func (q *Queue) thin(g *segment) {
	g.thinned = true
	drop := slices.Clone(g.recs)
	next := &segment{path: g.path, log: g.log, thinned: true}
	q.gaps = withGap(q.gaps, gap{g.recs[0].seq, g.recs[len(g.recs)-1].seq})
	cur := q.position()
	err := q.atDisk(func() error {
		q.count(q.saveCursor(cur)) // first, as in removeOldest
		b, err := readSegment(g.path)
		if err != nil || int64(len(b)) < g.log {
			return fmt.Errorf("reading %s: %w", g.path, err)
		}
		sound := slices.Clone(b[:g.log])
		for _, r := range drop {
			size, seq, ok := recordHead(b[min(r.off, int64(len(b))):])
			if r.acked || r.spare || !ok || seq != r.seq || r.off+int64(size) > int64(len(b)) {
				continue
			}
			next.recs = append(next.recs, rec{seq: r.seq, off: int64(len(sound)), at: r.at})
			sound = append(sound, b[r.off:r.off+int64(size)]...)
		}
		next.size = int64(len(sound))
		f, err := q.writeTemp(g.path, sound)
		if err != nil {
			return err
		}
		f.Close()
		return q.rename(g.path)
	})
	if err != nil {
		q.log.Error("no room can be made in the spool", "err", err)
		return
	}
	q.replaceThinned(g, next)
}

// replaceThinned puts a thinned segment into the place of the one it was made from.
func (q *Queue) replaceThinned(g, next *segment) {
	dropped, j := 0, 0
	for _, r := range g.recs {
		if j < len(next.recs) && next.recs[j].seq == r.seq {
			next.recs[j].acked = r.acked
			j++
		} else if !r.acked {
			dropped++
		}
	}
	next.recount()
	q.segs[slices.Index(q.segs, g)] = next
	q.reader.forget(g)
	q.stats.Dropped += uint64(dropped)
	q.stats.Spared += uint64(dropped)
	q.log.Warn("spool is full, dropped the oldest updates of events", "messages", dropped, "max_bytes", q.opts.MaxBytes)
}

// removeAcked removes the oldest segments as long as all their records are
// acknowledged; mu is held. The segment with the newest checkpoint and those behind it
// stay: they have the last number and the state.
func (q *Queue) removeAcked() {
	for len(q.segs) > 1 && q.base != nil && q.segs[0] != q.base && q.segs[0].live == 0 {
		q.removeOldest()
	}
}

// removeOldest removes the oldest segment, or keeps its file as .bad if it is
// damaged; mu is held.
func (q *Queue) removeOldest() {
	g := q.segs[0]
	q.segs = slices.Clone(q.segs[1:])
	q.reader.forget(g)
	cur := q.position()
	q.atDisk(func() error {
		// First the note that its numbers are done with: whoever reads the folder meanwhile
		// does not miss them, however slow the disk is.
		q.count(q.saveCursor(cur))
		if g.damaged {
			q.quarantine(g.path)
		} else {
			q.removeFile(g.path)
		}
		return nil
	})
}
