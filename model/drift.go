package model

import (
	"math"
	"slices"
	"time"
)

// The drift statistic; equation numbers are those of DriftState.
const (
	driftMost   = 32             // rows of a block that are kept
	driftDay    = 24 * time.Hour // the window is no shorter than this running time
	driftChance = 1e-5           // that a machine that did not change exceeds (D3) in one look of the whole window
	driftNewest = 8              // of the blocks looked at the newest eighth must differ as well
	driftLeast  = 0.12           // a smaller distance is of no concern, however sure

	// DriftBlocks is how many blocks the window has; a look follows each.
	DriftBlocks = 32
	// DriftLine is the drift score from which a channel has drifted.
	DriftLine = 0.7
	driftHalf = 1/DriftLine - 1 // (D4) is DriftLine where a distance is just enough

	pageLevel = 0.75 // score that is of no concern, however low it was
	pageMost  = 3.0  // standard deviations that one row counts at most
	pageLimit = 15.0 // of (D5)
)

// Drift compares what a machine does with what it did while it was learnt. It
// keeps up to 1,024 rows of a window as long as the learning phase, in running
// time, and no shorter than a day: 4 KiB a channel. It is not safe for concurrent
// use; Push allocates nothing.
type Drift struct {
	p        *Parameters
	c        int
	stride   int       // rows of which one is kept
	perBlock int       // rows kept of a block
	critical float64   // of D*sqrt(n): (D3)
	level    float64   // of log2 of the score: (D5)
	edges    []float32 // (ranks, C) the learnt quantiles in units of Spread

	rows   []float32 // (DriftBlocks*perBlock, C) ring, units of Spread, NaN = missing
	kept   int       // rows of whole blocks in the ring
	next   int       // where the next row goes
	skip   int       // rows to pass over before the next is kept
	fresh  int       // kept rows of the block under way
	page   float64   // (D5)
	rising int       // blocks since (D5) was 0

	counts []int     // (ranks+1) scratch
	below  []float64 // (ranks) scratch
	sorted []float64 // scratch
	state  DriftState
}

// DriftState is what a Drift makes of its window.
//
//	n = rows / DriftTime, at most the rows kept; of learning and of the window (D1)
//	D = greatest |share of the window below q - share of learning below q|,
//	    or of the same between two q as far from the learnt median in rank    (D2)
//	x = D / max(0.12, critical / sqrt(n1 n2 / (n1 + n2)))                      (D3)
//	score = x² / (x² + 3/7), 0.7 where D is just enough                        (D4)
//	S = max(0, S + worth * min((log2 score - level) / sd, 3)), x = S / 15      (D5)
//
// (D1) is n/(1+2Σacf). (D3) is looked at for the newest block, the newest two,
// and so on to the whole window; the largest counts, and says since when. (D2) is
// the smaller of that of so many blocks and of the newest eighth of them: what
// has passed is no drift.
// (D5) is Page-Hinkley's test: level is a standard deviation above the mean while
// learning, and no less than log2 0.75; worth is the part of an independent score
// that a kept row stands for.
// The second half of (D2) is the same test of how far values lie from the median:
// it sees deviations that have grown or shrunk with twice the power. critical is
// that of both Kolmogorov-Smirnov tests of all channels at 1e-5.
type DriftState struct {
	Score    float64        // the largest, 0 to 1; NaN = unknown
	Relation float64        // that of (D5), 0 to 1; NaN = unknown
	Rising   int            // blocks since (D5) was 0
	Channels []ChannelDrift // (C)
}

// ChannelDrift is the drift of one channel; values are in physical units.
type ChannelDrift struct {
	Score    float64 // 0 to 1; NaN = too few independent values to say
	Distance float64 // (D2)
	Blocks   int     // of the window in which the change is clearest
	Now      Band    // of those blocks
	Learnt   Band
}

// Band tells where values lie: 5 %, half, and 95 % of them are below.
type Band struct{ Low, Median, High float64 }

