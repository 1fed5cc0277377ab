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
	accepted      time.Time     // when the broker accepted it; zero = it did not
	window        chan struct{} // one element for each message of the source in flight
	ended         time.Time     // when serving ended
	sent          chan inFlight
	flights       flights
	subscribes    bool              // to our own status
	willLeft      bool              // there is no will
	confirm       <-chan time.Time  // ends the connection to try the will again
	owesBirth     bool              // birth was not published yet; of keepRetained
	next          int               // where keepRetained looks on
	calledOffline chan struct{}     // the status topic said that we are offline
	delivered     map[string]uint64 // versions of retained topics acknowledged on this connection
	askRetained   chan chan bool    // asks keepRetained whether all were acknowledged
}

// inFlight is a message of the source that is sent and not yet acknowledged.
type inFlight struct {
	flight
	token paho.Token
}

// session connects and serves until the connection ends or ctx is done. No
// goroutine of it runs on after it returns. It returns how long the connection lasted
// after the broker had accepted it.
func (c *Client) session(ctx context.Context) (life time.Duration, err error) {
	c.noteFiles()
	password, err := c.broker.Password()
	if err != nil {
		return 0, err
	}
	open, err := c.broker.Open(ctx, c.dial)
	if err != nil {
		return 0, fmt.Errorf("connecting: %w", err)
	}
	s := c.newSession(ctx, open)
	defer s.stop(nil)
	c.setStop(s.stop)
	defer c.setStop(nil)
	s.paho = paho.NewClient(s.options(password))
	defer s.closeConnection()
	if err := s.introduce(ctx); err != nil {
		cause := s.conn.cause(err)
		s.tooLong(cause)
		if !s.accepted.IsZero() {
			life = time.Since(s.accepted)
			if left := s.flights.left(); len(left) > 0 {
				c.convict(cause, left, s.accepted)
			}
		} else if c.will.refused(cause, s.willLeft) {
			c.log.Warn("the broker refuses the connection because of the will; connecting without it: nobody will hear when this gateway vanishes", "topic", c.opts.Will.Topic)
		}
		return life, fmt.Errorf("connecting: %w", c.broker.ExplainConnect(cause))
	}
	c.setConnected(true)
	c.log.Info("connected to the broker")
	if c.will.accepted(s.willLeft) {
		s.confirm = time.After(willConfirm)
	}
	err = s.serve(ctx)
	now := time.Now()
	life = now.Sub(s.accepted)
	if err == nil {
		return life, nil
	}
	err = s.conn.cause(err)
	s.tooLong(err)
	blamed, past := s.flights.blamed(s.ended)
	if past && (blamed[0].id != 0 || !blamed[0].retain) { // it is not sent again
		c.refusals.watchNext(err)
	} else {
		c.convict(err, blamed, s.accepted)
	}
	if c.clashes.ended(now, err, life, len(blamed) > 0) {
		c.setClash(true)
		return life, errClash(c.opts.ClientID, err)
	}
	return life, broker.Explain(err)
}

func (c *Client) newSession(ctx context.Context, open net.Conn) *session {
	s := &session{
		Client: c, conn: guarded(open), flights: flights{gate: make(chan struct{}, 1)},
		window: make(chan struct{}, c.opts.Window), sent: make(chan inFlight, c.opts.Window),
		calledOffline: make(chan struct{}, 1), delivered: map[string]uint64{}, askRetained: make(chan chan bool),
		willLeft: c.opts.Will.Topic == "" || c.will.left(),
	}
	s.ctx, s.stop = context.WithCancelCause(context.WithoutCancel(ctx))
	if c.leftOut.due(time.Now()) {
		c.deaf, c.subscribeFailures = false, 0
	}
	s.subscribes = c.opts.Will.Topic != "" && c.subscribeFailures < maxSubscribeFailures
	s.conn.suback = !s.subscribes // then no SUBACK may come
	s.conn.lost = func(err error) { s.stop(fmt.Errorf("connection lost: %w", err)) }
	return s
}

func (s *session) options(password string) *paho.ClientOptions {
	o := clientOptions(s.broker, s.opts.ClientID, password, s.conn)
	o.SetConnectionLostHandler(func(_ paho.Client, err error) { s.stop(fmt.Errorf("connection lost: %w", err)) })
	if w := s.opts.Will; !s.willLeft {
		o.SetBinaryWill(w.Topic, w.Payload, qos, w.Retain)
	}
	return o
}

