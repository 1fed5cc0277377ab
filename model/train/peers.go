package train

import (
	"slices"

	"iot-edge-anomaly/model"
)

const (
	peersLeast = 300   // complete rows below which no peers are learnt
	peersMost  = 12000 // rows that they are fitted to, evenly thinned
	peerFolds  = 5
	fewLevels  = 4 // a channel of at most so many values is given, not judged

	oddResidual = 5   // robust deviations from which a row is of another regime
	oddRows     = 7   // rows of the running median of that
	oddMost     = 0.3 // of the rows; if more are odd, none is

	apartMost = 10 // a channel that is missing in 1/10 of the rows stays apart

	lastsPart  = 0.5   // Peers.Rows, of the learning rows
	lastsLeast = 1000  // and at least so many rows,
	lastsFew   = 10000 // from less than longRows, which show little of what lasts
)

// peering learns model.Peers.
type peering struct {
	l     *learner
	p     *model.Peers
	c, f  int       // channels, features
	u     []float32 // (rows, C) in units of Spread
	index []int     // (n) the complete rows
	keep  []bool    // (n) not odd
	mean  []float64 // (F) of the features
	sd    []float64 // (F)
	e     []float32 // (n, C) residuals of the fold that did not learn the row
	fits  []float64 // (C) part of the variance that is explained
	folds []linear  // of each fold
	z     []float32 // (C) scratch

	closest [][model.Nearest]uint8   // (n) nearest prototypes
	share   [][model.Nearest]float32 // (n) and their weights
}

// linear are weights, (F, C), and biases, (C).
type linear struct{ weight, bias []float32 }

// peers learns from u, (rows, C) in units of p.Spread, what each channel should be given
// the others, and puts it into p. It leaves p without, if there are too few rows, or too
// few or too many channels.
func (l *learner) peers(p *model.Parameters, u []float32) error {
	if l.set.c < 2 || l.set.c > model.MaxPeers || l.o.Reference == model.None {
		return nil
	}
	b := &peering{l: l, c: l.set.c, f: model.Features(l.set.c), p: &model.Peers{}, u: u, z: make([]float32, l.set.c)}
	if targets := b.roles(); targets < 2 {
		return nil
	}
	if b.rows(); len(b.index) < peersLeast {
		return nil
	}
	b.ranges()
	for {
		if err := b.fit(); err != nil {
			return err
		}
		if slices.Contains(b.keep, false) || !b.trim() {
			break
		}
	}
	if err := b.operatingPoints(); err != nil {
		return err
	}
	b.hidden(p)
	if err := b.limits(); err != nil {
		return err
	}
	p.Peers = b.p
	b.report()
	return nil
}

// report tells what was learnt, and which rows were left out.
func (b *peering) report() {
	r := &PeersReport{Features: b.f, Points: len(b.p.Prototype) / b.c}
	for _, role := range b.p.Role {
		if role == model.Target {
			r.Judged++
		}
	}
	r.Stray, r.Slow = float64(slices.Min(b.p.StrayLimit)), float64(slices.Min(b.p.SlowLimit))
	for _, ok := range b.keep {
		if !ok {
			r.Odd++
		}
	}
	b.l.report.Peers = r
}

// roles decides what each channel is, and returns how many are judged.
func (b *peering) roles() (targets int) {
	c := b.c
	b.p.Role, b.p.Gain = make([]int32, c), make([]float32, c)
	v := make([]float32, 0, len(b.u)/c)
	for j := range c {
		v = v[:0]
		for i := j; i < len(b.u); i += c {
			if x := b.u[i]; x == x {
				v = append(v, x)
			}
		}
		if slices.Sort(v); apartMost*(b.l.set.used-len(v)) > b.l.set.used || len(v) == 0 || v[0] == v[len(v)-1] || b.l.set.counts(j) != "" {
			continue
		}
		levels := 1
		for i := 1; i < len(v) && levels <= fewLevels; i++ {
			if v[i] != v[i-1] {
				levels++
			}
		}
		low, high := quantile(v, 0.005), quantile(v, 0.995)
		sd := spreadWithin(v, low, high)
		if b.p.Role[j] = model.Target; levels <= fewLevels || sd == 0 {
			b.p.Role[j] = model.Given
			if sd == 0 {
				sd = spreadWithin(v, v[0], v[len(v)-1])
			}
		} else {
			targets++
		}
		b.p.Gain[j] = float32(1 / max(sd, 1e-6))
	}
	return targets
}

