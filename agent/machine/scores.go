package machine

import "math"

// Scores are numbers of scores by their height, so that quantiles of any time can be
// told: of one day, of a week. Four buckets make a factor of two.
type Scores [32]uint64

// leastScore is the upper bound of the lowest bucket. The bound of the highest but one
// is 9.
const leastScore = 0.05

// Add counts a score; NaN is none. It does not allocate.
func (s *Scores) Add(v float64) {
	if !math.IsNaN(v) {
		s[min(int(math.Ceil(4*math.Log2(min(max(v, leastScore), 100)/leastScore))), len(s)-1)]++
	}
}

// Count is how many there are.
func (s *Scores) Count() (n uint64) {
	for _, c := range s {
		n += c
	}
	return n
}

// Quantile is the score below which the part q of them is, within 10 % of itself; NaN
// where there are none.
func (s *Scores) Quantile(q float64) float64 {
	rank := q * float64(s.Count())
	low := 0.0
	for i, c := range s {
		high := leastScore * math.Exp2(float64(i)/4)
		if n := float64(c); n > 0 && rank <= n {
			return low + float64((high-low)*(rank/n))
		}
		rank -= float64(c)
		low = high
	}
	return math.NaN()
}
