package train

import (
	"math"
	"math/rand/v2"
	"slices"

	"iot-edge-anomaly/model"
)

const (
	prototypes   = 32   // operating points
	prototypeFor = 10   // at least so many rows for each
	pointRows    = 4096 // that they are found from
	pointPasses  = 25
	reachRank    = 0.99  // of the distances of rows from the nearest prototype
	closeBy      = 0.005 // of C: distances below do not count, as in package model
	priorRows    = 20    // rows of the overall spread that each prototype begins with
	strayBound   = 6     // deviations beyond which a residual counts as this
	hiddenSample = 256   // rows
)

// operatingPoints finds the prototypes and how far the rows near each stray.
func (b *peering) operatingPoints() error {
	if err := b.cluster(b.kept(pointRows)); err != nil {
		return err
	}
	c, n := b.c, len(b.index)
	k := len(b.p.Prototype) / c
	b.closest, b.share = make([][model.Nearest]uint8, n), make([][model.Nearest]float32, n)
	least, d := make([]float64, 0, n), make([]float64, k)
	for i := range n {
		z := b.row(i)
		for m := range d {
			d[m] = apart(z, b.p.Prototype[m*c:(m+1)*c])
		}
		if b.keep[i] {
			least = append(least, slices.Min(d))
		}
		total := 0.0
		for q := range min(model.Nearest, k) {
			m := 0
			for x := range d {
				if d[x] < d[m] {
					m = x
				}
			}
			w := 1 / (d[m] + closeBy*float64(c))
			b.closest[i][q], b.share[i][q], d[m] = uint8(m), float32(w), math.Inf(1)
			total += w
		}
		for q := range b.share[i] {
			b.share[i][q] /= float32(total)
		}
		if i%32 == 0 {
			if err := b.pause(); err != nil {
				return err
			}
		}
	}
	slices.Sort(least)
	b.p.Reach = float32(max(quantile(least, reachRank), 1e-3))
	if b.p.Rows = lastsFew; b.l.long() {
		b.p.Rows = float32(max(lastsLeast, lastsPart*float64(b.l.set.used)))
	}
	b.p.Near, b.p.Overall = b.spreads(-1)
	return nil
}

// cluster finds prototypes of rows by k-means.
func (b *peering) cluster(rows []int) error {
	c, k := b.c, min(prototypes, max(1, len(rows)/prototypeFor))
	z := make([]float32, 0, len(rows)*c)
	for _, i := range rows {
		z = append(z, b.row(i)...)
	}
	of := func(i int) []float32 { return z[i*c : (i+1)*c] }
	center := seeds(of, len(rows), k, rand.New(rand.NewPCG(b.l.o.Seed, 0x7065657273)))
	mine := make([]int, len(rows))
	for range pointPasses {
		moved := false
		for i := range rows {
			m := nearest(of(i), center)
			moved = moved || m != mine[i]
			mine[i] = m
			if i%64 == 0 {
				if err := b.pause(); err != nil {
					return err
				}
			}
		}
		if !moved {
			break
		}
		sum, count := make([]float64, k*c), make([]float64, k)
		for i, m := range mine {
			count[m]++
			for j, x := range of(i) {
				sum[m*c+j] += float64(x)
			}
		}
		for at := range center {
			if n := count[at/c]; n > 0 {
				center[at] = float32(sum[at] / n)
			}
		}
	}
	b.p.Prototype = center
	return nil
}

// seeds returns k of n rows, each chosen with a probability that rises with the square of
// the distance from those before (k-means++).
func seeds(row func(int) []float32, n, k int, rng *rand.Rand) []float32 {
	var out []float32
	least := make([]float64, n)
	for i := range least {
		least[i] = math.Inf(1)
	}
	next := rng.IntN(n)
	for range k {
		out = append(out, row(next)...)
		sum := 0.0
		for i := range n {
			least[i] = min(least[i], apart(row(i), row(next)))
			sum += least[i]
		}
		at := rng.Float64() * sum
		for next = 0; next < n-1 && at > least[next]; next++ {
			at -= least[next]
		}
	}
	return out
}

// apart returns the square of the distance of a and b.
func apart(a, b []float32) (d float64) {
	for i, x := range a {
		x -= b[i]
		d += float64(x) * float64(x)
	}
	return d
}

// nearest returns which of centers is nearest to z.
func nearest(z, centers []float32) (best int) {
	c, least := len(z), math.Inf(1)
	for k := range len(centers) / c {
		if d := apart(z, centers[k*c:(k+1)*c]); d < least {
			best, least = k, d
		}
	}
	return best
}

// spreads returns the mean squares of the residuals near each prototype and over all rows,
// without those of a fold; -1 = of all.
func (b *peering) spreads(fold int) (near, overall []float32) {
	c, k := b.c, len(b.p.Prototype)/b.c
	sum, count := make([]float64, c), 0.0
	each := func(do func(i int, e []float32)) {
		for i, ok := range b.keep {
			if ok && b.fold(i) != fold {
				do(i, b.e[i*c:(i+1)*c])
			}
		}
	}
	each(func(_ int, e []float32) {
		count++
		for j, x := range e {
			sum[j] += float64(x) * float64(x)
		}
	})
	overall = make([]float32, c)
	for j := range overall {
		overall[j] = float32(max(sum[j]/max(count, 1), 1e-8))
	}
	local, weight := make([]float64, k*c), make([]float64, k)
	each(func(i int, e []float32) {
		for q, part := range b.share[i] {
			if part == 0 {
				continue
			}
			m := int(b.closest[i][q])
			weight[m] += float64(part)
			for j, x := range e {
				local[m*c+j] += float64(part) * float64(min(x*x, strayBound*strayBound*overall[j]))
			}
		}
	})
	near = make([]float32, k*c)
	for at := range near {
		near[at] = float32((local[at] + priorRows*float64(overall[at%c])) / (weight[at/c] + priorRows))
	}
	return near, overall
}

// hidden measures how far what is expected of each channel moves, at most, while another
// is missing and has the value that its peers expect; where they do not, that of the
// precision matrix of p. At one operating point it moves the same way in all rows, so that
// its mean would not do.
func (b *peering) hidden(p *model.Parameters) {
	c := b.c
	b.p.Hidden = make([]float32, c*c)
	s, rows, age := model.NewPeerState(b.p), b.kept(hiddenSample), make([]int, c)
	for _, i := range rows {
		z := slices.Clone(b.row(i))
		full := slices.Clone(s.Expect(b.p, z))
		for k := range c {
			if b.p.Role[k] == model.Apart {
				continue
			}
			was, pull := z[k], float32(0)
			for j, x := range z {
				if j != k && b.p.Role[j] != model.Apart {
					pull += p.Precision[k*c+j] * x / b.p.Gain[j]
				}
			}
			z[k] = min(max(-pull/p.Precision[k*c+k]*b.p.Gain[k], -zMost), zMost)
			age[k] = 1
			s.Impute(b.p, z, age)
			for j, y := range s.Expect(b.p, z) {
				y -= full[j]
				b.p.Hidden[k*c+j] = max(b.p.Hidden[k*c+j], y*y)
			}
			z[k], age[k] = was, 0
		}
	}
}
