package judge

import (
	"math"
	"slices"
	"time"

	"iot-edge-anomaly/agent/detect"
	"iot-edge-anomaly/model"
)

// blindAfter is how many rows in sequence must be too empty before a machine
// counts as blind: the time a bus fault takes to be sure of itself.
const blindAfter = 5

// GapRows is how many periods may pass between two rows of one sequence. After a
// longer time (the process was stopped, the gateway slept, a recording has a hole)
// the window starts anew. A window that bridges a shorter hole still scores better
// than an empty one.
const GapRows = 300

// scoring is what a model says of rows: score, process anomaly, drift.
type scoring struct {
	model    *model.Model
	scorer   *model.Scorer
	detector *detect.Detector
	drift    *detect.DriftWatch
	period   time.Duration
	last     time.Time // of the row before
	row      []float64 // the row before
	before   result    // of it
	coarse   bool      // other rows shared a time: it does not tell rows apart
	empty    int       // rows in sequence that were too empty
	fill     int       // lost rows that are filled; 0 = the machine has no cycle
	nothing  []float64 // (C) NaN
	others   []*alternative
}

func newScoring(m *model.Model, p detect.Policy) (*scoring, error) {
	d, err := detect.New(p)
	if err != nil {
		return nil, err
	}
	s := &scoring{model: m, scorer: model.NewScorer(m), detector: d, drift: detect.NewDriftWatch(m, p), period: m.Schema().Period}
	if p := m.Parameters(); p.Training.Period > 0 {
		s.fill = p.Fill
		s.nothing = slices.Repeat([]float64{math.NaN()}, len(p.Schema.Channels))
	}
	return s, nil
}

// result is a Verdict with the events that it is made of.
type result struct {
	Verdict
	lost    bool         // Blind because nobody knows whether the machine runs
	event   detect.Event // where changed: a step of the process anomaly
	changed bool
	drift   detect.Event // where drifted: a step of the drift event, beside event
	drifted bool
}

// push judges the row at t by the model.
func (s *scoring) push(t time.Time, row []float64) result {
	if !s.coarse && !s.last.IsZero() && t.Equal(s.last) {
		if SameRow(row, s.row) {
			return s.before
		}
		s.coarse = true
	}
	s.row = append(s.row[:0], row...)
	r := s.take(t, row)
	s.before = r
	s.before.event, s.before.changed = detect.Event{}, false
	s.before.drift, s.before.drifted, s.before.Looked = detect.Event{}, false, false
	return r
}

// SameRow tells whether two rows hold the same values, missing ones included.
func SameRow(a, b []float64) bool {
	return slices.EqualFunc(a, b, func(x, y float64) bool { return x == y || math.IsNaN(x) && math.IsNaN(y) })
}

// take judges a row that is not the one before.
func (s *scoring) take(t time.Time, row []float64) result {
	for _, o := range s.others {
		o.latch.Tick(t, o.Emit)
	}
	s.leap(t)
	s.last = t
	var r result
	if r.Score, r.Scored = s.scorer.Push(row); r.Scored {
		r.Percent = 100 * float64(s.model.Percentile(r.Score.Value))
	}
	idle, lost := s.scorer.Idle(), s.scorer.Lost()
	if s.blind(row) || lost {
		s.scorer.Restart()
		s.gap(t)
		return result{Verdict: Verdict{State: Blind}, lost: lost}
	}
	switch {
	case r.Scored:
		s.judge(t, row, &r)
		for _, o := range s.others {
			o.scored(t, row, r.Score)
		}
	case idle:
		r.event, r.changed = s.detector.Idle(t)
		for _, o := range s.others {
			o.idle(t)
		}
	default: // the window fills
		s.gap(t)
	}
	r.event.Percentile = r.Percent
	switch _, open := s.detector.Open(); {
	case open:
		r.State = Anomaly
	case idle:
		r.State = Idle
	default:
		r.State = Normal
	}
	return r
}

// leap deals with rows that are missing between the row before and the one at t. A
// machine with a cycle has a row of its own for each moment of it: lost rows are
// rows without values to it, and where they are too many to fill, the window
// starts anew.
func (s *scoring) leap(t time.Time) {
	step := t.Sub(s.last)
	if s.last.IsZero() || s.period <= 0 || step <= s.period {
		return
	}
	switch lost := int64((step+s.period/2)/s.period) - 1; {
	case step > GapRows*s.period:
		s.scorer.Reset()
		s.gap(t)
	case s.fill == 0 || lost <= 0:
	case lost <= int64(s.fill):
		for range lost {
			s.scorer.Push(s.nothing)
		}
	default:
		s.scorer.Restart()
		s.gap(t)
	}
}

// judge hands a score, as it is seen from the level of the moment, to the
// detector, and as it came from the Scorer to drift. An anomaly that has become
// the new level ends as drift.
func (s *scoring) judge(t time.Time, row []float64, r *result) {
	seen := r.Score
	seen.Value = s.drift.Seen(r.Score.Value)
	r.Seen = seen.Value
	if _, open := s.detector.Open(); s.drift.Steady(t, seen) && open {
		r.event, r.changed = s.detector.Close(t, detect.ReasonDrift)
		r.drift, r.drifted = s.drift.Convert(t, r.event), true
		return
	}
	r.event, r.changed = s.detector.Push(t, seen)
	_, open := s.detector.Open()
	quiet := s.detector.Resting() || !open && s.detector.Silent(t) == ""
	r.drift, r.drifted, r.Looked = s.drift.Push(t, row, r.Score.Value, quiet)
}

// blind counts the rows that hold too little and tells when there were too many.
// Of a machine that stands still nothing is wanted: its sensors may be off too.
func (s *scoring) blind(row []float64) bool {
	if s.scorer.Still() || !Poor(row) {
		s.empty = 0
		return false
	}
	s.empty++
	return s.empty >= blindAfter
}

// Poor tells whether more than half of a row is missing.
func Poor(row []float64) bool {
	missing := 0
	for _, v := range row {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			missing++
		}
	}
	return 2*missing > len(row)
}
