package pipeline

import (
	"context"
	"errors"
	"time"

	"iot-edge-anomaly/agent/sampler"
	"iot-edge-anomaly/model"
	"iot-edge-anomaly/model/train"
)

// trained is what comes back from training.
type trained struct {
	model  *model.Model
	report train.Report
	err    error
}

// learn takes one row of the learning phase and starts training after the last.
func (m *Machine) learn(ctx context.Context, f *sampler.Frame) {
	running := m.gate.Running(f.Values) && m.beyond == 0
	if err := m.rows.Push(f.Values, running); err != nil {
		m.log.Warn("learning rows", "error", err)
		m.setError(err)
	}
	m.setCollecting()
	if running {
		m.setState(Learning, "")
	} else {
		m.setState(Learning, "machine is not running: waiting")
	}
	if m.rows.Full() {
		if err := m.rows.Flush(); err != nil {
			m.log.Warn("learning rows", "error", err)
		}
		m.startTraining(ctx)
	}
}

// startTraining trains beside the rows that keep coming; they are not learnt,
// but scored once there is a model: a fault must not slip through meanwhile.
func (m *Machine) startTraining(ctx context.Context) {
	m.training = make(chan trained, 1)
	m.pending = newBacklog(len(m.o.Schema.Channels))
	rows, done := m.rows.Data(), m.training
	m.log.Info("training", "rows", m.rows.Have(), "duty", m.o.Learn.Duty)
	m.setTraining(0, 0)
	o := train.Options{Seed: 1, Workers: 1, Duty: m.o.Learn.Duty, Version: version(time.Now()),
		Progress: func(p train.Progress) { m.setTraining(p.Done, p.Remaining) }}
	go func() {
		mod, report, err := train.Train(ctx, m.o.Schema, rows, o)
		done <- trained{mod, report, err}
	}()
}

// version names a model after the moment its training began.
func version(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") + "-1" }

// pollTraining activates the model when it is there. Training that went wrong
// collects anew, for the rows were of no use.
func (m *Machine) pollTraining() {
	var t trained
	select {
	case t = <-m.training:
	default:
		return
	}
	m.training = nil
	err := t.err
	if err == nil {
		var loaded *model.Model
		loaded, err = m.o.Models.Add(t.model, m.o.Schema)
		if err == nil {
			err = m.activate(loaded, t.report)
		}
	}
	if err == nil || errors.Is(err, context.Canceled) {
		return
	}
	m.log.Error("learn model", "error", err)
	m.setError(err)
	if err := m.rows.Discard(); err != nil {
		m.log.Warn("learning rows", "error", err)
	}
	m.setCollecting()
}

func (m *Machine) activate(loaded *model.Model, report train.Report) error {
	for _, d := range report.Doubts {
		m.log.Warn("learnt with a doubt", "doubt", d)
	}
	rows := m.rows
	if err := m.watch(loaded); err != nil {
		return err
	}
	for i := range m.pending.len() {
		m.score(m.pending.row(i))
	}
	m.pending = backlog{}
	return rows.Discard()
}
