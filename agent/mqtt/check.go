package mqtt

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/eclipse/paho.mqtt.golang/packets"

	"iot-edge-anomaly/agent/broker"
	"iot-edge-anomaly/agent/spool"
)

// Finding is what one step of Check found.
type Finding struct {
	Step string `json:"step"`
	Good bool   `json:"good"`
	Text string `json:"text"`
}

// checkSuffix makes the client id of Check: the agent's connection stays.
const checkSuffix = "-check"

// clientIDLongest is how long a client id is at the most.
const clientIDLongest = 64

// checkPacket is the longest packet that Check accepts: it hears states and telemetry of
// whole machines too.
const checkPacket = 16 << 20

// Check goes the way to the broker step by step, as the agent would with these options
// but under a client id of its own, and tells each step. Then it listens to topics
// for d, or until ctx is done, and tells whether the events came without a gap, once
// and in order; with d = 0 it has the broker publish a will in place of that. It
// publishes nothing else. It reports whether everything was good.
func Check(ctx context.Context, o Options, topics Topics, d time.Duration, tell func(Finding)) bool {
	c := &check{Topics: topics, events: sequence{device: topics.Device}, tell: tell, good: true, will: make(chan struct{}, 1)}
	b, err := broker.New(o.reach())
	if c.found("settings", err, "") {
		return false
	}
	if len(o.ClientID) > clientIDLongest-len(checkSuffix) {
		o.ClientID = o.ClientID[:clientIDLongest-len(checkSuffix)]
	}
	o.ClientID += checkSuffix
	c.id = o.ClientID
	password, err := b.Password()
	if c.found("files", errors.Join(err, o.CheckFiles()), "") || !c.network(ctx, b) {
		return false
	}
	conn, err := b.Open(ctx, nil)
	if c.found(b.Carrier(), err, secured(conn)) {
		return false
	}
	c.listen(ctx, b, conn, password, d)
	return c.good
}

// Topics are what Check listens to.
type Topics struct {
	Status string
	Event  string // may have one +, for the names of machines
	Device string // the only one whose events count; "" = any
}

// check is one run of Check.
type check struct {
	Topics
	id   string
	tell func(Finding)
	good bool

	willTopic string
	will      chan struct{} // has an element once the will was heard

	mu     sync.Mutex
	status string // the newest; "" = none
	events sequence
}

// found tells a step; text is what is good about it, and a step without one is told
// only if it failed. It reports whether it failed.
func (c *check) found(step string, err error, text string) bool {
	if err != nil {
		c.good = false
		c.tell(Finding{step, false, err.Error()})
	} else if text != "" {
		c.tell(Finding{step, true, text})
	}
	return err != nil
}

