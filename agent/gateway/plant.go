package gateway

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"path/filepath"
	"sync"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/detect"
	"iot-edge-anomaly/agent/devices"
	"iot-edge-anomaly/agent/machine"
	"iot-edge-anomaly/agent/sampler"
	"iot-edge-anomaly/agent/settings"
	"iot-edge-anomaly/agent/state"
	"iot-edge-anomaly/agent/status"
	"iot-edge-anomaly/drivers"
	"iot-edge-anomaly/model"
)

// plant is everything between the wires and the events. A reload replaces it, while
// queue, broker connection and endpoint stay.
type plant struct {
	cfg      *config.Config
	buses    *devices.Buses
	sensors  []drivers.Sensor
	group    *sampler.Group
	machines []*machine.Machine
	log      *slog.Logger
	cancel   context.CancelFunc

	done chan struct{}
}

// newPlant builds the plant of a configuration without touching hardware. An error
// means that the configuration or a model does not fit.
func newPlant(c *config.Config, host devices.Host, rep machine.Reporter, m *status.Metrics, log *slog.Logger) (*plant, error) {
	p := &plant{cfg: c, buses: devices.Open(c.Buses, host), log: log, done: make(chan struct{})}
	var err error
	if p.sensors, err = devices.Sensors(c, p.buses); err != nil {
		return nil, errors.Join(err, p.close())
	}
	if p.group, err = devices.Group(c, c.Machines, p.sensors); err != nil {
		return nil, errors.Join(err, p.close())
	}
	for _, mc := range c.Machines {
		pm, err := machine.New(p.options(mc, rep, m))
		if err != nil {
			return nil, errors.Join(err, p.close())
		}
		p.machines = append(p.machines, pm)
	}
	return p, nil
}

// options are those of a machine's goroutine.
func (p *plant) options(mc config.Machine, rep machine.Reporter, m *status.Metrics) machine.Options {
	s := settings.Schema(mc)
	var sensors []string
	for _, r := range mc.Resolved {
		sensors = append(sensors, p.cfg.Sensors[r.Sensor].Name)
	}
	return machine.Options{
		Schema: s, Sensors: sensors, Models: state.OpenModels(mc.Model.Path), Policy: settings.Policy(mc), Limits: settings.Limits(mc), Learn: learning(p.cfg, mc, s),
		State: filepath.Join(p.cfg.State, "judge", mc.Name+".state"), Sampler: p.group.Sampler(mc.Name), Report: rep, Log: p.log, Inference: m.Inference, Score: m.Score}
}

// learning is how a machine may learn rows of the schema.
func learning(c *config.Config, mc config.Machine, s model.Schema) machine.Learn {
	settle := 0
	if s.RunWhen != nil {
		settle = int((s.RunWhen.Settle + s.Period - 1) / s.Period)
	}
	l := mc.Model.Learn
	return machine.Learn{Allow: l.When == "no_model", OnChange: mc.Model.OnChange == "relearn", Duty: l.Duty,
		Rows: state.RowLogOptions{Path: filepath.Join(c.State, "learn", mc.Name+".rows"), Schema: s.Hash(),
			Channels: len(s.Channels), Want: int(min(l.For/s.Period, math.MaxInt32)), SettleRows: settle}}
}

// start runs the plant until stop; report takes its faults.
func (p *plant) start(ctx context.Context, report func(sampler.Fault)) {
	ctx, p.cancel = context.WithCancel(ctx)
	p.buses.Listen(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { p.group.Run(ctx) })
	for _, m := range p.machines {
		wg.Go(func() { m.Run(ctx) })
	}
	wg.Go(func() {
		for f := range p.group.Faults() {
			report(f)
		}
	})
	go func() {
		wg.Wait()
		if err := p.close(); err != nil {
			p.log.Warn("close sensors and buses", "error", err)
		}
		close(p.done)
	}()
}

// close closes sensors and buses of a plant that does not run.
func (p *plant) close() error {
	return errors.Join(devices.CloseSensors(p.sensors), p.buses.Close())
}

// stop ends the plant and waits for it.
func (p *plant) stop() {
	p.cancel()
	<-p.done
}

// resume continues an event that was open before. It returns false if no part of this
// plant will ever close the event.
func (p *plant) resume(ev detect.Event) bool {
	if ev.Kind == detect.SensorFault || ev.Kind == detect.BusFault {
		return p.group.Resume(ev.Kind == detect.BusFault, ev.Key, ev.Since)
	}
	for _, m := range p.machines {
		if m.Name() == ev.Machine {
			return m.Resume(ev)
		}
	}
	return false
}
