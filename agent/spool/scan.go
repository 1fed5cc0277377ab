package spool

import "bytes"

// span is a stretch of a segment, [from, to).
type span struct{ from, to int }

// found is a sound record in a scanned segment.
type found struct {
	span
	seq uint64
	at  int64
}

// scanned is what a segment's bytes hold.
type scanned struct {
	header  header
	copies  int     // sound copies of the header: 0, 1 or 2
	recs    []found // numbers strictly rising
	state   []byte  // newest blob of a record; nil = none carries one
	damaged []span  // stretches between or after sound bytes that hold none
	lost    uint64  // records that stood in them, by the gap in numbers, at least one each
	spent   uint64  // highest number in any sound record head, its body sound or not
	end     int     // end of the last stretch that is worth keeping; the rest is a torn tail
}

// whole tells that nothing but perhaps a torn tail is wrong.
func (s *scanned) whole() bool { return s.copies == 2 && len(s.damaged) == 0 }

// scan reads a whole segment. Records with a number not above the one before
// (or not above after) are a former attempt at what follows: they are passed
// over. It fails only if there is nothing of ours in b, or it is too new.
func scan(b []byte, after uint64) (scanned, error) {
	var s scanned
	off, err := s.readHeader(b)
	if err != nil {
		return s, err
	}
	s.end = off
	last := after
	for off < len(b) {
		r, n, err := parseRecord(b[off:])
		if err == nil {
			if r.seq > last {
				s.recs = append(s.recs, found{span{off, off + n}, r.seq, r.at})
				last = r.seq
				if r.state != nil {
					s.state = r.state
				}
			}
			s.spent = max(s.spent, r.seq)
			off += n
			s.end = off
			continue
		}
		next, seq, ok := resync(b, off)
		if !ok {
			break // nothing sound behind it: a write that never ended
		}
		s.damaged = append(s.damaged, span{off, next})
		s.spent = max(s.spent, seq)
		if off > 0 || s.copies > 0 { // else it is the header that is damaged
			s.lost += gap(b[next:], last)
		}
		off, s.end = next, next
	}
	if s.copies == 0 && len(s.recs) == 0 {
		return s, errForeign
	}
	return s, nil
}

// readHeader finds a sound copy of the header and returns where the records
// begin. Without one the records are still looked for, from the first byte.
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

// resync looks for the end of the damage that begins at off: behind a record
// whose head is sound and whose body is not, or at the next sound record. seq
// is the number in such a head. ok is false if no sound byte follows.
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

// gap estimates how many records a damaged stretch held: the numbers missing
// between last and the record at the start of b, and at least one.
func gap(b []byte, last uint64) uint64 {
	if _, seq, ok := recordHead(b); ok && seq > last+1 && last > 0 {
		return seq - last - 1
	}
	return 1
}
