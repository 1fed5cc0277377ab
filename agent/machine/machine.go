package machine

import (
	"cmp"
	"context"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"iot-edge-anomaly/agent/detect"
	"iot-edge-anomaly/agent/judge"
	"iot-edge-anomaly/agent/report"
	"iot-edge-anomaly/agent/sampler"
	"iot-edge-anomaly/agent/state"
	"iot-edge-anomaly/model"
)

// Reporter takes the events. Its errors are counted and logged here, because
// detection must go on without a disk.
type Reporter interface {
	Event(ev detect.Event, m report.ModelRef) error
	EventID(ev detect.Event) string // "" = not open
}

// Options build a Machine.
type Options struct {
	Schema  model.Schema
	Sensors []string // (C) the sensor each channel comes from
	Models  *state.Models
	Learn   Learn
	Policy  detect.Policy // its Machine is the machine's name
	Limits  []detect.Limit
	State   string // file of the judge's state; "" = a restart forgets it
	Sampler *sampler.Sampler
	Report  Reporter
	Log     *slog.Logger
	// Trial is over how much time of rows the model at work is on trial; 0 = it is not.
	// Slow is how long a score of it may take then.
	Trial, Slow time.Duration
	// Panics counts those of the machine, and goes on when the machine is made anew. Nil =
	// nobody asks.
	Panics *atomic.Uint64
	// Inference is told the time each row took from values to score, in
	// seconds. Nil = nobody asks.
	Inference func(seconds float64)
	// Score is told each score. Nil = nobody asks.
	Score func(value float64)
}

// Learn is the learning policy of one machine.
type Learn struct {
	Rows  state.RowLogOptions
	Allow bool // false: without a model the machine stays blind
	// OnChange: a machine whose channels, period or run_when are not those of its model
	// any more is learnt anew. False = it goes on with what the model can judge.
	OnChange bool
	Duty     float64 // share of one core that training may take
	// Turns are those of all machines that learn on this computer. Nil = it learns alone.
	Turns   *Turns
	Backlog int // bytes of rows that may wait for the model; 0 = 2 MiB
	// History is a file that is there if the machine had a model before; "" = unknown.
	History string
}

// Machine is one machine at work. Run drives it; Status, Progress and Unlatch may
// be called by any goroutine.
type Machine struct {
	o        Options
	log      *slog.Logger
	gate     *model.Gate
	judge    *judge.Judge
	rows     *state.RowLog   // while learning
	training chan trained    // while waiting for the turn and training
	turn     *turn           // of it
	flushed  chan struct{}   // closed when the training has written the last rows; until then, rows is its own
	pending  backlog         // rows that came meanwhile
	learnt   *trained        // what training made, until it is stored
	trouble  trouble         // what the status tells as its error
	storeAt  time.Time       // earliest next attempt to store it
	model    *model.Model    // once there is one
	ref      report.ModelRef // of model
	looks    int             // at drift, since its state was written
	relearnt bool            // the state on disk is of a model before this one
	toLearn  bool            // rows are collected for a model, instead of it or beside it
	problem  string          // why it is blind or judges in part; "" = it does as it should
	fit      alert           // of problem
	loss     alert           // of learning rows
	lossSeen int             // of m.rows.Lost
	update   alert           // of models that were not taken, or taken back
	refused  atomic.Pointer[refusal]
	trial    trial
	recent   recent      // with mu held
	unlatch  atomic.Bool // asked for
	progress atomic.Uint64
	failed   atomic.Bool // a panic has stopped it
	keeper   keeper

	mute atomic.Pointer[Mute] // nil = it is not muted

	mu     sync.Mutex
	status Status
}

// New loads the active model, or opens the collection of learning rows where there
// is none. Trouble with the model is no error: Assess says what the machine does then.
// An error means that its policy or limits are not valid.
func New(o Options) (*Machine, error) {
	name := o.Policy.Machine
	j, err := judge.New(judge.Options{Policy: o.Policy, Limits: o.Limits})
	if err != nil {
		return nil, err
	}
	if o.Learn.Turns == nil {
		o.Learn.Turns = new(Turns)
	}
	m := &Machine{o: o, log: o.Log.With("machine", name), gate: model.NewGate(o.Schema), judge: j,
		fit: alert{key: alertKey, severity: detect.Warning}, loss: alert{key: lossKey, severity: detect.Warning}, update: updateAlert()}
	m.status.init(o)
	a := Assess(o.Models, o.Schema, o.Learn)
	if m.toLearn = a.Learns; a.Problem != "" {
		m.problem = a.Problem + ": " + a.Cure
		if a.Model == nil && a.Err != nil && !isNone(a.Err) {
			m.fit.severity = detect.High // there are models, and none can be used
		}
		m.log.Error("the model cannot judge as it should", "problem", a.Problem, "cure", a.Cure)
		m.setProblem(m.problem)
	}
	if a.Model != nil {
		if err = m.watch(a.Model); o.Trial > 0 {
			m.trial = newTrial(o.Trial, o.Slow, o.Schema.Period, a.Model.FillRows())
			m.status.Trial = Trial{Span: o.Trial}
		}
	} else {
		m.setState(a.State, m.problem)
	}
	if m.toLearn {
		m.setCollecting()
	}
	return m, err
}

