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
	"sync/atomic"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"iot-edge-anomaly/agent/broker"
	"iot-edge-anomaly/agent/spool"
)

const (
	protocol311          = 4
	qos                  = 1
	keepAlive            = 30 * time.Second
	pingTimeout          = 10 * time.Second
	writeTimeout         = 5 * time.Second
	ackTimeout           = 30 * time.Second // the connection ends if the broker is slower
	drainTimeout         = 2 * time.Second
	offlineTimeout       = time.Second
	maxSubscribeFailures = 2   // in a row; then we connect without subscribing
	disconnectMs         = 250 // that paho may take to send DISCONNECT
)

var errSlow = errors.New("no acknowledgement from the broker")

// session is one connection, from CONNECT to its end.
type session struct {
	*Client
	conn          *guard
	paho          paho.Client
	ctx           context.Context // ends with the connection; its cause is the reason
	stop          context.CancelCauseFunc
	window        chan struct{} // one element for each message in flight
	sent          chan inFlight
	calledOffline chan struct{}     // the status topic said that we are offline
	delivered     map[string]uint64 // versions of retained topics acknowledged on this connection
	askRetained   chan chan bool    // asks keepRetained whether all were acknowledged
	busy          atomic.Bool       // messages were in flight when the connection ended
}

// inFlight is a message that is sent and not yet acknowledged.
type inFlight struct {
	id    uint64
	token paho.Token
}

// session connects and serves until the connection ends or ctx is done. No
// goroutine of it runs on after it returns.
func (c *Client) session(ctx context.Context) error {
	c.noteFiles()
	password, err := c.broker.Password()
	if err != nil {
		return err
	}
	open, err := c.broker.Open(ctx, c.dial)
	if err != nil {
		return fmt.Errorf("connecting: %w", err)
	}
	conn := &guard{Conn: open}
	s := &session{
		Client: c, conn: conn,
		window: make(chan struct{}, c.opts.Window), sent: make(chan inFlight, c.opts.Window),
		calledOffline: make(chan struct{}, 1), delivered: map[string]uint64{}, askRetained: make(chan chan bool),
	}
	s.ctx, s.stop = context.WithCancelCause(context.WithoutCancel(ctx))
	defer s.stop(nil)
	c.setStop(s.stop)
	defer c.setStop(nil)
	conn.suback = c.opts.Will.Topic == "" || c.subscribeFailures >= maxSubscribeFailures // we do not subscribe, so no SUBACK may come
	conn.lost = func(err error) { s.stop(fmt.Errorf("connection lost: %w", err)) }
	s.paho = paho.NewClient(s.options(password))
	defer s.closeConnection()
	if err := s.introduce(ctx); err != nil {
		return fmt.Errorf("connecting: %w", c.broker.ExplainConnect(conn.cause(err)))
	}
	c.setConnected(true)
	c.log.Info("connected to the broker")
	accepted := time.Now()
	if err := s.serve(ctx); err != nil {
		now, err := time.Now(), conn.cause(err)
		if c.clashes.ended(now, err, now.Sub(accepted), s.busy.Load()) {
			c.setClash(true)
			return errClash(c.opts.ClientID, err)
		}
		return broker.Explain(err)
	}
	return nil
}

func (s *session) options(password string) *paho.ClientOptions {
	o := paho.NewClientOptions()
	o.Servers = []*url.URL{s.broker.URL()}
	o.SetClientID(s.opts.ClientID).SetUsername(s.opts.Username).SetPassword(password)
	o.SetProtocolVersion(protocol311).SetCleanSession(true)
	o.SetAutoReconnect(false).SetConnectRetry(false).SetOrderMatters(false)
	o.SetKeepAlive(keepAlive).SetPingTimeout(pingTimeout)
	o.SetWriteTimeout(writeTimeout).SetConnectTimeout(broker.DialTimeout)
	o.SetCustomOpenConnectionFn(func(*url.URL, paho.ClientOptions) (net.Conn, error) { return s.conn, nil })
	o.SetConnectionLostHandler(func(_ paho.Client, err error) { s.stop(fmt.Errorf("connection lost: %w", err)) })
	if w := s.opts.Will; w.Topic != "" {
		o.SetBinaryWill(w.Topic, w.Payload, qos, w.Retain)
	}
	return o
}