// clientOptions are those of every client of this package: one connection, which is
// open already, and no reconnection.
func clientOptions(b *broker.Broker, id, password string, conn net.Conn) *paho.ClientOptions {
	o := paho.NewClientOptions()
	o.Servers = []*url.URL{b.URL()}
	o.SetClientID(id).SetUsername(b.Username()).SetPassword(password)
	o.SetProtocolVersion(protocol311).SetCleanSession(true)
	o.SetAutoReconnect(false).SetConnectRetry(false).SetOrderMatters(false)
	o.SetKeepAlive(keepAlive).SetPingTimeout(pingTimeout)
	o.SetWriteTimeout(writeTimeout).SetConnectTimeout(broker.DialTimeout)
	o.SetCustomOpenConnectionFn(func(*url.URL, paho.ClientOptions) (net.Conn, error) { return conn, nil })
	return o
}

// introduce sends CONNECT, publishes birth and subscribes to our own status. Birth is
// left to keepRetained where the broker may refuse it.
func (s *session) introduce(ctx context.Context) error {
	if err := s.await(ctx, s.paho.Connect()); err != nil {
		return err
	}
	s.accepted = time.Now()
	birth := s.opts.Birth
	if birth.Topic == "" {
		return nil
	}
	if s.refusals.suspected(birth.Topic, birth.Retain) {
		s.owesBirth = true
	} else {
		f := s.topicFlight(birth)
		s.flights.add(f)
		if err := s.await(ctx, s.publish(birth)); err != nil {
			return fmt.Errorf("publishing birth: %w", err)
		}
		s.flights.remove(f.key)
		s.refusals.arrivedTopic(&f)
	}
	return s.subscribe(ctx)
}

// subscribe subscribes to our own status. A broker that does not allow it may
// refuse, may not answer, or may end the connection. If the subscription fails
// twice in a row, the client does without it: events matter more.
func (s *session) subscribe(ctx context.Context) error {
	if !s.subscribes {
		return nil
	}
	filters := s.filters()
	s.conn.more.Store(uint32(len(filters) - 1))
	token := s.paho.SubscribeMultiple(filters, s.received)
	if err := s.await(ctx, token); err != nil {
		if s.subscribeFailures++; s.subscribeFailures == maxSubscribeFailures && !s.notListening() {
			s.log.Warn("connecting without subscribing to the own status from now on; a late offline message of an earlier connection may stay on it", "topic", s.opts.Birth.Topic)
		}
		return fmt.Errorf("subscribing to own status: %w", err)
	}
	s.subscribeFailures = 0
	if sub, ok := token.(*paho.SubscribeToken); ok {
		s.tellDenied(sub.Result())
	}
	return nil
}

// status takes each message on the status topic.
func (s *session) status(_ paho.Client, m paho.Message) {
	if bytes.Equal(m.Payload(), s.opts.Will.Payload) || bytes.Equal(m.Payload(), s.opts.Offline.Payload) {
		select {
		case s.calledOffline <- struct{}{}:
		default:
		}
	}
}

func (s *session) publish(m spool.Message) paho.Token {
	s.conn.publishes.Store(true)
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
	s.ended = time.Now()
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
	var hear <-chan time.Time
	if at := s.leftOut.until; !at.IsZero() {
		hear = time.After(time.Until(at))
	}
	for {
		select {
		case <-s.ctx.Done():
			return context.Cause(s.ctx)
		case <-late:
			return nil
		case <-s.confirm:
			return errConfirmWill
		case <-hear:
			return errHear
		case <-quiet:
			s.clashes.lasted()
			s.setClash(false)
		case <-done:
			done = nil
			late = time.After(drainTimeout)
			tick.Reset(progressEvery / 50)
		case <-tick.C:
		}
		waiting := s.refusals.waiting(s.source.Len())
		alone, _ := s.refusals.turn("")
		if n := s.deliveries.acked.Load(); n != acked || waiting == 0 || alone {
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
	off := s.opts.Offline
	if off.Topic == "" || s.owesBirth || s.refusals.suspected(off.Topic, off.Retain) {
		return true
	}
	t := s.publish(off)
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
