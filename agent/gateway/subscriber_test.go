package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// subscriber is a broker at the other end of a pipe that takes everything, and the
// subscriber that hears it. It keeps what it needs to judge the messages, not them. Its
// methods may be called by any goroutine.
type subscriber struct {
	mu       sync.Mutex
	down     bool
	conns    []net.Conn
	messages int
	last     uint64            // seq
	gaps     uint64            // numbers that are missing
	open     map[string]string // open events, with their kind
	closed   map[string]bool
	retained map[string][]byte
	wrong    []string
	each     func(heardEvent)
}

// heardEvent is what the subscriber reads of a message.
type heardEvent struct {
	ID, Boot, Event, State, Kind, Source, Detail, Reason string
	Seq                                                  uint64
	Resent                                               bool
	Time, Since, Until                                   *time.Time
	Duration                                             *float64 `json:"duration_s"`
	Quality                                              string   `json:"time_quality"`
	Uptime                                               *float64 `json:"uptime_s"`
}

func newSubscriber() *subscriber {
	return &subscriber{open: map[string]string{}, closed: map[string]bool{}, retained: map[string][]byte{}}
}

// hear has f called with each message, for the first time that it comes.
func (s *subscriber) hear(f func(heardEvent)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.each = f
}

func (s *subscriber) dial(context.Context, string, string) (net.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		return nil, syscall.ECONNREFUSED
	}
	ours, theirs := net.Pipe()
	s.conns = append(s.conns, ours)
	go s.serve(ours)
	return theirs, nil
}

// cut ends all connections; no new one is taken until it is called with false.
func (s *subscriber) cut(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = down
	for _, c := range s.conns {
		c.Close()
	}
	s.conns = nil
}

func (s *subscriber) serve(c net.Conn) {
	defer c.Close()
	for {
		p, err := packets.ReadPacket(c)
		if err != nil {
			return
		}
		var answer packets.ControlPacket
		switch p := p.(type) {
		case *packets.ConnectPacket:
			answer = packets.NewControlPacket(packets.Connack)
		case *packets.SubscribePacket:
			ack := packets.NewControlPacket(packets.Suback).(*packets.SubackPacket)
			ack.MessageID, ack.ReturnCodes = p.MessageID, bytes.Repeat([]byte{1}, len(p.Topics))
			answer = ack
		case *packets.PublishPacket:
			s.take(p)
			if p.Qos == 0 {
				continue
			}
			ack := packets.NewControlPacket(packets.Puback).(*packets.PubackPacket)
			ack.MessageID = p.MessageID
			answer = ack
		case *packets.PingreqPacket:
			answer = packets.NewControlPacket(packets.Pingresp)
		case *packets.DisconnectPacket:
			return
		}
		if answer != nil && answer.Write(c) != nil {
			return
		}
	}
}

// take judges a message as any subscriber can: numbers rise, an event opens once, closes
// once, and nothing lasts a negative time.
func (s *subscriber) take(p *packets.PublishPacket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !strings.HasSuffix(p.TopicName, "/event") {
		if p.Retain {
			s.retained[p.TopicName] = bytes.Clone(p.Payload)
		}
		return
	}
	var m heardEvent
	if err := json.Unmarshal(p.Payload, &m); err != nil {
		s.say("%v in %s", err, p.Payload)
		return
	}
	if m.Resent && m.Seq <= s.last {
		return
	}
	if m.Seq <= s.last {
		s.say("number %d after %d", m.Seq, s.last)
	}
	s.gaps += m.Seq - s.last - 1
	s.last = m.Seq
	s.messages++
	_, isOpen := s.open[m.Event]
	switch {
	case m.State == "open" && (isOpen || s.closed[m.Event]):
		s.say("%d: %s opens again", m.Seq, m.Event)
	case m.State != "open" && !isOpen && (s.gaps == 0 || s.closed[m.Event]):
		s.say("%d: %s of %s, which is not open", m.Seq, m.State, m.Event)
	}
	if m.State == "close" {
		delete(s.open, m.Event)
		s.closed[m.Event] = true
	} else {
		s.open[m.Event] = m.Kind
	}
	if m.Duration != nil && *m.Duration < 0 || m.Until != nil && m.Since != nil && m.Until.Before(*m.Since) {
		s.say("%d: a negative interval in %s", m.Seq, p.Payload)
	}
	if s.each != nil {
		s.each(m)
	}
}

func (s *subscriber) say(format string, args ...any) {
	if len(s.wrong) < 10 {
		s.wrong = append(s.wrong, fmt.Sprintf(format, args...))
	}
}

// check fails the test for what was wrong, once.
func (s *subscriber) check(t *testing.T) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.wrong {
		t.Error(w)
	}
	s.wrong = nil
}
