package judge

import (
	"time"

	"iot-edge-anomaly/agent/detect"
	"iot-edge-anomaly/model/train"
)

// TrainingSet is what a model is learnt from, wherever the rows come from.
type TrainingSet struct {
	Rows     []float64       // (n, C) row-major, physical units, NaN = missing
	Gaps     []int           // which of the rows, ascending, stand for a gap in time
	Coverage *train.Coverage // the hours of the week in which the machine ran; nil = unknown
}

// TrainOptions are the options by which a model for the policy is learnt from the
// set: the threshold is set for the policy's rate of false alarms and its n of m.
// began, the moment at which training begins, names the version.
func TrainOptions(p detect.Policy, set TrainingSet, began time.Time) train.Options {
	return train.Options{Seed: 1, Version: began.UTC().Format("20060102T150405Z") + "-1", Coverage: set.Coverage, Gaps: set.Gaps,
		FalseAlarms: p.FalseAlarms, N: p.N, M: p.M}
}
