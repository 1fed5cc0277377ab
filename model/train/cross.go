package train

import (
	"math"
	"math/rand/v2"
	"slices"
	"sync"

	"iot-edge-anomaly/model"
)

const (
	crossChannels = 128  // at most; with more, this network would be larger than the other
	crossWidth    = 128  // hidden neurons of all channels together, about
	crossLeast    = 4    // hidden neurons of one channel
	crossMost     = 32   // hidden neurons of one channel
	crossClip     = 4    // standard deviations of a channel
	crossRate     = 2e-2 // peak learning rate: these networks are tiny
	crossEpochs   = 12
	// crossSpare is the room for hidden activations above the largest one seen, before
	// int8 clips them. Without it the predictions for a new state are wrong.
	crossSpare = 1.6
)

// predictor learns to predict channel j from the others.
type predictor struct {
	j    int
	net  []dense // C -> hidden -> 1; the weights from channel j are 0
	opt  *adam
	grad [shards][]dense
	work *scratch
}

// crossNetwork trains the predictors of all channels on the newest rows of the windows
// of u at starts and puts them into p as one network. It sets none if there are too few
// rows, or too few or too many channels. from and to bound its part of the progress.
func (l *learner) crossNetwork(p *model.Parameters, u []float32, starts []int, seed uint64, from, to float64) error {
	if p.Cross = nil; !l.long() || l.set.c < 2 || l.set.c > crossChannels {
		return nil
	}
	x := l.newest(u, starts, p.Window)
	all := make([]*predictor, l.set.c)
	for j := range all {
		all[j] = newPredictor(j, l.set.c, x, seed)
	}
	steps, epochs := (len(starts)+batch-1)/batch, crossEpochs
	if l.o.Epochs > 0 {
		epochs = l.o.Epochs
	}
	pace := l.pace
	if l.o.workers() > 1 {
		pace = nil
	}
	for e := range epochs {
		order := rand.New(rand.NewPCG(seed, uint64(e))).Perm(len(starts))
		for i := range steps {
			at := e*steps + i
			learn := rate(crossRate, at, epochs*steps)
			parallel(all, l.o.workers(), func(q *predictor) {
				q.step(x, order, i*batch, learn)
				pace.pause()
			})
			done := float64(at+1) / float64(epochs*steps)
			if err := l.pace.step("training", from+(to-from)*done, l.report.Loss); err != nil {
				return err
			}
		}
	}
	return l.join(p, all, x)
}

// parallel calls f for each of all from so many goroutines.
func parallel(all []*predictor, workers int, f func(*predictor)) {
	if workers <= 1 {
		for _, q := range all {
			f(q)
		}
		return
	}
	var wg sync.WaitGroup
	for k := range workers {
		wg.Go(func() {
			for j := k; j < len(all); j += workers {
				f(all[j])
			}
		})
	}
	wg.Wait()
}

// newest returns the last rows of the windows of w rows at starts, in the units and the
// range of the cross-channel network; NaN = masked.
func (l *learner) newest(u []float32, starts []int, w int) []float32 {
	x := make([]float32, 0, len(starts)*l.set.c)
	for _, s := range starts {
		at := (s + w - 1) * l.set.c
		for j, v := range u[at : at+l.set.c] {
			x = append(x, min(max(v*l.gain[j], -crossClip), crossClip))
		}
	}
	return x
}

// newPredictor returns an untrained network for channel j of x, (n, c). Constant inputs
// get zero weights, because training would leave those at their random start.
func newPredictor(j, c int, x []float32, seed uint64) *predictor {
	hidden := min(max(crossWidth/c, crossLeast), crossMost)
	q := &predictor{j: j, net: newNet([]int{c, hidden, 1}, seed+uint64(j)<<32)}
	for i := range c {
		if i == j || !varies(x, c, i) {
			for k := range hidden {
				q.net[0].w[k*c+i] = 0
			}
		}
	}
	for s := range q.grad {
		q.grad[s] = zeroed(q.net)
	}
	q.opt, q.work = newAdam(q.net), newScratch(q.net)
	return q
}

// varies tells whether channel i of x, (n, c), ever differs from its median.
func varies(x []float32, c, i int) bool {
	for ; i < len(x); i += c {
		if v := x[i]; v == v && v != 0 {
			return true
		}
	}
	return false
}

// step trains on the batch that begins at position first of order; the last batch wraps
// around. A masked channel counts as being at its median.
func (q *predictor) step(x []float32, order []int, first int, learn float64) {
	c, last := q.net[0].in, len(q.net)
	for s := range shards {
		const part = batch / shards
		for k := 0; k < part; k += lanes {
			var want [lanes]float32
			for l := range lanes {
				at := order[(first+s*part+k+l)%len(order)] * c
				row := q.work.act[0][l*c : (l+1)*c]
				seen(row, x[at:at+c])
				want[l], row[q.j] = x[at+q.j], 0
			}
			q.work.forward(q.net)
			for l, v := range want {
				d := q.work.act[last][l] - v
				if v != v {
					d = 0
				}
				q.work.grad[last][l] = 2 * d / batch
			}
			q.work.backward(q.net, q.grad[s])
		}
	}
	q.opt.update(q.net, q.grad, learn)
}

