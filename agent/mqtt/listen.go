package mqtt

import (
	"errors"

	paho "github.com/eclipse/paho.mqtt.golang"
)

// Listener takes what others publish on a topic.
type Listener struct {
	Topic string // without wildcards
	// Take is called with each message, by any goroutine. It must not block. retained
	// tells that the message is from before this connection.
	Take func(payload []byte, retained bool)
}

// filters are the topics to subscribe to: our own status and, unless the broker has
// ended a connection because of them, those of the listeners.
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

// notListening leaves the listeners out from now on if there are any, and tells
// whether it did.
func (s *session) notListening() bool {
	if s.deaf || len(s.opts.Listen) == 0 {
		return false
	}
	s.deaf, s.subscribeFailures = true, 0
	s.log.Warn("connecting without listening to other topics from now on", "topic", s.opts.Listen[0].Topic)
	return true
}

// tooLong takes the end of a connection. Where somebody publishes what is longer than
// we accept on a topic that we listen to, we do without the topic: it may be retained, and
// would end each connection.
func (s *session) tooLong(err error) {
	if !errors.Is(err, errTooLong) || s.notListening() {
		return
	}
	s.subscribeFailures = maxSubscribeFailures
	s.log.Warn("connecting without subscribing to our own status from now on; a late will may leave it wrong", "topic", s.opts.Birth.Topic, "err", err)
}

// tellDenied logs which topics the broker does not let us read.
func (s *session) tellDenied(results map[string]byte) {
	for topic, result := range results {
		switch {
		case result != 0x80 || s.unread[topic]: // [MQTT-3.9.3]
			continue
		case topic == s.opts.Birth.Topic:
			s.log.Warn("broker does not allow us to read our own status; a late will may leave it wrong", "topic", topic)
		default:
			s.log.Warn("broker does not allow us to listen", "topic", topic)
		}
		if s.unread == nil {
			s.unread = map[string]bool{}
		}
		s.unread[topic] = true
	}
}
