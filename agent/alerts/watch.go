package alerts

import (
	"math"
	"strconv"
	"strings"
	"time"

	"iot-edge-anomaly/agent/detect"
	"iot-edge-anomaly/agent/status"
)

// Every is how often a gateway should look.
const Every = 10 * time.Second

// latencyOver is over how many looks the latency is judged.
const latencyOver = 30

// back is the part of the bound that a value must go back by before an alert ends, so
// that one beside its bound does not come and go.
const back = 0.05

// Watch evaluates the alerts that a gateway can judge by itself. The zero value has seen
// nothing. It is for one goroutine.
type Watch struct {
	at      time.Time
	refused uint64
	times   []status.Durations // of the newest looks, oldest first
	states  [len(own)]state
}

type state struct {
	open    bool
	changed time.Time // since when the other holds; zero = it does not
	text    string    // while open
}

// look is what one look sees.
type look struct {
	*status.Snapshot
	times   *status.Durations // of the inferences in the time that is judged
	refused float64           // requests a second without the token
	subject string            // the machine or certificate that the value is of
}

// Look takes a snapshot at now, and calls tell for each alert that the gateway watches,
// with what is wrong, or "" where nothing is. tell is called again and again with the same.
func (w *Watch) Look(now time.Time, s *status.Snapshot, tell func(a *Alert, text string)) {
	l := look{Snapshot: s, times: w.latencies(&s.Inference)}
	if step := now.Sub(w.at).Seconds(); !w.at.IsZero() && step > 0 {
		l.refused = float64(s.Unauthorized-w.refused) / step
	}
	w.at, w.refused = now, s.Unauthorized
	for i := range own {
		w.states[i].look(now, &own[i], own[i].local(&l), l.subject)
		tell(&own[i], w.states[i].text)
	}
}

// Resume continues an alert of an earlier run, with its text: it ends as if it had been
// opened now. It is false for a key that is none of the gateway's own alerts.
func (w *Watch) Resume(key, text string) bool {
	for i := range own {
		if own[i].Name == key {
			if !w.states[i].open {
				w.states[i] = state{open: true, text: text}
			}
			return true
		}
	}
	return false
}

// latencies are the durations since the look that is latencyOver before.
func (w *Watch) latencies(now *status.Durations) *status.Durations {
	if len(w.times) > latencyOver {
		w.times = append(w.times[:0], w.times[1:]...)
	}
	w.times = append(w.times, *now)
	d := *now
	for i, n := range w.times[0] {
		d[i] -= n
	}
	return &d
}

// look takes a value: an alert opens when it has been beyond the bound for the alert's
// time, and ends when it has been back for the same time.
func (st *state) look(now time.Time, a *Alert, value float64, subject string) {
	bound := a.Over
	if st.open {
		switch a.Op {
		case ">", ">=":
			bound *= 1 - back
		case "<":
			bound *= 1 + back
		}
	}
	if a.beyond(value, bound) == st.open {
		st.changed = time.Time{}
		return
	}
	if st.changed.IsZero() {
		st.changed = now
	}
	if now.Sub(st.changed) < a.For {
		return
	}
	st.changed, st.open = time.Time{}, !st.open
	if st.text = ""; st.open {
		st.text = a.told(value, subject)
	}
}

func (a *Alert) beyond(value, bound float64) bool {
	switch a.Op {
	case ">":
		return value > bound
	case ">=":
		return value >= bound
	case "<":
		return value < bound
	}
	return value == bound
}

// told is the text of the event.
func (a *Alert) told(value float64, subject string) string {
	text := strings.ReplaceAll(a.Text, "$value", strconv.FormatFloat(value, 'g', 3, 64))
	for _, label := range labels {
		text = strings.ReplaceAll(text, "$"+label, subject)
	}
	return text + ". " + a.Do + " See docs/runbook.md#" + a.Anchor()
}

// Severity is that of the event, whose level is then the alert's.
func (a *Alert) Severity() detect.Severity {
	return detect.Severities()[max(0, a.Level.Rank()-1)]
}

// Local are the alerts that a gateway watches by itself.
func Local() (out []*Alert) {
	for i := range own {
		out = append(out, &own[i])
	}
	return out
}

func memory(l *look) float64 {
	if l.MemoryLimit == 0 || l.Memory == 0 {
		return math.NaN()
	}
	return 100 * float64(l.Memory) / float64(l.MemoryLimit)
}

func disk(l *look) (most float64) {
	for _, d := range l.Host.Disks {
		most = max(most, d.Percent)
	}
	return most
}

func cpu(l *look) float64 { return l.Host.CPU }

func latency(l *look) float64 { return 1000 * l.times.Quantile(0.95) }

func drift(l *look) float64 {
	most := math.NaN()
	for i := range l.Machines {
		m := &l.Machines[i]
		if v := m.Drift.Score; m.Mute == nil && (v > most || math.IsNaN(most)) {
			most, l.subject = v, m.Name
		}
	}
	return most
}

func refused(l *look) float64 { return l.refused }

func certificate(l *look) float64 {
	least := math.NaN()
	for _, c := range l.Certificates {
		if days := c.Expires.Sub(l.Now).Hours() / 24; days < least || math.IsNaN(least) {
			least, l.subject = days, c.Of
		}
	}
	return least
}

func reload(l *look) float64 {
	if l.ReloadOK {
		return 1
	}
	return 0
}
