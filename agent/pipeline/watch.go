package pipeline

import (
	"math"
	"slices"
	"time"

	"iot-edge-anomaly/agent/detect"
	"iot-edge-anomaly/model"
)

// blindAfter is how many rows in a row must be too empty before a machine
// counts as blind: the time a bus fault takes to be sure of itself.
const blindAfter = 5

// GapRows is how many periods may pass between two rows before they are no
// neighbours any more: the process was stopped, the gateway slept, a recording
// has a hole. Below, a window that bridges the hole says more than none.
const GapRows = 300

// Watch judges a machine's rows by a model and a policy. run and score share
// it, so that a recording is judged as the machine was. It is not safe for
// concurrent use.
type Watch struct {
	model    *model.Model
	scorer   *model.Scorer
	detector *detect.Detector
	drift    *detect.DriftWatch
	rearm    *detect.Rearm // nil = the learnt threshold stays
	period   time.Duration
	last     time.Time // of the row before
	row      []float64 // the row before
	verdict  Verdict   // of it
	coarse   bool      // other rows shared a time: it does not tell rows apart
	empty    int       // rows in a row that were too empty
	fill     int       // lost rows that are filled; 0 = the machine has no cycle
	nothing  []float64 // (C) NaN
}

// NewWatch puts a model and a policy to work.
func NewWatch(m *model.Model, o detect.Options) (*Watch, error) {
	d, err := detect.New(o)
	if err != nil {
		return nil, err
	}
	w := &Watch{model: m, scorer: model.NewScorer(m), detector: d, drift: detect.NewDriftWatch(m, o), period: m.Schema().Period}
	if p := m.Parameters(); p.Training.Period > 0 {
		w.fill = p.Fill
		w.nothing = slices.Repeat([]float64{math.NaN()}, len(p.Schema.Channels))
	}
	if o.Rearm {
		w.rearm = detect.NewRearm(w.period)
	}
	return w, nil
}

// Verdict is what a Watch makes of one row.
type Verdict struct {
	Score   model.Score // valid until the next row
	Scored  bool
	Seen    float32      // Score.Value as seen from the level that the machine has shifted to
	Percent float64      // of the scores of learning that stayed below Score.Value; 0 = unknown
	State   State        // Idle, Normal, Anomaly or Blind
	Lost    bool         // Blind because nobody knows whether the machine runs
	Event   detect.Event // where Changed
	Changed bool
	Drift   detect.Event // where Drifted: a drift event's step, beside Event
	Drifted bool
	Looked  bool // what is known of drift is new
}

// Push judges the row at t, NaN = missing. The same row once more, time and
// values, gets the same verdict and changes nothing, unless times are too coarse to
// tell rows apart. It allocates nothing unless an event arises.
func (w *Watch) Push(t time.Time, row []float64) Verdict {
	if !w.coarse && !w.last.IsZero() && t.Equal(w.last) {
		if SameRow(row, w.row) {
			return w.verdict
		}
		w.coarse = true
	}
	w.row = append(w.row[:0], row...)
	v := w.push(t, row)
	w.verdict = v
	w.verdict.Event, w.verdict.Changed = detect.Event{}, false
	w.verdict.Drift, w.verdict.Drifted, w.verdict.Looked = detect.Event{}, false, false
	return v
}

// Ahead tells the Watch which rows Push will get next: model.Scorer.Ahead.
func (w *Watch) Ahead(rows ...[]float64) { w.scorer.Ahead(rows...) }

// SameRow tells whether two rows hold the same values, missing ones included.
func SameRow(a, b []float64) bool {
	return slices.EqualFunc(a, b, func(x, y float64) bool { return x == y || math.IsNaN(x) && math.IsNaN(y) })
}

// push takes a row that is not the one before.
func (w *Watch) push(t time.Time, row []float64) Verdict {
	w.leap(t)
	w.last = t
	var v Verdict
	if v.Score, v.Scored = w.scorer.Push(row); v.Scored {
		v.Percent = 100 * float64(w.model.Percentile(v.Score.Value))
	}
	idle, lost := w.scorer.Idle(), w.scorer.Lost()
	if w.blind(row) || lost {
		w.scorer.Restart()
		w.detector.Gap(t)
		return Verdict{State: Blind, Lost: lost}
	}
	raw := v.Score.Value
	w.raise(&v)
	switch {
	case v.Scored:
		w.judge(t, row, raw, &v)
	case idle:
		v.Event, v.Changed = w.detector.Idle(t)
	default: // the window fills
		w.detector.Gap(t)
	}
	v.Event.Percentile = v.Percent
	switch _, open := w.detector.Open(); {
	case open:
		v.State = Anomaly
	case idle:
		v.State = Idle
	default:
		v.State = Normal
	}
	return v
}

// leap deals with rows that are missing between the row before and the one at t. A
// machine with a cycle has a row of its own for each moment of it: lost rows are
// rows without values to it, and where they are too many to fill, the window
// starts anew.
func (w *Watch) leap(t time.Time) {
	step := t.Sub(w.last)
	if w.last.IsZero() || w.period <= 0 || step <= w.period {
		return
	}
	switch lost := int64((step+w.period/2)/w.period) - 1; {
	case step > GapRows*w.period:
		w.scorer.Reset()
		w.detector.Gap(t)
	case w.fill == 0 || lost <= 0:
	case lost <= int64(w.fill):
		for range lost {
			w.scorer.Push(w.nothing)
		}
	default:
		w.scorer.Restart()
		w.detector.Gap(t)
	}
}

// judge takes a score, as it is seen from the level of the moment, and as it came
// from the Scorer, to anomalies and drift. An anomaly that has become the new
// level ends as drift.
func (w *Watch) judge(t time.Time, row []float64, raw float32, v *Verdict) {
	seen := v.Score
	seen.Value = w.drift.Seen(v.Score.Value)
	v.Seen = seen.Value
	if _, open := w.detector.Open(); w.drift.Steady(t, seen) && open {
		v.Event, v.Changed = w.detector.Close(t, detect.ReasonDrift)
		v.Drift, v.Drifted = w.drift.Convert(t, v.Event), true
		return
	}
	v.Event, v.Changed = w.detector.Push(t, seen)
	_, open := w.detector.Open()
	quiet := w.detector.Resting() || !open && w.detector.Silent(t) == ""
	v.Drift, v.Drifted, v.Looked = w.drift.Push(t, row, raw, quiet)
}

// raise puts the score in units of the threshold of the moment.
func (w *Watch) raise(v *Verdict) {
	if w.rearm == nil {
		return
	}
	score := math.NaN()
	if v.Scored {
		score = float64(v.Score.Value)
	}
	v.Score.Value = float32(w.rearm.Push(score))
}

// blind counts the rows that hold too little and tells when there were too many.
// Of a machine that stands still nothing is wanted: its sensors may be off too.
func (w *Watch) blind(row []float64) bool {
	if w.scorer.Still() || !poor(row) {
		w.empty = 0
		return false
	}
	w.empty++
	return w.empty >= blindAfter
}

// poor tells whether more than half of a row is missing.
func poor(row []float64) bool {
	missing := 0
	for _, v := range row {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			missing++
		}
	}
	return 2*missing > len(row)
}
