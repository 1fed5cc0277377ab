package judge

import (
	"time"

	"iot-edge-anomaly/agent/detect"
	"iot-edge-anomaly/model"
)

// Alternative is an alarm policy that is tried beside that of a Judge, on the same scores.
type Alternative struct {
	Policy detect.Policy
	// Above is the score from which a row is loud; 1 is what the model was learnt for.
	Above float32
	// Emit takes each event that arises of scores: process anomalies and drift.
	Emit func(detect.Event)
}

// alternative is an Alternative at work: what a scoring has, except the scorer.
type alternative struct {
	Alternative
	s     scoring
	latch *detect.Latch
}

// Try judges the rows that follow by another policy too. It follows Use, and Restore
// and Retire do not know of it. A policy that detect refuses is an error.
func (j *Judge) Try(a Alternative) error {
	base := j.scoring
	policy := a.Policy
	policy.Channels = base.model.Schema().Channels
	d, err := detect.New(policy)
	if err != nil {
		return err
	}
	base.others = append(base.others, &alternative{a, scoring{detector: d, drift: detect.NewDriftWatch(base.model, policy)}, detect.NewLatch(policy)})
	return nil
}

// gap tells the detectors that there is no score at t.
func (s *scoring) gap(t time.Time) {
	s.detector.Gap(t)
	for _, o := range s.others {
		o.s.detector.Gap(t)
	}
}

// scored judges a score.
func (a *alternative) scored(t time.Time, row []float64, score model.Score) {
	var r result
	r.Score = score
	r.Score.Value /= a.Above
	a.s.judge(t, row, &r)
	a.tell(&r)
}

// idle is a row outside run_when.
func (a *alternative) idle(t time.Time) {
	var r result
	r.event, r.changed = a.s.detector.Idle(t)
	a.tell(&r)
}

// tell passes on what arose.
func (a *alternative) tell(r *result) {
	if r.changed {
		a.Emit(a.latch.Take(r.event))
	}
	if r.drifted {
		a.Emit(a.latch.Take(r.drift))
	}
}
