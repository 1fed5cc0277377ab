package main

import (
	"fmt"
	"path/filepath"
	"slices"
)

// result holds the scorer's figures of one run, and those that need no labels.
type result struct {
	F1, FAR, MAR  float64
	AUCPR, VUSPR  float64 // VUSPR 0 = not computed
	NAB, NABLowFP float64
	Recall        float64 // of events, at the smallest budget of false alarms
	Found, Events int
	False         int
	Delay         float64
	Top1, Top2    int // files whose first, or first two, causes are right
	Slowest       float64
	named         bool // the set names causes and the detector has shares
}

// evaluate compares outputs with the labels. If script is set it must compute the
// same figures.
func evaluate(s set, outs []output, script, dir string) (result, error) {
	all := make([]series, len(s.files))
	for i, f := range s.files {
		var err error
		if all[i], err = seriesOf(s.dir, f, outs[i]); err != nil {
			return result{}, err
		}
	}
	r := measures(all, judgements[s.name])
	if script != "" {
		other, err := secondOpinion(s, outs, script, dir)
		if err != nil {
			return result{}, err
		}
		if err := r.same(other); err != nil {
			return result{}, fmt.Errorf("%s: %w", script, err)
		}
	}
	for _, o := range outs {
		r.Slowest = max(r.Slowest, o.took.Seconds())
	}
	return r, nil
}

// attribute counts the files whose causes, over all flagged rows after the
// learning phase, are those the experiment is known for.
func attribute(s set, outs []output, want map[string][]string) (top1, top2 int) {
	for i, f := range s.files {
		c := len(f.schema.Channels)
		names := want[f.name[:len(f.name)-len(filepath.Ext(f.name))]]
		if outs[i].shares == nil || names == nil {
			continue
		}
		sum := make([]float64, c)
		for k := len(f.train) / c; k < len(f.times); k++ {
			if v := outs[i].score[k]; v > 1 {
				for j := range sum {
					sum[j] += outs[i].shares[k*c+j] * v * v
				}
			}
		}
		order := make([]int, c)
		for j := range order {
			order[j] = j
		}
		slices.SortFunc(order, func(a, b int) int {
			if sum[a] > sum[b] {
				return -1
			}
			return 1
		})
		hit := func(j int) bool { return slices.Contains(names, f.schema.Channels[order[j]].Name) }
		if hit(0) {
			top1++
		}
		if hit(0) || c > 1 && hit(1) {
			top2++
		}
	}
	return top1, top2
}
