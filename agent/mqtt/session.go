package mqtt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"sync"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"iot-edge-anomaly/agent/spool"
)

const (
	protocol311  = 4
	qos          = 1
	keepAlive    = 30 * time.Second
	pingTimeout  = 10 * time.Second
	writeTimeout = 5 * time.Second
	ackTimeout   = 30 * time.Second // a broker slower than this is gone
	drainTime    = 2 * time.Second
	farewellTime = time.Second
	maxDeaf      = 2   // subscriptions that end the connection before we do without
	quiesce      = 250 // ms that paho may take to send DISCONNECT
)

var errSlow = errors.New("no acknowledgement from the broker")

// session is one connection, from CONNECT to its end.
type session struct {
	*Client
	conn   *guard
	paho   paho.Client
	ctx    context.Context // ends with the connection, its cause says why
	stop   context.CancelCauseFunc
	window chan struct{} // one element for each message under way
	flight chan flying
	told   chan struct{}     // our own offline was read on the status topic
	kept   map[string]uint64 // versions of retained topics that arrived here
	idle   chan chan bool    // asks the retained topics whether all arrived
}

// flying is a message under way.
type flying struct {
	id    uint64
	token paho.Token
}

// session connects, serves until the connection ends or ctx is done, and
// leaves nothing running.
func (c *Client) session(ctx context.Context) error {
	password, err := c.opts.password()
	if err != nil {
		return err
	}
	conn, err := c.open(ctx)
	if err != nil {
		return fmt.Errorf("connecting: %w", err)
	}
	s := &session{
		Client: c, conn: conn,
		window: make(chan struct{}, c.opts.Window), flight: make(chan flying, c.opts.Window),
		told: make(chan struct{}, 1), kept: map[string]uint64{}, idle: make(chan chan bool),
	}
	s.ctx, s.stop = context.WithCancelCause(context.WithoutCancel(ctx))
	defer s.stop(nil)
	conn.suback = c.opts.Will.Topic == "" || c.deaf >= maxDeaf // none is due
	conn.lost = func(err error) { s.stop(fmt.Errorf("connection lost: %w", err)) }
	s.paho = paho.NewClient(s.options(password))
	defer s.hangUp()
	if err := s.greet(ctx); err != nil {
		return fmt.Errorf("connecting: %w", explainGreeting(conn.cause(err), c.addr.tls))
	}
	c.setConnected(true)
	c.log.Info("connected to the broker")
	if err := s.serve(ctx); err != nil {
		return explain(conn.cause(err))
	}
	return nil
}

func (s *session) options(password string) *paho.ClientOptions {
	o := paho.NewClientOptions()
	o.Servers = []*url.URL{s.addr.url}
	o.SetClientID(s.opts.ClientID).SetUsername(s.opts.Username).SetPassword(password)
	o.SetProtocolVersion(protocol311).SetCleanSession(true)
	o.SetAutoReconnect(false).SetConnectRetry(false).SetOrderMatters(false)
	o.SetKeepAlive(keepAlive).SetPingTimeout(pingTimeout)
	o.SetWriteTimeout(writeTimeout).SetConnectTimeout(dialTimeout)
	o.SetCustomOpenConnectionFn(func(*url.URL, paho.ClientOptions) (net.Conn, error) { return s.conn, nil })
	o.SetConnectionLostHandler(func(_ paho.Client, err error) { s.stop(fmt.Errorf("connection lost: %w", err)) })
	if w := s.opts.Will; w.Topic != "" {
		o.SetBinaryWill(w.Topic, w.Payload, qos, w.Retain)
	}
	return o
}

// greet sends CONNECT, announces us, and listens to our own status.
func (s *session) greet(ctx context.Context) error {
	if err := s.await(ctx, s.paho.Connect()); err != nil {
		return err
	}
	if s.opts.Will.Topic == "" {
		return nil
	}
	if err := s.await(ctx, s.publish(s.opts.Birth)); err != nil {
		return fmt.Errorf("publishing birth: %w", err)
	}
	return s.subscribe(ctx)
}

