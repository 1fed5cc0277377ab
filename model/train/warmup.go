package train

import (
	"math"
	"slices"
)

const (
	levelBlocks = 40   // into which the learning rows are cut
	warmUpMost  = 0.25 // part of the rows that may be a warm-up
	levelLeast  = 0.05 // smallest range of a part of the rows, in units of u
)

// warmUp returns the number of leading rows of u, (n, c), whose levels the machine never
// returned to, as after a cold start. Such rows are learnt, but do not set the limits: a
// warm-up that happened only once would hide everything smaller. A warm-up that recurs is
// within the range of the other rows.
func warmUp(u []float32, c int) int {
	size := len(u) / c / levelBlocks
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

// endedElsewhere returns the channels of u, (n, c), that ended at a level where they had
// not been before.
func endedElsewhere(u []float32, c int) (out []int) {
	size := len(u) / c / levelBlocks
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

// levelShifts returns, for each channel of u, (n, c), that shifted to another level for
// good, the row near which it did: the ranges before and after are further apart than
// either is wide. Each part is at least an eighth of the rows; warmUp and endedElsewhere
// find shorter ones.
func levelShifts(u []float32, c int) map[int]int {
	out := map[int]int{}
	size := len(u) / c / levelBlocks
	if size < 5 {
		return out
	}
	for j := range c {
		m := medians(u, c, j, size)
		for b := len(m) / 8; b <= len(m)-len(m)/8; b++ {
			low, high := extent(m[:b])
			after, top := extent(m[b:])
			gap := max(after-high, low-top)
			if gap > max(high-low, top-after, levelLeast) && !math.IsInf(gap, 0) {
				out[j] = b * size
				break
			}
		}
	}
	return out
}

// extent returns the smallest and largest of v, without NaN.
func extent(v []float64) (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, x := range v {
		if x == x {
			low, high = min(low, x), max(high, x)
		}
	}
	return low, high
}

// away returns how many of the last blocks belong to an excursion: the first of the last
// blocks whose median lies outside the range of all blocks before it by more than that
// range, and all blocks after it. m are the medians, NaN = no value in the block.
func away(m []float64) int {
	low, high := math.Inf(1), math.Inf(-1)
	for i, x := range m {
		if math.IsNaN(x) {
			continue
		}
		span := max(high-low, levelLeast)
		if i >= len(m)-int(warmUpMost*levelBlocks) && high >= low && (x > high+span || x < low-span) {
			return len(m) - i
		}
		low, high = min(low, x), max(high, x)
	}
	return 0
}

// medians returns the median of channel j in each block of size rows, NaN for a block
// without a value.
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
