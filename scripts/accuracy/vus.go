package main

import (
	"math"
	"slices"
)

const vusThresholds = 250

// volume returns the volume under the precision-recall surface (Paparrizos et al.
// 2022, as TSB-AD computes it): precision and recall with labels that fade out
// over up to window rows around each event, over thresholds and widths.
func volume(s series, window int) float64 {
	n := len(s.label)
	score := whole(s.score)
	events := rowRuns(s.label)
	sorted := slices.Clone(score)
	slices.Sort(sorted)
	slices.Reverse(sorted)
	positives := 0.0
	for _, e := range events {
		positives += float64(e[1] - e[0] + 1)
	}
	// By threshold: the rows predicted, and how many of them up to each row.
	before, predicted := make([][]float64, vusThresholds), make([]float64, vusThresholds)
	for k := range before {
		limit := sorted[thresholdRow(k, n)]
		before[k] = make([]float64, n+1)
		for i, v := range score {
			before[k][i+1] = before[k][i]
			if v >= limit {
				before[k][i+1]++
			}
		}
		predicted[k] = before[k][n]
	}
	within := widened(events, window, n)
	sum := 0.0
	for w := range window + 1 {
		sum += surface(s.label, score, sorted, events, within, widened(events, w, n), w, before, predicted, positives)
	}
	return sum / float64(window+1)
}

// thresholdRow returns the rank of threshold k of n scores.
func thresholdRow(k, n int) int {
	if k == vusThresholds-1 {
		return n - 1
	}
	return int(float64(k) * (float64(n-1) / (vusThresholds - 1)))
}

// surface is the area for one width.
func surface(label []bool, score, sorted []float64, events, within, near [][2]int, w int, before [][]float64, predicted []float64, positives float64) float64 {
	n := len(label)
	soft := softened(label, events, w)
	inside := make([]bool, n) // of what counts as near an event, but is not it
	for _, e := range near {
		for i := e[0]; i <= e[1]; i++ {
			inside[i] = !label[i]
		}
	}
	// Weights of the rows that may be hit, summed up to each rank of the score.
	var hits, nearby []weighted
	outside := 0.0
	for _, e := range within {
		for i := e[0]; i <= e[1]; i++ {
			hits = append(hits, weighted{score[i], soft[i]})
			if inside[i] {
				nearby = append(nearby, weighted{score[i], soft[i]})
			} else {
				outside += soft[i]
			}
		}
	}
	hit, close := cumulate(hits), cumulate(nearby)
	area, lastRecall := 0.0, 0.0
	for k := range vusThresholds {
		limit := sorted[thresholdRow(k, n)]
		truePos := hit.above(limit)
		wanted := (positives + outside + close.above(limit)) / 2
		found := 0.0
		for _, e := range near {
			if before[k][e[1]+1] > before[k][e[0]] {
				found++
			}
		}
		recall := min(truePos/wanted, 1) * found / float64(len(near))
		area += (recall - lastRecall) * truePos / predicted[k]
		lastRecall = recall
	}
	return area
}

// rowRuns returns the runs of true, first and last row.
func rowRuns(of []bool) (out [][2]int) {
	for i := 0; i < len(of); i++ {
		if of[i] {
			from := i
			for i+1 < len(of) && of[i+1] {
				i++
			}
			out = append(out, [2]int{from, i})
		}
	}
	return out
}

// widened returns the events with half a window on both sides; those that meet
// are one.
func widened(events [][2]int, w, n int) (out [][2]int) {
	from := max(events[0][0]-w/2, 0)
	for i := range events[:len(events)-1] {
		if events[i][1]+w/2 < events[i+1][0]-w/2 {
			out = append(out, [2]int{from, events[i][1] + w/2})
			from = events[i+1][0] - w/2
		}
	}
	return append(out, [2]int{from, min(events[len(events)-1][1]+w/2, n-1)})
}

// softened returns labels from 1 in an event to 0 half a window off.
func softened(label []bool, events [][2]int, w int) []float64 {
	n := len(label)
	out := make([]float64, n)
	for i, anomalous := range label {
		if anomalous {
			out[i] = 1
		}
	}
	for _, e := range events {
		for i := e[1] + 1; i < min(e[1]+w/2+1, n); i++ {
			out[i] += math.Sqrt(1 - float64(i-e[1])/float64(w))
		}
		for i := max(e[0]-w/2, 0); i < e[0]; i++ {
			out[i] += math.Sqrt(1 - float64(e[0]-i)/float64(w))
		}
	}
	for i := range out {
		out[i] = min(out[i], 1)
	}
	return out
}

type weighted struct{ score, weight float64 }

// ranked are scores, highest first, and the weight of all down to each.
type ranked struct{ score, sum []float64 }

func cumulate(v []weighted) (r ranked) {
	slices.SortFunc(v, func(a, b weighted) int {
		switch {
		case a.score > b.score:
			return -1
		case a.score < b.score:
			return 1
		}
		return 0
	})
	sum := 0.0
	for _, x := range v {
		sum += x.weight
		r.score, r.sum = append(r.score, x.score), append(r.sum, sum)
	}
	return r
}

// above returns the weight of the scores that are limit or more.
func (r ranked) above(limit float64) float64 {
	k, _ := slices.BinarySearchFunc(r.score, limit, func(s, limit float64) int {
		if s >= limit {
			return -1
		}
		return 1
	})
	if k == 0 {
		return 0
	}
	return r.sum[k-1]
}
