package mqttsub

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"maps"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"time"

	"iot-edge-anomaly/drivers"
)

const (
	keepAlive     = 30 * time.Second // the connection is alive while a PINGRESP comes so often
	silence       = keepAlive * 3 / 2
	answerTimeout = 10 * time.Second // of CONNACK and SUBACK
	writeTimeout  = 5 * time.Second
	firstWait     = time.Second // between two attempts to connect
	longestWait   = 30 * time.Second
	topicsAtOnce  = 64 // in one SUBSCRIBE
)

// Options of a Subscriber. Name, Open and ClientID are required.
type Options struct {
	Name     string                                      // of the broker, in errors
	Open     func(ctx context.Context) (net.Conn, error) // a new connection
	ClientID string                                      // unique at the broker, 1 to 23 letters and digits

	// Credentials are asked for at each connection. Nil = none.
	Credentials func() (username, password string, err error)
	// Explain adds to an error before CONNACK what can be done about it. Nil = nothing.
	Explain func(error) error
}

// Subscriber is one connection to a broker, shared by the sensors that read from it.
// It is safe for concurrent use; Run is called once.
type Subscriber struct {
	o    Options
	seed maphash.Seed
	wait time.Duration // first wait between two attempts

	mu        sync.Mutex
	topics    map[string]*topic
	connected time.Time     // since when every subscription is answered; zero = there is no connection
	err       error         // why there is no connection
	changed   chan struct{} // closed at the next message or change of the connection
}

// topic is a topic with the channels that read from it.
type topic struct {
	cells   []*cell
	refused bool   // the broker does not allow the subscription
	hash    uint64 // of the last payload
	heard   bool   // there was one
}

// errConnecting stands for the first attempt to connect.
const errConnecting = soon("connecting to the broker")

// soon says why there is no value yet, which is no failure: it is drivers.ErrLater in
// words of its own.
type soon string

// Error is the text.
func (s soon) Error() string { return string(s) }

// Is reports whether target is drivers.ErrLater.
func (s soon) Is(target error) bool { return target == drivers.ErrLater }

// NewSubscriber makes a subscriber. It opens no connection; Run does.
func NewSubscriber(o Options) *Subscriber {
	return &Subscriber{o: o, seed: maphash.MakeSeed(), wait: firstWait, topics: map[string]*topic{}, err: errConnecting, changed: make(chan struct{})}
}

// add makes the channels of a sensor known. A topic that comes after Run connected is
// subscribed to at the next connection.
func (s *Subscriber) add(cells []*cell) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range cells {
		t := s.topics[c.Topic]
		if t == nil {
			t = &topic{}
			s.topics[c.Topic] = t
		}
		t.cells = append(t.cells, c)
	}
}

// remove forgets the channels of a sensor.
func (s *Subscriber) remove(cells []*cell) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.topics {
		t.cells = slices.DeleteFunc(t.cells, func(c *cell) bool { return slices.Contains(cells, c) })
	}
}

// Run connects and takes messages until ctx is done, whatever the broker does. No
// goroutine of it runs on after it returns.
func (s *Subscriber) Run(ctx context.Context) {
	wait := s.wait
	for ctx.Err() == nil {
		begin := time.Now()
		err := s.session(ctx)
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		s.set(time.Time{}, err)
		if time.Since(begin) > longestWait {
			wait = s.wait
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait/2 + rand.N(wait/2+1)):
		}
		wait = min(2*wait, longestWait)
	}
}

// set notes whether there is a connection.
func (s *Subscriber) set(connected time.Time, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.connected, s.err = connected, err
	s.tell()
}

// tell wakes those who wait. The caller holds mu.
func (s *Subscriber) tell() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// session is one connection, from CONNECT to its end.
func (s *Subscriber) session(ctx context.Context) error {
	var username, password string
	if s.o.Credentials != nil {
		var err error
		if username, password, err = s.o.Credentials(); err != nil {
			return err
		}
	}
	conn, err := s.o.Open(ctx)
	if err != nil {
		return fmt.Errorf("connecting: %w", err)
	}
	ended := make(chan struct{})
	var keeper sync.WaitGroup
	keeper.Go(func() { keep(ctx, conn, ended) })
	defer keeper.Wait()
	defer conn.Close()
	defer close(ended)

	topics := s.names()
	in := newInlet(conn, longest(topics))
	if err := introduce(conn, in, s.o.ClientID, username, password); err != nil {
		if s.o.Explain != nil {
			err = s.o.Explain(err)
		}
		return fmt.Errorf("connecting: %w", err)
	}
	return s.serve(conn, in, topics)
}