// seen copies src to dst, with 0 for NaN.
func seen(dst, src []float32) {
	for i, v := range src {
		if dst[i] = v; v != v {
			dst[i] = 0
		}
	}
}

// join makes one int8 network of all predictors, and its golden vectors. Each hidden
// neuron is scaled so that its largest activation is 1, and one int8 scale fits all of
// them; positive factors commute with ReLU.
func (l *learner) join(p *model.Parameters, all []*predictor, x []float32) (err error) {
	c, hidden := l.set.c, all[0].net[0].out
	n := len(x) / c
	rows := make([][]float32, min(n, 512))
	for i := range rows {
		at := i * n / len(rows) * c
		rows[i] = make([]float32, c)
		seen(rows[i], x[at:at+c])
	}
	one := newNet([]int{c, c * hidden, c}, 0)
	clear(one[0].w)
	clear(one[1].w)
	for j, q := range all {
		for k, peak := range q.peaks(rows) {
			h := j*hidden + k
			for i, w := range q.net[0].w[k*c : (k+1)*c] {
				one[0].w[h*c+i] = w / peak
			}
			one[0].b[h] = q.net[0].b[k] / peak
			one[1].w[j*c*hidden+h] = q.net[1].w[k] * peak
		}
		one[1].b[j] = q.net[1].b[0]
	}
	out := &model.CrossNetwork{Gain: l.gain, Clip: crossClip, Center: make([]float32, c), Scale: ones(c), MissingMargin: make([]float32, c)}
	if out.Layers, err = quantise(one, rows, crossClip, crossSpare); err != nil {
		return err
	}
	net, err := out.Network()
	if err != nil {
		return err
	}
	out.GoldenIn, out.GoldenOut = golden(net, rows, crossClip)
	p.Cross = out
	return nil
}

// peaks returns the largest activation of each hidden neuron over rows.
func (q *predictor) peaks(rows [][]float32) []float32 {
	d := q.net[0]
	out := make([]float32, d.out)
	for k := range out {
		out[k] = 1e-6
		for _, row := range rows {
			v := d.b[k]
			for i, w := range d.w[k*d.in : (k+1)*d.in] {
				v += w * row[i]
			}
			out[k] = max(out[k], v)
		}
	}
	return out
}

// leastCrossScale is the smallest scale of a channel's cross-channel residual, in its
// standard deviations: int8 does not resolve less.
const leastCrossScale = 0.04

// scaleCross sets center and scale of the cross-channel residuals g, (n, c). It returns,
// for each channel, by what factor drift may widen that scale until the horizon (4).
// The limit is set without this factor, because the learning rows drifted less.
func (l *learner) scaleCross(p *model.Parameters, g []float32) (widening []float32) {
	own := *p.Cross
	own.Center, own.Scale = make([]float32, l.set.c), make([]float32, l.set.c)
	for j := range l.set.c {
		f := means(g, l.set.c, j, p.Mean)[l.from:]
		a := crossAllowance(f, p.Mean, l.report.Horizon)
		own.Center[j], own.Scale[j] = float32(l.middle(g, j, p.Mean)), float32(a.sd)
		widening = append(widening, float32(max(1, a.drift/a.sd)))
	}
	p.Cross = &own
	return widening
}

// crossKnown tells whether the term Cross was not silent in most rows. If channels come
// and go all the time it is silent nearly always, and its usual height is unknown.
func crossKnown(terms []float32) bool {
	rows, known := len(terms)/model.Terms, 0
	for i := model.Cross; i < len(terms); i += model.Terms {
		if terms[i] > 0 {
			known++
		}
	}
	return 2*known > rows
}

// widenCross multiplies the scales of the cross-channel residuals.
func widenCross(p *model.Parameters, by []float32) {
	own := *p.Cross
	own.Scale = slices.Clone(own.Scale)
	for j, k := range by {
		own.Scale[j] *= k
	}
	p.Cross = &own
}

// crossAllowance returns the spread of f, the means of a channel's cross-channel
// residual, and its drift until the horizon: (4) with the exponent of the last lags. At
// shorter lags, below the time that the machine takes to reach another state, the
// structure function rises without drift.
func crossAllowance(f []float64, m, horizon int) allowance {
	const lags = 3
	_, sd := spreadOf(slices.DeleteFunc(slices.Clone(f), math.IsNaN))
	a := allowance{sd: max(sd, leastCrossScale)}
	if lag, logD := structure(f, m, len(f)/4); len(lag) >= lags {
		a.drift = extrapolate(lag, logD, lags, horizon)
	}
	return a
}