// subscribe listens to our own status. A broker that does not allow it says
// so, says nothing, or ends the connection; after two of the latter we do
// without, since events matter more.
func (s *session) subscribe(ctx context.Context) error {
	topic := s.opts.Will.Topic
	if s.deaf >= maxDeaf {
		return nil
	}
	token := s.paho.Subscribe(topic, qos, s.status)
	if err := s.await(ctx, token); err != nil {
		if s.deaf++; s.deaf == maxDeaf {
			s.log.Warn("not listening to our own status any more; a late will may leave it wrong", "topic", topic)
		}
		return fmt.Errorf("subscribing to own status: %w", err)
	}
	s.deaf = 0
	if sub, ok := token.(*paho.SubscribeToken); ok && sub.Result()[topic] == 0x80 { // [MQTT-3.9.3]
		s.log.Warn("broker does not let us read our own status; a late will may leave it wrong", "topic", topic)
	}
	return nil
}

// status is called by paho with what stands on the status topic.
func (s *session) status(_ paho.Client, m paho.Message) {
	if bytes.Equal(m.Payload(), s.opts.Will.Payload) || bytes.Equal(m.Payload(), s.opts.Offline.Payload) {
		select {
		case s.told <- struct{}{}:
		default:
		}
	}
}

func (s *session) publish(m spool.Message) paho.Token {
	return s.paho.Publish(m.Topic, qos, m.Retain, m.Payload)
}

// await waits for a token while nothing else goes on, showing progress.
func (s *session) await(ctx context.Context, t paho.Token) error {
	tick := time.NewTicker(beat)
	defer tick.Stop()
	end := time.After(ackTimeout)
	for {
		select {
		case <-t.Done():
			return t.Error()
		case <-ctx.Done():
			return ctx.Err()
		case <-s.ctx.Done():
			return context.Cause(s.ctx)
		case <-end:
			return errSlow
		case <-tick.C:
			s.progress.Add(1)
		}
	}
}

// serve delivers until the connection ends, or ctx is done and what is left
// was delivered or took too long.
func (s *session) serve(ctx context.Context) error {
	var wg sync.WaitGroup
	wg.Go(s.pump)
	wg.Go(s.settle)
	wg.Go(s.keepRetained)
	err := s.watch(ctx)
	s.stop(err)
	s.setConnected(false)
	wg.Wait() // paho may hold the pump for writeTimeout after the connection's end
	if err == nil && s.farewell() {
		s.paho.Disconnect(quiesce)
	}
	return err
}

// watch shows progress while the connection lives. It shows none while
// messages wait and none arrives: then pump or queue hang, since a broker
// that is merely slow ends the connection.
func (s *session) watch(ctx context.Context) error {
	tick := time.NewTicker(beat)
	defer tick.Stop()
	done := ctx.Done()
	var late <-chan time.Time
	acked, moved := s.acked.Load(), time.Now()
	for {
		select {
		case <-s.ctx.Done():
			return context.Cause(s.ctx)
		case <-late:
			return nil
		case <-done:
			done = nil
			late = time.After(drainTime)
			tick.Reset(beat / 50)
		case <-tick.C:
		}
		waiting := s.source.Len()
		if n := s.acked.Load(); n != acked || waiting == 0 {
			acked, moved = n, time.Now()
		}
		if time.Since(moved) < 2*ackTimeout {
			s.progress.Add(1)
		}
		if done == nil && waiting == 0 && s.allRetained() {
			return nil
		}
	}
}

// farewell says offline and reports whether the broker took it. Only then may
// a clean end make it forget the will.
func (s *session) farewell() bool {
	if s.opts.Will.Topic == "" {
		return true
	}
	t := s.publish(s.opts.Offline)
	if !t.WaitTimeout(farewellTime) || t.Error() != nil {
		s.log.Warn("offline not delivered, the broker's will says it", "err", t.Error())
		return false
	}
	return true
}

// hangUp ends the connection without a DISCONNECT, so that the broker
// publishes the will unless farewell was said, and stops what paho runs on it.
func (s *session) hangUp() {
	if err := s.conn.Close(); err != nil && !errors.Is(err, net.ErrClosed) && !errors.Is(err, io.ErrClosedPipe) {
		s.log.Debug("closing the connection", "err", err)
	}
	s.paho.Disconnect(quiesce)
}
