package report

import (
	"context"

	"iot-edge-anomaly/agent/spool"
)

// Outbox returns the queue's messages finished for publishing. A message that
// may have been sent before has resent set. A time that was unknown when the
// message was stored is filled in if the clock has been set since in the same
// boot. A message that is not on the disk, because that fails or does not answer, has
// durable false. Everything else stays as it was stored. An Outbox is made by NewOutbox
// and safe for concurrent use.
type Outbox struct {
	queue *spool.Queue
	boot  string
	clock func() Clock
}

// NewOutbox makes an Outbox of q; boot is the id of the present boot. clock must
// be safe for concurrent use.
func NewOutbox(q *spool.Queue, boot string, clock func() Clock) *Outbox {
	return &Outbox{queue: q, boot: boot, clock: clock}
}

// Next returns what Next of the queue returns, finished and without the note.
func (o *Outbox) Next(ctx context.Context, after uint64) (spool.Entry, error) {
	e, err := o.queue.Next(ctx, after)
	if err != nil {
		return e, err
	}
	if n, ok := parseNote(e.Note, len(e.Payload)); ok {
		e.Payload = n.finish(e.Payload, e.Resent, o.boot, o.clock())
	}
	if last := len(e.Payload) - 1; e.Volatile && len(e.Note) > 0 && e.Payload[last] == '}' {
		e.Payload = append(e.Payload[:last:last], `,"durable":false}`...)
	}
	e.Note = nil
	return e, nil
}

// Ack calls Ack of the queue.
func (o *Outbox) Ack(id uint64) error { return o.queue.Ack(id) }

// Len calls Len of the queue.
func (o *Outbox) Len() int { return o.queue.Len() }
