package spool

import "bytes"

// span is the range [from, to) of a segment's bytes.
type span struct{ from, to int }

// found is an intact record in a scanned segment.
type found struct {
	span
	seq   uint64
	at    int64
	spare bool
}

// scanned is the content of a segment.
type scanned struct {
	header  header
	copies  int     // intact copies of the header: 0, 1 or 2
	log     int     // where the records begin
	recs    []found // numbers strictly rising
	changes []Pair  // of the records, in their order; a nil value removes the key
	damaged []span  // damaged ranges that intact bytes follow
	lost    []loss  // records that are missing
	highest uint64  // highest number in an intact record head, even if its body is damaged
	end     int     // the bytes from here on are an unfinished write
}

// loss is a range of numbers whose messages are gone.
type loss struct {
	from, to uint64 // to 0 = unknown
	n        uint64 // messages, at the most; at least one
	harm     bool   // there is damage in its place; else the numbers alone tell
}

// whole tells that nothing is damaged; there may be an unfinished write at the
// end.
func (s *scanned) whole() bool { return s.copies == 2 && len(s.damaged) == 0 }

// scan reads a whole segment. It skips records whose number is not above the
// one before (for the first record: not above after), since they are a former
// attempt to store what follows. It fails only if b holds nothing of a segment,
// or is of a newer version.
func scan(b []byte, after uint64) (scanned, error) {
	var s scanned
	off, err := s.readHeader(b)
	if err != nil {
		return s, err
	}
	s.log, s.end = off, off
	last, harmed := max(after, s.header.prev), false
	for off < len(b) {
		r, n, err := parseRecord(b[off:])
		if err == nil {
			if r.seq > last {
				s.miss(last, &r, chained(b[off:]), harmed)
				s.take(&r, span{off, off + n})
				last, harmed = r.seq, false
			}
			s.highest = max(s.highest, r.seq)
			off += n
			s.end = off
			continue
		}
		next, seq, ok := resync(b, off)
		if !ok {
			break // no intact record follows: an unfinished write
		}
		s.damaged = append(s.damaged, span{off, next})
		s.highest = max(s.highest, seq)
		if seq > last { // its head tells which one it was
			s.lost = append(s.lost, loss{seq, seq, 1, true})
			last = seq
		} else if seq == 0 && (off > 0 || s.copies > 0) { // else the damage is in the header
			harmed = true
		}
		off, s.end = next, next
	}
	if s.copies == 0 && len(s.recs) == 0 {
		return s, errForeign
	}
	return s, nil
}

// take enters an intact record.
func (s *scanned) take(r *record, at span) {
	s.recs = append(s.recs, found{at, r.seq, r.at, r.msg.Spare})
	if r.blob != nil {
		s.changes = append(s.changes, Pair{"", r.blob})
	}
	if r.msg.Key != "" {
		s.changes = append(s.changes, Pair{r.msg.Key, r.msg.Value})
	}
}

// miss notes what is missing between the record with number last and r.
func (s *scanned) miss(last uint64, r *record, chained, harmed bool) {
	known := last > 0 || s.copies > 0 // what was stored before
	switch {
	case chained && known && r.prev > last:
		s.lost = append(s.lost, loss{last + 1, r.prev, r.prev - last, harmed})
	case !harmed || chained && known:
	case !chained && last > 0 && r.seq > last+1: // layout 1 tells it by the numbers
		s.lost = append(s.lost, loss{last + 1, r.seq - 1, r.seq - 1 - last, true})
	case r.seq > 1:
		s.lost = append(s.lost, loss{r.seq - 1, r.seq - 1, 1, true})
	}
}

// readHeader finds an intact copy of the header and returns where the records
// begin. If there is none, it returns 0: records are searched for from the
// first byte.
func (s *scanned) readHeader(b []byte) (int, error) {
	h1, n1, err1 := parseHeader(b)
	second := n1
	if err1 != nil {
		second = max(1, bytes.Index(b[min(1, len(b)):], segmentMark)+1)
	}
	h2, n2, err2 := parseHeader(b[min(second, len(b)):])
	switch {
	case err1 == nil && err2 == nil:
		s.header, s.copies = h1, 2
		return n1 + n2, nil
	case err1 == nil:
		s.header, s.copies = h1, 1
		return min(2*n1, len(b)), nil // both copies have one length
	case err2 == nil:
		s.header, s.copies = h2, 1
		return second + n2, nil
	case err1 == errNewer || err2 == errNewer:
		return 0, errNewer
	}
	return 0, nil
}

// resync finds the end of the damage that begins at off. This is the end of a
// record whose head is intact and whose body is damaged, with seq its number,
// or else the start of the next intact record. ok is false if there is neither.
func resync(b []byte, off int) (next int, seq uint64, ok bool) {
	if n, seq, sound := recordHead(b[off:]); sound && n <= len(b)-off {
		return off + n, seq, true
	}
	for at := off + 1; ; at++ {
		i := bytes.Index(b[at:], recordMark)
		if i < 0 {
			return 0, 0, false
		}
		at += i
		if _, _, err := parseRecord(b[at:]); err == nil {
			return at, 0, true
		}
	}
}
