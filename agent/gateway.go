package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/devices"
	"iot-edge-anomaly/agent/liveness"
	"iot-edge-anomaly/agent/mqtt"
	"iot-edge-anomaly/agent/report"
	"iot-edge-anomaly/agent/sampler"
	"iot-edge-anomaly/agent/spool"
	"iot-edge-anomaly/agent/status"
	"iot-edge-anomaly/board"
)

// gateway is the running agent: one plant, one queue, one broker, one endpoint.
type gateway struct {
	cfg         *config.Config // of the plant in force; read under mu
	host        devices.Host
	log         *slog.Logger
	claim       *os.File // nil = the queue's lock is enough
	device      report.Device
	metrics     *status.Metrics
	queue       *spool.Queue
	reporter    *report.Reporter
	mqtt        *mqtt.Client   // nil = no broker configured
	server      *status.Server // nil = endpoint off
	started     time.Time
	ready       atomic.Int64 // nanoseconds after started; 0 = not yet
	stalled     atomic.Value // string
	reloadOK    atomic.Bool
	memoryLimit uint64 // bytes; 0 = unknown

	mu    sync.Mutex
	plant *plant
}

// gatewayOptions are what run and demo decide differently.
type gatewayOptions struct {
	cfg    *config.Config
	host   devices.Host
	log    *slog.Logger
	reload func() (*config.Config, error) // nil = cannot be reloaded
	hup    <-chan os.Signal
	ready  func(*gateway)
}

// newGateway opens everything that must be there: state folder, queue, models,
// endpoint. It needs neither bus nor broker.
func newGateway(o gatewayOptions) (*gateway, error) {
	c := o.cfg
	g := &gateway{cfg: c, host: o.host, log: o.log, metrics: status.NewMetrics(), started: time.Now()}
	g.stalled.Store("")
	g.memoryLimit = uint64(max(0, board.MemoryLimit("/")))
	g.reloadOK.Store(true)
	id := c.Gateway.ID
	if id == "" || id == "auto" {
		id = board.DeviceID("/")
	}
	topic := strings.NewReplacer("{site}", c.Gateway.Site, "{device}", id).Replace(c.MQTT.Topic)
	g.device = report.Device{Site: c.Gateway.Site, Device: id, Boot: board.BootID("/"), Topic: topic}
	if err := os.MkdirAll(c.State, 0o700); err != nil {
		return nil, fmt.Errorf("state folder: %w", err)
	}
	var err error
	if g.claim, err = claim(c.State, c.Spool.Dir); err != nil {
		return nil, err
	}
	if g.queue, err = spool.Open(c.Spool.Dir, spool.Options{MaxBytes: c.Spool.Max, Logger: o.log}); err != nil {
		g.claim.Close()
		return nil, err
	}
	if err := g.build(); err != nil {
		g.claim.Close()
		return nil, errors.Join(err, g.queue.Close())
	}
	return g, nil
}

// build makes what stands on the queue.
func (g *gateway) build() (err error) {
	c := g.cfg
	if g.reporter, err = report.New(g.device, g.queue, wallClock); err != nil {
		return err
	}
	if g.plant, err = newPlant(c, g.host, g.reporter, g.metrics, g.log); err != nil {
		return &exitError{exitConfig, err}
	}
	if c.MQTT.Broker != "" {
		if g.mqtt, err = mqtt.New(g.mqttOptions(), report.NewOutbox(g.queue, g.device.Boot, wallClock)); err != nil {
			return &exitError{exitConfig, err}
		}
	}
	if c.HTTP.Listen != "" {
		g.server, err = status.NewServer(status.ServerOptions{Listen: c.HTTP.Listen, TLSCert: c.HTTP.TLSCert, TLSKey: c.HTTP.TLSKey,
			TokenFile: c.HTTP.TokenFile, Collect: g.snapshot, Metrics: g.metrics, Log: g.log})
		if err != nil {
			return &exitError{exitConfig, err}
		}
	}
	return nil
}

