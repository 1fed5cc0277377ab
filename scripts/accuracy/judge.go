package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// result is what the scorer says of one run, and what it cannot see.
type result struct {
	F1, FAR, MAR  float64
	AUCPR, VUSPR  float64 // VUSPR 0 = not asked for
	NAB, NABLowFP float64
	Recall        float64 // of events at the least budget of false alarms
	Found, Events int
	False         int
	Delay         float64
	Top1, Top2    int // files whose first, or first two, causes are right
	Slowest       float64
	named         bool // the set names causes and the detector shares
}

// judge writes one CSV for each file into dir and has the scorer compare them
// with the labels.
func judge(s set, outs []output, script, dir string) (result, error) {
	for i, f := range s.files {
		if err := write(filepath.Join(dir, f.name), f, outs[i]); err != nil {
			return result{}, err
		}
	}
	args := append([]string{script, dir, "--labels", filepath.Join(s.dir, "labels")}, options[s.name]...)
	cmd := exec.Command("/usr/bin/python3", args...)
	cmd.Stderr = os.Stderr
	raw, err := cmd.Output()
	if err != nil {
		return result{}, fmt.Errorf("running %s: %w", script, err)
	}
	var j struct {
		Point struct {
			F1  float64 `json:"F1"`
			FAR float64 `json:"FAR_pct"`
			MAR float64 `json:"MAR_pct"`
		} `json:"point"`
		Ranking struct {
			AUCPR float64 `json:"AUC_PR_pooled"`
			VUSPR float64 `json:"VUS_PR_mean"`
		} `json:"ranking"`
		Budget map[string]*struct {
			Recall float64 `json:"event_recall"`
		} `json:"at_budget"`
		Events struct {
			Events   int `json:"events"`
			Detected int `json:"detected"`
			False    int `json:"false_alarms"`
			Delay    struct {
				Median *float64 `json:"median"`
			} `json:"delay_s"`
		} `json:"events"`
		NAB struct {
			Standard float64 `json:"standard"`
			LowFP    float64 `json:"LowFP"`
		} `json:"nab_skab"`
	}
	if err := json.Unmarshal(raw, &j); err != nil {
		return result{}, fmt.Errorf("reading the scorer's answer: %w", err)
	}
	r := result{F1: j.Point.F1, FAR: j.Point.FAR, MAR: j.Point.MAR, AUCPR: j.Ranking.AUCPR, VUSPR: j.Ranking.VUSPR, NAB: j.NAB.Standard, NABLowFP: j.NAB.LowFP,
		Found: j.Events.Detected, Events: j.Events.Events, False: j.Events.False, Delay: math.NaN()}
	if b := j.Budget[least(options[s.name])]; b != nil {
		r.Recall = b.Recall
	}
	if d := j.Events.Delay.Median; d != nil {
		r.Delay = *d
	}
	for _, o := range outs {
		r.Slowest = max(r.Slowest, o.took.Seconds())
	}
	return r, nil
}

// least returns the first number after --budget, as the scorer names it.
func least(options []string) string {
	i := slices.Index(options, "--budget") + 1
	v, err := strconv.ParseFloat(options[i], 64)
	if err != nil {
		return ""
	}
	text := strconv.FormatFloat(v, 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0" // as Python prints it
	}
	return text
}

// write puts timestamp,score,flag of one file to path.
func write(path string, f file, o output) error {
	w, err := os.Create(path)
	if err != nil {
		return err
	}
	b := bufio.NewWriter(w)
	fmt.Fprintln(b, "timestamp,score,flag")
	for i, t := range f.times {
		switch v := o.score[i]; {
		case math.IsNaN(v):
			fmt.Fprintf(b, "%s,,0\n", t)
		case v > 1:
			fmt.Fprintf(b, "%s,%g,1\n", t, v)
		default:
			fmt.Fprintf(b, "%s,%g,0\n", t, v)
		}
	}
	if err := b.Flush(); err != nil {
		return err
	}
	return w.Close()
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
