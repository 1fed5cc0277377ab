package mqtt

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"iot-edge-anomaly/agent/broker"
)

// blamed is how short before the end what was published may be the reason for it.
const blamed = 5 * grace

// Protocol is what is spoken on a Sideline. Its functions are called by one goroutine.
type Protocol struct {
	// Ready tells why no connection is to be made now; nil = one is.
	Ready func() error
	// Will is asked for before each CONNECT. The broker publishes it, with QoS 1 and not
	// retained, when the connection breaks; it is published too where the connection ends in order.
	Will func() (topic string, payload []byte)
	// Serve publishes, with QoS 0 and not retained, until done is closed. An error of its own
	// ends the connection in order.
	Serve func(done <-chan struct{}, publish func(topic string, payload []byte) error) error
}

// Sideline is a connection beside that of a Client, for a protocol with a will of its own.
// What is published on it is not stored and not repeated. Run is called once at a time; Stats
// may be called by any goroutine.
type Sideline struct {
	opts     Options
	broker   *broker.Broker
	protocol Protocol
	log      *slog.Logger
	what     string
	wait     time.Duration // longest wait between two connections

	clashes clashes   // of the goroutine of Run, and so what follows
	deaf    time.Time // nothing is subscribed to before
	denied  bool      // it was said that the broker does not let us listen
	last    string    // what was published last on this connection, and when
	lastAt  time.Time

	again chan struct{} // do not wait any longer for the next attempt

	mu    sync.Mutex
	stop  context.CancelCauseFunc // of the present connection; nil = none
	said  sayings
	stats SidelineStats
}

// SidelineStats are the counters of a Sideline since it was made.
type SidelineStats struct {
	Connected bool
	Since     time.Time // when Connected last changed
	Connects  uint64    // connections that the broker accepted
	Errors    uint64    // connections that failed or broke
	LastError string    // "" = none yet
}

// NewSideline checks the options. Of them it uses how the broker is reached, the client id,
// the logger and the first of Listen, if there is one. what names the protocol in the log. It reads no
// file and opens no connection.
func NewSideline(o Options, what string, p Protocol) (*Sideline, error) {
	b, err := o.validate()
	if err != nil {
		return nil, fmt.Errorf("mqtt: %s: %w", what, err)
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return &Sideline{opts: o, broker: b, protocol: p, what: what, wait: longestWait, again: make(chan struct{}, 1), log: o.Logger.With("broker", b.URL().Redacted(), "client", o.ClientID),
		stats: SidelineStats{Since: time.Now()}}, nil
}

// Stats returns the counters.
func (s *Sideline) Stats() SidelineStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats
}

// Run connects and serves until ctx is done, whatever the broker does. It ends within some
// seconds then.
func (s *Sideline) Run(ctx context.Context) {
	down := time.Now()
	for ctx.Err() == nil {
		if err := s.protocol.Ready(); err != nil {
			s.failed(err)
			s.pause(ctx, shortestWait+rand.N(shortestWait))
			down = time.Now()
			continue
		}
		life, err := s.session(ctx)
		if ctx.Err() != nil {
			return
		}
		s.failed(err)
		down = later(down, time.Now(), life, errors.Is(err, errRenew))
		s.pause(ctx, backoff(time.Since(down), s.wait))
	}
}

// failed counts an error, and logs it as Client.failed does.
func (s *Sideline) failed(err error) {
	s.mu.Lock()
	s.stats.Errors++
	s.stats.LastError = err.Error()
	level := s.said.level(sameText(err.Error()), time.Now())
	s.mu.Unlock()
	s.log.Log(context.Background(), level, s.what+": no connection", "err", err)
}

// Renew has the connection made anew, with its files as they are now, or tried at once.
func (s *Sideline) Renew() {
	s.mu.Lock()
	stop := s.stop
	s.mu.Unlock()
	if stop != nil {
		stop(errRenew)
	}
	select {
	case s.again <- struct{}{}:
	default:
	}
}

// pause waits for d, or until Renew.
func (s *Sideline) pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-s.again:
	case <-time.After(d):
	}
}

