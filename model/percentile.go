package model

import "sort"

// Percentile returns the share of the learning rows whose score is below score, 0 to
// 1, interpolated linearly between the ranks of the table. Above the highest score of
// the learning rows it returns the last rank, which is below 1. It allocates nothing.
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

// Quantile returns the score below which the share of the learning rows lay, the inverse
// of Percentile: between two ranks of the table linearly, beyond its last rank the
// highest score.
func (m *Model) Quantile(share float32) float32 {
	ranks, v := m.p.Ranks, m.p.Percentiles
	i := sort.Search(len(ranks), func(i int) bool { return ranks[i] >= share })
	switch {
	case i == 0:
		return v[0]
	case i == len(ranks):
		return v[len(v)-1]
	}
	part := (share - ranks[i-1]) / (ranks[i] - ranks[i-1])
	return v[i-1] + float32((v[i]-v[i-1])*part)
}
