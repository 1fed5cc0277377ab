package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Verified is what Verify found.
type Verified struct {
	Segments int    `json:"segments"`
	Bytes    int64  `json:"bytes"` // of the segments
	Records  int    `json:"records"`
	Waiting  int    `json:"waiting"` // of the records, those that are not acknowledged
	First    uint64 `json:"first"`   // number of the oldest record; 0 = there is none
	Last     uint64 `json:"last"`    // last number given out
	Entries  int    `json:"entries"` // of the state that the queue keeps for its caller

	Damage    []string `json:"damage"`    // files or places in them that cannot be read
	Missing   []string `json:"missing"`   // numbers that are gone, and nothing says why
	Explained []string `json:"explained"` // numbers that are gone, and were counted as dropped or lost
	Notes     []string `json:"notes"`     // what is no fault: an unfinished write, files kept as .bad
}

// Good tells that nothing is damaged and no number is missing without a reason.
func (v *Verified) Good() bool { return len(v.Damage) == 0 && len(v.Missing) == 0 }

// Text says it for people.
func (v *Verified) Text() string {
	text := fmt.Sprintf("queue     %s in %s (%s), %d not delivered yet\nnumbers   oldest %d, last given out %d\nentries   %d in the state of open events\n",
		Count(v.Records, "message", "messages"), Count(v.Segments, "segment", "segments"), Count(int(v.Bytes), "byte", "bytes"), v.Waiting, v.First, v.Last, v.Entries)
	for _, l := range []struct {
		name, none string
		list       []string
	}{{"damage", "none", v.Damage}, {"missing", "none", v.Missing}, {"dropped", "", v.Explained}, {"note", "", v.Notes}} {
		if len(l.list) == 0 && l.none != "" {
			text += fmt.Sprintf("%-9s %s\n", l.name, l.none)
		}
		for _, s := range l.list {
			text += fmt.Sprintf("%-9s %s\n", l.name, s)
		}
	}
	return text
}

// An agent at work removes a file before it notes why, and may be writing one: what
// looks like a fault is read again.
const (
	verifyTries = 4
	verifyAgain = 100 * time.Millisecond
)

// Verify reads the queue in dir as Open does, and changes nothing. It takes no lock, so
// an agent may be at work in the folder. An error means that the folder cannot be read.
func Verify(dir string) (v *Verified, err error) {
	for i := range verifyTries {
		if i > 0 {
			time.Sleep(verifyAgain)
		}
		if v, err = verify(dir); err != nil || v.Good() {
			break
		}
	}
	return v, err
}

func verify(dir string) (*Verified, error) {
	before := readCursor(dir)
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("verifying spool: %w", err)
	}
	w := verifier{cursor: before}
	w.Damage, w.Missing, w.Explained, w.Notes = []string{}, []string{}, []string{}, []string{}
	for _, file := range files {
		_, ext, ok := segmentNumber(file.Name())
		switch {
		case !ok || file.IsDir():
		case ext == segmentExt:
			w.segment(filepath.Join(dir, file.Name()))
		case ext == segmentExt+badExt:
			w.Notes = append(w.Notes, file.Name()+" is damaged; its intact records are in the queue")
		}
	}
	if before.last > w.stored && !w.old {
		w.lost = append(w.lost, loss{from: w.stored + 1, to: before.last})
	}
	w.cursor = readCursor(dir) // what was acknowledged meanwhile is not missing
	w.Last = max(w.Last, before.last)
	for _, n := range w.numbers {
		if n > w.cursor.acked {
			w.Waiting++
		}
	}
	for _, l := range w.lost {
		w.judge(l)
	}
	return &w.Verified, nil
}

// verifier is one run of Verify.
type verifier struct {
	Verified
	cursor  cursor
	numbers []uint64 // of all records
	stored  uint64   // number of the last record
	old     bool     // the last segment is of layout 1
	state   state
	lost    []loss
}

// segment reads one file.
func (w *verifier) segment(path string) {
	name := filepath.Base(path)
	b, err := readSegment(path)
	if errors.Is(err, fs.ErrNotExist) {
		return // all in it is acknowledged
	}
	s := scanned{}
	if err == nil {
		s, err = scan(b, w.stored)
	}
	w.Segments++
	w.Bytes += int64(len(b))
	if err != nil {
		w.Damage = append(w.Damage, fmt.Sprintf("%s: %v", name, err))
		return
	}
	for _, d := range s.damaged {
		w.Damage = append(w.Damage, fmt.Sprintf("%s: bytes %d to %d", name, d.from, d.to-1))
	}
	if s.copies < 2 {
		w.Damage = append(w.Damage, fmt.Sprintf("%s: %d of 2 copies of the header are good", name, s.copies))
	}
	if s.end < len(b) {
		w.Notes = append(w.Notes, fmt.Sprintf("%s: an unfinished write of %d bytes at its end", name, len(b)-s.end))
	}
	w.take(&s)
}

// take enters what a file has.
func (w *verifier) take(s *scanned) {
	if s.copies > 0 {
		if w.Segments > 1 && s.header.prev > w.stored {
			w.lost = append(w.lost, loss{from: w.stored + 1, to: s.header.prev})
		}
		if st, ok := s.header.state(); ok {
			w.state = slices.Clone(st)
		}
		w.Last, w.stored, w.old = max(w.Last, s.header.last), max(w.stored, s.header.prev), s.header.version < version
	}
	for _, c := range s.changes {
		if c.Key == "" {
			w.state = nil
		}
		w.state.set(c.Key, c.Value)
	}
	w.Entries = len(w.state)
	w.lost = append(w.lost, s.lost...)
	for _, r := range s.recs {
		w.numbers = append(w.numbers, r.seq)
		w.stored = r.seq
	}
	w.Records = len(w.numbers)
	if w.Records > 0 {
		w.First = w.numbers[0]
	}
	w.Last = max(w.Last, s.highest)
}

// judge says of a range of numbers whether it is known why they are gone.
func (w *verifier) judge(l loss) {
	l.from = max(l.from, w.cursor.acked+1) // delivered
	if l.to < l.from {
		return
	}
	text := fmt.Sprintf("%d to %d", l.from, l.to)
	if l.from == l.to {
		text = fmt.Sprint(l.from)
	}
	if slices.ContainsFunc(w.cursor.gaps, func(g gap) bool { return g.from <= l.from && l.to <= g.to }) {
		w.Explained = append(w.Explained, text)
	} else {
		w.Missing = append(w.Missing, text)
	}
}

// readCursor reads the newest intact slot of the cursor; without one it is the zero
// value, and nothing is acknowledged.
func readCursor(dir string) (newest cursor) {
	b, err := os.ReadFile(filepath.Join(dir, cursorName))
	if err != nil {
		return newest
	}
	top := uint64(0)
	for at := 0; at < min(len(b), 2*slotSize); at += slotSize {
		if gen, c, ok := parseSlot(b[at:min(len(b), at+slotSize)]); ok && gen > top {
			top, newest = gen, c
		}
	}
	return newest
}
