package modbus

import "time"

// pendingAnswer is a request whose answer may still arrive.
type pendingAnswer struct {
	inquiry
	until time.Duration // the answer is not expected later; 0 = this entry is free
	more  int           // answers expected besides the first: the request was repeated
}

// expectLate notes that the answer to q may arrive until then. If all entries are
// in use it replaces the one that ends first.
func (p *pairs) expectLate(q inquiry, until time.Duration) {
	oldest := &p.pending[0]
	for i := range p.pending {
		d := &p.pending[i]
		if d.until > 0 && (d.same(q) || d.at < 0 && q.at < 0 && d.alike(q)) {
			d.until = max(d.until, until)
			d.more++
			return
		}
		if d.until < oldest.until {
			oldest = d
		}
	}
	*oldest = pendingAnswer{inquiry: q, until: until}
}

// ambiguousUntil is the time until which an answer to q could belong to another
// request; 0 = it could not.
func (p *pairs) ambiguousUntil(q inquiry, now time.Duration) (until time.Duration) {
	for i := range p.pending {
		if d := &p.pending[i]; d.until > now && d.alike(q) && !d.same(q) {
			until = max(until, d.until)
		}
	}
	return until
}

// exceptionAmbiguousUntil is ambiguousUntil for an exception, whose size does not
// depend on the request.
func (p *pairs) exceptionAmbiguousUntil(q inquiry, now time.Duration) (until time.Duration) {
	for i := range p.pending {
		if d := &p.pending[i]; d.until > now && d.unit == q.unit && d.table == q.table && !d.same(q) {
			until = max(until, d.until)
		}
	}
	return until
}

// takeLate counts a as the answer that is pending longest among those it could
// be, and is false if it could be none.
func (p *pairs) takeLate(a inquiry, now time.Duration) bool {
	var oldest *pendingAnswer
	for i := range p.pending {
		if d := &p.pending[i]; d.until > now && d.alike(a) && (oldest == nil || d.until < oldest.until) {
			oldest = d
		}
	}
	if oldest == nil {
		return false
	}
	if oldest.more--; oldest.more < 0 {
		oldest.until = 0
	}
	return true
}
