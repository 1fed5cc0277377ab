package train

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"iot-edge-anomaly/model"
	"iot-edge-anomaly/quant"
)

const (
	hidden      = 32   // width of the outer hidden layers
	maxWindows  = 4096 // that a network is trained on
	window      = 16   // rows, without a cycle
	windowMost  = 64   // rows at most, with a cycle
	inputsMost  = 8192 // window * channels at most
	meanRows    = 5    // Parameters.Mean without a cycle
	smoothRows  = 15   // Parameters.Smooth at least
	fastRows    = 3    // Parameters.SmoothFast
	fillRows    = 5    // Parameters.Fill
	goldenRows  = 4    // golden vectors taken from the learning rows
	horizonPart = 1.5  // Options.Horizon by default, in learning times
)

// learner holds the state of one call of Train.
type learner struct {
	set    *trainingSet
	o      Options
	pace   *pacer
	report Report
	from   int     // first row that sets limits, after the warm-up
	scored []int32 // the rows that set limits

	peerRate model.Alarms // what the limits of Stray and Slow promise
}

// Train learns a model of schema s from rows, (n, C) row-major in time order, NaN
// where a value is missing. It leaves out rows outside the schema's condition. It
// neither writes to rows nor keeps them, and allocates about 12 bytes for each of
// their values. It returns the context's error soon after the context is done, and an
// error wrapping ErrRows if nothing can be learnt from the rows.
func Train(ctx context.Context, s model.Schema, rows []float64, o Options) (*model.Model, Report, error) {
	start := time.Now()
	set, err := newTrainingSet(s, rows)
	if err != nil {
		return nil, Report{}, fmt.Errorf("learning: %w", err)
	}
	l := &learner{set: set, o: o, pace: newPacer(ctx, o)}
	m, err := l.learn()
	if err != nil {
		return nil, Report{}, fmt.Errorf("learning: %w", err)
	}
	l.report.Took = time.Since(start)
	l.pace.tell("calibrating", 1, l.report.Loss)
	return m, l.report, nil
}

// learn runs all steps of the package comment.
func (l *learner) learn() (*model.Model, error) {
	l.report.begin(l.set, l.o)
	if err := l.pace.step("preparing", 0, 0); err != nil {
		return nil, err
	}
	p := model.Parameters{Schema: l.set.schema, Version: l.o.Version, Fill: fillRows, Clip: clip, SmoothFast: fastRows, Reference: l.o.Reference}
	p.Center, p.Spread = l.scale()
	u := l.set.scaled(p.Center, p.Spread, p.Fill)
	l.shape(&p, u)
	if err := l.pace.step("preparing", 0.03, 0); err != nil {
		return nil, err
	}
	as := l.allowDrift(&p, u)
	l.from = warmUp(u, l.set.c)
	l.report.warnShifts(l.set.schema, l.from, endedElsewhere(u, l.set.c), levelShifts(u[l.from*l.set.c:], l.set.c))
	neutral(&p, l.set.c)
	l.levels(&p, u, as)
	if err := l.pace.step("preparing", 0.05, 0); err != nil {
		return nil, err
	}
	if err := l.fit(&p, u); err != nil {
		return nil, err
	}
	folds, err := l.folds(&p, u)
	if err != nil {
		return nil, err
	}
	u = nil // frees as much memory as the residuals take
	if err := l.calibrate(&p, as, folds); err != nil {
		return nil, err
	}
	l.report.end(&p, as)
	l.mask(&p)
	p.Training = l.report.training()
	return model.New(p)
}

// mask takes the channels that never had a value out of the score. Until then they
// were treated as constant, which adds nothing to the terms either.
func (l *learner) mask(p *model.Parameters) {
	for _, j := range l.set.dead {
		p.Center[j], p.Spread[j] = 0, model.Unlearnt
	}
}

// leastSpread is the smallest Spread of a channel, in physical units (1).
const leastSpread = 1e-6

// scale returns the center and spread of (1).
func (l *learner) scale() (center, spread []float64) {
	center, spread = make([]float64, l.set.c), make([]float64, l.set.c)
	for j := range l.set.c {
		v := l.set.column(j)
		_, sd := spreadOf(v)
		slices.Sort(v)
		center[j] = quantile(v, 0.5)
		spread[j] = max(sd, leastSpread, 1e-3*math.Abs(center[j]))
	}
	return center, spread
}

// shape sets the rows of window, means and smoothing from the machine's cycle (2).
func (l *learner) shape(p *model.Parameters, z []float32) {
	l.report.Period = period(z, l.set.c)
	p.Window, p.Mean, p.Smooth = window, meanRows, smoothRows
	if k := l.report.Period; k > 0 {
		p.Window, p.Mean, p.Smooth = min(k, windowMost), k, max(k, smoothRows)
	}
	p.Window = max(1, min(p.Window, inputsMost/l.set.c))
	l.report.Window, l.report.Mean, l.report.Smooth = p.Window, p.Mean, p.Smooth
}

