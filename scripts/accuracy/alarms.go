package main

import (
	"context"
	"fmt"
	"math"
	"time"

	"iot-edge-anomaly/agent/detect"
	"iot-edge-anomaly/agent/judge"
	"iot-edge-anomaly/model"
	"iot-edge-anomaly/model/train"
)

// policy is the agent's default, without the updates of an open event: an alarm
// counts by what it said when it opened.
func policy(s model.Schema) detect.Policy {
	p := detect.DefaultPolicy("main", s.Channels)
	p.Update = 0
	return p
}

// judging is a Judge of a model by a policy, without limits.
func judging(m *model.Model, p detect.Policy) (*judge.Judge, error) {
	j, err := judge.New(judge.Options{Policy: p})
	if err == nil {
		err = j.Use(m)
	}
	return j, err
}

// watched is what became of rows under the alarm policy.
type watched struct {
	opened []int          // rows at which an event opened
	events []detect.Event // as they opened
	open   []bool         // (n) an event was open
	out    output
}

// watch judges rows as the agent does, but an anomaly that lasts stays one: alarms
// are counted here, and drift elsewhere.
func watch(m *model.Model, rows []float64) (watched, error) {
	p := policy(m.Schema())
	p.DriftAfter = 0
	return watchBy(m, rows, p)
}

// watchBy is watch by another policy than the default.
func watchBy(m *model.Model, rows []float64, p detect.Policy) (watched, error) {
	s := m.Schema()
	j, err := judging(m, p)
	if err != nil {
		return watched{}, err
	}
	c := len(s.Channels)
	var w watched
	at := time.Unix(0, 0)
	for i := 0; i < len(rows); i += c {
		at = at.Add(s.Period)
		v := j.Push(at, rows[i:i+c])
		for _, ev := range v.Events {
			if ev.Kind == detect.ProcessAnomaly && ev.State == detect.Open {
				w.opened, w.events = append(w.opened, i/c), append(w.events, ev)
			}
		}
		w.open = append(w.open, v.State == judge.Anomaly && v.Note != judge.NoteQuiet)
		score := math.NaN()
		if v.Scored {
			score = float64(v.Score.Value)
		}
		w.out.score = append(w.out.score, score)
		for k := range c {
			share := 0.0
			if v.Scored {
				share = float64(v.Score.Shares[k])
			}
			w.out.shares = append(w.out.shares, share)
		}
	}
	return w, nil
}

// month counts the false alarms of 30 virtual days of each machine.
func month(seed uint64) (names []string, alarms []int, err error) {
	for _, v := range machines() {
		m, _, err := train.Train(context.Background(), v.schema, v.rows(0, v.learn, seed), train.Options{Seed: seed})
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", v.name, err)
		}
		w, err := watch(m, v.rows(v.days(100), v.days(30), seed))
		if err != nil {
			return nil, nil, err
		}
		names, alarms = append(names, v.name), append(alarms, len(w.opened))
	}
	return names, alarms, nil
}

// rate is what was promised and what was seen on one recording.
type rate struct {
	name     string
	wanted   float64 // per 30 days
	expected float64 // in the normal rows of the recording
	seen     float64 // mean over seeds
}

// promise learns f for a rate of false alarms and counts those in its rows after
// learning that no label explains; labels are 1 where the file is anomalous.
func promise(f file, labels []bool, wanted float64, seed uint64) (rate, error) {
	m, _, err := train.Train(context.Background(), f.schema, f.train, train.Options{Seed: seed, FalseAlarms: wanted})
	if err != nil {
		return rate{}, err
	}
	w, err := watch(m, f.rows)
	if err != nil {
		return rate{}, err
	}
	r := rate{wanted: wanted}
	normal, from := 0, 0
	if f.trainKey == f.ownKey {
		from = len(f.train) / len(f.schema.Channels)
	}
	for i := from; i < len(labels); i++ {
		if !labels[i] {
			normal++
		}
	}
	r.expected = wanted * float64(normal) * f.schema.Period.Hours() / (30 * 24)
	for _, i := range w.opened {
		end := i
		explained := false
		for ; end < len(w.open) && w.open[end]; end++ {
			explained = explained || labels[end]
		}
		if i >= from && !explained {
			r.seen++
		}
	}
	return r, nil
}

// kept tells whether the seen count is within a factor of the expected one, as
// far as whole alarms can tell.
func (r rate) kept(factor float64) bool {
	return r.seen <= max(r.expected*factor, 1) && r.seen >= r.expected/factor-1
}
