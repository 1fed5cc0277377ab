package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
)

// recount lets the second scorer count what r.count counted: by rows, by alarms, and
// where only an alarm that begins inside an event finds it. The area under the curve,
// which takes the scorer long, only where that is wanted.
func (b *bench) recount(r *recording, w watching, p *protocol, o outcome, area bool) error {
	dir, err := os.MkdirTemp(b.tmp, "recount")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	labels, scores, flags := filepath.Join(dir, "labels"), filepath.Join(dir, "scores"), filepath.Join(dir, "flags")
	open := make([]bool, len(r.at))
	for i, at := range r.at {
		for _, a := range w.alarms {
			open[i] = open[i] || at >= a.from && at < a.to
		}
	}
	header := "timestamp,flag"
	if area {
		header += ",score"
	} else {
		o.auc = 0
	}
	lines := func(to, header string, line func(i int) string) error {
		if err := os.Mkdir(to, 0o750); err != nil {
			return err
		}
		f, err := os.Create(filepath.Join(to, r.name))
		if err != nil {
			return err
		}
		b := bufio.NewWriter(f)
		fmt.Fprintln(b, header)
		for i := range r.at {
			fmt.Fprintf(b, "%s,%s\n", r.times[i], line(i))
		}
		return errors.Join(b.Flush(), f.Close())
	}
	err = errors.Join(lines(labels, "timestamp,label,eval", func(i int) string {
		return fmt.Sprintf("%d,%d", digit(r.truth.anomalous[i]), digit(r.truth.scored[i]))
	}), lines(scores, header, func(i int) string {
		if !area {
			return fmt.Sprint(digit(w.score[i] > 1))
		}
		if math.IsNaN(w.score[i]) {
			return "0,"
		}
		return fmt.Sprintf("%d,%g", digit(w.score[i] > 1), w.score[i])
	}), lines(flags, "timestamp,flag", func(i int) string { return fmt.Sprint(digit(open[i])) }))
	if err != nil {
		return err
	}
	byRow, err := b.scorer(scores, labels, p)
	if err != nil {
		return err
	}
	byAlarm, err := b.scorer(flags, labels, p)
	if err != nil {
		return err
	}
	begun, err := b.scorer(flags, labels, p, "--require-onset")
	if err != nil {
		return err
	}
	return same(map[string][2]float64{
		"AUC-PR": {o.auc, byRow.Ranking.AUCPR}, "rows flagged": {o.flagged, byRow.Point.FAR}, "rows during alarms": {o.open, byAlarm.Point.FAR},
		"events": {float64(o.events), byAlarm.Events.Events}, "found": {float64(o.found), byAlarm.Events.Detected}, "new": {float64(o.fresh), begun.Events.Detected},
		"false": {float64(o.wrong), byAlarm.Events.False}, "months": {o.months, byAlarm.Events.Days / 30}, "delay": {o.late * 3600, byAlarm.Events.Delay.Median}})
}

// same returns an error that names the figures which differ by more than rounding.
func same(figures map[string][2]float64) (err error) {
	for name, v := range figures {
		if math.IsNaN(v[0]) { // nothing to compare: the scorer says null, read as 0
			v[0] = 0
		}
		if math.Abs(v[0]-v[1]) > 1e-5*max(1, math.Abs(v[1])) {
			err = errors.Join(err, fmt.Errorf("%s is %g to the second scorer, here %g", name, v[1], v[0]))
		}
	}
	return err
}

func digit(v bool) int {
	if v {
		return 1
	}
	return 0
}

// scored is what the second scorer answers.
type scored struct {
	Point struct {
		FAR float64 `json:"FAR_pct"`
	} `json:"point"`
	Ranking struct {
		AUCPR float64 `json:"AUC_PR_pooled"`
	} `json:"ranking"`
	Events struct {
		Events   float64 `json:"events"`
		Detected float64 `json:"detected"`
		False    float64 `json:"false_alarms"`
		Days     float64 `json:"normal_days"`
		Delay    struct {
			Median float64 `json:"median"`
		} `json:"delay_s"`
	} `json:"events"`
}

func (b *bench) scorer(dir, labels string, p *protocol, more ...string) (s scored, err error) {
	args := append([]string{b.script, dir, "--labels", labels, "--vus-window", "0", "--budget", "1", "--merge-label", fmt.Sprint(p.mergeLabel), "--merge-alarm", fmt.Sprint(p.mergeAlarm)}, more...)
	cmd := exec.Command("/usr/bin/python3", args...)
	cmd.Stderr = os.Stderr
	raw, err := cmd.Output()
	if err != nil {
		return s, fmt.Errorf("running %s: %w", b.script, err)
	}
	if err := json.Unmarshal(raw, &s); err != nil {
		return s, fmt.Errorf("reading the scorer's answer: %w", err)
	}
	return s, nil
}
