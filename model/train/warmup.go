package train

import (
	"math"
	"slices"
)

const (
	transientBlocks = 40   // the learning rows are cut into
	transientMost   = 0.25 // of the rows may be a transient
	transientLeast  = 0.05 // range of the rest, in units of u, at least
)

// transient returns how many leading rows of u, (n, c), the machine never came
// back to: a cold start at the beginning of a recording. Such rows are learnt,
// but the limits are set without them: a warm-up that happened once would else
// hide everything smaller. One that comes back is in the range of the rest.
func transient(u []float32, c int) int {
	size := len(u) / c / transientBlocks
	if size < 5 {
		return 0
	}
	last := 0
	for j := range c {
		m := medians(u, c, j, size)
		slices.Reverse(m)
		last = max(last, away(m))
	}
	return last * size
}

// shifted returns the channels of u, (n, c), that ended where they had not been
// before.
func shifted(u []float32, c int) (out []int) {
	size := len(u) / c / transientBlocks
	if size < 5 {
		return nil
	}
	for j := range c {
		if away(medians(u, c, j, size)) > 0 {
			out = append(out, j)
		}
	}
	return out
}

// stepped returns, for channels of u, (n, c), that changed their level once and
// for good, the row near which they did: the ranges before and after are further
// apart than either is wide. Neither part is a short one: those are transient's
// and shifted's.
func stepped(u []float32, c int) map[int]int {
	out := map[int]int{}
	size := len(u) / c / transientBlocks
	if size < 5 {
		return out
	}
	for j := range c {
		m := medians(u, c, j, size)
		for b := len(m) / 8; b <= len(m)-len(m)/8; b++ {
			low, high := extent(m[:b])
			after, top := extent(m[b:])
			gap := max(after-high, low-top)
			if gap > max(high-low, top-after, transientLeast) && !math.IsInf(gap, 0) {
				out[j] = b * size
				break
			}
		}
	}
	return out
}

// extent returns the smallest and largest of v, NaN left out.
func extent(v []float64) (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, x := range v {
		if x == x {
			low, high = min(low, x), max(high, x)
		}
	}
	return low, high
}

// away returns how many of the last blocks belong to an excursion: the first
// block, and all after it, that lies outside the range of all blocks before it
// by more than that range. NaN = no value in the block.
func away(m []float64) int {
	low, high := math.Inf(1), math.Inf(-1)
	for i, x := range m {
		if math.IsNaN(x) {
			continue
		}
		span := max(high-low, transientLeast)
		if i >= len(m)-int(transientMost*transientBlocks) && high >= low && (x > high+span || x < low-span) {
			return len(m) - i
		}
		low, high = min(low, x), max(high, x)
	}
	return 0
}

// medians returns the median of channel j in each block of size rows, NaN where
// a block has no value.
func medians(u []float32, c, j, size int) []float64 {
	out := make([]float64, len(u)/c/size)
	v := make([]float32, 0, size)
	for b := range out {
		v = v[:0]
		for i := b * size; i < (b+1)*size; i++ {
			if x := u[i*c+j]; x == x {
				v = append(v, x)
			}
		}
		out[b] = math.NaN()
		if len(v) > 0 {
			slices.Sort(v)
			out[b] = float64(quantile(v, 0.5))
		}
	}
	return out
}
