package model

import (
	"math"
	"slices"
	"time"
)

// The drift statistic; equation numbers are those of DriftState.
const (
	blockRowsMax  = 32             // rows kept of a block at most
	windowLeast   = 24 * time.Hour // running time that the window spans at least
	driftChance   = 1e-5           // probability that an unchanged machine exceeds (D3) in one look at the whole window
	newestPart    = 8              // the newest eighth of the blocks looked at must differ as well
	distanceLeast = 0.12           // a smaller distance is not drift, however significant it is

	// DriftBlocks is the number of blocks in the window; a look follows each block.
	DriftBlocks = 32
	// DriftLine is the drift score from which a channel has drifted.
	DriftLine = 0.7
	driftHalf = 1/DriftLine - 1 // makes (D4) equal DriftLine for x = 1

	pageLevel = 0.75 // scores up to this never add to (D5)
	pageClip  = 3.0  // standard deviations that one row counts at most
	pageLimit = 15.0 // of (D5)
)

// Drift compares the rows of a sliding window with the learning rows. The window
// spans as much running time as the learning phase, and at least a day; up to 1,024
// of its rows are kept, 4 KiB a channel. It is not safe for concurrent use; Push
// allocates nothing.
type Drift struct {
	p        *Parameters
	c        int
	stride   int       // of so many rows one is kept
	perBlock int       // kept rows in a block
	critical float64   // critical value of D*sqrt(n) in (D3)
	level    float64   // of log2 of the score in (D5)
	edges    []float32 // (ranks, C) the learnt quantiles in units of Spread

	rows   []float32 // (DriftBlocks*perBlock, C) ring, units of Spread, NaN = missing
	kept   int       // rows of complete blocks in the ring
	next   int       // index of the next row to write
	skip   int       // rows to skip before the next one is kept
	fresh  int       // kept rows of the incomplete block
	page   float64   // (D5)
	rising int       // blocks since (D5) was 0

	counts []int     // (ranks+1) scratch
	below  []float64 // (ranks) scratch
	sorted []float64 // scratch
	state  DriftState
}

// DriftState is the result of the newest look at the window.
//
//	n = rows / DriftTime, at most the rows kept: n1 learning rows, n2 window   (D1)
//	D = greatest |share of the window below q - share of learning below q|,
//	    or the same between two q whose ranks lie as far from the median       (D2)
//	x = D / max(0.12, critical / sqrt(n1 n2 / (n1 + n2)))                      (D3)
//	score = x² / (x² + 3/7), which is 0.7 for x = 1                            (D4)
//	S = max(0, S + weight * min((log2 score - level) / sd, 3)), x = S / 15     (D5)
//
// (D1) is the effective sample size, n/(1+2Σacf). (D2) and (D3) are a
// Kolmogorov-Smirnov test; q runs over the learnt quantiles. The second half of (D2)
// is the same test for the distance of values from the median: it finds deviations
// that have grown or shrunk with twice the power. critical is that of both tests of
// all channels together at a probability of 1e-5.
//
// (D3) is computed for the newest block, the newest two, and so on up to the whole
// window. The largest x counts, and its number of blocks tells since when the
// channel has drifted. D is the smaller of that of so many blocks and that of the
// newest eighth of them, because a change that is over is no drift.
//
// (D5) is the Page-Hinkley test of the score. level is one standard deviation above
// the mean of the learning rows, and at least log2 0.75; weight is the fraction of an
// independent score that one kept row stands for.
type DriftState struct {
	Score    float64        // the largest of Relation and the channels' scores, 0 to 1; NaN = unknown
	Relation float64        // (D4) of (D5), 0 to 1; NaN = unknown
	Rising   int            // blocks since S of (D5) was 0
	Channels []ChannelDrift // (C)
}

// ChannelDrift is the drift of one channel; values are in physical units.
type ChannelDrift struct {
	Score    float64 // (D4), 0 to 1; NaN = too few independent values to tell
	Distance float64 // (D2)
	Blocks   int     // number of newest blocks for which the change is clearest
	Now      Band    // of those blocks
	Learnt   Band    // of the learning rows
}

// Band holds the 5 %, 50 % and 95 % quantiles of values.
type Band struct{ Low, Median, High float64 }

