package machine

import (
	"fmt"
	"math"
	"time"

	"iot-edge-anomaly/agent/detect"
	"iot-edge-anomaly/agent/judge"
)

// trialSpan is over how much time of rows a model on trial is judged: what speaks against
// it has it taken back within that.
const trialSpan = 60 * time.Second

// What speaks against a row of a model on trial.
const (
	rowAbove  = 1 << iota // it scores above 1
	rowSilent             // it has values and gets no score
	rowSlow               // its score takes too long
)

// trial watches a model that was put to work not long ago. It is counted by rows and not
// by the clock: while the gateway is off or the machine stands still, nothing is decided.
type trial struct {
	span   time.Duration // of rows until the model is kept; 0 = it is not on trial
	slow   time.Duration // what a score may take
	period time.Duration
	fill   int    // rows until a score is due
	rows   []byte // of trialSpan, a ring
	at, n  int
	count  [3]int // of each reason in the ring
	done   time.Duration
	breach string
}

// newTrial begins a trial over so much time of rows.
func newTrial(span, slow, period time.Duration, fill int) trial {
	if period <= 0 {
		period = time.Second
	}
	n := min(max(int(trialSpan/period), 4), 4096)
	return trial{span: span, slow: slow, period: period, fill: fill, rows: make([]byte, n)}
}

func (t *trial) on() bool { return t.span > 0 && t.breach == "" && t.done < t.span }

// push judges what was made of a row, and in which time.
func (t *trial) push(v *judge.Verdict, took time.Duration) {
	if v.State == judge.Idle || v.State == judge.Blind {
		return
	}
	bits := byte(0)
	switch {
	case !v.Scored && t.fill > 0:
		t.fill--
		return
	case !v.Scored:
		bits = rowSilent
	case v.Seen > 1:
		bits = rowAbove
	}
	if took > t.slow {
		bits |= rowSlow
	}
	old := t.rows[t.at]
	t.rows[t.at] = bits
	t.at = (t.at + 1) % len(t.rows)
	t.n = min(t.n+1, len(t.rows))
	for i := range t.count {
		t.count[i] += int(bits>>i&1) - int(old>>i&1)
		if t.count[i] >= (len(t.rows)+1)/2 {
			t.breach = fmt.Sprintf([...]string{"%d of its newest %d rows score above 1", "%d of its newest %d rows get no score", "the scores of %d of its newest %d rows take too long"}[i], t.count[i], t.n)
			return
		}
	}
	if v.Scored {
		t.done += t.period
	}
}

// Trial is how a model on trial does.
type Trial struct {
	Span   time.Duration // 0 = it is on none
	Done   time.Duration // time of rows that were scored
	Breach string        // what speaks against the model; "" = nothing
}

// Passed tells that the model is to be kept.
func (t *Trial) Passed() bool { return t.Span > 0 && t.Breach == "" && t.Done >= t.Span }

// Trial may be called by any goroutine.
func (m *Machine) Trial() Trial {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.status.Trial
}

// EndTrial ends a trial that nothing can come of. It may be called by any goroutine.
func (m *Machine) EndTrial() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.status.Trial = Trial{}
}

// tryRow counts a row of a model on trial. What a machine does that somebody has muted,
// because he works on it, says nothing.
func (m *Machine) tryRow(v *judge.Verdict, took time.Duration) {
	if !m.trial.on() || m.mute.Load() != nil {
		return
	}
	m.trial.push(v, took)
	m.mu.Lock()
	if m.status.Trial.Span > 0 {
		m.status.Trial = Trial{m.trial.span, m.trial.done, m.trial.breach}
	}
	m.mu.Unlock()
}

// recent are the newest rows, for the proof of another model. It is written with mu held.
type recent struct {
	values []float64 // (n, C), a ring
	normal []bool    // (n)
	next   int
	full   bool
}

// recentBytes of rows are kept of each machine.
const recentBytes = 64 << 10

func newRecent(channels int) recent {
	n := max(1, recentBytes/(8*channels))
	return recent{values: make([]float64, n*channels), normal: make([]bool, n)}
}

func (r *recent) push(row []float64, normal bool) {
	copy(r.values[r.next*len(row):], row)
	r.normal[r.next] = normal
	if r.next++; r.next == len(r.normal) {
		r.next, r.full = 0, true
	}
}

// Recent copies the newest rows, oldest first, and whether the model found nothing in
// them. It may be called by any goroutine.
func (m *Machine) Recent() (values []float64, normal []bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := &m.recent
	if n := r.next * len(m.o.Schema.Channels); r.full {
		return append(append([]float64{}, r.values[n:]...), r.values[:n]...), append(append([]bool{}, r.normal[r.next:]...), r.normal[:r.next]...)
	} else {
		return append([]float64{}, r.values[:n]...), append([]bool{}, r.normal[:r.next]...)
	}
}

// refusal is a model that was not taken, or was taken back.
type refusal struct {
	text  string
	until time.Time // zero = until it is mended
}

// Refuse tells that a model was not taken, or taken back, as an alert that ends after a
// while: d = 0 until it is called again. An empty text ends it. It may be called by any
// goroutine.
func (m *Machine) Refuse(text string, d time.Duration) {
	r := &refusal{text: text}
	if d > 0 {
		r.until = time.Now().Add(d)
	}
	m.refused.Store(r)
	m.mu.Lock()
	m.status.Refused = text
	m.mu.Unlock()
}

// tellRefusal tells what Refuse was told of, with the next row.
func (m *Machine) tellRefusal() {
	r := m.refused.Load()
	if r == nil {
		if m.update.open { // of an earlier run
			m.tell(&m.update)
		}
		return
	}
	if r.text != "" && !r.until.IsZero() && time.Now().After(r.until) && m.refused.CompareAndSwap(r, &refusal{}) {
		m.mu.Lock()
		m.status.Refused = ""
		m.mu.Unlock()
		return
	}
	if r.text != m.update.text {
		m.update.text = r.text
		m.tell(&m.update)
	}
}

// updateAlert is of models that were not taken, or taken back.
func updateAlert() alert { return alert{key: updateKey, severity: detect.High} }

// tookRow keeps a row and judges a model on trial by it.
func (m *Machine) tookRow(values []float64, v *judge.Verdict, took time.Duration) {
	m.tellRefusal()
	if m.model == nil {
		return
	}
	m.tryRow(v, took)
	normal := v.State == judge.Normal && !math.IsNaN(float64(v.Seen))
	m.mu.Lock()
	m.recent.push(values, normal)
	m.mu.Unlock()
}
