package proof

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"iot-edge-anomaly/agent/state"
	"iot-edge-anomaly/model"
)

// MaxModel is how many bytes a model's file may have that is brought to a gateway.
const MaxModel = 16 << 20

// Gate is one proof. As an error, it is what a refusal of that gate is (errors.Is).
type Gate string

// The gates, in their order.
const (
	Size      Gate = "size"
	Sum       Gate = "sha256"
	Signature Gate = "signature"
	Golden    Gate = "golden"
	Schema    Gate = "schema"
	Parity    Gate = "parity"
	Latency   Gate = "latency"
	Replay    Gate = "replay"
)

// Error names the gate.
func (g Gate) Error() string { return "gate " + string(g) }

// Refusal says which gate refused a model, and why.
type Refusal struct {
	Gate Gate
	Err  error
}

// Error names the gate and the reason.
func (r *Refusal) Error() string { return fmt.Sprintf("%v: %v", r.Gate, r.Err) }

// Unwrap is the reason.
func (r *Refusal) Unwrap() error { return r.Err }

// Is tells that a Refusal is its Gate.
func (r *Refusal) Is(target error) bool { return target == error(r.Gate) }

// Bounds of the gates.
const (
	parityMost  = 0.25 // spreads, unless training has measured more
	latencyMost = 50 * time.Millisecond
	replayMost  = 0.05 // share of normal rows with a score above 1
	replayLeast = 30   // scored rows, for the share to say anything
)

// Want is what a model is proved against.
type Want struct {
	Schema *model.Schema // of the machine; nil = it is not known here
	Part   bool          // the model may judge a part of the channels
	Sum    string        // sha256 in hex that the file must have; "" = any
	Trust  *state.Trust
	Learnt bool // it is known to have been learnt here, and needs no signature
	Rows   Rows
}

// Rows are the newest of a machine, oldest first, in the order of its channels.
type Rows struct {
	Values []float64 // (n, C), NaN = missing
	Normal []bool    // (n) the model in use found nothing in the row
}

// Step is what one gate said.
type Step struct {
	Gate    Gate   `json:"gate"`
	Good    bool   `json:"good"`
	Skipped bool   `json:"skipped,omitempty"`
	Text    string `json:"text"`
}

// proving is a model on its way through the gates.
type proving struct {
	Model *model.Model // nil = it could not be read yet
}

// Prove takes a model's file through the gates. An error is a *Refusal; the steps are
// those up to it.
func Prove(raw, sig []byte, w Want) (m *model.Model, steps []Step, err error) {
	var p proving
	for _, g := range [...]Gate{Size, Sum, Signature, Golden, Schema, Parity, Latency, Replay} {
		text, skip, err := p.pass(g, raw, sig, &w)
		if err != nil {
			return nil, append(steps, Step{Gate: g, Text: err.Error()}), &Refusal{g, err}
		}
		steps = append(steps, Step{g, true, skip, text})
	}
	return p.Model, steps, nil
}

// pass takes the model through one gate.
func (p *proving) pass(g Gate, raw, sig []byte, w *Want) (text string, skip bool, err error) {
	switch g {
	case Size:
		return size(raw)
	case Sum:
		return p.sum(raw, w.Sum)
	case Signature:
		return p.signature(raw, sig, w)
	case Golden:
		return p.golden(raw)
	case Schema:
		return p.schema(w)
	case Parity:
		return p.parity()
	case Latency:
		return p.latency(w)
	}
	return p.replay(w)
}

func size(raw []byte) (string, bool, error) {
	if len(raw) > MaxModel {
		return "", false, fmt.Errorf("%d bytes: want at most %d", len(raw), MaxModel)
	}
	return fmt.Sprintf("%d bytes", len(raw)), false, nil
}

// sum wants the whole file. What is wrong only on this CPU is the gate golden's.
func (p *proving) sum(raw []byte, want string) (string, bool, error) {
	got := fmt.Sprintf("%x", sha256.Sum256(raw))
	if want != "" && !strings.EqualFold(want, got) {
		return "", false, fmt.Errorf("the file has %s, asked for is %s", got, strings.ToLower(want))
	}
	m, err := model.Decode(raw)
	if err != nil && !errors.Is(err, model.ErrGolden) {
		return "", false, err
	}
	p.Model = m
	return got, false, nil
}

func (p *proving) signature(raw, sig []byte, w *Want) (string, bool, error) {
	if t := w.Trust; w.Learnt && t != nil {
		if !t.Local {
			return "", false, fmt.Errorf("%w: it was learnt here, and trust.local is false", state.ErrTrust)
		}
		return "learnt on this gateway", false, nil
	}
	by, err := w.Trust.Signer(raw, sig)
	if err != nil {
		return "", false, err
	}
	if by == "" {
		return "not wanted: trust.keys has no key", true, nil
	}
	return "by " + by, false, nil
}