// spreadWithin returns the standard deviation of v with values beyond low and high moved
// there.
func spreadWithin(v []float32, low, high float32) float64 {
	w := make([]float64, len(v))
	for i, x := range v {
		w[i] = float64(min(max(x, low), high))
	}
	_, sd := spreadOf(w)
	return sd
}

// rows finds the rows after the warm-up in which no channel is missing that is not apart.
func (b *peering) rows() {
	for i := b.l.from; i < len(b.u)/b.c; i++ {
		whole := b.l.set.run[i]
		for j, x := range b.u[i*b.c : (i+1)*b.c] {
			whole = whole && (x == x || b.p.Role[j] == model.Apart)
		}
		if whole {
			b.index = append(b.index, i)
		}
	}
	b.keep = make([]bool, len(b.index))
	for i := range b.keep {
		b.keep[i] = true
	}
}

// fold returns the fold of row i: each is a stretch of the rows.
func (b *peering) fold(i int) int { return i * peerFolds / len(b.index) }

// row returns row i in units of z; it is valid until the next call.
func (b *peering) row(i int) []float32 {
	b.p.Scale(b.z, b.u[b.index[i]*b.c:(b.index[i]+1)*b.c])
	for j, r := range b.p.Role {
		if r == model.Apart {
			b.z[j] = 0 // NaN times 0 is NaN
		}
	}
	return b.z
}

// kept returns the rows that are not odd, evenly thinned.
func (b *peering) kept(most int) (out []int) {
	for i, ok := range b.keep {
		if ok {
			out = append(out, i)
		}
	}
	return thin(out, most)
}

// pause gives way to others that wait for the processor.
func (b *peering) pause() error { return b.l.pace.step("training", 0.4, b.l.report.Loss) }

// ranges sets the learnt range of z, the hinges, and the bounds of what is expected: half
// a range beyond the learnt one, unless more than a hundredth of the rows lie at an end,
// which then is a physical bound.
func (b *peering) ranges() {
	c, p := b.c, b.p
	p.Low, p.High, p.Least, p.Most = make([]float32, c), make([]float32, c), make([]float32, c), make([]float32, c)
	p.Hinge = make([]float32, model.Hinges*c)
	v := make([]float32, len(b.index))
	for j := range c {
		for i, at := range b.index {
			if v[i] = 0; b.p.Role[j] != model.Apart {
				v[i] = min(max(b.u[at*c+j]*p.Gain[j], -zMost), zMost)
			}
		}
		slices.Sort(v)
		low, high := quantile(v, 0.001), quantile(v, 0.999)
		p.Low[j], p.High[j] = low, high
		for h := range model.Hinges {
			p.Hinge[h*c+j] = quantile(v, (float64(h)+0.5)/model.Hinges)
		}
		const beyond, edge = 0.5, 0.02
		r := high - low
		p.Least[j], p.Most[j] = low-beyond*r, high+beyond*r
		below, _ := slices.BinarySearch(v, low+edge*r)
		above, _ := slices.BinarySearch(v, high-edge*r)
		if 100*below > len(v) {
			p.Least[j] = low - edge*r
		}
		if 100*(len(v)-above) > len(v) {
			p.Most[j] = high + edge*r
		}
	}
}

// zMost bounds z, as in package model.
const zMost = 30

// trim marks the rows of another regime, such as downtime, and tells whether there are
// any: those whose residuals, the running median of them, are far above the usual ones.
func (b *peering) trim() bool {
	c, n := b.c, len(b.index)
	odd, v := make([]float32, n), make([]float32, n)
	for j := range c {
		if b.p.Role[j] != model.Target {
			continue
		}
		for i := range v {
			v[i] = abs(b.e[i*c+j])
		}
		slices.Sort(v)
		scale := 1.48*quantile(v, 0.5) + 0.05
		for i := range odd {
			odd[i] = max(odd[i], abs(b.e[i*c+j])/scale)
		}
	}
	found := 0
	w := make([]float32, 0, oddRows)
	for i := range n {
		w = append(w[:0], odd[max(0, i-oddRows/2):min(n, i+oddRows/2+1)]...)
		slices.Sort(w)
		if b.keep[i] = quantile(w, 0.5) <= oddResidual; !b.keep[i] {
			found++
		}
	}
	if float64(found) > oddMost*float64(n) {
		for i := range b.keep {
			b.keep[i] = true
		}
		return false
	}
	return found > 0
}

func abs(v float32) float32 { return max(v, -v) }
