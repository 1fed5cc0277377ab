package train

import (
	"math/rand/v2"
	"sync"
)

const (
	shards   = 4 // of a batch; a fixed number, so that the sums do not depend on the workers
	batch    = 32
	noise    = 0.3 // standard deviation, added to the inputs, in units of u
	clip     = 8   // inputs lie within ±clip
	hideRate = 0.1 // part of the samples in which one channel is hidden
)

// fitter trains one window network on windows of u.
type fitter struct {
	u      []float32 // (n, c), NaN = masked
	c, w   int
	starts []int
	net    []dense
	seed   uint64
	pace   *pacer // nil with several workers

	grads [shards][]dense
	work  [shards]*scratch
	loss  [shards]float64
	epoch []float64 // mean squared error of each epoch
	cells [shards]float64
	order []int
}

func newFitter(u []float32, c, w int, starts []int, widths []int, seed uint64) *fitter {
	f := &fitter{u: u, c: c, w: w, starts: starts, net: newNet(widths, seed), seed: seed}
	for s := range f.grads {
		f.grads[s] = zeroed(f.net)
		f.work[s] = newScratch(f.net)
	}
	return f
}

// run trains for the given epochs and returns the mean squared error of the last one.
// from and to bound its part of the progress.
func (f *fitter) run(epochs, workers int, p *pacer, from, to float64) (float64, error) {
	if workers <= 1 {
		f.pace = p
	}
	opt := newAdam(f.net)
	steps := (len(f.starts) + batch - 1) / batch
	loss := 0.0
	for e := range epochs {
		f.order = rand.New(rand.NewPCG(f.seed, uint64(e))).Perm(len(f.starts))
		var sum, cells float64
		for i := range steps {
			at := e*steps + i
			f.gradients(at, i*batch, workers)
			for s := range shards {
				sum, cells = sum+f.loss[s], cells+f.cells[s]
			}
			opt.update(f.net, f.grads, rate(peakRate, at, epochs*steps))
			done := float64(at+1) / float64(epochs*steps)
			if err := p.step("training", from+(to-from)*done, loss); err != nil {
				return 0, err
			}
		}
		loss = sum / max(cells, 1)
		f.epoch = append(f.epoch, loss)
	}
	return loss, nil
}

// gradients computes all shards of one batch.
func (f *fitter) gradients(step, first, workers int) {
	if workers <= 1 {
		for s := range shards {
			f.shard(s, step, first)
		}
		return
	}
	var wg sync.WaitGroup
	for k := range workers {
		wg.Go(func() {
			for s := k; s < shards; s += workers {
				f.shard(s, step, first)
			}
		})
	}
	wg.Wait()
}

// shard adds the gradients of shard s of the batch that begins at position first of
// the epoch's order. The last batch wraps around.
func (f *fitter) shard(s, step, first int) {
	const part = batch / shards
	f.loss[s], f.cells[s] = 0, 0
	rng := rand.New(rand.NewPCG(f.seed+1, uint64(step)*shards+uint64(s)))
	for k := 0; k < part; k += lanes {
		var at [lanes]int
		for l := range at {
			at[l] = f.starts[f.order[(first+s*part+k+l)%len(f.order)]] * f.c
			f.corrupt(f.work[s].act[0][l*f.w*f.c:(l+1)*f.w*f.c], at[l], rng)
		}
		f.work[s].forward(f.net)
		for l := range at {
			f.compare(s, l, at[l])
		}
		f.work[s].backward(f.net, f.grads[s])
		f.pace.pause()
	}
}

// corrupt copies the window at offset at to x, clipped and with noise. Masked cells
// are 0, and so is, in some of the samples, one random channel.
func (f *fitter) corrupt(x []float32, at int, rng *rand.Rand) {
	hidden := -1
	if f.c > 1 && rng.Float64() < hideRate {
		hidden = rng.IntN(f.c)
	}
	for i, v := range f.u[at : at+len(x)] {
		if v != v || i%f.c == hidden {
			x[i] = 0
			continue
		}
		v = min(max(v, -clip), clip) + noise*float32(rng.NormFloat64())
		x[i] = min(max(v, -clip), clip)
	}
}

// compare writes the gradient of lane l's mean squared error. That of masked cells is
// 0.
func (f *fitter) compare(s, l, at int) {
	n := f.w * f.c
	w := f.work[s]
	y, g := w.act[len(w.act)-1][l*n:(l+1)*n], w.grad[len(w.grad)-1][l*n:(l+1)*n]
	scale := float32(2) / float32(n*batch)
	for i, v := range f.u[at : at+n] {
		if v != v {
			g[i] = 0
			continue
		}
		d := y[i] - min(max(v, -clip), clip)
		g[i] = d * scale
		f.loss[s] += float64(d) * float64(d)
		f.cells[s]++
	}
}
