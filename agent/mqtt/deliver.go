package mqtt

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"iot-edge-anomaly/agent/spool"
)

// Deliveries are counters of the messages of the source.
type Deliveries struct {
	Published uint64 // handed to a connection
	Acked     uint64 // acknowledged by the broker
	Resent    uint64 // of Published, those that may have been sent before
}

type deliveries struct{ published, acked, resent atomic.Uint64 }

func (d *deliveries) load() Deliveries {
	return Deliveries{Published: d.published.Load(), Acked: d.acked.Load(), Resent: d.resent.Load()}
}

// pump sends the source's messages, oldest first, as long as the window has
// room.
func (s *session) pump() {
	defer close(s.sent)
	for last := uint64(0); ; {
		select {
		case s.window <- struct{}{}:
		case <-s.ctx.Done():
			return
		}
		e, err := s.source.Next(s.ctx, last)
		if err != nil {
			s.stop(fmt.Errorf("reading the next message: %w", err)) // has no effect if s.ctx has ended
			return
		}
		last = e.ID
		if e.Resent {
			s.deliveries.resent.Add(1)
		}
		s.deliveries.published.Add(1)
		s.sent <- inFlight{e.ID, s.publish(e.Message)} // does not block: the channel is as large as the window
	}
}

// awaitAcks waits for the broker's acknowledgements, in the order of sending,
// and passes each on to the source.
func (s *session) awaitAcks() {
	for m := range s.sent {
		if err := s.acknowledged(m.token); err != nil {
			s.stop(fmt.Errorf("publishing message %d: %w", m.id, err))
			return
		}
		if err := s.source.Ack(m.id); err != nil {
			s.log.Warn("a delivered message may be sent again after a restart", "err", err)
		}
		s.deliveries.acked.Add(1)
		<-s.window
	}
}

// acknowledged waits for the PUBACK of a message.
func (s *session) acknowledged(t paho.Token) error {
	late := time.NewTimer(ackTimeout)
	defer late.Stop()
	select {
	case <-t.Done():
		return t.Error()
	case <-s.ctx.Done():
		return context.Cause(s.ctx)
	case <-late.C:
		return errSlow
	}
}

// keepRetained publishes each retained topic once and whenever it changes, and
// birth whenever the status topic says that we are offline.
func (s *session) keepRetained() {
	for {
		r, version, ok := s.nextRetained()
		if ok {
			if !s.deliver(r) {
				return
			}
			s.delivered[r.Topic] = version
			if len(r.Payload) == 0 && s.opts.Cleared != nil {
				s.opts.Cleared(r.Topic)
			}
			continue
		}
		select {
		case <-s.ctx.Done():
			return
		case <-s.wake:
		case answer := <-s.askRetained:
			answer <- true
		case <-s.calledOffline:
			s.log.Warn("the status topic said that we are offline; publishing online again")
			if !s.deliver(s.opts.Birth) {
				return
			}
			select { // at most one answer a second
			case <-s.ctx.Done():
				return
			case <-time.After(time.Second):
			}
		}
	}
}

// nextRetained returns a retained message whose newest version has not been
// acknowledged on this connection.
func (s *session) nextRetained() (spool.Message, uint64, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.retained {
		if s.delivered[r.topic] != r.version {
			return spool.Message{Topic: r.topic, Payload: r.payload, Retain: true}, r.version, true
		}
	}
	return spool.Message{}, 0, false
}

// deliver publishes a message that is not from the source and waits for its
// PUBACK.
func (s *session) deliver(m spool.Message) bool {
	if err := s.acknowledged(s.publish(m)); err != nil {
		s.stop(fmt.Errorf("publishing %s: %w", m.Topic, err))
		return false
	}
	return true
}

// allRetained tells whether every retained topic was acknowledged.
func (s *session) allRetained() bool {
	answer := make(chan bool, 1)
	select {
	case s.askRetained <- answer:
		return <-answer
	default:
		return false
	}
}
