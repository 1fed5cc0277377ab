package gateway

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"iot-edge-anomaly/agent/alerts"
	mqttbroker "iot-edge-anomaly/agent/broker"
	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/control"
	"iot-edge-anomaly/agent/detect"
	"iot-edge-anomaly/agent/devices"
	"iot-edge-anomaly/agent/history"
	"iot-edge-anomaly/agent/lock"
	"iot-edge-anomaly/agent/machine"
	"iot-edge-anomaly/agent/report"
	"iot-edge-anomaly/agent/sampler"
	"iot-edge-anomaly/agent/spool"
	"iot-edge-anomaly/agent/status"
	"iot-edge-anomaly/board"
)

// Options say what a Gateway runs.
type Options struct {
	Config *config.Config // checked, with its defaults
	File   string         // that Config was read from, as people are told; may be empty
	Host   devices.Host   // the computer whose sensors are read
	Log    *slog.Logger
	Build  status.Build // of this program, as the endpoint tells it

	// Reload reads the configuration anew. It is called after each signal from
	// Hangup and when somebody asks on the control socket. Nil means that the
	// configuration cannot be reloaded.
	Reload func() (*config.Config, error)
	Hangup <-chan os.Signal // may be nil

	// Abort ends the process at once, to be started again: Run was to end and some part of
	// it hangs. Nil = Run waits.
	Abort func()

	// For tests; each may be nil or 0.
	beforeSync func()              // of the queue
	clock      func() report.Clock // instead of Clock
	dial       mqttbroker.Dialer   // to the broker
	abortAfter time.Duration       // instead of endWithin
	memoryUsed func() uint64       // bytes, instead of what the kernel tells
	scored     func(machine string)
}

// Gateway is the running agent: one plant, one queue, one broker connection, one
// endpoint. Use New, then Run once. Snapshot may be called from any goroutine.
type Gateway struct {
	opts          Options
	cfg           *config.Config // in force; written by the loop, with mu held
	log           *slog.Logger
	lock          *lock.Held // of the state folder; nil = the queue's lock is enough
	device        report.Device
	metrics       *status.Metrics
	queue         *spool.Queue
	reporter      *report.Reporter
	audit         *control.Audit
	control       *service        // nil = no socket
	socket        *control.Server // of control
	services      context.Context
	endServices   context.CancelFunc
	published     map[string]publishedState // by machine; of the loop
	losses        losses                    // of the loop
	failures      failures                  // of the loop
	budget        budget                    // of the loop
	keeping       sync.Mutex                // held while the budget is written
	budgetUsed    atomic.Value              // float64
	host          host                      // of the loop
	watch         alerts.Watch              // of the loop
	days          *history.Log
	asking        sync.Mutex // held while an answer of days is made
	hostNow       atomic.Pointer[status.Host]
	restarts      map[string]*restart // by machine; of the loop
	lookedAtFiles time.Time           // of the connection that works; of the loop
	reloads       chan chan verdict
	jobs          chan job
	isolated      atomic.Pointer[control.Isolated] // nil = it is not; written by the loop
	stopping      chan struct{}                    // closed when the loop has ended
	ending        chan error                       // why the agent ends itself
	started       time.Time
	ready         atomic.Int64 // nanoseconds after started; 0 = not yet
	stalled       atomic.Value // string: the stage that makes no progress
	guards        *guards
	turns         atomic.Uint64 // of the loop
	reloading     atomic.Bool
	updates       updates

	// faults is held while a fault is reported, which may wait for the disk, and while
	// a reload replaces the plant.
	faults sync.Mutex

	live      *live
	announced *announcements

	// Only the loop writes these, with mu held.
	mu       sync.Mutex
	plant    *plant
	broker   *broker // nil = none configured
	retained *retainedTopics
	mutes    *mutes
	desk     *desk
	alerts   map[string]bool // of the gateway itself, by key: is it open?
	endpoint *endpoint       // nil = off
	pusher   *pusher         // nil = metrics are not pushed
	loaded   time.Time       // when cfg came into force
	refused  string          // why the newest reload was refused; "" = it was not
}

