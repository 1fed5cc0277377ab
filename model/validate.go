package model

import (
	"fmt"
	"math"
	"unicode/utf8"
)

// MaxChannels is how many channels a model has at most.
const MaxChannels = 1024

// Bounds of what a model may hold. They keep a damaged or hostile file from
// asking for memory, and every int32 accumulator of the network from overflow.
const (
	maxInputs   = 16384 // Window * channels
	maxLayers   = 16
	maxWeights  = 4 << 20 // of all layers
	maxRows     = 1 << 16 // Mean, Smooth
	maxGolden   = 64
	maxTable    = 4096 // rows of the percentile and drift tables
	driftScores = 3    // numbers of DriftScore
	maxMargin   = 1e6  // the sum over all channels stays finite
)

// array is one float32 array to be checked: n finite values, above 0 if positive.
type array struct {
	name     string
	v        []float32
	n        int
	positive bool
}

func checkAll(prefix string, arrays ...array) error {
	for _, a := range arrays {
		if err := check(prefix+a.name, a.v, a.n, a.positive); err != nil {
			return err
		}
	}
	return nil
}

// validateSizes checks the numbers that all shapes follow from.
func (p *Parameters) validateSizes() error {
	c := len(p.Schema.Channels)
	if c < 1 || c > MaxChannels {
		return fmt.Errorf("%d channels, want 1 to %d", c, MaxChannels)
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
	if cond := p.Schema.RunWhen; cond != nil && p.Schema.index(cond.Channel) < 0 {
		return fmt.Errorf("run_when: no channel %q", cond.Channel)
	}
	return chain(p.Layers, p.inputs(), p.inputs())
}

// chain checks that layers form a network of in inputs and out outputs.
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

// validate checks every size and value.
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
	if err := check("spread", p.Spread, c, true); err != nil {
		return err
	}
	if err := check("center", p.Center, c, false); err != nil {
		return err
	}
	err := checkAll("",
		array{"residual center", p.ResidualCenter, c, false},
		array{"residual scale", p.ResidualScale, c, true},
		array{"level center", p.LevelCenter, c, false},
		array{"level scale", p.LevelScale, c, true},
		array{"limits", p.Limits, Terms, true},
		array{"golden inputs", p.GoldenIn, len(p.GoldenIn), false},
		array{"golden outputs", p.GoldenOut, len(p.GoldenIn), false})
	if err != nil {
		return err
	}
	for i := range p.Layers {
		if err := p.Layers[i].validate(); err != nil {
			return fmt.Errorf("layer %d: %w", i, err)
		}
	}
	for _, f := range []func(c int) error{p.validatePercentiles, p.validateDrift, p.validateSensors, p.validatePrecision, p.validatePeers} {
		if err := f(c); err != nil {
			return err
		}
	}
	return validateMargin("missing margin", p.MissingMargin, c)
}

// validatePercentiles checks what Model.Percentile reads.
func (p *Parameters) validatePercentiles(int) error {
	n := len(p.Percentiles)
	if n < 2 || n > maxTable {
		return fmt.Errorf("%d percentiles, want 2 to %d", n, maxTable)
	}
	for i, v := range p.Ranks {
		if !(v >= 0 && v < 1) || i > 0 && !(v > p.Ranks[i-1]) {
			return fmt.Errorf("rank %d is %v, want rising from 0 to below 1", i, v)
		}
	}
	return checkAll("", array{"ranks", p.Ranks, n, false}, array{"percentiles", p.Percentiles, n, false})
}

// validateSensors checks what (8) uses.
func (p *Parameters) validateSensors(c int) error {
	if err := check("still", p.Still, c, false); err != nil {
		return err
	}
	for i, v := range p.Still {
		if !(v >= 0) {
			return fmt.Errorf("still of channel %d is %v rows, want 0 or more", i, v)
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
			return fmt.Errorf("rough of channel %d is %d, want 0 to %d", i, v, roughFull)
		}
	}
	return nil
}

// validateMargin checks the missing-channel margins of one limit.
func validateMargin(name string, margin []float32, c int) error {
	if err := check(name, margin, c, false); err != nil {
		return err
	}
	for i, v := range margin {
		if !(v >= 0 && v <= maxMargin) {
			return fmt.Errorf("%s of channel %d is %v, want 0 to %v", name, i, v, float32(maxMargin))
		}
	}
	return nil
}

// validatePrecision checks what (7) uses.
func (p *Parameters) validatePrecision(c int) error {
	if err := check("precision", p.Precision, c*c, false); err != nil {
		return err
	}
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

// validateDrift checks what a Drift uses.
func (p *Parameters) validateDrift(c int) error {
	if n := len(p.Drift); n < 2*c || n%c != 0 || n/c > maxTable {
		return fmt.Errorf("%d drift quantiles for %d channels", n, c)
	}
	if err := check("drift", p.Drift, len(p.Drift), false); err != nil {
		return err
	}
	if len(p.DriftRows) != c {
		return fmt.Errorf("%d values of drift rows, want %d", len(p.DriftRows), c)
	}
	for i, v := range p.DriftRows {
		if v < 0 {
			return fmt.Errorf("drift rows of channel %d are %d, want 0 or more", i, v)
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
	return checkAll("",
		array{"multipliers", l.Mult, l.Out, true},
		array{"float weights", l.FloatW, l.In * l.Out, false},
		array{"float biases", l.FloatBias, l.Out, false})
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
