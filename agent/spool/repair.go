package spool

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	segmentExt = ".seg"
	tmpExt     = ".tmp"
	badExt     = ".bad"

	maxBad   = 4        // .bad files kept; beyond it the oldest are removed
	maxFile  = 80 << 20 // a longer file is not a segment
	numWidth = 16
)

// RepairStats are counters of what was found damaged.
type RepairStats struct {
	Corrupt     uint64    // messages lost to damage
	Quarantined uint64    // damaged segments kept as .bad
	Torn        uint64    // unfinished writes cut off by Open
	LossAt      time.Time // when the newest of Corrupt was found; zero = there is none
	LastLoss    string    // the newest of Corrupt, for people: how many and which numbers
}

func segmentName(n uint64) string { return fmt.Sprintf("%0*x%s", numWidth, n, segmentExt) }

// segmentNumber parses the number that a file name begins with and returns
// the rest as ext; ok is false for a name that is not a segment's.
func segmentNumber(name string) (n uint64, ext string, ok bool) {
	if len(name) <= numWidth {
		return 0, "", false
	}
	n, err := strconv.ParseUint(name[:numWidth], 16, 64)
	ext = name[numWidth:]
	return n, ext, err == nil && strings.HasPrefix(ext, segmentExt)
}

// load reads the folder, oldest segment first, and repairs damaged segments.
func (q *Queue) load() error {
	files, err := os.ReadDir(q.dir) // sorted by name and therefore by number
	if err != nil {
		return err
	}
	q.seq, q.gaps = q.cursor.last, q.cursor.gaps
	spent, hole := uint64(0), uint64(0) // last and first number that an unreadable segment may have held, if no later one tells
	for _, file := range files {
		n, ext, ok := segmentNumber(file.Name())
		if !ok || file.IsDir() {
			continue
		}
		q.lastFile = max(q.lastFile, n)
		path := filepath.Join(q.dir, file.Name())
		switch ext {
		case segmentExt:
			info, err := file.Info()
			if q.loadSegment(path, hole) {
				spent, hole = 0, 0
			} else if err == nil && info.Size() >= headerFixed {
				spent, hole = max(q.seq, n)+uint64(info.Size()/recordFixed), cmp.Or(hole, n)
			}
		case segmentExt + tmpExt:
			q.removeFile(path)
		}
	}
	q.loadEnd(spent)
	q.applyCursor()
	q.reuse()
	return nil
}

// volatileJump is by how much the numbers jump if the folder cannot be written: an
// earlier process may have delivered messages that it could not note.
const volatileJump = 10000

// loadEnd finds what is missing behind the last segment.
func (q *Queue) loadEnd(spent uint64) {
	before := q.stats.Corrupt
	old := len(q.segs) > 0 && q.segs[len(q.segs)-1].old // its cursor tells numbers that were never stored
	if q.cursor.last > q.stored && !old {
		q.missing(loss{q.stored + 1, q.cursor.last, q.cursor.last - q.stored, false}, "the end of the queue is missing")
	}
	if spent > q.seq {
		if before == q.stats.Corrupt {
			q.lose(loss{from: q.seq + 1, n: 1}, "a segment cannot be used")
		}
		q.seq = spent
	}
	if q.cursor.f == nil {
		q.log.Error("spool cannot be written: seq jumps ahead, so that no number is used twice", "from", q.seq+volatileJump+1)
		q.seq += volatileJump
	}
	if q.seq > q.stored {
		q.gaps = withGap(q.gaps, gap{q.stored + 1, q.seq})
	}
}

// missing counts a loss, unless it is known or all of it was acknowledged.
func (q *Queue) missing(l loss, why string) {
	if l.from <= q.cursor.acked {
		l.from = q.cursor.acked + 1
	}
	if l.to < l.from || !l.harm && slices.ContainsFunc(q.gaps, func(g gap) bool { return g.from <= l.from && l.to <= g.to }) {
		return
	}
	l.n = min(l.n, l.to-l.from+1)
	q.gaps = withGap(q.gaps, gap{l.from, l.to})
	q.lose(l, why)
}

// lose counts and tells that messages are lost; mu is held.
func (q *Queue) lose(l loss, why string) {
	numbers := fmt.Sprintf("from number %d on", l.from)
	if l.to == l.from {
		numbers = fmt.Sprintf("number %d", l.from)
	} else if l.to > 0 {
		numbers = fmt.Sprintf("numbers %d to %d", l.from, l.to)
	}
	q.stats.Corrupt += l.n
	q.stats.LossAt = time.Now()
	q.stats.LastLoss = fmt.Sprintf("%s, %s: %s", Count(int(l.n), "message of the queue is lost", "messages of the queue are lost"), numbers, why)
	q.log.Error("spool lost messages", "messages", l.n, "numbers", numbers, "why", why)
}