// run is the agent's life: it returns when ctx is done, or when something that
// cannot heal has broken.
func (g *gateway) run(ctx context.Context, o gatewayOptions) error {
	g.recover()
	var wg sync.WaitGroup
	outlets, stopOutlets := context.WithCancel(context.WithoutCancel(ctx))
	defer stopOutlets()
	failed := make(chan error, 2)
	if g.server != nil {
		wg.Go(func() { failed <- g.server.Serve(outlets) })
	}
	if g.mqtt != nil {
		wg.Go(func() { failed <- g.mqtt.Run(outlets) })
	}
	g.plant.start(ctx, g.fault)
	g.ready.Store(int64(time.Since(g.started)))
	g.log.Info("ready", "device", g.device.Device, "after", time.Since(g.started).Round(time.Millisecond))
	if o.ready != nil {
		o.ready(g)
	}
	g.notify(board.Ready())
	err := g.loop(ctx, o, failed)
	g.notify(board.Stopping())
	g.currentPlant().stop()
	g.publishStates(nil)
	stopOutlets()
	wg.Wait()
	g.claim.Close() // releases a lock: nothing was written
	return errors.Join(err, g.queue.Close())
}

// recover continues the events that were open when the agent stopped, or closes
// them where nothing will.
func (g *gateway) recover() {
	for _, ev := range g.reporter.Recovered() {
		if g.plant.resume(ev) {
			g.log.Info("event continues after a restart", "machine", ev.Machine, "kind", ev.Kind, "since", ev.Since)
			continue
		}
		if err := g.reporter.CloseRestart(ev); err != nil {
			g.log.Error("close event after a restart", "error", err)
		}
	}
}

// loop does what must be done now and then: publish states, feed the watchdog,
// reload.
func (g *gateway) loop(ctx context.Context, o gatewayOptions, failed <-chan error) error {
	const every = 500 * time.Millisecond
	tick := time.NewTicker(every)
	defer tick.Stop()
	published := map[string]publishedState{}
	dog := newWatchdog(g)
	told := ""
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-failed:
			if err != nil {
				return err
			}
		case <-o.hup:
			if err := g.reload(ctx, o); err != nil {
				return err
			}
			clear(published)
			dog = newWatchdog(g)
		case now := <-tick.C:
			g.currentPlant().takeUnlatch()
			g.publishStates(published)
			if text := g.summary(); text != told {
				told = text
				g.notify(board.Status(text))
			}
			dog.look(now)
		}
	}
}

func (g *gateway) currentPlant() *plant {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.plant
}

func (g *gateway) fault(f sampler.Fault) {
	g.log.Warn("fault", "bus", f.Bus, "sensor", f.Sensor, "open", f.Open, "reason", f.Reason)
	if err := g.reporter.Fault(f); err != nil {
		g.log.Error("report fault", "error", err)
	}
}

func (g *gateway) notify(err error) {
	if err != nil {
		g.log.Warn("notify systemd", "error", err)
	}
}

// reload puts a new configuration into force, or keeps the one there is. An
// error means that neither is in force.
func (g *gateway) reload(ctx context.Context, o gatewayOptions) error {
	if o.reload == nil {
		return nil
	}
	g.notify(board.Reloading())
	defer func() { g.notify(board.Ready()) }()
	c, err := o.reload()
	if err == nil {
		err = g.replace(ctx, c)
	}
	g.reloadOK.Store(err == nil)
	var ee *exitError
	switch {
	case err == nil:
		g.log.Info("configuration reloaded")
	case errors.As(err, &ee) && ee.code == exitRestart:
		return err
	default:
		g.log.Error("reload refused: the configuration before it stays in force", "error", err)
	}
	return nil
}

