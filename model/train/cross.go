package train

import (
	"math"
	"math/rand/v2"
	"slices"
	"sync"

	"iot-edge-anomaly/model"
)

const (
	peersMost   = 128  // channels; beyond, their network would be larger than the other
	peersWidth  = 128  // hidden neurons of all channels together, about
	peersFew    = 4    // of one channel at least
	peersMany   = 32   // and at most
	peersClip   = 4    // standard deviations of a channel
	peersPeak   = 2e-2 // learning rate: these networks are tiny
	peersEpochs = 12
	// peersSpare is how far hidden values may go beyond what was seen before int8
	// cuts them: without, a state that is new is not what the others say.
	peersSpare = 1.6
)

// peer learns what one channel is from the others.
type peer struct {
	j    int
	net  []dense // C -> hidden -> 1; what leads from channel j stays unused
	opt  *adam
	grad [shards][]dense
	work *scratch
}

// peers trains the networks of all channels on the newest rows of the windows of
// u at starts, and puts them into p as one.
func (l *learner) peers(p *model.Parameters, u []float32, starts []int, seed uint64, from, to float64) error {
	if p.Cross = nil; !l.long() || l.t.c < 2 || l.t.c > peersMost {
		return nil
	}
	x := l.newest(u, starts, p.Window)
	all := make([]*peer, l.t.c)
	for j := range all {
		all[j] = newPeer(j, l.t.c, x, seed)
	}
	steps, epochs := (len(starts)+batch-1)/batch, peersEpochs
	if l.o.Epochs > 0 {
		epochs = l.o.Epochs
	}
	for e := range epochs {
		order := rand.New(rand.NewPCG(seed, uint64(e))).Perm(len(starts))
		for i := range steps {
			at := e*steps + i
			learn := rate(peersPeak, at, epochs*steps)
			side(all, l.o.workers(), func(q *peer) { q.step(x, order, i*batch, learn) })
			done := float64(at+1) / float64(epochs*steps)
			if err := l.pace.step("training", from+(to-from)*done, l.report.Loss); err != nil {
				return err
			}
		}
	}
	return l.join(p, all, x)
}

// side calls f for each of all, by so many goroutines.
func side(all []*peer, workers int, f func(*peer)) {
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

// newest returns the last rows of the windows of w rows at starts, in the units
// and the range of the peers' network; NaN = masked.
func (l *learner) newest(u []float32, starts []int, w int) []float32 {
	x := make([]float32, 0, len(starts)*l.t.c)
	for _, s := range starts {
		at := (s + w - 1) * l.t.c
		for j, v := range u[at : at+l.t.c] {
			x = append(x, min(max(v*l.gain[j], -peersClip), peersClip))
		}
	}
	return x
}

// newPeer returns an untrained network for channel j of x, (n, c). Channels that
// never move lead nowhere: nothing would be learnt of what they lead to.
func newPeer(j, c int, x []float32, seed uint64) *peer {
	hidden := min(max(peersWidth/c, peersFew), peersMany)
	q := &peer{j: j, net: newNet([]int{c, hidden, 1}, seed+uint64(j)<<32)}
	for i := range c {
		if i == j || !moves(x, c, i) {
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

// moves tells whether channel i of x, (n, c), is ever off its median.
func moves(x []float32, c, i int) bool {
	for ; i < len(x); i += c {
		if v := x[i]; v == v && v != 0 {
			return true
		}
	}
	return false
}

// step learns from the batch that begins at position first of order; the last one
// wraps around. A channel that is masked counts as at its median.
func (q *peer) step(x []float32, order []int, first int, learn float64) {
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

// seen copies src to dst, 0 for NaN.
func seen(dst, src []float32) {
	for i, v := range src {
		if dst[i] = v; v != v {
			dst[i] = 0
		}
	}
}

// join makes one network of all, quantised, and its golden vectors. Each hidden
// neuron is scaled so that its highest value is 1, which ReLU passes on, and int8
// serves all of them alike.
func (l *learner) join(p *model.Parameters, all []*peer, x []float32) (err error) {
	c, hidden := l.t.c, all[0].net[0].out
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
	out := &model.CrossNetwork{Gain: l.gain, Clip: peersClip, Center: make([]float32, c), Scale: ones(c), MissingMargin: make([]float32, c)}
	if out.Layers, err = quantise(one, rows, peersClip, peersSpare); err != nil {
		return err
	}
	net, err := out.Network()
	if err != nil {
		return err
	}
	out.GoldenIn, out.GoldenOut = golden(net, rows, peersClip)
	p.Cross = out
	return nil
}

// peaks returns the highest value of each hidden neuron over rows.
func (q *peer) peaks(rows [][]float32) []float32 {
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

// leastApart is the smallest scale of a channel's distance from what the others
// say, in its standard deviations: int8 tells no less apart.
const leastApart = 0.04

// scalePeers sets how far each channel of the residuals g, (n, c), is from what
// the others say, and returns by how much drift may widen that until the horizon
// (4). The limit is set without, for it is set on rows that drifted less.
func (l *learner) scalePeers(p *model.Parameters, g []float32) (allowed []float32) {
	own := *p.Cross
	own.Center, own.Scale = make([]float32, l.t.c), make([]float32, l.t.c)
	for j := range l.t.c {
		f := means(g, l.t.c, j, p.Mean)[l.from:]
		w := apartness(f, p.Mean, l.report.Horizon)
		own.Center[j], own.Scale[j] = float32(l.middle(g, j, p.Mean)), float32(w.sd)
		allowed = append(allowed, float32(max(1, w.drift/w.sd)))
	}
	p.Cross = &own
	return allowed
}

// judged tells whether term p was there in most rows: where channels come and go
// all the time it seldom is, and nothing is known of how high it goes.
func judged(terms []float32) bool {
	rows, known := len(terms)/model.Terms, 0
	for i := model.Cross; i < len(terms); i += model.Terms {
		if terms[i] > 0 {
			known++
		}
	}
	return 2*known > rows
}

// allowPeers widens the scales.
func allowPeers(p *model.Parameters, by []float32) {
	own := *p.Cross
	own.Scale = slices.Clone(own.Scale)
	for j, k := range by {
		own.Scale[j] *= k
	}
	p.Cross = &own
}

// apartness returns how far f, a channel's distance from what the others say,
// goes, and what it may come to at the horizon: (4) of its structure function,
// whose exponent is that of the last lags. Below the time that the machine takes
// to reach another state it rises, and says nothing of drift.
func apartness(f []float64, m, horizon int) wander {
	const lags = 3
	_, sd := spreadOf(slices.DeleteFunc(slices.Clone(f), math.IsNaN))
	w := wander{sd: max(sd, leastApart)}
	if lag, logD := structure(f, m, len(f)/4); len(lag) >= lags {
		w.drift = extrapolate(lag, logD, lags, horizon)
	}
	return w
}