// loadSegment indexes one segment file; hole is the first number that unreadable
// files before it may have held, 0 = there are none. Damage is counted and logged, the
// damaged file is kept as .bad for inspection, and the other files are loaded
// all the same.
func (q *Queue) loadSegment(path string, hole uint64) (ok bool) {
	b, err := readSegment(path)
	if err != nil { // the file stays: it may be readable at the next start
		q.count(err)
		q.stats.Quarantined++
		q.log.Error("spool segment cannot be read, skipped", "file", path, "err", err)
		return false
	}
	s, err := scan(b, q.stored)
	if err != nil {
		q.log.Error("spool segment is not usable, kept as .bad", "file", path, "err", err)
		q.quarantine(path)
		return false
	}
	lost := s.lost
	g := &segment{path: path, old: s.copies > 0 && s.header.version < version}
	if !s.whole() {
		q.log.Error("spool segment is damaged", "file", path, "places", len(s.damaged))
		b, s = q.repair(g, b, s)
	}
	if s.end < len(b) {
		q.stats.Torn++
		q.log.Warn("unfinished write cut off from spool segment", "file", path, "bytes", len(b)-s.end)
		g.damaged = g.damaged || q.cutTail(path, s.end) != nil
	}
	if from := max(q.stored+1, hole); (len(q.segs) > 0 || hole > 0) && s.copies > 0 && s.header.prev >= from {
		q.missing(loss{from, s.header.prev, s.header.prev - from + 1, hole > 0}, "a segment is missing or cannot be used")
	}
	for _, l := range lost {
		q.missing(l, "a segment is damaged")
	}
	q.index(g, s)
	return true
}

// index enters the records that a scan found, and their changes of the state.
func (q *Queue) index(g *segment, s scanned) {
	g.size, g.log = int64(s.end), int64(s.log)
	if s.copies > 0 {
		if st, ok := s.header.state(); ok {
			q.state, q.base = st, g
		}
		q.seq, q.stored = max(q.seq, s.header.last), max(q.stored, s.header.prev)
	}
	for _, c := range s.changes {
		if c.Key == "" {
			q.state = nil
		}
		q.state.set(c.Key, c.Value)
	}
	q.seq = max(q.seq, s.highest)
	now, age := time.Now().UnixMilli(), int64(0)
	for _, r := range s.recs {
		age = min(max(0, (now-r.at)/1000), 1<<31-1)
		g.add(rec{seq: r.seq, off: int64(r.from), at: int32(-age), spare: r.spare})
		q.stored = r.seq
	}
	q.segs = append(q.segs, g)
}

// applyCursor applies the cursor.
func (q *Queue) applyCursor() {
	for _, g := range q.segs {
		for i, r := range g.recs {
			if r.seq <= q.cursor.acked {
				g.ack(i)
			}
		}
	}
}

// reuse opens the last segment for appending if it is sound and of this layout. If it
// is not, or the state is not in it, another begins with the next message.
func (q *Queue) reuse() {
	n := len(q.segs)
	if n == 0 {
		return
	}
	g := q.segs[n-1]
	q.fresh = q.base != g || g.damaged
	if g.damaged || g.old {
		return
	}
	if f, err := os.OpenFile(g.path, os.O_RDWR, 0); err == nil {
		g.f, q.active = f, g
	} else {
		q.count(err)
	}
}

// repair replaces a damaged segment by a copy of its intact records and keeps
// the damaged file beside it as .bad. If the copy cannot be written, the intact
// records are read from the damaged file.
func (q *Queue) repair(g *segment, b []byte, s scanned) ([]byte, scanned) {
	h := s.header
	if s.copies == 0 { // the state goes on from the segment before
		h = header{last: q.seq, prev: q.stored, checkpoint: noCheckpoint}
	} else if st, ok := h.state(); ok {
		h.checkpoint = st.append(nil)
	}
	h.last = max(h.last, s.highest)
	sound := appendHeader(nil, h)
	for _, r := range s.recs {
		sound = append(sound, b[r.from:r.to]...)
	}
	err := q.replace(g.path, sound)
	if err != nil {
		q.count(err)
		q.log.Error("spool segment cannot be repaired", "file", g.path, "err", err)
		g.damaged = true
		return b, s
	}
	q.stats.Quarantined++
	repaired, err := scan(sound, q.stored)
	if err != nil { // cannot happen: these bytes were just encoded
		g.damaged = true
		return b, s
	}
	return sound, repaired
}

// replace writes b to path and keeps the former file as .bad.
func (q *Queue) replace(path string, b []byte) error {
	f, err := q.writeTemp(path, b)
	if err != nil {
		return err
	}
	defer f.Close()
	q.keepBad(path)
	return q.rename(path)
}

// keepBad gives a file a second name that ends in .bad, and removes the oldest
// .bad files beyond maxBad.
func (q *Queue) keepBad(path string) {
	bad := path + badExt
	if err := q.disk.link(path, bad); err != nil && !errors.Is(err, os.ErrExist) {
		q.count(err)
		return
	}
	olds, err := filepath.Glob(filepath.Join(q.dir, "*"+segmentExt+badExt))
	if err != nil || len(olds) <= maxBad {
		return
	}
	slices.Sort(olds)
	for _, old := range olds[:len(olds)-maxBad] {
		q.count(q.disk.remove(old))
	}
}

// quarantine removes a file from the queue and keeps it as .bad.
func (q *Queue) quarantine(path string) {
	q.stats.Quarantined++
	q.keepBad(path)
	q.count(q.disk.remove(path))
}

// cutTail truncates the file at path to size, which cuts off an unfinished
// write.
func (q *Queue) cutTail(path string, size int) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return q.count(err)
	}
	defer f.Close()
	if err := q.disk.truncate(f, int64(size)); err != nil {
		return q.count(err)
	}
	return q.count(q.disk.sync(f))
}

func readSegment(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(b) > maxFile {
		err = fmt.Errorf("longer than %d bytes", maxFile)
	}
	return b, err
}
