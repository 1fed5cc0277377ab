package gateway

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/keyfiles"
	"iot-edge-anomaly/agent/mqtt"
	"iot-edge-anomaly/agent/report"
	"iot-edge-anomaly/agent/status"
)

// service is a part of the agent outside the plant that a reload may replace: the
// broker connection or the endpoint.
type service struct {
	run  func(context.Context)
	stop context.CancelFunc // nil = not started
	done chan struct{}      // closed when it has ended
}

func newService(run func(context.Context)) *service {
	return &service{run: run, done: make(chan struct{})}
}

// start runs the service as soon as the one that it replaces has ended: the two may
// need the same address or client id. before may be nil.
func (s *service) start(ctx context.Context, before *service) {
	ctx, s.stop = context.WithCancel(ctx)
	if before != nil {
		before.stop()
	}
	go func() {
		defer close(s.done)
		if before != nil {
			<-before.done
		}
		s.run(ctx)
	}()
}

// end ends the service and waits for it. A nil service has ended.
func (s *service) end() {
	if s != nil && s.stop != nil {
		s.stop()
		<-s.done
	}
}

// broker is the connection to one broker.
type broker struct {
	*mqtt.Client
	*service
	at      *report.Device // with the topics to publish to
	edge    *edge          // nil = there is no edge node of Sparkplug
	leaving bool           // what it retains is being emptied; with live.turn held
}

// renew makes the connections anew: there are other certificates or another password.
func (b *broker) renew() {
	b.Renew()
	if b.edge != nil {
		b.edge.line.Renew()
	}
}

// part is the connection as a service, nil where there is none.
func (b *broker) part() *service {
	if b == nil {
		return nil
	}
	return b.service
}

// newBroker makes the connection of a configuration; nil = none is configured, or the
// gateway is isolated.
func (g *Gateway) newBroker(c config.MQTT) (*broker, error) {
	if c.Broker == "" {
		return nil, nil
	}
	client, err := mqtt.New(g.mqttOptions(c), report.NewOutbox(g.queue, g.device.Boot, g.opts.clock))
	if err != nil {
		return nil, config.Refuse(err)
	}
	edge, err := g.newEdge(c)
	if err != nil {
		return nil, config.Refuse(err)
	}
	if g.isolated.Load() != nil {
		return nil, nil
	}
	run := func(ctx context.Context) {
		var beside sync.WaitGroup
		if edge != nil {
			beside.Go(func() { edge.line.Run(ctx) })
		}
		client.Run(ctx) // its error is always nil
		beside.Wait()
	}
	return &broker{Client: client, service: newService(run), at: at(g.device, c), edge: edge}, nil
}

// endpoint is the HTTP endpoint at one address.
type endpoint struct {
	*status.Server
	*service
}

// part is the endpoint as a service, nil where there is none.
func (e *endpoint) part() *service {
	if e == nil {
		return nil
	}
	return e.service
}

// newEndpoint makes the endpoint of a configuration; nil = none is configured.
func (g *Gateway) newEndpoint(c config.HTTP) *endpoint {
	if c.Listen == "" {
		return nil
	}
	s := status.NewServer(status.ServerOptions{Listen: c.Listen, TLSCert: c.TLSCert, TLSKey: c.TLSKey, TokenFile: c.TokenFile, NoPage: !c.Page,
		Collect: g.Snapshot, Metrics: g.metrics, Log: g.log})
	return &endpoint{s, newService(s.Serve)}
}

// pusher pushes metrics to one address.
type pusher struct {
	*status.Pusher
	*service
}

// part is the pusher as a service, nil where there is none.
func (p *pusher) part() *service {
	if p == nil {
		return nil
	}
	return p.service
}

// newPusher makes the pusher of a configuration; nil = none is configured.
func (g *Gateway) newPusher(c config.Metrics) *pusher {
	if c.Push == "" {
		return nil
	}
	p, err := status.NewPusher(status.PushOptions{URL: c.Push, Interval: c.Interval, TokenFile: c.TokenFile, CA: c.CA, Collect: g.Snapshot, Metrics: g.metrics, Log: g.log})
	if err != nil {
		g.log.Error("metrics cannot be pushed", "error", err) // config has checked it
		return nil
	}
	return &pusher{p, newService(p.Run)}
}

// replacePusher pushes to another address, or to none. What waits is lost.
func (g *Gateway) replacePusher(next *pusher) {
	old := g.pusher
	g.mu.Lock()
	g.pusher = next
	g.mu.Unlock()
	replace(g.services, old.part(), next.part())
}