// watch puts a model to work.
func (m *Machine) watch(loaded *model.Model) error {
	if err := m.judge.Use(loaded); err != nil {
		return err
	}
	m.model = loaded
	m.ref = report.ModelRef{Version: loaded.Version(), SHA256: loaded.SHA256()}
	m.mu.Lock()
	if m.trial, m.status.Trial = (trial{}), (Trial{}); m.recent.values == nil {
		m.recent = newRecent(len(m.o.Schema.Channels))
	}
	m.mu.Unlock()
	m.loadState()
	m.setDrift()
	m.setModel(m.ref)
	m.setState(judge.Normal, m.problem)
	m.log.Info("watching", "model", loaded.Version(), "sha256", loaded.SHA256())
	return nil
}

// Name is the machine's name.
func (m *Machine) Name() string { return m.o.Policy.Machine }

// Resume continues an event that was open when the agent stopped. It reports
// false where nothing here can ever close it.
func (m *Machine) Resume(ev detect.Event) bool {
	if ev.Kind == detect.Alert && ev.Machine == m.Name() {
		return m.resumeAlert(ev)
	}
	if ev.Kind == detect.Drift && (m.model == nil || m.relearnt) {
		return m.resumeDrift(ev)
	}
	return m.judge.Resume(ev)
}

// Progress counts the rows dealt with; the watchdog looks at it.
func (m *Machine) Progress() uint64 { return m.progress.Load() }

// Run takes rows until the sampler stops. Training under way is abandoned: its
// rows are on disk.
func (m *Machine) Run(life context.Context) {
	ctx, cancel := context.WithCancel(life)
	defer cancel() // of training: a reload stops one machine, and ctx goes on
	m.judge.Settle()
	if m.model != nil && !exists(m.o.State) {
		m.keepState() // from now on a model that is gone is one that was there
	}
	m.tellProblem()
	for f := range m.o.Sampler.Frames() {
		m.guarded(ctx, f)
		m.o.Sampler.Release(f)
		m.progress.Add(1)
	}
	m.keepAll(life)
}

// row deals with one row. It allocates nothing unless an event arises.
func (m *Machine) row(ctx context.Context, f *sampler.Frame) {
	m.setRow(f)
	if m.unlatch.Swap(false) {
		m.sendAll(m.judge.Unlatch(f.Time))
	}
	m.judge.Mute(m.mute.Load() != nil)
	start := time.Now()
	v := m.judge.Push(f.Time, f.Values)
	took := time.Since(start)
	if v.Scored && m.o.Inference != nil {
		m.o.Inference(took.Seconds())
	}
	if m.model != nil {
		m.judged(&v)
	} else {
		m.sendAll(v.Events)
		if !m.toLearn {
			m.countNoModel()
		}
	}
	m.tookRow(f.Values, &v, took)
	note := ""
	switch {
	case m.training != nil:
		m.pending.add(f)
		note = m.setWaiting()
		m.pollTraining(time.Now())
	case m.toLearn:
		// What is not normal to the model in use must not become normal to the next.
		note = m.learn(ctx, f, m.model == nil || v.State == judge.Normal || v.State == judge.Idle)
	case m.rows != nil:
		m.pollRemoval()
	}
	if m.model == nil && m.toLearn {
		m.setState(judge.Learning, cmp.Or(note, m.problem))
	}
}

// judged deals with what the model says of a row.
func (m *Machine) judged(v *judge.Verdict) {
	if v.Scored && m.o.Score != nil {
		m.o.Score(float64(v.Score.Value))
	}
	m.setScore(v)
	m.sendAll(v.Events)
	m.noteDrift(v)
	m.setState(v.State, cmp.Or(v.Note, m.problem))
}

// solved ends the problem: a model that fits is in use.
func (m *Machine) solved() {
	m.problem = ""
	m.setProblem("")
	m.tellProblem()
	m.loss.text = ""
	m.setLoss(0, "")
	m.tell(&m.loss)
}

// Unlatch asks that events which are over and held open are closed, with the
// next row. It may be called by any goroutine.
func (m *Machine) Unlatch() { m.unlatch.Store(true) }

// Mute is somebody's wish that a machine is not told of for a while. It is never
// changed.
type Mute struct {
	Since time.Time `json:"since"`
	Until time.Time `json:"until"`
	By    string    `json:"by"`
	Note  string    `json:"note,omitempty"`
}

// SetMute mutes the machine from the next row on, or with nil no more. It may be called
// by any goroutine.
func (m *Machine) SetMute(mute *Mute) { m.mute.Store(mute) }

func (m *Machine) sendAll(events []detect.Event) {
	for _, ev := range events {
		m.send(ev)
	}
}

// send reports an event. A failure is counted: detection goes on without a
// disk.
func (m *Machine) send(ev detect.Event) {
	id := m.o.Report.EventID(ev) // of one that closes
	if err := m.o.Report.Event(ev, m.ref); err != nil {
		m.log.Error("report event", "error", err)
		m.countError() // as long as it lasts, the queue's own check tells
	}
	if id == "" {
		id = m.o.Report.EventID(ev)
	}
	m.log.Info("event", told(ev, id)...)
}

// told is what the log says of an event: who is to blame, too, because the log
// is all that is seen where no broker is.
func told(ev detect.Event, id string) []any {
	a := []any{"event", id, "kind", ev.Kind, "state", ev.State, "severity", ev.Severity}
	switch {
	case ev.Kind == detect.LimitExceeded:
		a = append(a, "channel", ev.Key)
	case ev.Key != "":
		a = append(a, "key", ev.Key)
	case len(ev.Causes) > 0:
		a = append(a, "channel", ev.Causes[0].Channel)
	}
	if !math.IsNaN(ev.Score) {
		a = append(a, "score", math.Round(1000*ev.Score)/1000)
	}
	if ev.State == detect.Close { // named as in the message
		return append(a, "reason", ev.Reason)
	}
	return append(a, "detail", ev.Reason)
}
