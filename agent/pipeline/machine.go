package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"iot-edge-anomaly/agent/detect"
	"iot-edge-anomaly/agent/learn"
	"iot-edge-anomaly/agent/report"
	"iot-edge-anomaly/agent/sampler"
	"iot-edge-anomaly/agent/store"
	"iot-edge-anomaly/model"
)

// State is what a machine is doing, as it stands in MQTT and /health.
type State string

// The states of a machine.
const (
	Learning State = "learning"
	Idle     State = "idle"
	Normal   State = "normal"
	Anomaly  State = "anomaly"
	Blind    State = "blind"
)

// Reporter takes the events; its errors are counted and logged here, for the
// pipeline must go on without a disk.
type Reporter interface {
	Event(ev detect.Event, m report.ModelRef) error
}

// Options build a Machine.
type Options struct {
	Name    string
	Schema  model.Schema
	Sensors []string // (C) the sensor each channel comes from
	Models  *store.Models
	Learn   Learn
	Detect  detect.Options
	Limits  []detect.Limit
	Drift   string // file of the state of drift; "" = a restart forgets it
	Sampler *sampler.Sampler
	Report  Reporter
	Log     *slog.Logger

	// Inference is told the time each row took from values to score, in
	// seconds. Nil = nobody asks.
	Inference func(seconds float64)
	// Score is told each score. Nil = nobody asks.
	Score func(value float64)
}

// Learn is the learning policy of one machine.
type Learn struct {
	Rows  learn.Options
	Allow bool    // false: without a model the machine stays blind
	Duty  float64 // share of one core that training may take

	FalseAlarms float64 // tolerated per 30 days of running time; the threshold is set for it
}

// Machine is one machine's pipeline. Run drives it; Status may be called by any
// goroutine.
type Machine struct {
	o        Options
	log      *slog.Logger
	gate     *model.Gate
	limits   *detect.Limits
	rows     *learn.Rows     // while learning
	training chan trained    // while training
	pending  backlog         // rows that came meanwhile
	learnt   *trained        // what training made, until it is stored
	storeAt  time.Time       // earliest next attempt to store it
	model    *model.Model    // once there is one
	ref      report.ModelRef // of model
	judge    *Watch          // of model
	looks    int             // at drift, since its state was written
	relearnt bool            // the state of drift is of a model before this one
	toLearn  bool            // no model yet, and one may be learnt
	beyond   int             // limit events open now
	latch    *detect.Latch   // nil = events close by themselves
	unlatch  atomic.Bool     // asked for

	emitLimit func(detect.Event) // made once: a method value allocates
	report    func(detect.Event)
	progress  atomic.Uint64

	mu     sync.Mutex
	status Status
}

// New builds the pipeline: it loads the active model, or opens the collection
// of learning rows where there is none. An error means that the machine must
// not run as configured: a model of other channels, above all.
func New(o Options) (*Machine, error) {
	limits, err := detect.NewLimits(o.Name, o.Limits)
	if err != nil {
		return nil, fmt.Errorf("machine %s: %w", o.Name, err)
	}
	m := &Machine{o: o, log: o.Log.With("machine", o.Name), gate: model.NewGate(o.Schema), limits: limits, latch: detect.NewLatch(o.Detect)}
	m.report = m.send
	m.emitLimit = func(ev detect.Event) {
		switch ev.State {
		case detect.Open:
			m.beyond++
		case detect.Close:
			m.beyond--
		}
		m.emit(ev)
	}
	m.status.init(o)
	loaded, err := o.Models.Active(o.Schema)
	switch {
	case loaded != nil:
		if err != nil {
			m.log.Warn("a damaged model was passed over", "error", err)
		}
		return m, m.watch(loaded)
	case errors.Is(err, model.ErrSchema) || errors.Is(err, model.ErrVersion):
		return nil, fmt.Errorf("machine %s: %w", o.Name, err)
	case !errors.Is(err, store.ErrNone) && !o.Models.Writable():
		return nil, fmt.Errorf("machine %s: %w", o.Name, err)
	}
	if errors.Is(err, model.ErrCorrupt) || errors.Is(err, model.ErrFormat) {
		m.log.Error("no model is whole: a new one is learnt from what the machine does now", "error", err)
		m.setError(err)
	}
	if !o.Learn.Allow || !o.Models.Writable() {
		m.log.Warn("no model and none may be learnt: only limits are watched", "error", err)
		m.setState(Blind, "no model")
		return m, nil
	}
	m.toLearn = true
	m.setCollecting()
	m.setState(Learning, "")
	return m, nil
}

