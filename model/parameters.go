package model

import (
	"fmt"
	"math"
	"unicode/utf8"
)

// Bounds of what a model may hold. They keep a damaged or hostile file from
// asking for memory, and every int32 accumulator of the network from overflow.
const (
	maxChannels = 1024
	maxInputs   = 16384 // Window * channels
	maxLayers   = 16
	maxWeights  = 4 << 20 // of all layers
	maxRows     = 1 << 16 // Mean, Smooth
	maxGolden   = 64
	maxTable    = 4096 // rows of the percentile and drift tables
	driftScores = 3    // numbers of DriftScore
	riseMost    = 1e6  // the sum over all channels is a number
)

// The terms of a score, in the order of Score.Terms and Parameters.Limits. The
// score is the largest of them.
const (
	Relation = iota // r: the residual of the network that sees the window (5)
	Level           // l: the mean level of the channels (6)
	Jump            // s: the newest rows' distance from what was learnt (7)
	Sensor          // h: a sensor that hangs or flickers; not smoothed (8)
	Cross           // p: the residual of the cross-channel network (12)

	Terms // how many there are
)

// Layer is one dense layer: the int8 weights that run and the float32 weights
// they came from.
type Layer struct {
	In, Out   int
	Weights   []int8    // (Out, In) row-major, [-127,127]
	Bias      []int32   // (Out) in units of the accumulator
	Mult      []float32 // (Out) accumulator -> next layer's int8, or the output
	FloatW    []float32 // (Out, In)
	FloatBias []float32 // (Out)
}

// Training tells where a model came from.
type Training struct {
	Rows    int     `json:"rows"`    // offered
	Used    int     `json:"used"`    // learnt
	Windows int     `json:"windows"` // the network was trained on
	Seed    uint64  `json:"seed"`
	Epochs  int     `json:"epochs"`
	Loss    float32 `json:"loss"`    // of the last epoch, mean squared
	Int8Gap float32 `json:"int8gap"` // RMS int8 - float32 output
	Period  int     `json:"period"`  // rows of the machine's cycle, 0 = none found
	Horizon int     `json:"horizon"` // rows until the drift allowance is used up
	Arch    string  `json:"arch"`
	Go      string  `json:"go"`

	Idle     int      `json:"idle,omitempty"`  // rows left out: outside run_when, or settling
	Empty    int      `json:"empty,omitempty"` // rows left out: no value in any channel
	Start    int      `json:"start,omitempty"` // leading rows that set no limit
	Alarms   Alarms   `json:"false_alarms,omitzero"`
	Warnings []string `json:"doubts,omitempty"` // sentences
}

// Alarms is what learning says of the false alarms to expect, per 30 days of
// running time.
type Alarms struct {
	Wanted float64 `json:"wanted"` // configured
	Rate   float64 `json:"rate"`   // expected; 0 = too little was seen to say
	Low    float64 `json:"low"`    // 5 % of bootstrap samples are below
	High   float64 `json:"high"`   // 95 % are below
	Beyond float64 `json:"beyond"` // the time of one wanted alarm, in learning times
}

// Unlearnt is the Spread of a channel that had no value while the machine was
// learnt. Nobody knows what is normal there, so it is masked in every row.
const Unlearnt = math.MaxFloat64

// Parameters is everything a model consists of, as plain values; equation numbers
// are those of the package comment. C is the number of channels.
type Parameters struct {
	Schema  Schema
	Version string

	Window     int // rows the network sees
	Mean       int // rows of (3) and (4)
	Smooth     int // rows of (5) and (6)
	SmoothFast int // rows of (7)
	Fill       int // rows a missing cell repeats its last value

	Center []float64 // (C) physical units (1)
	Spread []float64 // (C) physical units, > 0 (1); Unlearnt = always masked
	Clip   float32   // the network's input range, in units of Spread

	Layers []Layer       // first In = last Out = Window*C
	Cross  *CrossNetwork // nil = none: too few rows were learnt, one channel, or a model of an older layout

	ResidualCenter []float32 // (C) (3)
	ResidualScale  []float32 // (C) (3)
	LevelCenter    []float32 // (C) (4)
	LevelScale     []float32 // (C) (4)
	Precision      []float32 // (C, C) symmetric (7)
	Still          []float32 // (C) rows a value may stay the same (8); 0 = for ever
	Step           []float64 // (C) from one row to the next, physical units (8)
	Rough          []int32   // (C) 255ths of steps in 40 rows that are normal (8); 0 = any
	Limits         []float32 // (Terms) (9); the last is 1 without Cross
	MissingMargin  []float32 // (C) by how much of itself Limits[0] rises without the channel; empty = not known, 0

	Ranks       []float32 // (any) shares of the learning rows, rising from 0 to below 1
	Percentiles []float32 // (the same) the scores that so many of them stay below
	Drift       []float64 // (any, C) quantiles of the learning rows, equidistant ranks, physical units

	// What drift is judged by besides; all three are empty in a model of layout 2,
	// whose drift nobody can judge.
	DriftRows  []int32   // (C) values that Drift was taken from
	DriftTime  []float32 // (C) rows that are worth one independent value: 1 + 2Σacf
	DriftScore []float32 // (3) mean and standard deviation of log2 of the learning rows' scores, and rows worth one of them

	GoldenIn  []float32 // (any, Window*C) inputs of the network
	GoldenOut []float32 // the same shape: its exact outputs

	Training Training

	Reference Reference // Int8 but for measurements; not in the file
}