// session is one connection, from CONNECT to its end. No goroutine of it runs on after it
// returns. It returns how long the broker had accepted it.
func (s *Sideline) session(ctx context.Context) (life time.Duration, err error) {
	password, err := s.broker.Password()
	if err != nil {
		return 0, err
	}
	open, err := s.broker.Open(ctx, s.opts.Dial)
	if err != nil {
		return 0, fmt.Errorf("connecting: %w", err)
	}
	topic, payload := s.protocol.Will()
	alive, lost := context.WithCancelCause(ctx)
	defer lost(nil)
	deaf := len(s.opts.Listen) == 0 || time.Now().Before(s.deaf)
	s.last, s.lastAt = "", time.Time{}
	g := &guard{Conn: open, suback: deaf, lost: func(err error) { lost(fmt.Errorf("connection lost: %w", err)) }}
	o := clientOptions(s.broker, s.opts.ClientID, password, g)
	o.SetBinaryWill(topic, payload, qos, false).SetOrderMatters(true)
	o.SetConnectionLostHandler(func(_ paho.Client, err error) { lost(fmt.Errorf("connection lost: %w", err)) })
	client := paho.NewClient(o)
	defer client.Disconnect(disconnectMs)
	defer g.Close()
	if err := answered(alive, client.Connect(), g); err != nil {
		return 0, fmt.Errorf("connecting: %w", explainLogin(s.broker, s.opts.ClientID, err))
	}
	accepted := time.Now()
	if !deaf {
		err = s.listen(alive, client, g)
	}
	if err == nil {
		s.setConnected(true)
		err = s.serve(alive, client, g)
		s.setConnected(false)
	}
	if life = time.Since(accepted); alive.Err() == nil || ctx.Err() != nil {
		s.farewell(client, g, topic, payload)
		return life, err
	}
	return life, s.explain(g.cause(context.Cause(alive)), life)
}

// listen subscribes to what the protocol hears. A broker that refuses it is told of once.
func (s *Sideline) listen(ctx context.Context, client paho.Client, g *guard) error {
	l := s.opts.Listen[0]
	t := client.Subscribe(l.Topic, qos, func(_ paho.Client, m paho.Message) { l.Take(m.Payload(), m.Retained()) })
	if err := answered(ctx, t, g); err != nil {
		return fmt.Errorf("subscribing to %s: %w", l.Topic, err)
	}
	if sub, ok := t.(*paho.SubscribeToken); ok && sub.Result()[l.Topic] == 0x80 && !s.denied { // [MQTT-3.9.3]
		s.denied = true
		s.log.Warn(s.what+": the broker does not allow the agent to listen", "topic", l.Topic)
	}
	return nil
}

// serve has the protocol publish until the connection ends or is to end.
func (s *Sideline) serve(ctx context.Context, client paho.Client, g *guard) error {
	s.log.Info(s.what + ": connected to the broker")
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	s.setStop(stop)
	defer s.setStop(nil)
	err := s.protocol.Serve(ctx.Done(), func(topic string, payload []byte) error {
		s.last, s.lastAt = fmt.Sprintf("%s (%d bytes)", topic, len(payload)), time.Now()
		return answered(ctx, client.Publish(topic, 0, false, payload), g)
	})
	if cause := context.Cause(ctx); cause != nil { // it says more
		return cause
	}
	return err
}

// farewell publishes the will and ends the connection in order, which makes the broker
// discard it. Where the broker does not acknowledge it, it publishes the will itself.
func (s *Sideline) farewell(client paho.Client, g *guard, topic string, payload []byte) {
	g.publishes.Store(true)
	t := client.Publish(topic, qos, false, payload)
	if t.WaitTimeout(offlineTimeout) && t.Error() == nil {
		client.Disconnect(disconnectMs)
	}
}

// explain says what may have ended a connection that broke.
func (s *Sideline) explain(err error, life time.Duration) error {
	busy := time.Since(s.lastAt) < blamed
	switch {
	case errors.Is(err, errTooLong) && len(s.opts.Listen) > 0: // it may be retained
		s.deaf = time.Now().Add(hearAgain)
		s.log.Warn(s.what+": connecting without listening for a while", "topic", s.opts.Listen[0].Topic, "again_in", hearAgain)
	case s.clashes.ended(time.Now(), err, life, busy):
		return errClash(s.opts.ClientID, err)
	case busy && broker.Closed(err):
		return fmt.Errorf("%w; does it take %s?", broker.Explain(err), s.last)
	}
	return broker.Explain(err)
}

func (s *Sideline) setStop(stop context.CancelCauseFunc) {
	s.mu.Lock()
	s.stop = stop
	s.mu.Unlock()
}

func (s *Sideline) setConnected(up bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Connected, s.stats.Since = up, time.Now()
	if up {
		s.stats.Connects++
	}
}
