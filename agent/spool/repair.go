package spool

import (
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
	maxFile  = 64 << 20 // a longer file is not a segment
	numWidth = 16
)

// RepairStats are counters of what was found damaged.
type RepairStats struct {
	Corrupt     uint64 // messages lost to damage
	Quarantined uint64 // damaged segments kept as .bad
	Torn        uint64 // unfinished writes cut off by Open
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
	q.seq = q.cursor.last
	for _, file := range files {
		n, ext, ok := segmentNumber(file.Name())
		if !ok || file.IsDir() {
			continue
		}
		q.lastFile = max(q.lastFile, n)
		path := filepath.Join(q.dir, file.Name())
		switch ext {
		case segmentExt:
			q.loadSegment(path)
		case segmentExt + tmpExt:
			q.count(q.disk.remove(path))
		}
	}
	q.cursor.acked = min(q.cursor.acked, q.seq)
	q.applyCursor()
	q.reuse()
	q.makeRoom(0)
	return nil
}

// loadSegment indexes one segment file. Damage is counted and logged, the
// damaged file is kept as .bad for inspection, and the other files are loaded
// all the same.
func (q *Queue) loadSegment(path string) {
	b, err := readSegment(path)
	if err != nil { // the file stays: it may be readable at the next start
		q.count(err)
		q.stats.Quarantined++
		q.opts.Logger.Error("spool segment cannot be read, skipped", "file", path, "err", err)
		return
	}
	s, err := scan(b, q.stored)
	if err != nil {
		q.opts.Logger.Error("spool segment is not usable, kept as .bad", "file", path, "err", err)
		q.quarantine(path)
		return
	}
	g := &segment{path: path}
	if !s.whole() {
		q.opts.Logger.Error("spool segment is damaged", "file", path, "places", len(s.damaged), "messages_lost", s.lost)
		q.stats.Corrupt += s.lost
		b, s = q.repair(g, b, s)
	}
	if s.end < len(b) {
		q.stats.Torn++
		q.opts.Logger.Warn("unfinished write cut off from spool segment", "file", path, "bytes", len(b)-s.end)
		g.damaged = g.damaged || q.cutTail(path, s.end) != nil
	}
	q.index(g, s)
}

// index enters the records that a scan found.
func (q *Queue) index(g *segment, s scanned) {
	g.size, g.durable = int64(s.end), int64(s.end)
	if s.copies > 0 {
		q.state = s.header.state
		q.seq = max(q.seq, s.header.last)
		if len(q.segs) > 0 && s.header.prev > q.stored { // the segment between them is missing
			q.stats.Corrupt += s.header.prev - q.stored
		}
	}
	if s.state != nil {
		q.state = s.state
	}
	q.seq = max(q.seq, s.highest)
	now, age := time.Now().UnixMilli(), int64(0)
	for _, r := range s.recs {
		age = min(max(0, (now-r.at)/1000), 1<<31-1)
		g.recs = append(g.recs, rec{seq: r.seq, off: int64(r.from), at: int32(-age)})
		q.stored = r.seq
	}
	g.live = len(g.recs)
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

// reuse opens the last segment for appending if it is sound, and removes
// segments that hold nothing any more.
func (q *Queue) reuse() {
	if n := len(q.segs); n > 0 && !q.segs[n-1].damaged {
		g := q.segs[n-1]
		if f, err := os.OpenFile(g.path, os.O_RDWR, 0); err == nil {
			g.f, q.active = f, g
		} else {
			q.count(err)
		}
	}
	q.removeAcked()
}

// repair replaces a damaged segment by a copy of its intact records and keeps
// the damaged file beside it as .bad. If the copy cannot be written, the intact
// records are read from the damaged file.
func (q *Queue) repair(g *segment, b []byte, s scanned) ([]byte, scanned) {
	h := s.header
	if s.copies == 0 {
		h = header{last: q.seq, prev: q.stored, state: q.state}
	}
	h.last = max(h.last, s.highest)
	sound := appendHeader(nil, h)
	for _, r := range s.recs {
		sound = append(sound, b[r.from:r.to]...)
	}
	err := q.replace(g.path, sound)
	if err != nil {
		q.count(err)
		q.opts.Logger.Error("repairing spool segment", "file", g.path, "err", err)
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
	return q.commit(path)
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