func (p *proving) golden(raw []byte) (string, bool, error) {
	if p.Model == nil {
		_, err := model.Decode(raw)
		return "", false, err
	}
	q := p.Model.Parameters()
	return fmt.Sprintf("%d vectors, every bit", len(q.GoldenIn)/(q.Window*len(q.Schema.Channels))), false, nil
}

func (p *proving) schema(w *Want) (string, bool, error) {
	if w.Schema == nil {
		return "not compared: no configuration says what the machine is", true, nil
	}
	match, err := p.Model.Usable(*w.Schema)
	if err == nil && !match.Whole() && !w.Part {
		err = fmt.Errorf("channels %s: %w", match.String(), model.ErrSchema)
	}
	if err != nil {
		return "", false, err
	}
	n := len(p.Model.Schema().Channels)
	if !match.Whole() {
		return fmt.Sprintf("judges in part: channels %s", match.String()), false, nil
	}
	return fmt.Sprintf("%d channels", n), false, nil
}

func (p *proving) parity() (string, bool, error) {
	gap, most := p.Model.Parity(), parityMost
	if t := float64(p.Model.Parameters().Training.Int8Gap); 4*t > most && t < 1 {
		most = 4 * t
	}
	if !(gap <= most) {
		return "", false, fmt.Errorf("int8 and float32 differ by %.3g spreads: want at most %.3g", gap, most)
	}
	return fmt.Sprintf("int8 and float32 differ by %.2g spreads", gap), false, nil
}

// Bound is how long a score of rows that come so often may take.
func Bound(period time.Duration) time.Duration {
	if period <= 0 {
		return latencyMost
	}
	return min(latencyMost, period/4)
}

// latency times scores. The quickest batch counts: what else the computer does is not the
// model's fault.
func (p *proving) latency(w *Want) (string, bool, error) {
	period := p.Model.Schema().Period
	if w.Schema != nil {
		period = w.Schema.Period
	}
	took, ok := timing(p.Model)
	if !ok {
		return "", false, errors.New("its golden vectors give no score: they are not of a running machine")
	}
	if most := Bound(period); took > most {
		return "", false, fmt.Errorf("a score takes %v on this CPU: want at most %v", round(took), most)
	}
	return fmt.Sprintf("a score takes %v", round(took)), false, nil
}

func round(d time.Duration) time.Duration { return d.Round(100 * time.Nanosecond) }

// timing is how long a score takes, at the quickest, on rows of the golden vectors.
func timing(m *model.Model) (took time.Duration, ok bool) {
	const (
		batches = 5
		rows    = 8       // of a batch
		most    = 1 << 17 // rows until the machine has settled
	)
	q, s := m.Parameters(), model.NewScorer(m)
	c := len(q.Schema.Channels)
	row, at := make([]float64, c), 0
	push := func() bool {
		for i := range row {
			if row[i] = math.NaN(); q.Spread[i] < model.Unlearnt {
				row[i] = q.Center[i] + q.Spread[i]*float64(q.GoldenIn[at+i])
			}
		}
		if at += c; at+c > len(q.GoldenIn) {
			at = 0
		}
		_, ok := s.Push(row)
		return ok
	}
	for n := 0; !push(); n++ {
		if n > most {
			return 0, false
		}
	}
	took = math.MaxInt64
	for range batches {
		begin := time.Now()
		for range rows {
			push()
		}
		took = min(took, time.Since(begin)/rows)
	}
	return took, true
}

// replay scores the newest rows. Those in which the model in use found nothing must not
// alarm.
func (p *proving) replay(w *Want) (string, bool, error) {
	n := len(w.Rows.Normal)
	if n == 0 || w.Schema == nil {
		return "no newest rows are known", true, nil
	}
	match, c := p.Model.Match(w.Schema.Channels), len(w.Schema.Channels)
	s, row := model.NewScorer(p.Model), make([]float64, len(match.Index))
	scored, above := 0, 0
	for i := range n {
		for j, k := range match.Index {
			if row[j] = math.NaN(); k >= 0 {
				row[j] = w.Rows.Values[i*c+k]
			}
		}
		v, ok := s.Push(row)
		if !ok || !w.Rows.Normal[i] {
			continue
		}
		if scored++; v.Value > 1 {
			above++
		}
	}
	if scored < replayLeast {
		return fmt.Sprintf("only %d of the newest rows are normal and can be scored: want %d", scored, replayLeast), true, nil
	}
	if float64(above) > replayMost*float64(scored) {
		return "", false, fmt.Errorf("%d of the newest %d normal rows score above 1: want at most %.0f %%", above, scored, 100*replayMost)
	}
	return fmt.Sprintf("%d of the newest %d normal rows score above 1", above, scored), false, nil
}
