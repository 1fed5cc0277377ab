package gateway

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"path/filepath"
	"sync"
	"sync/atomic"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/detect"
	"iot-edge-anomaly/agent/devices"
	"iot-edge-anomaly/agent/machine"
	"iot-edge-anomaly/agent/models"
	"iot-edge-anomaly/agent/sampler"
	"iot-edge-anomaly/agent/settings"
	"iot-edge-anomaly/agent/state"
	"iot-edge-anomaly/agent/status"
	"iot-edge-anomaly/drivers"
	"iot-edge-anomaly/model"
)

// plant is everything between the wires and the events. A change makes another plant
// that has the unchanged parts of the one before: buses with their connections,
// sensors, the sampler, and machines at work. All plants of one Gateway share the
// sampler and the life.
type plant struct {
	cfg     *config.Config
	buses   *devices.Buses
	sensors []drivers.Sensor // as configured
	group   *sampler.Group
	units   []*unit // as configured
	life    *life
	plantOptions
}

// plantOptions are what every plant of a Gateway is made with.
type plantOptions struct {
	host    devices.Host
	turns   *machine.Turns
	report  machine.Reporter
	metrics *status.Metrics
	log     *slog.Logger
	panics  *sync.Map            // *atomic.Uint64 of each machine, by name
	scored  func(machine string) // for tests; may be nil
}

// life is the time from the start of the first plant to the stop of the last one.
type life struct {
	ctx    context.Context // nil = not started
	cancel context.CancelFunc
	work   sync.WaitGroup
}

// unit is a machine of a plant with what it was made from.
type unit struct {
	*machine.Machine
	conf  config.Machine
	stamp string        // of its models
	kept  bool          // its model has passed its probation; of the loop
	done  chan struct{} // closed when the machine has stopped; nil = it was not started
}

// newPlant builds the plant of a configuration without touching hardware. An error
// means that the configuration does not fit.
func newPlant(c *config.Config, o plantOptions) (*plant, error) {
	p := &plant{cfg: c, buses: devices.Open(c.Buses, o.host), life: &life{}, plantOptions: o}
	var err error
	if p.sensors, err = devices.Sensors(c, p.buses); err != nil {
		return nil, errors.Join(err, p.close())
	}
	if p.group, err = devices.Group(c, c.Machines, p.sensors); err != nil {
		return nil, errors.Join(err, p.close())
	}
	for _, mc := range c.Machines {
		u, err := p.newUnit(mc)
		if err != nil {
			return nil, errors.Join(err, p.close())
		}
		p.units = append(p.units, u)
	}
	return p, nil
}

// newUnit makes a machine.
func (p *plant) newUnit(mc config.Machine) (*unit, error) {
	o := p.options(mc)
	o.Learn.Turns = p.turns
	u := &unit{conf: mc, stamp: o.Models.Stamp()}
	var err error
	u.Machine, err = machine.New(o)
	return u, err
}

// options are those of a machine's goroutine. What they take from the configuration
// beside the machine and its sensors must not change with a reload (see fixed), or
// sameMachine must compare it.
func (p *plant) options(mc config.Machine) machine.Options {
	s := settings.Schema(mc)
	var sensors []string
	for _, r := range mc.Resolved {
		sensors = append(sensors, p.cfg.Sensors[r.Sensor].Name)
	}
	score := p.metrics.Score
	if p.scored != nil {
		score = func(v float64) { p.scored(mc.Name); p.metrics.Score(v) }
	}
	panics, _ := p.panics.LoadOrStore(mc.Name, new(atomic.Uint64))
	store := models.Of(p.cfg, mc).Models
	span, slow := trialOf(store, &s)
	return machine.Options{
		Schema: s, Sensors: sensors, Models: store, Trial: span, Slow: slow, Policy: settings.Policy(mc), Limits: settings.Limits(mc), Learn: learning(p.cfg, mc, s),
		State: judgeState(p.cfg, mc), Sampler: p.group.Sampler(mc.Name), Report: p.report, Log: p.log, Inference: p.metrics.Inference, Score: score, Panics: panics.(*atomic.Uint64)}
}

// learning is how a machine may learn rows of the schema.
func learning(c *config.Config, mc config.Machine, s model.Schema) machine.Learn {
	settle := 0
	if s.RunWhen != nil {
		settle = int((s.RunWhen.Settle + s.Period - 1) / s.Period)
	}
	l, n := mc.Model.Learn, max(1, len(c.Machines))
	return machine.Learn{Allow: l.When == "no_model" && c.Trust.Local, OnChange: mc.Model.OnChange == "relearn", Duty: l.Duty,
		Backlog: waitingRows / n, History: judgeState(c, mc),
		Rows: state.RowLogOptions{Path: filepath.Join(c.State, "learn", mc.Name+".rows"), Schema: s.Hash(), MaxMemory: refusedRows / int64(n),
			Channels: len(s.Channels), Want: int(min(l.For/s.Period, math.MaxInt32)), SettleRows: settle}}
}

// Memory that all machines of a gateway share while they learn, in bytes.
const (
	waitingRows = 16 << 20 // for rows that wait for the models
	refusedRows = 32 << 20 // for learning rows that the disk refuses
)

// judgeState is the file in which a machine's judge is kept.
func judgeState(c *config.Config, mc config.Machine) string {
	return filepath.Join(c.State, "judge", mc.Name+".state")
}

// start runs the first plant until stop; fault takes its faults.
func (p *plant) start(ctx context.Context, fault func(sampler.Fault)) {
	p.life.ctx, p.life.cancel = context.WithCancel(ctx)
	p.buses.Listen(p.life.ctx)
	p.life.work.Go(func() { p.group.Run(p.life.ctx) })
	p.life.work.Go(func() {
		for f := range p.group.Faults() {
			fault(f)
		}
	})
	p.startUnits()
}

// startUnits starts the machines that do not work yet.
func (p *plant) startUnits() {
	for _, u := range p.units {
		if u.done != nil {
			continue
		}
		u.done = make(chan struct{})
		p.life.work.Go(func() {
			defer close(u.done)
			u.Run(p.life.ctx)
		})
	}
}

// close closes sensors and buses of a plant that does not run.
func (p *plant) close() error {
	return errors.Join(devices.CloseSensors(p.sensors), p.buses.Close())
}

// stop ends the plant and waits for it.
func (p *plant) stop() {
	p.life.cancel()
	p.life.work.Wait()
	if err := p.close(); err != nil {
		p.log.Warn("close sensors and buses", "error", err)
	}
}

// resume continues an event that was open before. It returns false if no part of this
// plant will ever close the event. A machine that is at work goes on with its events.
func (p *plant) resume(ev detect.Event) bool {
	if ev.Kind == detect.SensorFault || ev.Kind == detect.BusFault {
		return p.group.Resume(ev.Kind == detect.BusFault, ev.Key, ev.Since)
	}
	u := p.unit(ev.Machine)
	return u != nil && (u.done != nil || u.Resume(ev))
}

// unit is the machine of this name, nil = none.
func (p *plant) unit(name string) *unit {
	for _, u := range p.units {
		if u.Name() == name {
			return u
		}
	}
	return nil
}