// keep sends a PINGREQ now and then until the connection has ended, and ends it when
// ctx is done. What fails here fails in reading too.
func keep(ctx context.Context, conn net.Conn, ended <-chan struct{}) {
	tick := time.NewTicker(keepAlive)
	defer tick.Stop()
	for {
		select {
		case <-ended:
			return
		case <-tick.C:
			_ = send(conn, pingreq)
		case <-ctx.Done():
			_ = send(conn, disconnect)
			conn.Close()
			return
		}
	}
}

func send(conn net.Conn, packet []byte) error {
	if err := conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	_, err := conn.Write(packet)
	return err
}

func longest(topics []string) (n int) {
	for _, t := range topics {
		n = max(n, len(t))
	}
	return n
}

// names lists the topics to subscribe to.
func (s *Subscriber) names() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.topics))
}

// introduce sends CONNECT and waits for CONNACK.
func introduce(conn net.Conn, in *inlet, clientID, username, password string) error {
	if err := send(conn, connect(clientID, username, password)); err != nil {
		return err
	}
	if err := conn.SetReadDeadline(time.Now().Add(answerTimeout)); err != nil {
		return err
	}
	p, err := in.next()
	switch {
	case err != nil:
		return err
	case p.kind != packetConnack:
		return fmt.Errorf("%w: packet 0x%02x before CONNACK", errProtocol, p.kind)
	case p.code != 0:
		why := refusals[p.code]
		if why == "" {
			why = fmt.Sprintf("code %d", p.code)
		}
		return errors.New("broker refused the connection: " + why)
	}
	return nil
}

// serve subscribes and takes messages until the connection ends. Messages may come
// before the subscription is answered [MQTT-3.8.4].
func (s *Subscriber) serve(conn net.Conn, in *inlet, topics []string) error {
	waiting := map[uint16][]string{}
	id := uint16(0)
	for part := range slices.Chunk(topics, topicsAtOnce) {
		id++
		waiting[id] = part
		if err := send(conn, subscribe(id, part)); err != nil {
			return fmt.Errorf("subscribing: %w", err)
		}
	}
	late := time.Now().Add(answerTimeout)
	for {
		end := time.Now().Add(silence)
		if len(waiting) > 0 {
			end = late
		} else if s.isConnecting() {
			s.set(time.Now(), nil)
		}
		if err := conn.SetReadDeadline(end); err != nil {
			return err
		}
		p, err := in.next()
		switch {
		case err != nil && len(waiting) > 0:
			return fmt.Errorf("subscribing: %w", err)
		case err != nil:
			return fmt.Errorf("connection lost: %w", err)
		case p.kind == packetPublish:
			s.take(p)
		case p.kind == packetSuback:
			if err := s.answered(waiting[p.id], p.codes); err != nil {
				return err
			}
			delete(waiting, p.id)
		case p.kind == packetConnack:
			return fmt.Errorf("%w: a second CONNACK", errProtocol)
		}
	}
}

func (s *Subscriber) isConnecting() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.connected.IsZero()
}

// answered notes which subscriptions the broker has refused (§3.9.3).
func (s *Subscriber) answered(topics []string, codes []byte) error {
	if len(topics) == 0 || len(topics) != len(codes) {
		return fmt.Errorf("%w: SUBACK for %d topics, want %d", errProtocol, len(codes), len(topics))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, name := range topics {
		s.topics[name].refused = codes[i] == 0x80
	}
	return nil
}

// take gives a message to the channels that read from its topic.
func (s *Subscriber) take(p received) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.topics[string(p.topic)]
	if t == nil {
		return
	}
	hash := maphash.Bytes(s.seed, p.payload)
	if p.retain && t.heard && hash == t.hash {
		return // the broker repeats it after a reconnection
	}
	t.hash, t.heard = hash, true
	now := time.Now()
	if p.length > MaxPayload {
		for _, c := range t.cells {
			c.tooLong(p.length, now)
		}
	} else if len(t.cells) > 0 {
		doc, isJSON := document(p.payload)
		for _, c := range t.cells {
			c.take(doc, isJSON, now)
		}
	}
	s.tell()
}