// fixed names the settings of a new configuration that only a restart changes.
func fixed(old, c *config.Config) error {
	var names []string
	for _, f := range []struct {
		name string
		same bool
	}{
		{"gateway", config.Same(old.Gateway, c.Gateway)},
		{"state", old.State == c.State},
		{"spool.dir", old.Spool.Dir == c.Spool.Dir},
		{"control.socket", old.Control == c.Control},
		{"log.format", old.Log.Format == c.Log.Format},
	} {
		if !f.same {
			names = append(names, f.name)
		}
	}
	switch len(names) {
	case 0:
		return nil
	case 1:
		return config.Refuse(fmt.Errorf("%s changes with a restart only: systemctl restart iot-edge-anomaly", names[0]))
	}
	return config.Refuse(fmt.Errorf("%s change with a restart only: systemctl restart iot-edge-anomaly", strings.Join(names, ", ")))
}

// changeServices puts the services of a configuration into force and names what it
// touched. The queue stays. next is the broker connection of the configuration.
func (g *Gateway) changeServices(old, c *config.Config, next *broker) (changed []string) {
	if !config.Same(old.MQTT, c.MQTT) {
		changed = append(changed, "mqtt")
		if c.MQTT.Broker != old.MQTT.Broker {
			g.leaveBroker()
		}
		g.device.Topic = at(g.device, c.MQTT).Topic
		g.reporter.SetTopic(g.device.Topic)
		g.replaceBroker(next)
	} else if g.broker != nil && g.broker.FilesChanged() {
		changed = append(changed, "mqtt: password and certificates")
		g.broker.renew()
	}
	if !config.Same(old.HTTP, c.HTTP) {
		changed = append(changed, "http")
		g.replaceEndpoint(g.newEndpoint(c.HTTP))
	}
	if !config.Same(old.Metrics, c.Metrics) {
		changed = append(changed, "metrics")
		g.replacePusher(g.newPusher(c.Metrics))
	}
	if old.Spool.Max != c.Spool.Max {
		changed = append(changed, "spool.max")
		g.queue.SetMax(c.Spool.Max)
	}
	if old.Budget != c.Budget {
		changed = append(changed, "budget")
	}
	if !config.Same(old.Log, c.Log) {
		changed = append(changed, "log")
		setLogLevel(c.Log.Level)
	}
	g.clearRetained(c)
	return changed
}

// replaceBroker connects to another broker, or to none. What waits in the queue goes
// there.
func (g *Gateway) replaceBroker(next *broker) {
	old := g.broker
	g.mu.Lock()
	g.broker = next
	g.mu.Unlock()
	replace(g.services, old.part(), next.part())
	clear(g.published) // the new broker knows none of the states
}

// leaveTime is how long a broker that is left may take to empty what it retains.
const leaveTime = 3 * time.Second

// leaveBroker empties the retained states on a broker that this gateway will not tell
// anything any more. The status stays: offline. What the broker does not confirm in
// time is emptied when the gateway connects to a broker again.
func (g *Gateway) leaveBroker() {
	if g.broker == nil || !g.broker.Connected() {
		return
	}
	g.live.turn.Lock()
	g.broker.leaving = true
	g.live.turn.Unlock()
	for _, topic := range g.retained.use([]string{g.device.GatewayTopic("status")}) {
		g.broker.SetRetained(topic, nil)
	}
	for end := time.Now().Add(leaveTime); g.retained.left() && g.broker.Connected() && time.Now().Before(end); {
		time.Sleep(leaveTime / 300)
	}
}

// replaceEndpoint listens at another address, or at none.
func (g *Gateway) replaceEndpoint(next *endpoint) {
	old := g.endpoint
	g.mu.Lock()
	g.endpoint = next
	g.mu.Unlock()
	replace(g.services, old.part(), next.part())
}

// replace starts next in place of old; either may be nil.
func replace(ctx context.Context, old, next *service) {
	if next != nil {
		next.start(ctx, old)
	} else {
		old.end()
	}
}

// renewBroker has new certificates come into force at once. A connection that failed is
// spared the rest of its wait, for a new password too. One that works is kept when only
// the password is new: the broker may learn of it later than the gateway.
func (g *Gateway) renewBroker(now time.Time) {
	b := g.broker
	if b == nil || b.Connected() && now.Sub(g.lookedAtFiles) < keyfiles.Every {
		return
	}
	g.lookedAtFiles = now
	switch {
	case !b.Connected():
		if b.FilesChanged() {
			b.renew()
		}
	case b.CertificatesChanged():
		g.log.Info("new certificates for the broker: the connection is made anew")
		b.renew()
	}
}