// allowDrift applies (5) to z and to the spread, and returns the drift allowances in
// units of u.
func (l *learner) allowDrift(p *model.Parameters, z []float32) []allowance {
	horizon := l.o.Horizon
	if horizon <= 0 {
		horizon = int(min(horizonPart*float64(l.set.n), math.MaxInt32))
	}
	l.report.Horizon = horizon
	as := allowances(z, l.set.c, p.Mean, horizon)
	inv := make([]float32, len(as))
	for j := range as {
		k := max(1, as[j].drift/as[j].sd)
		p.Spread[j] *= k
		as[j].sd /= k
		as[j].drift /= k
		as[j].stretch = k
		inv[j] = float32(1 / k)
	}
	for i := range z {
		z[i] *= inv[i%l.set.c]
	}
	return as
}

// fit trains the networks on u and puts their int8 form and golden vectors into p.
func (l *learner) fit(p *model.Parameters, u []float32) (err error) {
	starts := l.set.starts(u, p.Window, maxWindows)
	if len(starts) < batch {
		return l.tooShort(*p)
	}
	r, err := l.network(p, u, starts, l.o.Seed, 0.05, 0.35)
	if err == nil {
		err = l.peers(p, u)
	}
	l.report.Windows, l.report.Epochs, l.report.Network = len(starts), r.epochs, r.widths
	l.report.Loss, l.report.Int8Gap = r.loss, r.gap
	if l.o.Details != nil {
		l.o.Details.Loss = r.losses
	}
	return err
}

// trained describes a trained network.
type trained struct {
	epochs    int
	widths    []int
	loss, gap float64
	losses    []float64 // loss of each epoch
}

// network trains a window network on the windows of u at starts and puts its int8 form
// and golden vectors into p. from and to bound its part of the progress.
func (l *learner) network(p *model.Parameters, u []float32, starts []int, seed uint64, from, to float64) (r trained, err error) {
	n := p.Window * l.set.c
	neck := min(max(l.set.c/2, 4), 8) // width of the middle layer
	r.epochs, r.widths = l.o.Epochs, []int{n, hidden, neck, hidden, n}
	if r.epochs <= 0 {
		r.epochs = 25
		if len(starts) > 1000 {
			r.epochs = 12
		}
	}
	f := newFitter(u, l.set.c, p.Window, starts, r.widths, seed)
	if r.loss, err = f.run(r.epochs, l.o.workers(), l.pace, from, to); err != nil {
		return r, err
	}
	r.losses = f.epoch
	seen := make([][]float32, min(len(starts), 512))
	for i := range seen {
		seen[i] = f.clean(i * len(starts) / len(seen))
	}
	if p.Layers, err = quantise(f.net, seen, clip, 1); err != nil {
		return r, err
	}
	if r.gap, err = int8Gap(f.net, p, seen); err != nil {
		return r, err
	}
	net, err := p.Network()
	if err != nil {
		return r, err
	}
	p.GoldenIn, p.GoldenOut = golden(net, seen, clip)
	return r, nil
}

// clean returns window k without noise: clipped, masked cells 0.
func (f *fitter) clean(k int) []float32 {
	at := f.starts[k] * f.c
	x := make([]float32, f.w*f.c)
	for i, v := range f.u[at : at+len(x)] {
		if v == v {
			x[i] = min(max(v, -clip), clip)
		}
	}
	return x
}

// golden returns golden vectors: some of the inputs seen, one far outside of them,
// and the exact outputs of net.
func golden(net *quant.Network, seen [][]float32, clip float32) (in, out []float32) {
	n := len(seen[0])
	out = make([]float32, (goldenRows+1)*n)
	for i := range goldenRows {
		in = append(in, seen[i*(len(seen)-1)/(goldenRows-1)]...)
	}
	for i := range n {
		in = append(in, float32(i%7-3)*clip/2)
	}
	for i := 0; i < len(in); i += n {
		net.Forward(out[i:i+n], in[i:i+n])
	}
	return in, out
}

// tooShort returns the error for rows without a stretch long enough for a score.
func (l *learner) tooShort(p model.Parameters) error {
	longest, streak := 0, 0
	for _, run := range l.set.run {
		if streak++; !run {
			streak = 0
		}
		longest = max(longest, streak)
	}
	return fmt.Errorf("the longest run without a gap is %d rows, a score needs %d in sequence: %w",
		longest, p.Window+max(p.Mean+p.Smooth-2, 0)+batch, ErrRows)
}