// New opens everything that must be there: state folder, queue, models, endpoint. An
// error that only another configuration or another model can cure is a
// config.Refusal. A Gateway must be run, for that closes what is open.
func New(o Options) (*Gateway, error) {
	c := o.Config
	if o.clock == nil {
		o.clock = Clock
	}
	g := &Gateway{opts: o, cfg: c, log: o.Log, metrics: status.NewMetrics(), started: time.Now(), loaded: time.Now(),
		reloads: make(chan chan verdict), jobs: make(chan job), stopping: make(chan struct{}), ending: make(chan error, 1), published: map[string]publishedState{}, alerts: map[string]bool{}, restarts: map[string]*restart{}}
	g.services, g.endServices = context.WithCancel(context.Background())
	g.stalled.Store("")
	g.budgetUsed.Store(0.0)
	g.guards = newGuards(g)
	g.lookAtHost(g.started)
	g.device = device(c)
	if err := os.MkdirAll(c.State, 0o700); err != nil {
		return nil, fmt.Errorf("state folder: %w", err)
	}
	var err error
	if g.lock, err = lockState(c.State, c.Spool.Dir); err != nil {
		return nil, err
	}
	if g.queue, err = spool.Open(c.Spool.Dir, spool.Options{MaxBytes: c.Spool.Max, Logger: o.Log, BeforeSync: o.beforeSync}); err != nil {
		g.lock.Close()
		return nil, err
	}
	if err := g.build(); err != nil {
		g.lock.Close()
		return nil, errors.Join(err, g.queue.Close())
	}
	return g, nil
}

// DeviceID is the id of the gateway with a configuration.
func DeviceID(c *config.Config) string {
	if id := c.Gateway.ID; id != "" && id != "auto" {
		return id
	}
	return board.DeviceID("/")
}

// device names the gateway of a configuration. An id never comes twice, even where a
// process was killed while the disk could not note which numbers it had given out.
func device(c *config.Config) report.Device {
	run := make([]byte, 2)
	rand.Read(run) // it cannot fail
	return *at(report.Device{Site: c.Gateway.Site, Device: DeviceID(c), Boot: board.BootID("/"), Run: hex.EncodeToString(run)}, c.MQTT)
}

// build makes what stands on the queue.
func (g *Gateway) build() (err error) {
	c := g.cfg
	if g.reporter, err = report.New(g.device, g.queue, g.opts.clock); err != nil {
		g.log.Error("open events of an earlier run cannot be taken over", "error", err)
	}
	if g.budget, err = loadBudget(c.State, c.Budget.DiskPerDay, time.Now()); err != nil {
		g.log.Warn("what earlier runs wrote of budget.disk_per_day is unknown: it counts as used", "error", err)
	}
	if g.plant, err = newPlant(c, plantOptions{g.opts.Host, new(machine.Turns), g.reporter, g.metrics, g.log, new(sync.Map), g.opts.scored}); err != nil {
		return config.Refuse(err)
	}
	g.retained, g.announced = loadRetained(c.State, g.log), loadAnnouncements(c.State, g.log)
	g.live, g.desk = &live{g: g}, newDesk(g)
	g.mutes = loadMutes(c.State, g.log, time.Now())
	g.applyMutes(g.plant)
	g.loadIsolation()
	if g.broker, err = g.newBroker(c.MQTT); err != nil {
		return err
	}
	g.clearRetained(c)
	g.endpoint, g.pusher = g.newEndpoint(c.HTTP), g.newPusher(c.Metrics)
	g.openDays()
	g.openControl()
	return nil
}

// Run runs the agent until ctx is done, which is no error, or until something has
// broken that cannot heal. It closes everything before it returns. An error that is
// ErrRestart asks for a new start of the process.
func (g *Gateway) Run(ctx context.Context) error {
	g.warn(g.cfg)
	g.continueEvents()
	beside := []*service{newService(g.live.run), newService(g.desk.run), newService(g.guards.run)}
	for _, s := range append(g.parts(), beside...) {
		s.start(g.services, nil)
	}
	g.plant.start(ctx, g.fault)
	g.ready.Store(int64(time.Since(g.started)))
	g.log.Info("ready", "device", g.device.Device, "after", time.Since(g.started).Round(time.Millisecond))
	g.notify(board.Ready())
	err := g.loop(ctx)
	close(g.stopping)
	g.notify(board.Stopping())
	g.currentPlant().stop()
	g.publishStates(nil)
	g.endServices()
	for _, s := range append(g.parts(), beside...) {
		s.end()
	}
	if g.queue.Stats().Down == "" {
		g.endDays()
		g.keepBudget(time.Now(), true, func(write func()) { write() })
	}
	g.lock.Close() // releases a lock: nothing was written
	err = errors.Join(err, g.queue.Close())
	tellRepeats(g.log)
	return err
}