// inputs returns Window*C.
func (p *Parameters) inputs() int { return p.Window * len(p.Schema.Channels) }

// validateSizes checks the numbers that shapes follow from.
func (p *Parameters) validateSizes() error {
	c := len(p.Schema.Channels)
	if c < 1 || c > maxChannels {
		return fmt.Errorf("%d channels, want 1 to %d", c, maxChannels)
	}
	for i, ch := range p.Schema.Channels {
		if !utf8.ValidString(ch.Name) || !utf8.ValidString(ch.Unit) {
			return fmt.Errorf("channel %d: name %q or unit %q is not UTF-8", i, ch.Name, ch.Unit)
		}
	}
	if p.Window < 1 || p.Window > maxInputs/c {
		return fmt.Errorf("window of %d rows of %d channels, want 1 to %d values", p.Window, c, maxInputs)
	}
	for _, r := range []struct {
		name string
		n    int
	}{{"mean", p.Mean}, {"smooth", p.Smooth}, {"fast smooth", p.SmoothFast}} {
		if r.n < 1 || r.n > maxRows || r.n*c > maxWeights {
			return fmt.Errorf("%s over %d rows, want 1 to %d", r.name, r.n, maxRows)
		}
	}
	if p.SmoothFast > p.Smooth {
		return fmt.Errorf("fast smooth over %d rows, want at most %d", p.SmoothFast, p.Smooth)
	}
	if p.Fill < 0 || p.Fill > maxRows {
		return fmt.Errorf("fill of %d rows, want 0 to %d", p.Fill, maxRows)
	}
	if c := p.Schema.RunWhen; c != nil && p.Schema.index(c.Channel) < 0 {
		return fmt.Errorf("run_when names channel %q, which is none", c.Channel)
	}
	if p.Cross != nil {
		if err := p.Cross.validateSizes(c); err != nil {
			return err
		}
	}
	return chain(p.Layers, p.inputs(), p.inputs())
}

// chain checks that layers are a network of so many inputs and outputs.
func chain(layers []Layer, in, out int) error {
	if len(layers) < 1 || len(layers) > maxLayers {
		return fmt.Errorf("%d layers, want 1 to %d", len(layers), maxLayers)
	}
	total, width := 0, in
	for i, l := range layers {
		if l.In != width || l.Out < 1 || l.Out > maxInputs {
			return fmt.Errorf("layer %d is %d to %d, want %d inputs and 1 to %d outputs", i, l.In, l.Out, width, maxInputs)
		}
		if total += l.In * l.Out; total > maxWeights {
			return fmt.Errorf("more than %d weights", maxWeights)
		}
		width = l.Out
	}
	if width != out {
		return fmt.Errorf("network ends with %d outputs, want %d", width, out)
	}
	return nil
}

// validate checks every value; sizes are those of validateSizes.
func (p *Parameters) validate() error {
	if err := p.validateSizes(); err != nil {
		return err
	}
	c := len(p.Schema.Channels)
	if !(p.Clip > 0) || math.IsInf(float64(p.Clip), 0) {
		return fmt.Errorf("clip %v, want above 0", p.Clip)
	}
	if n := len(p.GoldenIn); n == 0 || n%p.inputs() != 0 || n/p.inputs() > maxGolden {
		return fmt.Errorf("%d golden values, want 1 to %d vectors of %d", n, maxGolden, p.inputs())
	}
	if n := len(p.Percentiles); n < 2 || n > maxTable {
		return fmt.Errorf("%d percentiles, want 2 to %d", n, maxTable)
	}
	for i, v := range p.Ranks {
		if !(v >= 0 && v < 1) || i > 0 && !(v > p.Ranks[i-1]) {
			return fmt.Errorf("rank %d is %v, want rising from 0 to below 1", i, v)
		}
	}
	if err := check("spread", p.Spread, c, true); err != nil {
		return err
	}
	if err := check("center", p.Center, c, false); err != nil {
		return err
	}
	if err := p.validateDrift(); err != nil {
		return err
	}
	if err := p.validateSensors(c); err != nil {
		return err
	}
	if err := validateRise(p.MissingMargin, c); err != nil {
		return err
	}
	for _, t := range []struct {
		name     string
		v        []float32
		n        int
		positive bool
	}{
		{"residual center", p.ResidualCenter, c, false},
		{"residual scale", p.ResidualScale, c, true},
		{"level center", p.LevelCenter, c, false},
		{"level scale", p.LevelScale, c, true},
		{"precision", p.Precision, c * c, false},
		{"still", p.Still, c, false},
		{"limits", p.Limits, Terms, true},
		{"ranks", p.Ranks, len(p.Percentiles), false},
		{"percentiles", p.Percentiles, len(p.Percentiles), false},
		{"golden inputs", p.GoldenIn, len(p.GoldenIn), false},
		{"golden outputs", p.GoldenOut, len(p.GoldenIn), false},
	} {
		if err := check(t.name, t.v, t.n, t.positive); err != nil {
			return err
		}
	}
	for i := range p.Layers {
		if err := p.Layers[i].validate(); err != nil {
			return fmt.Errorf("layer %d: %w", i, err)
		}
	}
	if err := p.validatePeers(c); err != nil {
		return err
	}
	return p.validatePrecision(c)
}