// NewDrift returns a Drift that has seen nothing; nil for a model of an earlier
// layout, which does not hold what is needed.
func NewDrift(m *Model) *Drift {
	p := &m.p
	c := len(p.Schema.Channels)
	if len(p.DriftTime) == 0 {
		return nil
	}
	window := int(slices.Max(p.DriftRows))
	if s := p.Schema.Period; s > 0 {
		window = max(window, int(min(driftDay/s, math.MaxInt32)))
	}
	block := max(1, (window+DriftBlocks-1)/DriftBlocks)
	d := &Drift{p: p, c: c, critical: DriftCritical(c)}
	d.stride = (block + driftMost - 1) / driftMost
	d.perBlock = (block + d.stride - 1) / d.stride
	d.level = max(float64(p.DriftScore[0]+p.DriftScore[1]), log2(pageLevel))
	d.rows = make([]float32, DriftBlocks*d.perBlock*c)
	d.edges = make([]float32, len(p.Drift))
	for i, x := range p.Drift {
		d.edges[i] = d.unit(x, i%c)
		if i >= c && d.edges[i] < d.edges[i-c] {
			d.edges[i] = d.edges[i-c] // by a rounding of the interpolation
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

// DriftCritical returns what D*sqrt(n) exceeds by chance in one look of 100,000
// at that many channels, each with n independent values: the tail of
// Kolmogorov's distribution, 2 exp(-2x²), shared among two tests of each.
func DriftCritical(channels int) float64 {
	return math.Sqrt(float64(log2(float64(4*channels)/driftChance)*math.Ln2) / 2)
}

// BlockRows returns how many running rows lie between two looks.
func (d *Drift) BlockRows() int { return d.stride * d.perBlock }

// State is what the newest look saw. The slice belongs to the Drift until its
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

// Push takes one row of the running machine, physical units, NaN = missing, and
// its score. It reports true when a block is complete and State is new. A row of
// another length is passed over.
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
	sd, worth := float64(d.p.DriftScore[1]), min(float64(d.stride)/float64(d.p.DriftScore[2]), 1)
	z := min((log2(score)-d.level)/sd, pageMost)
	if d.page = min(d.page+float64(z*worth), 2*pageLimit); !(d.page > 0) {
		d.page, d.rising = 0, 0
	}
}

// look renews the state from the whole blocks in the ring.
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

// channel renews the state of channel j.
func (d *Drift) channel(j int, ch *ChannelDrift) {
	ch.Score, ch.Distance, ch.Blocks = math.NaN(), math.NaN(), 0
	clear(d.counts)
	correlated := max(float64(d.p.DriftTime[j]), 1)
	n1 := float64(d.p.DriftRows[j]) / correlated
	n, best := 0, -1.0
	var distances [DriftBlocks + 1]float64 // of so many newest blocks
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
		distance := min(distances[blocks], distances[(blocks+driftNewest-1)/driftNewest])
		n2 := min(float64(n), float64(n*d.stride)/correlated)
		need := d.critical / math.Sqrt(float64(n1*n2)/(n1+n2))
		if need > 1 {
			continue // not even values that lie wholly elsewhere would tell
		}
		if x := distance / max(need, driftLeast); x > best {
			best = x
			ch.Score, ch.Distance, ch.Blocks = mapped(x), distance, blocks
		}
	}
	ch.Now = d.now(j, ch.Blocks)
}

// whole returns how many rows of whole blocks there are. The block under way
// takes the place of the oldest.
func (d *Drift) whole() int { return min(d.kept, DriftBlocks*d.perBlock-d.fresh) }

// past returns channel j of the whole blocks' row back rows before their end.
func (d *Drift) past(back, j int) float32 {
	at := d.next - d.fresh - back
	if at < 0 {
		at += DriftBlocks * d.perBlock
	}
	return d.rows[at*d.c+j]
}

// bin returns where u lies among the edges of channel j: the number of edges
// below it, and one more where it equals several, so that what lies below such a
// value and what lies at it are counted apart.
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

// distance returns (D2) of the n counted values of channel j.
func (d *Drift) distance(j, n int) float64 {
	last := len(d.edges)/d.c - 1
	below := 0
	for k, v := range d.counts[:last+1] {
		below += v
		d.below[k] = float64(below)/float64(n) - float64(k)/float64(last)
		if k > 0 && k < last && d.edges[(k-1)*d.c+j] == d.edges[k*d.c+j] && d.edges[(k+1)*d.c+j] == d.edges[k*d.c+j] {
			d.below[k] = math.NaN() // within a value that was learnt often
		}
	}
	top := 0.0
	for k, v := range d.below {
		for _, x := range [...]float64{v, d.below[last-k] - v} {
			if x = math.Abs(x); x > top { // not if it is NaN
				top = x
			}
		}
	}
	return top
}

// now returns where the values of the newest blocks of channel j lie; of the
// whole window for 0.
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

// learnt returns where the learning rows of channel j lie.
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
