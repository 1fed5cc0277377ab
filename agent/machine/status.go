package machine

import (
	"math"
	"slices"
	"time"

	"iot-edge-anomaly/agent/judge"
	"iot-edge-anomaly/agent/report"
	"iot-edge-anomaly/agent/sampler"
	"iot-edge-anomaly/model"
)

// Progress is how far learning is.
type Progress struct {
	Phase     string  // "collecting", "waiting" for the machines before it, or "training"
	Done      float64 // 0..1
	Remaining time.Duration
	Have      int // running rows so far
	Want      int
}

// Why a row could not be judged: indices of Status.Failed.
const (
	NoModel  = iota // there is none that can be used, and none is learnt
	NoValues        // too many values were missing
)

// FailReasons are the names of the reasons.
var FailReasons = [...]string{"no_model", "no_values"}

// Status is a copy of what is known of a machine at one moment.
type Status struct {
	Name     string
	State    judge.State
	Since    time.Time // of the state
	Note     string    // why, where the state does not say it
	Learning Progress  // while it is learnt, also beside a model; else zero
	Channels []model.Channel
	Sensors  []string // (C) the sensor each channel comes from
	Period   time.Duration
	Values   []float64         // newest row, NaN = missing
	Quality  []sampler.Quality // of it
	Raw      []float64         // of it as read, whatever its quality; NaN = nothing to show
	At       []time.Time       // when each was measured; zero = never
	Shares   []float32         // of the newest score
	Expected []float64
	RowTime  time.Time
	Score    float64                     // NaN = none
	Percent  float64                     // of the scores of learning that stayed below it; 0 = unknown
	Scores   Scores                      // so far
	Learnt   func(share float32) float32 // the score below which a share of the learning rows lay; nil = no model
	Drift    judge.Drift
	Mute     *Mute  // nil = it is not muted
	Silent   uint64 // events that did not open because it was muted, since the start
	Rows     uint64
	Scored   uint64
	Failed   [len(FailReasons)]uint64 // rows that should have been judged and could not be, by reason
	Model    report.ModelRef          // empty = none
	Storing  string                   // sha256 of the newest model that the machine itself has learnt, from before it is in its place
	Loss     string                   // what was lost of the rows to learn from, while the machine learns; "" = nothing
	RowsLost uint64                   // of them, since the start
	Unjudged uint64                   // rows that came while the machine was learnt and were too many to judge afterwards
	Problem  string                   // why the model cannot judge as it should, and what to do; "" = it does
	Refused  string                   // why a model was not taken, or was taken back; "" = none, or it is long ago
	Trial    Trial                    // of the model at work
	Error    string                   // the newest trouble with model, rows or state; "" = it is over
	ErrorAt  time.Time
	Errors   uint64
	Panics   uint64           // faults of the program that stopped the machine or its training
	Sampling sampler.RowStats // of the sampler that makes the rows
}

func (s *Status) init(o Options) {
	n := len(o.Schema.Channels)
	*s = Status{Name: o.Policy.Machine, Channels: o.Schema.Channels, Sensors: o.Sensors, Period: o.Schema.Period, Score: math.NaN(), Drift: judge.Drift{Score: math.NaN(), Relation: math.NaN()},
		Values: make([]float64, n), Quality: make([]sampler.Quality, n), Raw: make([]float64, n), At: make([]time.Time, n), Shares: make([]float32, n), Expected: make([]float64, n)}
	for i := range n {
		s.Values[i], s.Raw[i], s.Expected[i], s.Quality[i] = math.NaN(), math.NaN(), math.NaN(), sampler.Missing
	}
}

// Status copies the machine's status.
func (m *Machine) Status() Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.status
	s.Values, s.Quality = slices.Clone(s.Values), slices.Clone(s.Quality)
	s.Raw, s.At = slices.Clone(s.Raw), slices.Clone(s.At)
	s.Shares, s.Expected, s.Drift.Channels = slices.Clone(s.Shares), slices.Clone(s.Expected), slices.Clone(s.Drift.Channels)
	s.Mute = m.mute.Load()
	if m.o.Panics != nil {
		s.Panics = m.o.Panics.Load()
	}
	if m.o.Sampler != nil {
		s.Sampling = m.o.Sampler.Stats()
	}
	return s
}

// Learns tells whether rows are collected or trained on.
func (s *Status) Learns() bool { return s.Learning.Phase != "" }

