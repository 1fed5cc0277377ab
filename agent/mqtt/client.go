package mqtt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"iot-edge-anomaly/agent/broker"
	"iot-edge-anomaly/agent/spool"
)

const (
	defaultWindow = 16
	progressEvery = time.Second // step of the progress counter
)

// Source gives the client its messages, ready to be published: the queue, or a
// stage behind it that finishes what the queue holds. It must be safe for
// concurrent use.
type Source interface {
	// Next returns the oldest message with a number above after that is not
	// acknowledged, and waits for one.
	Next(ctx context.Context, after uint64) (spool.Entry, error)
	// Ack says that the message with this number has arrived.
	Ack(id uint64) error
	// Len returns the number of messages that are not acknowledged.
	Len() int
}

// Client delivers one source to one broker. It is safe for concurrent use; Run
// is called once at a time.
type Client struct {
	opts   Options
	broker *broker.Broker
	source Source
	log    *slog.Logger
	dial   broker.Dialer
	wait   time.Duration // longest wait between two connections

	connected         atomic.Bool
	progress          atomic.Uint64
	deliveries        deliveries
	subscribeFailures int             // in a row; only Run uses it
	unread            map[string]bool // topics of which it was said that the broker does not let us read them; only Run uses it
	deaf              bool            // a connection ended because of the listeners, which are left out; only Run uses it
	leftOut           leftOut
	will              will
	refusals          refusals
	offers            offers

	again chan struct{} // do not wait any longer for the next attempt

	mu          sync.Mutex
	stop        context.CancelCauseFunc // of the present connection; nil = none
	read        *broker.Files           // of the newest connection; nil = none yet
	files       broker.Files            // as they were looked at last
	retained    []*retained             // in the order in which they were first set
	wake        chan struct{}
	connects    uint64
	disconnects uint64
	errors      uint64
	last        string
	since       time.Time
	clash       bool
	said        sayings // log lines about failures

	clashes clashes // of the goroutine of Run
}

// setClash notes whether another client uses our id.
func (c *Client) setClash(yes bool) {
	c.mu.Lock()
	c.clash = yes
	c.mu.Unlock()
}

// retained is the newest payload of a retained topic.
type retained struct {
	topic   string
	payload []byte
	version uint64
}

// Stats are the client's counters since New.
type Stats struct {
	Broker      string // its address as configured, which carries no password
	Connected   bool
	Since       time.Time // when Connected last changed
	Connects    uint64    // connections the broker accepted
	Disconnects uint64    // accepted connections that ended
	Errors      uint64    // connections that failed or broke
	LastError   string    // "" = none yet
	Files       string    // why the newest password and certificates are not in force; "" = they are
	Expires     time.Time // when the client certificate in force does; zero = there is none
	PeerExpires time.Time // when the certificate that the broker showed last does; zero = unknown
	Clash       bool      // another client is likely to use the same client id
	// Progress advances about once a second while the client works. Waiting
	// for a broker that is unreachable counts as work. It stops when the
	// client hangs.
	Progress uint64
	Deliveries
	RefusalStats
	OfferStats
}

// New checks the options and returns a client that delivers s. It reads no file
// and opens no connection.
func New(o Options, s Source) (*Client, error) {
	b, err := o.validate()
	if err != nil {
		return nil, fmt.Errorf("mqtt: %w", err)
	}
	if o.Window == 0 {
		o.Window = defaultWindow
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Dial == nil {
		o.Dial = new(net.Dialer).DialContext
	}
	c := &Client{
		opts: o, broker: b, source: s, log: o.Logger.With("broker", b.URL().Redacted()),
		dial: o.Dial, wait: longestWait,
		wake: make(chan struct{}, 1), again: make(chan struct{}, 1), since: time.Now(),
	}
	if b.Exposed() {
		c.log.Warn("messages, user name and password are sent unencrypted; use mqtts://")
	}
	return c, nil
}

// SetRetained publishes payload as the retained message of topic, now or as
// soon as there is a connection, and again on every later connection. A value
// that is replaced before it is sent is never sent. SetRetained does not wait.
func (c *Client) SetRetained(topic string, payload []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	payload = bytes.Clone(payload)
	c.offers.forget(topic) // it is older, and must not come behind
	for _, r := range c.retained {
		if r.topic == topic {
			r.payload = payload
			r.version++
			c.signal()
			return
		}
	}
	c.retained = append(c.retained, &retained{topic, payload, 1})
	c.signal()
}

func (c *Client) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// Connected tells whether there is a connection that the broker has accepted.
func (c *Client) Connected() bool { return c.connected.Load() }

// Stats returns the counters.
func (c *Client) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Stats{
		Broker: c.opts.Broker, Connected: c.connected.Load(), Since: c.since,
		Connects: c.connects, Disconnects: c.disconnects,
		Errors: c.errors, LastError: c.last, Files: c.files.Trouble, Expires: c.files.Expires, PeerExpires: c.broker.PeerExpires(), Clash: c.clash, Progress: c.progress.Load(), Deliveries: c.deliveries.load(), RefusalStats: c.refusals.load(), OfferStats: c.offers.load(),
	}
}

// Run connects and delivers until ctx is done, whatever the broker does. Then
// it delivers for at most two more seconds what is waiting, publishes offline
// and returns nil. A network that accepts no bytes can delay this by some
// seconds.
func (c *Client) Run(ctx context.Context) error {
	down := time.Now() // since when there has been no stable connection
	for ctx.Err() == nil {
		life, err := c.session(ctx)
		if ctx.Err() != nil {
			return nil
		}
		c.failed(err)
		down = later(down, time.Now(), life, errors.Is(err, errRenew) || errors.Is(err, errHear))
		wait := backoff(time.Since(down), c.wait)
		if c.refusals.hurry() {
			wait = min(wait, soon+rand.N(soon))
		}
		c.pause(ctx, wait)
	}
	return nil
}

// setConnected records that the connection began or ended.
func (c *Client) setConnected(up bool) {
	c.connected.Store(up)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.since = time.Now()
	if up {
		c.connects++
	} else {
		c.disconnects++
	}
}

// pause waits for d, or until Retry, and advances the progress counter meanwhile.
func (c *Client) pause(ctx context.Context, d time.Duration) {
	for d > 0 && ctx.Err() == nil {
		step := min(d, progressEvery)
		d -= step
		select {
		case <-ctx.Done():
		case <-c.again:
			return
		case <-time.After(step):
			c.progress.Add(1)
		}
	}
}
