package report

import (
	"context"

	"iot-edge-anomaly/agent/spool"
)

// Outbox hands out the queue's messages, finished for publishing: a message
// that may have been sent before says so, and a time that was not known when
// the message was stored is filled in if the clock has been set since, in the
// same boot. Everything else is published as it was stored. An Outbox is made by NewOutbox and
// safe for concurrent use.
type Outbox struct {
	queue *spool.Queue
	boot  string
	clock func() Clock
}

// NewOutbox makes an Outbox for q in the boot with the given id. clock must be
// safe for concurrent use.
func NewOutbox(q *spool.Queue, boot string, clock func() Clock) *Outbox {
	return &Outbox{queue: q, boot: boot, clock: clock}
}

// Next is Next of the queue with the message finished.
func (o *Outbox) Next(ctx context.Context, after uint64) (spool.Entry, error) {
	e, err := o.queue.Next(ctx, after)
	if err != nil {
		return e, err
	}
	if n, ok := parseNote(e.Note, len(e.Payload)); ok {
		e.Payload = n.finish(e.Payload, e.Resent, o.boot, o.clock())
	}
	e.Note = nil
	return e, nil
}

// Ack is Ack of the queue.
func (o *Outbox) Ack(id uint64) error { return o.queue.Ack(id) }

// Len is Len of the queue.
func (o *Outbox) Len() int { return o.queue.Len() }
