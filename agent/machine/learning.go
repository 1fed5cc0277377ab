package machine

import (
	"context"
	"errors"
	"fmt"
	"runtime"
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
	err    error        // nothing was learnt
	loaded *model.Model // as read back from the disk; nil = not stored yet
	refuse error        // why
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
		m.setError(rowTrouble, err)
	} else if m.rows.Kept() {
		m.healed(rowTrouble)
	}
	m.tellLoss()
	m.setCollecting()
	if m.rows.Full() {
		m.startTraining(ctx)
	}
	return note
}

// tellLoss tells of the learning rows that the row log has lost since the last call.
func (m *Machine) tellLoss() {
	n := m.rows.Lost() - m.lossSeen
	m.lossSeen += n
	m.tellLost(n)
}

// tellLost tells of n learning rows that cannot be used. They are collected again.
func (m *Machine) tellLost(n int) {
	if n <= 0 {
		return
	}
	text := fmt.Sprintf("%d of %d learning rows of %s are lost: damaged or removed on disk, or not taken by it; they are collected again", n, m.rows.Want(), m.Name())
	m.log.Warn("learning rows", "lost", n, "of", m.rows.Want(), "file", m.o.Learn.Rows.Path)
	m.setLoss(n, text)
	m.loss.text = text
	m.tell(&m.loss)
}

// openRows starts or continues the collection. Not before the first row: until
// then the file may belong to another Machine, which is about to stop.
func (m *Machine) openRows() {
	rows, err := state.OpenRowLog(m.o.Learn.Rows)
	if err != nil {
		m.log.Warn("learning rows", "error", err)
		of := rowTrouble
		if errors.Is(err, state.ErrDiscarded) {
			of = learnTrouble
		}
		m.setError(of, err)
	}
	m.rows, m.lossSeen = rows, 0
	m.tellLoss()
	m.setCollecting()
	m.log.Info("learning", "rows", rows.Have(), "of", rows.Want())
}

// startTraining trains when it is the machine's turn, beside the rows that keep
// coming; they are not learnt, but scored once there is a model: a fault must not slip
// through meanwhile.
func (m *Machine) startTraining(ctx context.Context) {
	m.training = make(chan trained, 1)
	if m.model == nil { // else the rows are judged as they come
		m.pending = newBacklog(len(m.o.Schema.Channels), m.o.Learn.Backlog)
	}
	m.turn = m.o.Learn.Turns.join()
	place, of, _ := m.turn.place()
	m.log.Info("training", "rows", m.rows.Have(), "duty", m.o.Learn.Duty, "turn", place, "of", of)
	m.setWaiting()
	m.flushed = make(chan struct{})
	done, turn, rows, flushed := m.training, m.turn, m.rows, m.flushed
	go func() {
		// The rows are this goroutine's until they are on the disk.
		if err := rows.Flush(); err != nil {
			m.log.Warn("learning rows", "error", err)
		}
		log := *rows
		close(flushed)
		t := m.train(ctx, turn, log)
		turn.leave(t.err == nil)
		done <- t
	}()
}

// errTooFew tells that rows were lost when the last of them were written.
var errTooFew = errors.New("rows are missing")

// train waits for the turn and learns the rows, again if it had to give way. A panic ends
// the training and nothing else.
func (m *Machine) train(ctx context.Context, turn *turn, log state.RowLog) (t trained) {
	defer func() {
		if r := recover(); r != nil {
			t = trained{err: m.panicked("training", r)}
		}
	}()
	if !log.Full() {
		return trained{err: errTooFew}
	}
	for {
		mine, err := turn.wait(ctx)
		if err != nil {
			return trained{err: err}
		}
		if t = m.trainNow(mine, turn, &log); t.err == nil || ctx.Err() != nil || context.Cause(mine) != errHeld {
			return t
		}
		m.log.Info("training gives way: it begins again when there is memory")
	}
}

// trainNow learns the rows.
func (m *Machine) trainNow(ctx context.Context, turn *turn, log *state.RowLog) (t trained) {
	defer besideOthers()()
	m.setTraining(0, 0)
	rows, err := log.Load()
	if err != nil {
		t.err = err
		return t
	}
	set := judge.TrainingSet{Rows: rows, Gaps: log.Gaps(rows), Coverage: log.Coverage()}
	o := judge.TrainOptions(m.o.Policy, set, time.Now())
	o.Version = m.o.Models.Unused(o.Version)
	o.Workers, o.Duty = 1, m.o.Learn.Duty
	o.Progress = func(p train.Progress) {
		turn.remaining(p.Remaining)
		m.setTraining(p.Done, p.Remaining)
	}
	if t.model, t.report, t.err = train.Train(ctx, m.o.Schema, rows, o); t.err == nil {
		m.store(&t)
	}
	return t
}

