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

// options are the scorer's options for each set, as the README of the data requires.
var options = map[string][]string{
	"skab":      {"--skab", "--vus-window", "50", "--budget", "24", "48", "96", "--merge-alarm", "60"},
	"tep":       {"--vus-window", "20", "--budget", "0.1", "1", "--merge-alarm", "1800"},
	"gecco":     {"--vus-window", "0", "--budget", "0.2", "1", "5", "--merge-alarm", "600"},
	"hydraulic": {"--vus-window", "0", "--budget", "1", "24", "--merge-alarm", "120"},
	"nab":       {"--vus-window", "0", "--budget", "0.02", "0.1", "0.5", "--merge-alarm", "3600"},
	curvesName:  {"--vus-window", "0", "--budget", "1", "5", "--merge-alarm", "600"},
}

// same returns an error that names the figures which differ from another scorer's by
// more than rounding.
func (r result) same(o result) error {
	if math.IsNaN(r.Delay) && math.IsNaN(o.Delay) {
		r.Delay, o.Delay = 0, 0
	}
	for _, f := range []struct {
		name        string
		mine, other float64
		digits      float64
	}{
		{"F1", r.F1, o.F1, 1e-5}, {"FAR", r.FAR, o.FAR, 1e-5}, {"MAR", r.MAR, o.MAR, 1e-5}, {"AUC-PR", r.AUCPR, o.AUCPR, 1e-5}, {"VUS-PR", r.VUSPR, o.VUSPR, 1e-5},
		{"NAB", r.NAB, o.NAB, 1e-2}, {"NAB low FP", r.NABLowFP, o.NABLowFP, 1e-2}, {"recall", r.Recall, o.Recall, 1e-5}, {"delay", r.Delay, o.Delay, 1e-5},
		{"found", float64(r.Found), float64(o.Found), 0}, {"events", float64(r.Events), float64(o.Events), 0}, {"false alarms", float64(r.False), float64(o.False), 0},
	} {
		if !(math.Abs(f.mine-f.other) <= f.digits) {
			return fmt.Errorf("%s is %g, here %g", f.name, f.other, f.mine)
		}
	}
	return nil
}

// secondOpinion writes one CSV for each file into dir and lets the scorer compare them
// with the labels.
func secondOpinion(s set, outs []output, script, dir string) (result, error) {
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
