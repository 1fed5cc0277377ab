package machine

import (
	"context"
	"errors"
	"time"

	"iot-edge-anomaly/agent/judge"
	"iot-edge-anomaly/agent/sampler"
	"iot-edge-anomaly/agent/state"
	"iot-edge-anomaly/model"
	"iot-edge-anomaly/model/train"
)

// trained is what comes back from training.
type trained struct {
	model  *model.Model
	report train.Report
	err    error
}

// storeEvery is how often a learnt model is tried to be stored while the disk
// refuses it.
const storeEvery = 30 * time.Second

// learn takes one row of the learning phase and starts training after the last. A
// row that is not healthy is not learnt. The note says what learning waits for.
func (m *Machine) learn(ctx context.Context, f *sampler.Frame, healthy bool) (note string) {
	if m.rows == nil {
		m.openRows()
	}
	running := m.gate.Running(f.Values)
	if judge.Poor(f.Values) && (running || !m.gate.Known()) {
		m.rows.Gap() // not a row to learn from
		return ""
	}
	switch {
	case !running:
		note = "machine is not running: waiting"
	case m.judge.OpenLimits() > 0:
		running, note = false, "a limit is exceeded: waiting"
	case !healthy:
		running = false
	default:
		m.rows.Seen(f.Time)
	}
	if err := m.rows.Push(f.Values, running); err != nil {
		m.log.Warn("learning rows", "error", err)
		m.setError(err)
	}
	m.setCollecting()
	if m.rows.Full() {
		if err := m.rows.Flush(); err != nil {
			m.log.Warn("learning rows", "error", err)
		}
		m.startTraining(ctx)
	}
	return note
}

// openRows starts or continues the collection. Not before the first row: until
// then the file may belong to another Machine, which is about to stop.
func (m *Machine) openRows() {
	rows, err := state.OpenRowLog(m.o.Learn.Rows)
	if err != nil {
		m.log.Warn("learning rows", "error", err)
		m.setError(err)
	}
	m.rows = rows
	m.setCollecting()
	m.log.Info("learning", "rows", rows.Have(), "of", rows.Want())
}

// startTraining trains beside the rows that keep coming; they are not learnt,
// but scored once there is a model: a fault must not slip through meanwhile.
func (m *Machine) startTraining(ctx context.Context) {
	m.training = make(chan trained, 1)
	if m.model == nil { // else the rows are judged as they come
		m.pending = newBacklog(len(m.o.Schema.Channels))
	}
	done := m.training
	m.log.Info("training", "rows", m.rows.Have(), "duty", m.o.Learn.Duty)
	m.setTraining(0, 0)
	set := judge.TrainingSet{Rows: m.rows.Data(), Gaps: m.rows.Gaps(), Coverage: m.rows.Coverage()}
	o := judge.TrainOptions(m.o.Policy, set, time.Now())
	o.Version = m.o.Models.Unused(o.Version)
	o.Workers, o.Duty = 1, m.o.Learn.Duty
	o.Progress = func(p train.Progress) { m.setTraining(p.Done, p.Remaining) }
	go func() {
		mod, report, err := train.Train(ctx, m.o.Schema, set.Rows, o)
		done <- trained{mod, report, err}
	}()
}

// pollTraining activates the model when it is there. A model that the disk does
// not take is tried again later; rows that teach nothing are collected anew.
func (m *Machine) pollTraining(now time.Time) {
	if m.learnt == nil {
		select {
		case t := <-m.training:
			m.learnt = &t
		default:
			return
		}
	}
	if now.Before(m.storeAt) {
		return
	}
	if m.learnt.err != nil {
		m.relearn(m.learnt.err)
		return
	}
	loaded, err := m.o.Models.Add(m.learnt.model, m.o.Schema)
	if err == nil {
		err = m.activate(loaded, m.learnt.report)
	}
	if err != nil {
		m.log.Error("keep the learnt model", "error", err, "again_in", storeEvery)
		m.setError(err)
		m.storeAt = now.Add(storeEvery)
	}
}

// relearn throws the rows away and collects others.
func (m *Machine) relearn(err error) {
	m.training, m.learnt, m.pending = nil, nil, backlog{}
	if errors.Is(err, context.Canceled) {
		return // the agent stops; the rows are on disk
	}
	m.log.Error("learn model: the rows are collected anew", "error", err)
	m.setError(err)
	if err := m.rows.Discard(); err != nil {
		m.log.Warn("learning rows", "error", err)
	}
	m.setCollecting()
}

// activate puts the model to work, first on the rows that came while it was
// learnt.
func (m *Machine) activate(loaded *model.Model, report train.Report) error {
	for _, d := range report.Warnings {
		m.log.Warn("learnt with a warning", "warning", d)
	}
	rows := m.rows
	m.sendAll(m.judge.Retire(time.Now()))
	if err := m.watch(loaded); err != nil {
		return err
	}
	m.toLearn, m.rows, m.training, m.learnt = false, nil, nil, nil
	m.setLearnt()
	m.solved()
	for i := range m.pending.len() {
		v := m.judge.Rescore(m.pending.row(i))
		m.judged(&v)
	}
	m.pending = backlog{}
	if err := rows.Discard(); err != nil {
		m.log.Warn("learning rows", "error", err)
	}
	return nil
}