// introduce sends CONNECT, publishes birth and subscribes to our own status.
func (s *session) introduce(ctx context.Context) error {
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

// subscribe subscribes to our own status. A broker that does not allow it may
// refuse, may not answer, or may end the connection. If the subscription fails
// twice in a row, the client does without it: events matter more.
func (s *session) subscribe(ctx context.Context) error {
	topic := s.opts.Will.Topic
	if s.subscribeFailures >= maxSubscribeFailures {
		return nil
	}
	token := s.paho.Subscribe(topic, qos, s.status)
	if err := s.await(ctx, token); err != nil {
		if s.subscribeFailures++; s.subscribeFailures == maxSubscribeFailures {
			s.log.Warn("connecting without subscribing to our own status from now on; a late will may leave it wrong", "topic", topic)
		}
		return fmt.Errorf("subscribing to own status: %w", err)
	}
	s.subscribeFailures = 0
	if sub, ok := token.(*paho.SubscribeToken); ok && sub.Result()[topic] == 0x80 { // [MQTT-3.9.3]
		s.log.Warn("broker does not allow us to read our own status; a late will may leave it wrong", "topic", topic)
	}
	return nil
}

// status is called by paho with each message on the status topic.
func (s *session) status(_ paho.Client, m paho.Message) {
	if bytes.Equal(m.Payload(), s.opts.Will.Payload) || bytes.Equal(m.Payload(), s.opts.Offline.Payload) {
		select {
		case s.calledOffline <- struct{}{}:
		default:
		}
	}
}

func (s *session) publish(m spool.Message) paho.Token {
	return s.paho.Publish(m.Topic, qos, m.Retain, m.Payload)
}

// await waits for a token while the session does nothing else, and advances the
// progress counter.
func (s *session) await(ctx context.Context, t paho.Token) error {
	tick := time.NewTicker(progressEvery)
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

// serve delivers until the connection ends. When ctx is done it delivers what
// is waiting, for at most drainTimeout.
func (s *session) serve(ctx context.Context) error {
	var wg sync.WaitGroup
	wg.Go(s.pump)
	wg.Go(s.awaitAcks)
	wg.Go(s.keepRetained)
	err := s.watch(ctx)
	s.busy.Store(len(s.window) > 1) // pump holds one place for the message it waits for
	s.stop(err)
	s.setConnected(false)
	wg.Wait() // paho may block pump for writeTimeout after the connection ended
	if err == nil && s.sayOffline() {
		s.paho.Disconnect(disconnectMs)
	}
	return err
}

// watch advances the progress counter while the connection lasts. It stops
// doing so when messages wait and none is acknowledged for long: then pump or
// the source hangs, since a broker that is only slow ends the connection.
func (s *session) watch(ctx context.Context) error {
	tick := time.NewTicker(progressEvery)
	defer tick.Stop()
	done := ctx.Done()
	var late <-chan time.Time
	acked, moved := s.deliveries.acked.Load(), time.Now()
	quiet := time.After(clashLife)
	for {
		select {
		case <-s.ctx.Done():
			return context.Cause(s.ctx)
		case <-late:
			return nil
		case <-quiet:
			s.clashes.lasted()
			s.setClash(false)
		case <-done:
			done = nil
			late = time.After(drainTimeout)
			tick.Reset(progressEvery / 50)
		case <-tick.C:
		}
		waiting := s.source.Len()
		if n := s.deliveries.acked.Load(); n != acked || waiting == 0 {
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

// sayOffline publishes offline and reports whether the broker acknowledged it.
// Only then may the connection end cleanly, which makes the broker discard the
// will.
func (s *session) sayOffline() bool {
	if s.opts.Will.Topic == "" {
		return true
	}
	t := s.publish(s.opts.Offline)
	if !t.WaitTimeout(offlineTimeout) || t.Error() != nil {
		s.log.Warn("offline was not delivered; the broker will publish the will instead", "err", t.Error())
		return false
	}
	return true
}

// closeConnection closes the connection without a DISCONNECT, so that the
// broker publishes the will unless sayOffline succeeded, and stops paho's
// goroutines.
func (s *session) closeConnection() {
	if err := s.conn.Close(); err != nil && !errors.Is(err, net.ErrClosed) && !errors.Is(err, io.ErrClosedPipe) {
		s.log.Debug("closing the connection", "err", err)
	}
	s.paho.Disconnect(disconnectMs)
}
