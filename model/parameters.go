package model

import "math"

// The terms of a score, in the order of Score.Terms and Parameters.Limits. The
// score is the largest of them.
const (
	Relation = iota // residual of the window network (5)
	Level           // mean level of the channels (6)
	Jump            // distance of the newest rows from the learnt distribution (7)
	Sensor          // a sensor that hangs or flickers; not smoothed (8)
	Stray           // a channel is not what its peers say (14)
	Slow            // it is a little off that, for long (15)

	Terms // the number of terms
)

// Layer is one dense layer: the int8 weights that run and the float32 weights
// they were quantised from.
type Layer struct {
	In, Out   int
	Weights   []int8    // (Out, In) row-major, [-127,127]
	Bias      []int32   // (Out) in units of the accumulator
	Mult      []float32 // (Out) accumulator -> next layer's int8, or the output
	FloatW    []float32 // (Out, In)
	FloatBias []float32 // (Out)
}

// Training records how a model was learnt.
type Training struct {
	Rows    int     `json:"rows"`    // rows that were given
	Used    int     `json:"used"`    // rows that were learnt
	Windows int     `json:"windows"` // windows the network was trained on
	Seed    uint64  `json:"seed"`
	Epochs  int     `json:"epochs"`
	Loss    float32 `json:"loss"`    // mean squared error of the last epoch
	Int8Gap float32 `json:"int8gap"` // RMS difference between int8 and float32 outputs
	Period  int     `json:"period"`  // rows of the machine's cycle, 0 = none found
	Horizon int     `json:"horizon"` // rows until the drift allowance is used up
	Arch    string  `json:"arch"`
	Go      string  `json:"go"`

	Idle     int      `json:"idle,omitempty"`  // rows left out: outside run_when, or settling
	Empty    int      `json:"empty,omitempty"` // rows left out: no value in any channel
	Start    int      `json:"start,omitempty"` // leading warm-up rows that do not set limits
	Alarms   Alarms   `json:"false_alarms,omitzero"`
	Warnings []string `json:"doubts,omitempty"` // sentences
}

// Alarms is the rate of false alarms that training expects, per 30 days of
// running time.
type Alarms struct {
	Wanted float64 `json:"wanted"` // configured
	Rate   float64 `json:"rate"`   // expected; 0 = too few rows to estimate it
	Low    float64 `json:"low"`    // 5 % quantile of the bootstrap samples
	High   float64 `json:"high"`   // 95 % quantile
	Beyond float64 `json:"beyond"` // time between two wanted alarms, in learning times
}

// Unlearnt is the Spread of a channel that had no value in the learning rows.
// What is normal there is unknown, so the channel is masked in every row.
const Unlearnt = math.MaxFloat64

// Parameters is everything a model consists of, as plain values. Equation
// numbers are those of the package comment. C is the number of channels.
type Parameters struct {
	Schema  Schema
	Version string

	Window     int // rows the network sees
	Mean       int // rows of (3) and (4)
	Smooth     int // rows of (5) and (6)
	SmoothFast int // rows of (7)
	Fill       int // rows for which a missing cell repeats its last value

	Center []float64 // (C) physical units (1)
	Spread []float64 // (C) physical units, > 0 (1); Unlearnt = always masked
	Clip   float32   // the network's input range, in units of Spread

	Layers []Layer // first In = last Out = Window*C
	Peers  *Peers  // nil = none: too few rows or too few or many channels

	ResidualCenter []float32 // (C) (3)
	ResidualScale  []float32 // (C) > 0 (3)
	LevelCenter    []float32 // (C) (4)
	LevelScale     []float32 // (C) > 0 (4)
	Precision      []float32 // (C, C) symmetric (7)
	Still          []float32 // (C) rows for which a value may stay the same (8); 0 = not judged
	Step           []float64 // (C) largest usual change between two rows, physical units (8)
	Rough          []int32   // (C) normal sum of steps over 40 rows, in 255ths of Step (8); 0 = not judged
	Limits         []float32 // (Terms) > 0 (9); those of Sensor, Stray and Slow are 1
	MissingMargin  []float32 // (C) by what part Limits[Relation] rises while the channel is missing

	Ranks       []float32 // (any) shares of the learning rows, rising from 0 to below 1
	Percentiles []float32 // (as Ranks) the scores below which those shares lie
	Drift       []float64 // (any, C) quantiles of the learning rows at equidistant ranks, physical units
	DriftRows   []int32   // (C) number of values that Drift was taken from
	DriftTime   []float32 // (C) > 0, rows per independent value: 1 + 2Σacf
	DriftScore  []float32 // (3) mean and standard deviation of log2 of the learning rows' scores, and rows per independent score

	GoldenIn  []float32 // (any, Window*C) inputs of the network
	GoldenOut []float32 // (as GoldenIn) its exact outputs

	Training Training

	Reference Reference // anything but Int8 is for measurements; not stored in the file
}

// inputs returns Window*C.
func (p *Parameters) inputs() int { return p.Window * len(p.Schema.Channels) }

// fillRows returns how many rows a Scorer needs before its first score.
func (p *Parameters) fillRows() int { return p.Window + p.Mean + p.Smooth - 2 }

// cyclic tells whether the means (3) and (4) run over whole machine cycles. The
// mean over a cycle is so steady that a value from the wrong phase would show in
// it, so a missing value is then taken from one cycle ago, not from the last row.
func (p *Parameters) cyclic() bool { return p.Mean > p.Fill }