// validatePeers holds that the limit of term p is what it is without a network
// where there is none.
func (p *Parameters) validatePeers(c int) error {
	if p.Cross != nil {
		return p.Cross.validate(c, len(p.GoldenIn)/p.inputs())
	}
	if l := p.Limits[Cross]; l != 1 {
		return fmt.Errorf("limit %v of peers that are none, want 1", l)
	}
	return nil
}

// validateSensors holds what (8) rests on.
func (p *Parameters) validateSensors(c int) error {
	for i, v := range p.Still {
		if !(v >= 0) {
			return fmt.Errorf("channel %d may stay the same for %v rows, want 0 or more", i, v)
		}
	}
	if err := check("step", p.Step, c, true); err != nil {
		return err
	}
	if len(p.Rough) != c {
		return fmt.Errorf("%d values of rough, want %d", len(p.Rough), c)
	}
	for i, v := range p.Rough {
		if v < 0 || v > roughFull {
			return fmt.Errorf("channel %d may be as rough as %d, want 0 to %d", i, v, roughFull)
		}
	}
	return nil
}

// validateRise bounds what a missing channel may do to the others.
func validateRise(rise []float32, c int) error {
	if len(rise) == 0 {
		return nil
	}
	if err := check("rise", rise, c, false); err != nil {
		return err
	}
	for i, v := range rise {
		if !(v >= 0 && v <= riseMost) {
			return fmt.Errorf("limit rises by %v without channel %d, want 0 to %v", v, i, float32(riseMost))
		}
	}
	return nil
}

// validatePrecision holds what (7) rests on.
func (p *Parameters) validatePrecision(c int) error {
	for i := range c {
		if !(p.Precision[i*c+i] > 0) {
			return fmt.Errorf("precision of channel %d is %v, want above 0", i, p.Precision[i*c+i])
		}
		for j := range i {
			if a, b := p.Precision[i*c+j], p.Precision[j*c+i]; a != b {
				return fmt.Errorf("precision of channels %d and %d is %v and %v, want the same", j, i, b, a)
			}
		}
	}
	return nil
}

// validateDrift checks what drift is judged by; a model of layout 2 has nothing but
// the quantiles.
func (p *Parameters) validateDrift() error {
	c := len(p.Schema.Channels)
	if n := len(p.Drift); n < 2*c || n%c != 0 || n/c > maxTable {
		return fmt.Errorf("%d drift quantiles for %d channels", n, c)
	}
	if err := check("drift", p.Drift, len(p.Drift), false); err != nil {
		return err
	}
	if len(p.DriftRows) == 0 && len(p.DriftTime) == 0 && len(p.DriftScore) == 0 {
		return nil
	}
	if len(p.DriftRows) != c {
		return fmt.Errorf("%d values of drift rows, want %d", len(p.DriftRows), c)
	}
	for i, v := range p.DriftRows {
		if v < 0 {
			return fmt.Errorf("drift quantiles of channel %d are of %d values, want 0 or more", i, v)
		}
	}
	if err := check("drift time", p.DriftTime, c, true); err != nil {
		return err
	}
	if err := check("drift score", p.DriftScore, driftScores, false); err != nil {
		return err
	}
	if !(p.DriftScore[1] > 0 && p.DriftScore[2] > 0) {
		return fmt.Errorf("drift score %v, want a deviation and a time above 0", p.DriftScore)
	}
	return nil
}

func (l *Layer) validate() error {
	if len(l.Weights) != l.In*l.Out || len(l.Bias) != l.Out {
		return fmt.Errorf("%d weights and %d biases, want %d and %d", len(l.Weights), len(l.Bias), l.In*l.Out, l.Out)
	}
	for _, w := range l.Weights {
		if w == -128 {
			return fmt.Errorf("weight -128, want -127 to 127")
		}
	}
	if err := check("multipliers", l.Mult, l.Out, true); err != nil {
		return err
	}
	if err := check("float weights", l.FloatW, l.In*l.Out, false); err != nil {
		return err
	}
	return check("float biases", l.FloatBias, l.Out, false)
}

// check tells whether v has n finite values, all above 0 if positive.
func check[T float32 | float64](name string, v []T, n int, positive bool) error {
	if len(v) != n {
		return fmt.Errorf("%d values of %s, want %d", len(v), name, n)
	}
	for i, x := range v {
		if f := float64(x); math.IsNaN(f) || math.IsInf(f, 0) {
			return fmt.Errorf("%s %d is %v, want a finite number", name, i, f)
		}
		if positive && !(x > 0) {
			return fmt.Errorf("%s %d is %v, want above 0", name, i, float64(x))
		}
	}
	return nil
}