// replace swaps the plant. What stands outside it needs a restart to change.
func (g *gateway) replace(ctx context.Context, c *config.Config) error {
	old := g.currentPlant()
	if !sameOutlets(c, old.cfg) {
		return errors.New("gateway, mqtt, spool, http and state change with a restart only: systemctl restart iot-edge-anomaly")
	}
	// The models and learning rows on disk are the old plant's until it stops;
	// a first build proves that the configuration fits before anything stops. It
	// says nothing: what is worth telling, the second one tells.
	probe, err := newPlant(c, g.host, g.reporter, g.metrics, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	if err := probe.close(); err != nil {
		g.log.Warn("close sensors and buses", "error", err)
	}
	old.stop()
	next, err := newPlant(c, g.host, g.reporter, g.metrics, g.log)
	if err != nil {
		return &exitError{exitRestart, fmt.Errorf("the configuration was good a moment ago: %w", err)}
	}
	setLogLevel(c.Log.Level)
	g.mu.Lock()
	g.plant, g.cfg = next, c
	g.mu.Unlock()
	for _, ev := range g.reporter.OpenEvents() {
		if !next.resume(ev) {
			if err := g.reporter.CloseRestart(ev); err != nil {
				g.log.Error("close event after a reload", "error", err)
			}
		}
	}
	g.forget(old.cfg, c)
	next.start(ctx, g.fault)
	return nil
}

// sameOutlets tells whether everything that stands outside the plant is as it
// was, wherever in the file it stands now.
func sameOutlets(a, b *config.Config) bool {
	ma, mb := a.MQTT, b.MQTT
	ha, hb := a.HTTP, b.HTTP
	ma.Pos, mb.Pos, ha.Pos, hb.Pos = config.Pos{}, config.Pos{}, config.Pos{}, config.Pos{}
	return ma == mb && a.Spool == b.Spool && ha == hb && a.Gateway == b.Gateway && a.State == b.State
}

// forget takes the retained states of machines that are no more from the broker.
func (g *gateway) forget(before, now *config.Config) {
	if g.mqtt == nil {
		return
	}
	for _, m := range before.Machines {
		gone := func(n config.Machine) bool { return n.Name == m.Name }
		if !slices.ContainsFunc(now.Machines, gone) {
			g.mqtt.SetRetained(g.device.Topic+"/machine/"+m.Name, nil) // an empty retained message deletes [MQTT-3.3.1-10]
		}
	}
}

// watchdog feeds systemd's while every stage progresses.
type watchdog struct {
	g       *gateway
	monitor *liveness.Monitor
	every   time.Duration // 0 = systemd does not ask
	next    time.Time
}

func newWatchdog(g *gateway) *watchdog {
	interval, err := board.WatchdogInterval()
	g.notify(err)
	return &watchdog{g: g, monitor: liveness.New(time.Now(), g.stages()), every: interval / 2}
}

func (w *watchdog) look(now time.Time) {
	stalled := w.monitor.Stalled(now)
	if before := w.g.stalled.Swap(stalled); before != stalled && stalled != "" {
		w.g.log.Error("no progress: the watchdog is not fed", "stage", stalled)
	}
	if stalled != "" || w.every == 0 || now.Before(w.next) {
		return
	}
	w.next = now.Add(w.every)
	w.g.notify(board.Watchdog())
}

// stages are the parts of the agent that must progress.
func (g *gateway) stages() (out []liveness.Stage) {
	p := g.currentPlant()
	for i, m := range p.machines {
		mc := p.cfg.Machines[i]
		budget := max(10*time.Second, 5*mc.Period)
		out = append(out, liveness.Stage{Name: "sampling of " + mc.Name, Progress: p.group.Sampler(mc.Name).Rows, Budget: budget},
			liveness.Stage{Name: "scoring of " + mc.Name, Progress: m.Progress, Budget: budget})
	}
	if g.mqtt != nil {
		out = append(out, liveness.Stage{Name: "delivery", Progress: func() uint64 { return g.mqtt.Stats().Progress }, Budget: time.Minute})
	}
	return out
}

// wallClock reads all clocks at once.
func wallClock() report.Clock {
	return report.Clock{Now: time.Now(), Uptime: board.Uptime(), Quality: board.Clock().String()}
}

// mqttOptions are the configured broker's. The status topic carries the birth,
// the will and the clean stop, retained.
func (g *gateway) mqttOptions() mqtt.Options {
	c := g.cfg.MQTT
	status := func(word string) spool.Message {
		return spool.Message{Topic: g.device.Topic + "/status", Payload: []byte(word), Retain: true}
	}
	return mqtt.Options{Broker: c.Broker, ClientID: clientID(g.device), Username: c.Username, PasswordFile: c.PasswordFile,
		CA: c.CA, Cert: c.Cert, Key: c.Key, Birth: status("online"), Will: status("offline"), Offline: status("offline"),
		Logger: g.log}
}

// clientID is stable, so that the broker replaces a connection it still
// believes in, and differs between sites that share a broker.
func clientID(d report.Device) string {
	id := d.Device
	if d.Site != "" {
		id = d.Site + "-" + id
	}
	return id[:min(len(id), 64)]
}
