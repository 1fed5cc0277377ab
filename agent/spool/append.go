package spool

import (
	"fmt"
	"time"
)

// pending is a message that is not durable yet.
type pending struct {
	record
	off   int64 // in its segment
	at    int32 // seconds after the queue was opened
	size  int   // of the encoded record, in bytes
	acked bool
}

// AppendStats are counters of what was stored.
type AppendStats struct {
	Appended uint64 // messages stored on the disk
	Dropped  uint64 // messages dropped for lack of space, on disk or in memory
	Spared   uint64 // of Dropped: spare messages
	Told     uint64 // messages delivered before they were on the disk
}

// Append numbers a message and returns; it does not wait for the disk. The message is
// delivered when it is on the disk, in its turn, or before if the disk fails or does
// not answer for 10 s. Append calls build with the number and holds the queue's lock
// meanwhile, so build must not call the queue. Payload, Note and Value of the message
// belong to the queue from then on.
//
// If build fails or the message is too large, nothing is stored and the next
// message gets the number.
func (q *Queue) Append(build func(seq uint64) (Message, error)) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closing {
		return ErrClosed
	}
	seq := q.seq + 1
	m, err := build(seq)
	if err != nil {
		return fmt.Errorf("building message %d: %w", seq, err)
	}
	if err := checkRecord(&m); err != nil {
		return fmt.Errorf("storing message %d: %w", seq, err)
	}
	q.seq = seq
	if m.Key != "" {
		q.state.set(m.Key, m.Value)
	}
	now := time.Now()
	q.waiting = append(q.waiting, &pending{record: record{seq: seq, at: now.UnixMilli(), msg: m}, at: int32(now.Sub(q.opened) / time.Second), size: recordSize(&m)})
	q.shed()
	if q.due && q.down == nil {
		q.work()
	} else if !q.timed && q.down == nil {
		q.timed, q.first = true, now
		time.AfterFunc(gather, func() { q.gathered(seq) })
	}
	if q.volatile() {
		q.signal()
	}
	return nil
}

// gathered has the writer store what waits, unless others came behind last, for then
// more may come.
func (q *Queue) gathered(last uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if now := q.seq; now != last && time.Since(q.first) < gatherMost {
		time.AfterFunc(gather, func() { q.gathered(now) })
		return
	}
	if q.timed = false; len(q.waiting) > q.busy {
		q.due = true
		q.work()
	}
}

// shed drops what waits beyond the bound and is not just being stored: the oldest spare
// message or, if there is none, the oldest.
func (q *Queue) shed() {
	for rest := q.waiting[q.busy:]; len(rest) > maxWaiting || sizeOf(rest) > maxWaitingBytes; rest = q.waiting[q.busy:] {
		i := 0
		for j, p := range rest {
			if p.msg.Spare {
				i = j
				q.stats.Spared++
				break
			}
		}
		q.waiting = append(q.waiting[:q.busy+i:q.busy+i], rest[i+1:]...)
		q.stats.Dropped++
		q.fresh = true // its change of the state is in no record
	}
}

func sizeOf(list []*pending) (n int) {
	for _, p := range list {
		n += p.size
	}
	return n
}