// store keeps the model. It runs beside the rows: a slow disk does not stop them.
func (m *Machine) store(t *trained) {
	m.setStoring(t.model.SHA256()) // a reload in this moment must not take it for somebody else's
	t.loaded, t.refuse = m.o.Models.Add(t.model, m.o.Schema)
}

// besideOthers lets sensors be read while this goroutine computes, on a single core too.
// There the Go scheduler would interrupt it after ten milliseconds only; the kernel does
// so at once, if there is another thread for the others. The function that is returned
// ends that.
func besideOthers() func() {
	if runtime.GOMAXPROCS(0) > 1 {
		return func() {}
	}
	runtime.GOMAXPROCS(2)
	return func() { runtime.GOMAXPROCS(1) }
}

// setWaiting shows the place in the queue, and returns it as a note; "" where it is the
// machine's turn.
func (m *Machine) setWaiting() (note string) {
	place, of, left := m.turn.place()
	held := m.turn.waits()
	if place <= 1 && !held {
		return ""
	}
	m.mu.Lock()
	p := &m.status.Learning
	p.Phase, p.Done, p.Remaining = "waiting", 0, left
	m.mu.Unlock()
	if held {
		return "memory is short: training waits"
	}
	return fmt.Sprintf("%s of %d", ordinal(place), of)
}

// pollTraining activates the model when it is there. A model that the disk does
// not take is tried again later; rows that teach nothing are collected anew.
func (m *Machine) pollTraining(now time.Time) {
	if m.learnt == nil {
		select {
		case t := <-m.training:
			if m.learnt = &t; t.err == nil && t.refuse != nil {
				m.notKept(t.refuse, now)
			}
		default:
			return
		}
	}
	switch t := *m.learnt; {
	case now.Before(m.storeAt):
	case t.err != nil:
		m.relearn(t.err)
	case t.loaded == nil:
		m.learnt = nil
		done := m.training
		go func() { m.store(&t); done <- t }()
	default:
		if err := m.activate(t.loaded, t.report); err != nil {
			m.notKept(err, now)
		}
	}
}

// notKept tells that the learnt model is tried again later.
func (m *Machine) notKept(err error, now time.Time) {
	m.log.Error("the learnt model cannot be kept", "error", err, "again_in", storeEvery)
	m.setError(modelTrouble, err)
	m.storeAt = now.Add(storeEvery)
}

// relearn throws the rows away and collects others.
func (m *Machine) relearn(err error) {
	m.training, m.learnt, m.pending = nil, nil, backlog{}
	if errors.Is(err, context.Canceled) {
		return // the agent stops; the rows are on disk
	}
	m.tellLoss()
	if errors.Is(err, errTooFew) {
		m.setCollecting()
		return
	}
	if errors.Is(err, state.ErrLost) { // the rest of them is there
		m.log.Warn("learning rows", "error", err)
		m.setError(learnTrouble, err)
		had := m.rows.Have()
		if err := m.rows.Flush(); err != nil {
			m.log.Warn("learning rows", "error", err)
		}
		m.openRows()
		m.tellLost(had - m.rows.Have() - m.rows.Lost())
		return
	}
	m.log.Error("learn model: the rows are collected anew", "error", err)
	m.setError(learnTrouble, err)
	m.rows.Discard()
	m.setCollecting()
}

// catchUp judges the rows that came while the model was learnt. There may be thousands,
// and reading goes first.
func (m *Machine) catchUp() {
	if n := m.pending.gone; n > 0 {
		m.log.Warn("rows that came while the machine was learnt are not judged: the oldest gave way", "rows", n, "judged", m.pending.len())
		m.setUnjudged(n)
	}
	for i := range m.pending.len() {
		v := m.judge.Rescore(m.pending.row(i))
		m.judged(&v)
		runtime.Gosched()
	}
	m.pending = backlog{}
}

// activate puts the model to work, first on the rows that came while it was
// learnt.
func (m *Machine) activate(loaded *model.Model, report train.Report) error {
	for _, d := range report.Warnings {
		m.log.Warn("learnt with a warning", "warning", d)
	}
	m.sendAll(m.judge.Retire(time.Now()))
	if err := m.watch(loaded); err != nil {
		return err
	}
	m.toLearn, m.training, m.learnt = false, nil, nil
	m.rows.Discard()
	m.setLearnt()
	m.healed(modelTrouble)
	m.healed(rowTrouble)
	m.solved()
	m.catchUp()
	m.keepState() // from now on a model that is gone is one that was there
	return nil
}

// pollRemoval forgets the learning rows once their file is removed.
func (m *Machine) pollRemoval() {
	idle, err := m.rows.Poll()
	if err != nil {
		m.log.Warn("learning rows", "error", err)
	}
	if idle {
		m.rows = nil
	}
}
