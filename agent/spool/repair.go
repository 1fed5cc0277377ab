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

	keepBad  = 4        // damaged segments set aside, the oldest go
	maxFile  = 64 << 20 // a longer file is not one of ours
	numWidth = 16
)

func segmentName(n uint64) string { return fmt.Sprintf("%0*x%s", numWidth, n, segmentExt) }

// segmentNumber parses the number a file name begins with; ok is false for a
// foreign name.
func segmentNumber(name string) (n uint64, ext string, ok bool) {
	if len(name) <= numWidth {
		return 0, "", false
	}
	n, err := strconv.ParseUint(name[:numWidth], 16, 64)
	ext = name[numWidth:]
	return n, ext, err == nil && strings.HasPrefix(ext, segmentExt)
}

// load reads the folder, oldest segment first, and repairs it.
func (q *Queue) load() error {
	files, err := os.ReadDir(q.dir) // sorted by name, which is by number
	if err != nil {
		return err
	}
	q.seq = q.cursor.last
	for _, file := range files {
		n, ext, ok := segmentNumber(file.Name())
		if !ok || file.IsDir() {
			continue
		}
		q.file = max(q.file, n)
		path := filepath.Join(q.dir, file.Name())
		switch ext {
		case segmentExt:
			q.loadSegment(path)
		case segmentExt + tmpExt:
			q.count(q.disk.remove(path))
		}
	}
	q.cursor.acked = min(q.cursor.acked, q.seq)
	q.settleAcked()
	q.reuse()
	q.makeRoom(0)
	return nil
}

// loadSegment takes one file into the queue. Whatever is wrong with it is
// counted, kept for people as .bad and never stops the others.
func (q *Queue) loadSegment(path string) {
	b, err := readSegment(path)
	if err != nil { // leave it: it may be readable tomorrow
		q.count(err)
		q.stats.Quarantined++
		q.opts.Logger.Error("spool segment is not readable, left aside", "file", path, "err", err)
		return
	}
	s, err := scan(b, q.stored)
	if err != nil {
		q.opts.Logger.Error("spool segment set aside", "file", path, "err", err)
		q.quarantine(path)
		return
	}
	g := &segment{path: path}
	if !s.whole() {
		q.opts.Logger.Error("spool segment is damaged", "file", path, "stretches", len(s.damaged), "records_lost", s.lost)
		q.stats.Corrupt += s.lost
		b, s = q.mend(g, b, s)
	}
	if s.end < len(b) {
		q.stats.Torn++
		q.opts.Logger.Warn("unfinished write cut off", "file", path, "bytes", len(b)-s.end)
		g.damaged = g.damaged || q.cut(path, s.end) != nil
	}
	q.index(g, s)
}

// index enters what a scan found.
func (q *Queue) index(g *segment, s scanned) {
	g.size, g.durable = int64(s.end), int64(s.end)
	if s.copies > 0 {
		q.state = s.header.state
		q.seq = max(q.seq, s.header.last)
		if len(q.segs) > 0 && s.header.prev > q.stored { // the one between is gone
			q.stats.Corrupt += s.header.prev - q.stored
		}
	}
	if s.state != nil {
		q.state = s.state
	}
	q.seq = max(q.seq, s.spent)
	now, age := time.Now().UnixMilli(), int64(0)
	for _, r := range s.recs {
		age = min(max(0, (now-r.at)/1000), 1<<31-1)
		g.recs = append(g.recs, rec{seq: r.seq, off: int64(r.from), at: int32(-age)})
		q.stored = r.seq
	}
	g.live = len(g.recs)
	q.segs = append(q.segs, g)
}

// settleAcked applies the cursor.
func (q *Queue) settleAcked() {
	for _, g := range q.segs {
		for i, r := range g.recs {
			if r.seq <= q.cursor.acked {
				g.settle(i)
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
	q.release()
}

// mend replaces a damaged segment by one with its sound records, the damaged
// file staying beside it as .bad. Where that is not possible the records are
// read from between the damage.
func (q *Queue) mend(g *segment, b []byte, s scanned) ([]byte, scanned) {
	h := s.header
	if s.copies == 0 {
		h = header{last: q.seq, prev: q.stored, state: q.state}
	}
	h.last = max(h.last, s.spent)
	sound := appendHeader(nil, h)
	for _, r := range s.recs {
		sound = append(sound, b[r.from:r.to]...)
	}
	err := q.replace(g.path, sound)
	if err != nil {
		q.count(err)
		q.opts.Logger.Error("mending spool segment", "file", g.path, "err", err)
		g.damaged = true
		return b, s
	}
	q.stats.Quarantined++
	mended, err := scan(sound, q.stored)
	if err != nil { // can not be: it was just composed
		g.damaged = true
		return b, s
	}
	return sound, mended
}

// replace puts b in the place of the file at path, which remains as .bad.
func (q *Queue) replace(path string, b []byte) error {
	tmp := path + tmpExt
	f, err := q.disk.create(tmp)
	if err != nil {
		return err
	}
	defer f.Close()
	n, err := q.disk.writeAt(f, b, 0)
	q.stats.Written += uint64(max(n, 0))
	if err == nil {
		err = q.disk.sync(f)
	}
	if err == nil {
		q.setAside(path)
		if err = q.disk.rename(tmp, path); err == nil {
			return q.disk.syncDir(q.dir)
		}
	}
	return errors.Join(err, q.disk.remove(tmp))
}

// setAside gives a file a second name ending in .bad, and forgets the oldest
// of those beyond the bound.
func (q *Queue) setAside(path string) {
	bad := path + badExt
	if err := q.disk.link(path, bad); err != nil && !errors.Is(err, os.ErrExist) {
		q.count(err)
		return
	}
	olds, err := filepath.Glob(filepath.Join(q.dir, "*"+segmentExt+badExt))
	if err != nil || len(olds) <= keepBad {
		return
	}
	slices.Sort(olds)
	for _, old := range olds[:len(olds)-keepBad] {
		q.count(q.disk.remove(old))
	}
}

// quarantine takes a file out of the queue and keeps it as .bad.
func (q *Queue) quarantine(path string) {
	q.stats.Quarantined++
	q.setAside(path)
	q.count(q.disk.remove(path))
}

// cut removes the torn tail of the file at path.
func (q *Queue) cut(path string, size int) error {
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