// parts are the services that there are.
func (g *Gateway) parts() []*service {
	return slices.DeleteFunc([]*service{g.control, g.endpoint.part(), g.broker.part(), g.pusher.part()}, func(s *service) bool { return s == nil })
}

// continueEvents continues the events that were open when the agent stopped, or
// closes them if no part of the plant would.
func (g *Gateway) continueEvents() {
	for _, ev := range g.reporter.Recovered() {
		if g.resume(g.plant, ev) {
			g.log.Info("event continues after a restart", "machine", ev.Machine, "kind", ev.Kind, "since", ev.Since)
			continue
		}
		g.endEvent(ev)
	}
}

// endEvent closes an event that no part of the plant would ever close: what it is about
// is configured no more.
func (g *Gateway) endEvent(ev detect.Event) {
	g.log.Info("event ends: what it is about is not configured any more", "machine", ev.Machine, "kind", ev.Kind, "key", ev.Key, "since", ev.Since)
	if err := g.reporter.CloseRestart(ev); err != nil {
		g.log.Error("close event", "machine", ev.Machine, "kind", ev.Kind, "error", err)
	}
}

// resume continues an event that was open before the plant. It returns false if nothing
// will ever close the event.
func (g *Gateway) resume(p *plant, ev detect.Event) bool {
	if report.IsCommon(ev) {
		return true // the reporter closes it
	}
	if ev.Kind == detect.Alert && ev.Machine == "" { // of the gateway itself
		if g.watch.Resume(ev.Key, ev.Reason) {
			g.alerts[ev.Key] = true
		}
		return g.alerts[ev.Key] || ev.Key == lossKey && !g.losses.newest.IsZero()
	}
	return p.resume(ev)
}

// loop does the recurring work: publish states, take requests, reload. It may wait for
// the disk, and so does not feed the watchdog itself.
func (g *Gateway) loop(ctx context.Context) error {
	const every = 500 * time.Millisecond
	tick := time.NewTicker(every)
	defer tick.Stop()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go newWatchdog(g).run(ctx, every)
	told := ""
	for ; ; g.turns.Add(1) {
		select {
		case <-ctx.Done():
			return nil
		case err := <-g.ending:
			return err
		case <-g.opts.Hangup:
			v := g.reload()
			g.note("reload", v)
			if errors.Is(v.err, ErrRestart) {
				return v.err
			}
		case j := <-g.jobs:
			err := j.do()
			j.done <- err
			if errors.Is(err, ErrRestart) {
				return err
			}
		case ask := <-g.reloads:
			v := g.reload()
			ask <- v
			if errors.Is(v.err, ErrRestart) {
				return v.err
			}
		case now := <-tick.C:
			g.publishStates(g.published)
			g.renewBroker(now)
			g.tellBroker(now)
			st := g.queue.Stats()
			g.tellLosses(&st, now)
			g.spare(now)
			g.watchAlerts(now)
			if err := errors.Join(g.judgeTrials(now), g.restartMachines(now)); err != nil {
				return err
			}
			if err := g.reporter.Tell(); err != nil {
				g.failures.log(g.log, "report events that waited", err, now)
			}
			if text := g.summary(); text != told {
				told = text
				g.notify(board.Status(text))
			}
		}
	}
}

func (g *Gateway) currentPlant() *plant {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.plant
}

// fault reports that a sensor or a bus has failed, or works again. A fault of what a
// reload has removed meanwhile is not opened, because nothing would ever close it;
// faults keeps the reload from looking for open events in between.
func (g *Gateway) fault(f sampler.Fault) {
	g.faults.Lock()
	defer g.faults.Unlock()
	if isBus, name := f.Sensor == "", cmp.Or(f.Sensor, f.Bus); f.Open && !g.currentPlant().group.Has(isBus, name) {
		return
	}
	g.log.Warn("fault", "bus", f.Bus, "sensor", f.Sensor, "open", f.Open, "reason", f.Reason)
	if err := g.reporter.Fault(f); err != nil {
		g.log.Error("report fault", "error", err)
	}
}

// notify logs what went wrong with a message to systemd.
func (g *Gateway) notify(err error) {
	if err != nil {
		g.log.Warn("notify systemd", "error", err)
	}
}

// Clock reads all clocks of this computer at once. The quality comes first: a time from
// before a step must not pass for one from after it.
func Clock() report.Clock {
	quality := board.Clock().String()
	return report.Clock{Now: time.Now(), Uptime: board.Uptime(), Quality: quality}
}