// NewDrift returns a Drift with an empty window.
func NewDrift(m *Model) *Drift {
	p := &m.p
	c := len(p.Schema.Channels)
	window := int(slices.Max(p.DriftRows))
	if s := p.Schema.Period; s > 0 {
		window = max(window, int(min(windowLeast/s, math.MaxInt32)))
	}
	block := max(1, (window+DriftBlocks-1)/DriftBlocks)
	d := &Drift{p: p, c: c, critical: DriftCritical(c)}
	d.stride = (block + blockRowsMax - 1) / blockRowsMax
	d.perBlock = (block + d.stride - 1) / d.stride
	d.level = max(float64(p.DriftScore[0]+p.DriftScore[1]), log2(pageLevel))
	d.rows = make([]float32, DriftBlocks*d.perBlock*c)
	d.edges = make([]float32, len(p.Drift))
	for i, x := range p.Drift {
		d.edges[i] = d.unit(x, i%c)
		if i >= c && d.edges[i] < d.edges[i-c] {
			d.edges[i] = d.edges[i-c] // the interpolation of quantiles may round down
		}
	}
	d.below = make([]float64, len(p.Drift)/c)
	d.counts, d.sorted = make([]int, len(p.Drift)/c+1), make([]float64, 0, DriftBlocks*d.perBlock)
	d.state = DriftState{Score: math.NaN(), Relation: math.NaN(), Channels: make([]ChannelDrift, c)}
	for j := range d.state.Channels {
		d.state.Channels[j] = ChannelDrift{Score: math.NaN(), Distance: math.NaN(), Now: band(nil), Learnt: d.learnt(j)}
	}
	return d
}

// DriftCritical returns the value that D*sqrt(n) exceeds by chance in one of 100,000
// looks at so many channels, each with n independent values: the tail of
// Kolmogorov's distribution, 2 exp(-2x²), shared between the two tests of each
// channel.
func DriftCritical(channels int) float64 {
	return math.Sqrt(float64(log2(float64(4*channels)/driftChance)*math.Ln2) / 2)
}

// BlockRows returns how many running rows lie between two looks.
func (d *Drift) BlockRows() int { return d.stride * d.perBlock }

// State returns the result of the newest look. The slice belongs to the Drift until its
// next Push.
func (d *Drift) State() DriftState { return d.state }

// unit returns x in units of Spread.
func (d *Drift) unit(x float64, j int) float32 {
	s := d.p.Spread[j]
	if s == Unlearnt || math.IsNaN(x) || math.IsInf(x, 0) {
		return float32(math.NaN())
	}
	return float32(min(max((x-d.p.Center[j])/s, -uMax), uMax))
}

// Push takes one row of the running machine, (C) in physical units, NaN = missing,
// and its score, NaN = none. It reports true when a block is complete and State is
// new. It ignores a row of another length.
func (d *Drift) Push(row []float64, score float32) bool {
	if len(row) != d.c {
		return false
	}
	if d.skip > 0 {
		d.skip--
		return false
	}
	d.skip = d.stride - 1
	d.pageHinkley(float64(score))
	to := d.rows[d.next*d.c : (d.next+1)*d.c]
	for j, x := range row {
		to[j] = d.unit(x, j)
	}
	d.next = (d.next + 1) % (DriftBlocks * d.perBlock)
	if d.fresh++; d.fresh < d.perBlock {
		return false
	}
	d.fresh = 0
	d.kept = min(d.kept+d.perBlock, DriftBlocks*d.perBlock)
	d.rising++
	d.look()
	return true
}

// pageHinkley adds a score to (D5).
func (d *Drift) pageHinkley(score float64) {
	if math.IsNaN(score) {
		return
	}
	sd, weight := float64(d.p.DriftScore[1]), min(float64(d.stride)/float64(d.p.DriftScore[2]), 1)
	z := min((log2(score)-d.level)/sd, pageClip)
	if d.page = min(d.page+float64(z*weight), 2*pageLimit); !(d.page > 0) {
		d.page, d.rising = 0, 0
	}
}

// look computes the state from the complete blocks in the ring.
func (d *Drift) look() {
	s := &d.state
	s.Relation = mapped(d.page / pageLimit)
	s.Score, s.Rising = s.Relation, d.rising
	for j := range d.c {
		ch := &s.Channels[j]
		if d.channel(j, ch); ch.Score > s.Score {
			s.Score = ch.Score
		}
	}
}

// mapped returns (D4).
func mapped(x float64) float64 {
	square := float64(x * x)
	return square / (square + driftHalf)
}

