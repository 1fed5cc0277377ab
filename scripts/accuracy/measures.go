package main

import (
	"math"
	"slices"
)

// how describes how a set is judged.
type how struct {
	window int     // of VUS-PR, rows; 0 = not computed
	merge  float64 // flagged rows closer than so many seconds are one alarm
	budget float64 // false alarms a day at which events are counted
	points bool    // the set has change points
}

// judgements by set, as the README of the data requires.
var judgements = map[string]how{
	"skab":      {window: 50, merge: 60, budget: 24, points: true},
	"tep":       {window: 20, merge: 1800, budget: 0.1},
	"gecco":     {merge: 600, budget: 0.2},
	"hydraulic": {merge: 120, budget: 1},
	"nab":       {merge: 3600, budget: 0.02},
	curvesName:  {merge: 600, budget: 1},
}

// measures computes the printed figures of a set's series, without point adjustment.
func measures(all []series, h how) (r result) {
	var p pool
	var truePos, falsePos, negatives, positives float64
	var t tally
	vus, vusOf := 0.0, 0
	for _, s := range all {
		p.score, p.anomalous = append(p.score, s.score...), append(p.anomalous, s.label...)
		for i, anomalous := range s.label {
			switch {
			case anomalous && s.flag[i]:
				positives, truePos = positives+1, truePos+1
			case anomalous:
				positives++
			case s.flag[i]:
				negatives, falsePos = negatives+1, falsePos+1
			default:
				negatives++
			}
		}
		t.count(s, s.flag, h.merge)
		if h.window > 0 && slices.Contains(s.label, true) && slices.Contains(s.label, false) {
			vus, vusOf = vus+volume(s, h.window), vusOf+1
		}
	}
	r.F1 = 2 * truePos / max(positives+truePos+falsePos, 1)
	r.FAR, r.MAR = 100*falsePos/max(negatives, 1), 100*(positives-truePos)/max(positives, 1)
	r.AUCPR = p.aucPR()
	if vusOf > 0 {
		r.VUSPR = vus / float64(vusOf)
	}
	r.Found, r.Events, r.False, r.Delay = t.found, t.events, t.wrong, math.NaN()
	if len(t.delays) > 0 {
		r.Delay = rank(t.delays, 0.5)
	}
	r.Recall = recallAt(all, h)
	if h.points {
		r.NAB, r.NABLowFP = changePoints(all)
	}
	return r
}

const budgetSteps = 200 // thresholds tried

// recallAt returns the share of events found by the lowest threshold for all
// series that, like every one above it, keeps the budget of false alarms.
func recallAt(all []series, h how) float64 {
	var scores []float64
	for _, s := range all {
		scores = append(scores, whole(s.score)...)
	}
	slices.Sort(scores)
	thresholds := []float64{scores[len(scores)-1]}
	for i := range budgetSteps {
		share := math.Pow(float64(len(scores)), float64(i)/(budgetSteps-1)-1) // geometric, 1/n to 1
		thresholds = append(thresholds, sortedRank(scores, max(1-share, 0)))
	}
	slices.Sort(thresholds)
	slices.Reverse(thresholds)
	best := 0.0
	for _, x := range slices.Compact(thresholds) {
		var t tally
		for _, s := range all {
			flag := make([]bool, len(s.score))
			for i, v := range s.score {
				flag[i] = v > x
			}
			t.count(s, flag, h.merge)
		}
		if t.perDay() > h.budget {
			break
		}
		best = float64(t.found) / float64(max(t.events, 1))
	}
	return best
}

// sortedRank is rank for sorted values.
func sortedRank(v []float64, q float64) float64 {
	at := q * float64(len(v)-1)
	i := int(at)
	j := min(i+1, len(v)-1)
	return v[i] + (at-float64(i))*(v[j]-v[i])
}

// whole replaces missing scores by a score below all others.
func whole(score []float64) []float64 {
	least := math.Inf(1)
	for _, v := range score {
		if !math.IsInf(v, 0) {
			least = min(least, v)
		}
	}
	if math.IsInf(least, 1) {
		least = 0
	}
	out := slices.Clone(score)
	for i, v := range out {
		if math.IsInf(v, -1) {
			out[i] = least - 1
		}
	}
	return out
}

const pointWidth = 60.0 // seconds after a change point in which a change of the flag answers it

// changePoints returns the score of the Numenta benchmark as SKAB defines it, in
// percent, for its profiles standard and low FP: a change of the flag within a
// minute of a change point earns up to 1, the sooner the more; one outside of
// these minutes costs 0.11 or 0.22, a missed change point 1. 0 is a detector
// that never flags, 100 a perfect one.
func changePoints(all []series) (standard, lowFP float64) {
	score := [2]float64{}
	points, missed := 0.0, 0.0
	for _, s := range all {
		var windows []span
		for i, cp := range s.cp {
			if !cp {
				continue
			}
			w := span{s.at[i], s.at[i] + pointWidth}
			if k := len(windows) - 1; k >= 0 && windows[k].to >= w.from {
				w.from = windows[k].to
			}
			windows = append(windows, w)
		}
		answered := make([]float64, len(windows))
		for i := range answered {
			answered[i] = math.NaN()
		}
		before := false
		for i, flag := range s.flag {
			changed := flag != before
			if before = flag; !changed {
				continue
			}
			inside := false
			for k, w := range windows {
				if s.at[i] >= w.from && s.at[i] <= w.to {
					inside = true
					if math.IsNaN(answered[k]) {
						answered[k] = s.at[i]
					}
				}
			}
			if !inside {
				score[0], score[1] = score[0]-0.11, score[1]-0.22
			}
		}
		for k, w := range windows {
			points++
			if math.IsNaN(answered[k]) {
				missed++
				continue
			}
			at := 1.0
			if w.to > w.from {
				at = (answered[k] - w.from) / (w.to - w.from)
			}
			score[0], score[1] = score[0]+worth(at, -0.11), score[1]+worth(at, -0.22)
		}
	}
	of := func(v float64) float64 { return 100 * (v - missed + points) / max(2*points, 1) }
	return of(score[0]), of(score[1])
}

// worth is what an answer at part at of its window earns: from 1 down to the value of
// a false one.
func worth(at, wrong float64) float64 {
	const steps = 1000
	x := -math.Pi/2 + math.Pi*float64(min(int(at*steps), steps-1))/(steps-1)
	half := (1 - wrong) / 2
	return -half*math.Tanh(x)/math.Tanh(math.Pi/2) + half + wrong
}
