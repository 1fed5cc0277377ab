package main

import (
	"math"
	"slices"
)

const vusThresholds = 250

// precisionRecall holds what all surfaces of one series have in common.
type precisionRecall struct {
	label     []bool
	score     []float64
	events    [][2]int // rows, both included
	within    [][2]int // the events, widened by the largest width
	limits    []float64
	predicted [][]float64 // by limit: how many rows before each row are predicted
	positives float64
}

// volume returns the volume under the precision-recall surface (Paparrizos et al.
// 2022, as TSB-AD computes it): precision and recall with labels that fade out
// over up to window rows around each event, over thresholds and widths.
func volume(s series, window int) float64 {
	n := len(s.label)
	p := precisionRecall{label: s.label, score: whole(s.score), events: rowRuns(s.label)}
	p.within = widened(p.events, window, n)
	for _, e := range p.events {
		p.positives += float64(e[1] - e[0] + 1)
	}
	sorted := slices.Sorted(slices.Values(p.score))
	slices.Reverse(sorted)
	for k := range vusThresholds {
		limit := sorted[thresholdRow(k, n)]
		before := make([]float64, n+1)
		for i, v := range p.score {
			before[i+1] = before[i]
			if v >= limit {
				before[i+1]++
			}
		}
		p.limits, p.predicted = append(p.limits, limit), append(p.predicted, before)
	}
	sum := 0.0
	for w := range window + 1 {
		sum += p.area(w)
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

// area is the area under the curve of labels that fade out over w rows.
func (p *precisionRecall) area(w int) float64 {
	n := len(p.label)
	near, soft := widened(p.events, w, n), softened(p.label, p.events, w)
	faded := make([]bool, n) // near an event, but not in it
	for _, e := range near {
		for i := e[0]; i <= e[1]; i++ {
			faded[i] = !p.label[i]
		}
	}
	var all, fading []weighted
	rest := 0.0 // the weight of what counts, predicted or not
	for _, e := range p.within {
		for i := e[0]; i <= e[1]; i++ {
			all = append(all, weighted{p.score[i], soft[i]})
			if faded[i] {
				fading = append(fading, weighted{p.score[i], soft[i]})
			} else {
				rest += soft[i]
			}
		}
	}
	hit, half := cumulate(all), cumulate(fading)
	area, before := 0.0, 0.0
	for k, limit := range p.limits {
		found := 0.0
		for _, e := range near {
			if p.predicted[k][e[1]+1] > p.predicted[k][e[0]] {
				found++
			}
		}
		right := hit.above(limit)
		recall := min(right/((p.positives+rest+half.above(limit))/2), 1) * found / float64(len(near))
		area += (recall - before) * right / p.predicted[k][n]
		before = recall
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

// widened returns the events with half a window on both sides. Events that then
// overlap become one.
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

// softened returns labels that fall from 1 in an event to 0 at half a window from it.
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

// ranked holds scores, highest first, and the sum of weights down to each.
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

// above returns the sum of weights of the scores that are at least limit.
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