// setState shows what the machine is doing, or what it has open if that is more serious.
func (m *Machine) setState(doing judge.State, note string) {
	st := m.judge.Gravest(doing)
	m.mu.Lock()
	if m.status.State != st {
		m.status.State, m.status.Since = st, time.Now()
	}
	m.status.Note, m.status.Silent = note, m.judge.Silent()
	m.mu.Unlock()
}

// setCollecting shows how many rows there are and how long the rest takes if
// the machine keeps running.
func (m *Machine) setCollecting() {
	have, want := 0, m.o.Learn.Rows.Want
	if m.rows != nil { // else no row has come yet
		have = m.rows.Have()
	}
	left := time.Duration(max(0, want-have)) * m.o.Schema.Period
	m.mu.Lock()
	m.status.Learning = Progress{"collecting", min(1, float64(have)/float64(want)), left, have, want}
	m.mu.Unlock()
}

// setLearnt shows that nothing is learnt any more.
func (m *Machine) setLearnt() {
	m.mu.Lock()
	m.status.Learning = Progress{}
	m.mu.Unlock()
}

func (m *Machine) setTraining(done float64, left time.Duration) {
	m.mu.Lock()
	p := &m.status.Learning
	p.Phase, p.Done, p.Remaining = "training", min(1, done), left
	m.mu.Unlock()
}

// setLoss shows that so many more learning rows were lost.
func (m *Machine) setLoss(rows int, text string) {
	m.mu.Lock()
	m.status.Loss = text
	m.status.RowsLost += uint64(rows)
	m.mu.Unlock()
}

func (m *Machine) setUnjudged(rows int) {
	m.mu.Lock()
	m.status.Unjudged += uint64(rows)
	m.mu.Unlock()
}

func (m *Machine) setRow(f *sampler.Frame) {
	m.mu.Lock()
	copy(m.status.Values, f.Values)
	copy(m.status.Quality, f.Quality)
	copy(m.status.Raw, f.Raw)
	copy(m.status.At, f.At)
	m.status.RowTime = f.Time
	m.status.Rows++
	m.mu.Unlock()
}

// setScore remembers a score, or that the newest row has none.
func (m *Machine) setScore(v *judge.Verdict) {
	drift := m.judge.DriftScore()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.status.Drift.Score = drift
	if v.State == judge.Blind {
		m.status.Failed[NoValues]++
	}
	if !v.Scored {
		m.status.Score, m.status.Percent = math.NaN(), 0
		return
	}
	m.status.Score, m.status.Percent = float64(v.Seen), v.Percent
	m.status.Scores.Add(m.status.Score)
	copy(m.status.Shares, v.Score.Shares)
	copy(m.status.Expected, v.Score.Expected)
	m.status.Scored++
}

// countNoModel counts a row that came while nothing could judge it.
func (m *Machine) countNoModel() {
	m.mu.Lock()
	m.status.Failed[NoModel]++
	m.mu.Unlock()
}

func (m *Machine) setProblem(text string) {
	m.mu.Lock()
	m.status.Problem = text
	m.mu.Unlock()
}

func (m *Machine) setModel(ref report.ModelRef) {
	m.mu.Lock()
	m.status.Model, m.status.Learnt = ref, m.model.Quantile
	m.mu.Unlock()
}

func (m *Machine) setStoring(sum string) {
	m.mu.Lock()
	m.status.Storing = sum
	m.mu.Unlock()
}

// trouble is what may go wrong beside judging.
type trouble int

const (
	noTrouble    trouble = iota
	rowTrouble           // learning rows cannot be kept
	stateTrouble         // nor the state of the judge
	modelTrouble         // nor the model that was learnt
	learnTrouble         // the rows teach nothing: this does not heal
)

// setError shows and counts an error.
func (m *Machine) setError(of trouble, err error) {
	m.countError()
	m.mu.Lock()
	m.trouble = of
	m.status.Error, m.status.ErrorAt = err.Error(), time.Now()
	m.mu.Unlock()
}

// healed ends the error that is shown, if it was of that kind.
func (m *Machine) healed(of trouble) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.trouble == of {
		m.trouble, m.status.Error = noTrouble, ""
	}
}

func (m *Machine) countError() {
	m.mu.Lock()
	m.status.Errors++
	m.mu.Unlock()
}
