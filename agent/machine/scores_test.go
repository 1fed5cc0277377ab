package machine

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestScores: quantiles are those of the sorted scores, within 10 %.
func TestScores(t *testing.T) {
	var s Scores
	if !math.IsNaN(s.Quantile(0.5)) {
		t.Error("a quantile of nothing")
	}
	r := rand.New(rand.NewPCG(1, 2))
	var all []float64
	for range 20000 {
		v := 0.3 * math.Exp(0.5*r.NormFloat64())
		all = append(all, v)
		s.Add(v)
	}
	s.Add(math.NaN())
	slices.Sort(all)
	if s.Count() != 20000 {
		t.Errorf("%d counted", s.Count())
	}
	for _, q := range []float64{0.01, 0.5, 0.95, 0.99, 1} {
		want := all[min(int(q*20000), 19999)]
		if got := s.Quantile(q); math.Abs(got/want-1) > 0.1 {
			t.Errorf("quantile %g is %g, want %g", q, got, want)
		}
	}
	var odd Scores
	for _, v := range []float64{0, -1, 1e9, math.Inf(1), math.Inf(-1)} {
		odd.Add(v)
	}
	if odd[0] != 3 || odd[len(odd)-1] != 2 || odd.Quantile(1) < 9 {
		t.Errorf("%v", odd)
	}
	if n := testing.AllocsPerRun(100, func() { odd.Add(0.4) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
