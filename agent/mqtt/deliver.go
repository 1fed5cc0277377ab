package mqtt

import (
	"context"
	"errors"
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
	if !s.sleep(s.refusals.held()) {
		return
	}
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
		m, f, send, too := s.refusals.plan(e, s.reduce)
		if too {
			s.setAside(&f, false)
		}
		if !send {
			<-s.window
			continue
		}
		token, ok := s.launch(f, m)
		if !ok {
			return
		}
		if e.Resent {
			s.deliveries.resent.Add(1)
		}
		s.deliveries.published.Add(1)
		s.sent <- inFlight{f, token} // does not block: the channel is as large as the window
	}
}

// awaitAcks waits for the broker's acknowledgements, in the order of sending,
// and passes each on to the source.
func (s *session) awaitAcks() {
	var slow *flight // the first message that was not acknowledged in time
	for m := range s.sent {
		if err := s.acknowledged(m.token); err != nil {
			if s.ctx.Err() == nil && errors.Is(err, errSlow) {
				slow = &m.flight
			}
			s.stop(fmt.Errorf("publishing message %d: %w", m.id, err)) // has no effect after the first
			continue
		}
		if !s.settle(m.key) {
			continue
		}
		aside := s.refusals.arrived(&m.flight)
		if err := s.source.Ack(m.id); err != nil {
			s.log.Warn("a delivered message may be sent again after a restart", "err", err)
		}
		s.deliveries.acked.Add(1)
		if m.step > 0 {
			s.setAside(&m.flight, true)
		}
		for i := range aside {
			s.setAside(&aside[i], false)
		}
		if slow != nil { // PUBACKs come in order [MQTT-4.6.0-2]
			if s.refusals.overtaken(slow) {
				s.setAside(slow, false)
			}
			slow = nil
		}
		<-s.window
	}
}

// launch publishes a message in its turn. It returns false if the connection ends
// before.
func (s *session) launch(f flight, m spool.Message) (paho.Token, bool) {
	for {
		alone, age := s.refusals.turn(f.key)
		if !alone {
			break
		}
		if wait := age - time.Since(s.accepted); wait > 0 {
			if !s.sleep(wait) {
				return nil, false
			}
			continue
		}
		select {
		case s.flights.gate <- struct{}{}:
			f.gated = true
		case <-s.ctx.Done():
			return nil, false
		}
		break
	}
	s.flights.add(f)
	return s.publish(m), true
}

// settle takes an acknowledged message out of the flights. One that is alone in flight
// must first survive the grace; else settle returns false, and it has not arrived.
func (s *session) settle(key string) bool {
	if s.flights.alone(key) && !s.sleep(grace) {
		return false
	}
	s.flights.remove(key)
	return true
}

// sleep returns false if the connection ends before d.
func (s *session) sleep(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-s.ctx.Done():
		return false
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
		select {
		case <-t.Done():
			return t.Error()
		default:
			return context.Cause(s.ctx)
		}
	case <-late.C:
		return errSlow
	}
}

// keepRetained publishes each retained topic once and whenever it changes, what was
// offered, and birth where introduce did not, and whenever the status topic says that
// we are offline.
func (s *session) keepRetained() {
	retry := time.NewTicker(time.Minute) // for topics that the broker refused
	defer retry.Stop()
	for {
		if birth := s.opts.Birth; s.owesBirth && s.refusals.mayTry(birth.Topic, birth.Retain) {
			if !s.deliver(birth) {
				return
			}
			s.owesBirth = false
			continue
		}
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
		if m, ok := s.nextOffer(); ok {
			if !s.deliver(m) {
				s.offers.lost()
				return
			}
			continue
		}
		select {
		case <-s.ctx.Done():
			return
		case <-s.wake:
		case <-retry.C:
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
// acknowledged on this connection, and which the broker may take. It goes round, so
// that no topic keeps another waiting.
func (s *session) nextRetained() (spool.Message, uint64, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range s.retained {
		s.next++
		r := s.retained[s.next%len(s.retained)]
		if s.delivered[r.topic] == r.version {
			continue
		}
		p, ok, tell := s.refusals.fit(r.topic, r.payload, s.reduce)
		if tell != "" {
			s.log.Warn(tell, "topic", r.topic, "bytes", packetSize(r.topic, len(r.payload)))
		}
		if ok {
			return spool.Message{Topic: r.topic, Payload: p, Retain: true}, r.version, true
		}
	}
	return spool.Message{}, 0, false
}

// topicFlight is the flight of a message that is not of the source.
func (s *session) topicFlight(m spool.Message) flight {
	return flight{key: topicKey(m.Topic), topic: m.Topic, retain: m.Retain, size: packetSize(m.Topic, len(m.Payload))}
}

// deliver publishes a message that is not from the source and waits for its
// PUBACK.
func (s *session) deliver(m spool.Message) bool {
	f := s.topicFlight(m)
	token, ok := s.launch(f, m)
	if !ok {
		return false
	}
	if err := s.acknowledged(token); err != nil {
		s.stop(fmt.Errorf("publishing %s: %w", m.Topic, err))
		return false
	}
	if !s.settle(f.key) {
		return false
	}
	s.refusals.arrivedTopic(&f)
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
