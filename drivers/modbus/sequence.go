package modbus

import (
	"slices"
	"sync"
	"time"
)

// sequence knows which answers may still come out of a gateway after their
// requests were given up. Some gateways from TCP to a serial line hand the late
// answer of a slave to the next request, under the transaction id of that request.
// The id proves nothing then: only the function and the size of an answer tell
// which request it belongs to. A gateway answers in order, so an answer that can
// belong to the newest request only proves that none of the earlier ones is left.
//
// It is shared by all units of a TCP line, because such a gateway gives the answer
// of one slave the number of another. A nil *sequence expects nothing. It is safe
// for concurrent use.
type sequence struct {
	mu    sync.Mutex
	open  []openRequest
	asked uint64 // requests so far

	hidden  int        // requests before those in open that may still be answered
	shifted bool       // the answer to another request was received: two proofs in a row are needed
	proof   answerKind // the first of them; zero = there is none
	silent  int        // requests in a row that ended with a timeout
	begun   bool       // the gateway was asked whether it is in step, once at the start
	starts  int        // how often that remained without an answer
}

// openRequest is a request that was given up although it may still be answered.
type openRequest struct {
	answerKind
	refusable bool      // its answer may be an exception
	number    uint64    // of the request
	at        time.Time // when it was given up
}

// answerKind is all that identifies an answer whose transaction id proves nothing.
type answerKind struct {
	table Table
	size  int // bytes of data; 0 = an exception
}

func (q *request) kind() answerKind {
	return answerKind{q.table, q.size()}
}

// may reports whether an answer of this kind may belong to the question.
func (q *openRequest) may(k answerKind) bool {
	return q.table == k.table && (q.size == k.size || k.size == 0 && q.refusable)
}

// sureSilence is after how many timeouts in a row a gateway has nothing left to give.
const sureSilence = 3

// maxOpen bounds the requests that are remembered; a gateway holds back one or two
// answers.
const maxOpen = 64

// begin returns the number of the next request.
func (s *sequence) begin() uint64 {
	if s == nil {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	return s.asked
}

// missed notes that a request was given up a number of times and may still be
// answered as often. The answers to requests that were given up more than lateness
// before will not come any more; 0 means that they may. One request that timed out does
// not tell that: its answer may have been late on the network.
func (s *sequence) missed(q openRequest, times int, lateness time.Duration, timedOut bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.proof = answerKind{}
	if s.silent++; lateness > 0 && (s.silent >= sureSilence || !timedOut) {
		s.hidden = 0
		s.open = slices.DeleteFunc(s.open, func(old openRequest) bool { return q.at.Sub(old.at) >= lateness })
	}
	for range times {
		s.push(q)
	}
}

// displaced notes that an answer of this kind was received for request q, which was
// made a number of times, and that it belongs to an earlier request, or may. It was the answer to the first request
// that it fits; those before that one will not be answered any more. Fits is false if
// it fits none.
func (s *sequence) displaced(q openRequest, k answerKind, times int) (fits bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.silent = 0
	if k != q.answerKind {
		s.shifted, s.proof = true, answerKind{}
	}
	if fits = s.hidden > 0; fits {
		s.hidden--
	}
	for i := 0; !fits && i < len(s.open); i++ {
		if fits = s.open[i].may(k); fits {
			s.open = append(s.open[:0], s.open[i+1:]...)
		}
	}
	for range times {
		s.push(q)
	}
	return fits
}

// push appends a request that may still be answered. Of too many the oldest are
// only counted; any answer may belong to them. mu is held.
func (s *sequence) push(q openRequest) {
	if len(s.open) == maxOpen {
		s.open = append(s.open[:0], s.open[1:]...)
		s.hidden++
	}
	s.open = append(s.open, q)
}

// confirm takes the proof that the own answer to a canary is. It reports whether the
// gateway is in step: once it has been a few answers behind, one such answer may be
// that to an earlier canary of the same kind, so a second one of another kind is needed.
func (s *sequence) confirm(k answerKind) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shifted && (s.proof == answerKind{} || s.proof == k) {
		s.proof = k
		return false
	}
	s.shifted, s.proof = false, answerKind{}
	return true
}

// doubted reports whether the answer of a kind may belong to an earlier request, or
// the gateway has not yet proven that it is in step again.
func (s *sequence) doubted(k answerKind) bool {
	if s == nil {
		return false
	}
	s.mu.Lock()
	shifted := s.shifted
	s.mu.Unlock()
	return shifted || s.ambiguous(k)
}

// unknown reports whether nothing was asked that tells if the gateway is in step: it may
// have been behind before this line was opened.
func (s *sequence) unknown() bool {
	if s == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.begun
}

// ignored notes that the question remained without an answer, and reports whether that
// has happened often enough: a gateway that is behind would have given another one.
func (s *sequence) ignored() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.starts++
	return s.starts >= sureSilence
}

// begins notes that this was asked.
func (s *sequence) begins() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begun = true
}

// ambiguous reports whether an answer of this kind may belong to an earlier request.
func (s *sequence) ambiguous(k answerKind) bool {
	if s == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hidden > 0 {
		return true
	}
	for i := range s.open {
		if s.open[i].may(k) {
			return true
		}
	}
	return false
}

// proven notes that request number n has its own answer. The answers to all earlier
// requests have been received, or never will be.
func (s *sequence) proven(n uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.silent, s.hidden = 0, 0
	kept := s.open[:0]
	for _, q := range s.open {
		if q.number > n {
			kept = append(kept, q)
		}
	}
	s.open = kept
}