// network finds the broker's name and its port.
func (c *check) network(ctx context.Context, b *broker.Broker) bool {
	ctx, cancel := context.WithTimeout(ctx, broker.DialTimeout)
	defer cancel()
	host := b.URL().Hostname()
	if net.ParseIP(host) == nil {
		addrs, err := net.DefaultResolver.LookupIPAddr(ctx, host)
		if err != nil {
			err = fmt.Errorf("%w; is the name right, and does the gateway have a name server (/etc/resolv.conf)?", err)
		}
		text := host + " is"
		for _, a := range addrs {
			text += " " + a.String()
		}
		if c.found("dns", err, text) {
			return false
		}
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", b.Address())
	if err != nil {
		return !c.found("tcp", fmt.Errorf("%w; is the broker up, is the port right, does a firewall stand between?", err), "")
	}
	conn.Close()
	c.found("tcp", nil, b.Address()+" answers")
	return true
}

// secured tells how a connection is encrypted; "" = it is not.
func secured(conn net.Conn) string {
	t, ok := conn.(*tls.Conn)
	if !ok {
		return ""
	}
	cert := t.ConnectionState().PeerCertificates[0]
	return fmt.Sprintf("certificate of %q until %s (%s)", cert.Subject.CommonName, cert.NotAfter.Format(time.DateOnly), spool.Count(int(time.Until(cert.NotAfter).Hours()/24), "day", "days"))
}

// listen logs in, subscribes, and takes what comes.
func (c *check) listen(ctx context.Context, b *broker.Broker, conn net.Conn, password string, d time.Duration) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	lost := make(chan error, 1)
	g := &guard{Conn: conn, most: checkPacket, lost: func(err error) {
		select {
		case lost <- err:
		default:
		}
		stop()
	}}
	defer g.Close()
	o := clientOptions(b, c.id, password, g)
	o.SetOrderMatters(true)
	client := paho.NewClient(o)
	defer client.Disconnect(disconnectMs)
	if c.found("login", explainLogin(b, c.id, answered(ctx, client.Connect(), g)), fmt.Sprintf("as %s with client id %s", user(b), c.id)) {
		return
	}
	below := strings.TrimSuffix(c.Event, "event") + "#"
	c.willTopic = strings.TrimSuffix(below, "#") + "check"
	filters := map[string]byte{below: qos, c.Status: qos} // RabbitMQ 3.10 gives what is retained for the topic alone, not for #
	g.more.Store(uint32(len(filters) - 1))
	t := client.SubscribeMultiple(filters, c.take)
	err := answered(ctx, t, g)
	if sub, ok := t.(*paho.SubscribeToken); err == nil && ok && sub.Result()[below] == 0x80 { // [MQTT-3.9.3]
		err = errors.New("the broker refuses the subscription")
	}
	if err != nil {
		err = fmt.Errorf("%w; let %s read %s in the broker's access control list, or check with a user who may", err, user(b), below)
	}
	if c.found("acl", err, "may subscribe to "+below) {
		return
	}
	select { // what is retained comes at once
	case <-ctx.Done():
	case <-time.After(max(d, time.Second)):
	}
	select {
	case err := <-lost:
		c.found("connection", broker.Explain(err), "")
	default:
	}
	if d == 0 {
		c.testWill(ctx, b, password)
	}
	c.verdict(d)
}

// user names the user of a broker for people.
func user(b *broker.Broker) string {
	if name := b.Username(); name != "" {
		return fmt.Sprintf("user %q", name)
	}
	return "anybody (no username is configured)"
}

// take is called by paho with each message.
func (c *check) take(_ paho.Client, m paho.Message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before, after, many := strings.Cut(c.Event, "+")
	switch topic := m.Topic(); {
	case topic == c.Event, many && strings.HasPrefix(topic, before) && strings.HasSuffix(topic, after):
		c.events.add(m.Payload())
	case topic == c.Status:
		c.status = string(m.Payload()[:min(len(m.Payload()), 40)])
	case topic == c.willTopic:
		select {
		case c.will <- struct{}{}:
		default:
		}
	}
}

// verdict tells what was heard.
func (c *check) verdict(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var err error
	switch c.status {
	case "online":
	case "":
		err = fmt.Errorf("nothing on %s: the agent never reached this broker, or the broker's access control list keeps it from publishing there or this user from reading it", c.Status)
	default:
		err = fmt.Errorf("%q on %s: the agent is not connected; see the check mqtt in its status", c.status, c.Status)
	}
	c.found("status", err, "online")
	if d == 0 {
		return
	}
	text, good := c.events.verdict()
	if text = fmt.Sprintf("in %v: %s", d, text); good {
		c.found("events", nil, text)
	} else {
		c.found("events", errors.New(text), "")
	}
}

// answered waits for a token; the error of the connection says more than the token's.
func answered(ctx context.Context, t paho.Token, g *guard) error {
	late := time.NewTimer(ackTimeout)
	defer late.Stop()
	select {
	case <-t.Done():
		if t.Error() == nil {
			return nil
		}
		return g.cause(t.Error())
	case <-ctx.Done():
		return g.cause(ctx.Err())
	case <-late.C:
		return errSlow
	}
}

// explainLogin adds to an error of CONNECT what can be done about it.
func explainLogin(b *broker.Broker, id string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, packets.ErrorRefusedBadUsernameOrPassword):
		return fmt.Errorf("%w: username or password_file", err)
	case errors.Is(err, packets.ErrorRefusedNotAuthorised):
		return fmt.Errorf("%w: username, password_file or the client certificate, or the broker's access control list for client id %s", err, id)
	case errors.Is(err, packets.ErrorRefusedIDRejected):
		return fmt.Errorf("%w: the broker does not take client id %s", err, id)
	case broker.Closed(err):
		return fmt.Errorf("%w; or it allows other client ids than %s (AWS IoT Core: iot:Connect)", b.ExplainConnect(err), id)
	}
	return broker.Explain(err)
}
