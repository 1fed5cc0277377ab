package mqtt

import (
	"context"
	"fmt"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"iot-edge-anomaly/agent/spool"
)

// pump sends the source's messages, oldest first, as long as the window has
// room.
func (s *session) pump() {
	defer close(s.flight)
	for last := uint64(0); ; {
		select {
		case s.window <- struct{}{}:
		case <-s.ctx.Done():
			return
		}
		e, err := s.source.Next(s.ctx, last)
		if err != nil {
			s.stop(fmt.Errorf("reading the spool: %w", err)) // no effect if it is s.ctx that ended
			return
		}
		last = e.ID
		if e.Resent {
			s.resent.Add(1)
		}
		s.published.Add(1)
		s.flight <- flying{e.ID, s.publish(e.Message)} // has room: the window is as wide
	}
}

// settle acknowledges to the source what the broker acknowledged on this
// connection, in the order of sending.
func (s *session) settle() {
	for m := range s.flight {
		if err := s.acknowledged(m.token); err != nil {
			s.stop(fmt.Errorf("publishing message %d: %w", m.id, err))
			return
		}
		if err := s.source.Ack(m.id); err != nil {
			s.log.Warn("a delivered message may be sent again", "err", err)
		}
		s.acked.Add(1)
		<-s.window
	}
}

// acknowledged waits for the PUBACK.
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

// keepRetained publishes the retained topics at first and whenever they
// change, and birth whenever somebody says we are offline.
func (s *session) keepRetained() {
	for {
		r, version, ok := s.stale()
		if ok {
			if !s.deliver(r) {
				return
			}
			s.kept[r.Topic] = version
			continue
		}
		select {
		case <-s.ctx.Done():
			return
		case <-s.wake:
		case answer := <-s.idle:
			answer <- true
		case <-s.told:
			s.log.Warn("the broker said that we are offline; saying that we are not")
			if !s.deliver(s.opts.Birth) {
				return
			}
			select { // a broker that repeats itself gets one answer a second
			case <-s.ctx.Done():
				return
			case <-time.After(time.Second):
			}
		}
	}
}

// stale returns a retained topic whose newest payload did not arrive here.
func (s *session) stale() (spool.Message, uint64, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.retained {
		if s.kept[r.topic] != r.version {
			return spool.Message{Topic: r.topic, Payload: r.payload, Retain: true}, r.version, true
		}
	}
	return spool.Message{}, 0, false
}

// deliver publishes one message outside the queue and waits for its PUBACK.
func (s *session) deliver(m spool.Message) bool {
	if err := s.acknowledged(s.publish(m)); err != nil {
		s.stop(fmt.Errorf("publishing %s: %w", m.Topic, err))
		return false
	}
	return true
}

// allRetained tells whether every retained topic arrived.
func (s *session) allRetained() bool {
	answer := make(chan bool, 1)
	select {
	case s.idle <- answer:
		return <-answer
	default:
		return false
	}
}
