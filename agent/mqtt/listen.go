package mqtt

import (
	"errors"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
)

// Listener takes what others publish on a topic.
type Listener struct {
	Topic string // without wildcards
	// Take is called with each message, by any goroutine. It must not block. retained
	// tells that the message is from before this connection.
	Take func(payload []byte, retained bool)
}

// filters are the topics to subscribe to: our own status and, unless a connection ended
// because of them of late, those of the listeners.
func (s *session) filters() map[string]byte {
	out := map[string]byte{s.opts.Birth.Topic: qos}
	if !s.deaf {
		for _, l := range s.opts.Listen {
			out[l.Topic] = qos
		}
	}
	return out
}

// received is called by paho with each message.
func (s *session) received(c paho.Client, m paho.Message) {
	if m.Topic() == s.opts.Birth.Topic {
		s.status(c, m)
	}
	for _, l := range s.opts.Listen {
		if l.Topic == m.Topic() {
			l.Take(m.Payload(), m.Retained())
		}
	}
}

const (
	hearAgain = time.Hour      // until what was left out is subscribed to again
	hearMost  = 24 * time.Hour // if that fails again and again
)

// errHear ends a connection that leaves subscriptions out, to try them again.
var errHear = errors.New("trying again to listen to other topics")

// leftOut is when subscriptions are tried again that cost connections. Only Run uses it.
type leftOut struct {
	until time.Time // zero = nothing is left out
	wait  time.Duration
	since time.Time // when wait was chosen
}

// again chooses when to try: after an hour, after twice the time before if that was of
// late, at the most after a day.
func (l *leftOut) again(now time.Time) {
	if !l.until.IsZero() {
		return // what else fails meanwhile is tried then too
	}
	if l.wait == 0 || now.Sub(l.since) > l.wait+hearMost {
		l.wait = hearAgain
	} else {
		l.wait = min(2*l.wait, hearMost)
	}
	l.since, l.until = now, now.Add(l.wait)
}

// due tells, once, that it is time.
func (l *leftOut) due(now time.Time) bool {
	if l.until.IsZero() || now.Before(l.until) {
		return false
	}
	l.until = time.Time{}
	return true
}

// notListening leaves the listeners out for a while if there are any, and tells
// whether it did.
func (s *session) notListening() bool {
	if s.deaf || len(s.opts.Listen) == 0 {
		return false
	}
	s.deaf, s.subscribeFailures = true, 0
	s.leftOut.again(time.Now())
	s.log.Warn("connecting without listening to other topics for a while", "topic", s.opts.Listen[0].Topic, "again_in", s.leftOut.wait)
	return true
}

// tooLong takes the end of a connection. Where somebody publishes what is longer than
// we accept on a topic that we listen to, we do without the topic for a while: it may be
// retained, and would end each connection.
func (s *session) tooLong(err error) {
	if !errors.Is(err, errTooLong) || s.notListening() {
		return
	}
	s.subscribeFailures = maxSubscribeFailures
	s.leftOut.again(time.Now())
	s.log.Warn("connecting without subscribing to the own status for a while; a late offline message of an earlier connection may stay on it", "topic", s.opts.Birth.Topic, "err", err)
}

// tellDenied logs which topics the broker does not let us read.
func (s *session) tellDenied(results map[string]byte) {
	for topic, result := range results {
		switch {
		case result != 0x80 || s.unread[topic]: // [MQTT-3.9.3]
			continue
		case topic == s.opts.Birth.Topic:
			s.log.Warn("the broker does not allow the agent to read its own status; a late offline message of an earlier connection may stay on it", "topic", topic)
		default:
			s.log.Warn("the broker does not allow the agent to listen", "topic", topic)
		}
		if s.unread == nil {
			s.unread = map[string]bool{}
		}
		s.unread[topic] = true
	}
}