// channel computes the state of channel j.
func (d *Drift) channel(j int, ch *ChannelDrift) {
	ch.Score, ch.Distance, ch.Blocks = math.NaN(), math.NaN(), 0
	clear(d.counts)
	correlated := max(float64(d.p.DriftTime[j]), 1)
	n1 := float64(d.p.DriftRows[j]) / correlated
	n, best := 0, -1.0
	var distances [DriftBlocks + 1]float64 // (D2) by number of newest blocks
	for back := 1; back <= d.whole(); back++ {
		if u := d.past(back, j); u == u {
			d.counts[d.bin(u, j)]++
			n++
		}
		if back%d.perBlock != 0 || n == 0 {
			continue
		}
		blocks := back / d.perBlock
		distances[blocks] = d.distance(j, n)
		distance := min(distances[blocks], distances[(blocks+newestPart-1)/newestPart])
		n2 := min(float64(n), float64(n*d.stride)/correlated)
		need := d.critical / math.Sqrt(float64(n1*n2)/(n1+n2))
		if need > 1 {
			continue // too few values: even D = 1 would not be significant
		}
		if x := distance / max(need, distanceLeast); x > best {
			best = x
			ch.Score, ch.Distance, ch.Blocks = mapped(x), distance, blocks
		}
	}
	ch.Now = d.now(j, ch.Blocks)
}

// whole returns how many rows of complete blocks there are. The incomplete block
// overwrites the oldest.
func (d *Drift) whole() int { return min(d.kept, DriftBlocks*d.perBlock-d.fresh) }

// past returns channel j of the row that lies back rows before the end of the
// complete blocks; back = 1 is their newest row.
func (d *Drift) past(back, j int) float32 {
	at := d.next - d.fresh - back
	if at < 0 {
		at += DriftBlocks * d.perBlock
	}
	return d.rows[at*d.c+j]
}

// bin returns the number of edges of channel j that lie below u, and one more if u
// equals several edges: values below such a value and values equal to it are then
// counted separately.
func (d *Drift) bin(u float32, j int) int {
	ranks := len(d.edges) / d.c
	low, high := 0, ranks
	for low < high {
		mid := (low + high) / 2
		if d.edges[mid*d.c+j] < u {
			low = mid + 1
		} else {
			high = mid
		}
	}
	if low+1 < ranks && d.edges[low*d.c+j] == u && d.edges[(low+1)*d.c+j] == u {
		low++
	}
	return low
}

// distance returns (D2) of channel j for the n values in d.counts.
func (d *Drift) distance(j, n int) float64 {
	last := len(d.edges)/d.c - 1
	below := 0
	for k, v := range d.counts[:last+1] {
		below += v
		d.below[k] = float64(below)/float64(n) - float64(k)/float64(last)
		if k > 0 && k < last && d.edges[(k-1)*d.c+j] == d.edges[k*d.c+j] && d.edges[(k+1)*d.c+j] == d.edges[k*d.c+j] {
			d.below[k] = math.NaN() // inside a run of equal quantiles
		}
	}
	top := 0.0
	for k, v := range d.below {
		for _, x := range [...]float64{v, d.below[last-k] - v} {
			if x = math.Abs(x); x > top { // false for NaN
				top = x
			}
		}
	}
	return top
}

// now returns the band of channel j over so many newest blocks; 0 = the whole window.
func (d *Drift) now(j, blocks int) Band {
	v := d.sorted[:0]
	rows := d.whole()
	if blocks > 0 {
		rows = min(rows, blocks*d.perBlock)
	}
	for back := 1; back <= rows; back++ {
		if u := d.past(back, j); u == u {
			v = append(v, d.p.Center[j]+float64(float64(u)*d.p.Spread[j]))
		}
	}
	slices.Sort(v)
	return band(v)
}

// learnt returns the band of channel j over the learning rows.
func (d *Drift) learnt(j int) Band {
	v := make([]float64, len(d.p.Drift)/d.c)
	if d.p.Spread[j] == Unlearnt {
		v = nil
	}
	for i := range v {
		v[i] = d.p.Drift[i*d.c+j]
	}
	return band(v)
}

// band returns the band of sorted values; NaN if there are none.
func band(sorted []float64) Band {
	if len(sorted) == 0 {
		return Band{math.NaN(), math.NaN(), math.NaN()}
	}
	at := func(q float64) float64 {
		x := float64(q * float64(len(sorted)-1))
		i := int(x)
		k := min(i+1, len(sorted)-1)
		return sorted[i] + float64((x-float64(i))*(sorted[k]-sorted[i]))
	}
	return Band{at(0.05), at(0.5), at(0.95)}
}
