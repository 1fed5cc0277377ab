package model

import "sort"

// Percentile returns the share of the learning rows whose score stays below
// score, 0 to 1, between two ranks of the table linearly. Above the highest
// score of learning nothing is known: it returns the last rank of the table,
// which is below 1. Allocates nothing.
func (m *Model) Percentile(score float32) float32 {
	ranks, v := m.p.Ranks, m.p.Percentiles
	i := sort.Search(len(v), func(i int) bool { return v[i] >= score })
	switch {
	case i == 0:
		return ranks[0]
	case i == len(v):
		return ranks[len(v)-1]
	}
	part := (score - v[i-1]) / (v[i] - v[i-1])
	return ranks[i-1] + float32((ranks[i]-ranks[i-1])*part)
}