// watch puts a model to work.
func (m *Machine) watch(loaded *model.Model) error {
	w, err := NewWatch(loaded, m.o.Detect)
	if err != nil {
		return fmt.Errorf("machine %s: %w", m.o.Name, err)
	}
	m.model, m.judge = loaded, w
	m.toLearn, m.rows, m.training = false, nil, nil
	m.ref = report.ModelRef{Version: loaded.Version(), SHA256: loaded.SHA256()}
	m.loadDrift()
	m.setDrift()
	m.setModel(m.ref)
	m.setState(Normal, "")
	m.log.Info("watching", "model", loaded.Version(), "sha256", loaded.SHA256())
	return nil
}

// Name is the machine's name.
func (m *Machine) Name() string { return m.o.Name }

// Resume continues an event that was open when the agent stopped. It reports
// false where nothing here can ever close it.
func (m *Machine) Resume(ev detect.Event) bool {
	if m.latch.Resume(ev) {
		return true
	}
	if m.limits.Resume(ev) {
		m.beyond++
		return true
	}
	return m.resumeDrift(ev) || m.judge != nil && m.judge.detector.Resume(ev)
}

// Progress counts the rows dealt with; the watchdog looks at it.
func (m *Machine) Progress() uint64 { return m.progress.Load() }

// Run takes rows until the sampler stops. Training under way is abandoned: its
// rows are on disk.
func (m *Machine) Run(ctx context.Context) {
	for f := range m.o.Sampler.Frames() {
		m.row(ctx, f)
		m.o.Sampler.Release(f)
		m.progress.Add(1)
	}
	if m.rows != nil {
		if err := m.rows.Flush(); err != nil {
			m.log.Warn("learning rows", "error", err)
		}
	}
	m.keepDrift()
}

// row deals with one row. It allocates nothing unless an event arises.
func (m *Machine) row(ctx context.Context, f *sampler.Frame) {
	m.setRow(f)
	m.latch.Tick(f.Time, m.report)
	if m.unlatch.Swap(false) {
		m.latch.Release(f.Time, m.report)
	}
	m.limits.Push(f.Time, f.Values, m.emitLimit)
	switch {
	case m.judge != nil:
		m.score(f.Time, f.Values)
	case m.training != nil:
		m.pending.add(f)
		m.pollTraining(time.Now())
	case m.toLearn:
		m.learn(ctx, f)
	}
}

// score judges one row by the model.
func (m *Machine) score(t time.Time, row []float64) {
	start := time.Now()
	v := m.judge.Push(t, row)
	if v.Scored {
		if m.o.Inference != nil {
			m.o.Inference(time.Since(start).Seconds())
		}
		if m.o.Score != nil {
			m.o.Score(float64(v.Score.Value))
		}
	}
	m.setScore(v)
	if v.Changed {
		m.emit(v.Event)
	}
	m.drifted(&v)
	note := ""
	switch silent := m.judge.detector.Silent(t); {
	case v.Lost:
		note = "the channel of run_when is missing: nobody knows whether the machine runs"
	case v.State == Blind:
		note = "more than half of the channels are missing"
	case v.State == Normal && silent != "":
		note = silent
	case v.State == Normal && m.latch.Holds():
		v.State, note = Anomaly, "what happened is over, but latched"
	case m.judge.detector.Resting():
		note = "an anomaly that comes and goes is quiet at the moment"
	case m.judge.drift.Shifted():
		note = "the level has shifted, see the drift event: only further changes are heard"
	}
	m.setState(v.State, note)
}

// Unlatch asks that events which are over and held open are closed, with the
// next row. It may be called by any goroutine.
func (m *Machine) Unlatch() { m.unlatch.Store(true) }

// emit reports an event, or what the latch makes of it.
func (m *Machine) emit(ev detect.Event) { m.send(m.latch.Take(ev)) }

// send reports an event. A failure is counted: detection goes on without a
// disk.
func (m *Machine) send(ev detect.Event) {
	if err := m.o.Report.Event(ev, m.ref); err != nil {
		m.log.Error("report event", "error", err)
		m.setError(err)
	}
	m.log.Info("event", told(ev)...)
}

// told is what the log says of an event: who is to blame, too, because the log
// is all that is seen where no broker is.
func told(ev detect.Event) []any {
	a := []any{"kind", ev.Kind, "state", ev.State, "severity", ev.Severity}
	if ev.Key != "" {
		a = append(a, "key", ev.Key)
	}
	if len(ev.Causes) > 0 {
		a = append(a, "cause", ev.Causes[0].Channel)
	}
	if !math.IsNaN(ev.Score) {
		a = append(a, "score", math.Round(1000*ev.Score)/1000)
	}
	if ev.State == detect.Close { // named as in the message
		return append(a, "reason", ev.Reason)
	}
	return append(a, "detail", ev.Reason)
}
