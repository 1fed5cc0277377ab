package status

import (
	"fmt"
	"time"

	"iot-edge-anomaly/agent/machine"
)

// Figures are what the verb status tells beside the health.
type Figures struct {
	Events       []OpenEvent             `json:"events"`           // that are open, oldest first
	Models       map[string]ModelFigures `json:"models"`           // by machine
	Latency      *Quantiles              `json:"latency_ms"`       // of the rows since the start of the agent
	First        *Quantiles              `json:"first_latency_ms"` // of those in the first day with the present models
	Queue        *QueueFigures           `json:"queue"`
	Certificates []Certificate           `json:"certificates"` // that are in force
}

// ModelFigures are of the model that a machine is judged by.
type ModelFigures struct {
	Version string     `json:"version"` // empty = there is none
	SHA256  string     `json:"sha256"`
	Since   time.Time  `json:"since,omitzero"` // when it came into force
	Scores  *Quantiles `json:"scores"`         // of the rows since the start of the agent
	Drift   *float64   `json:"drift"`          // 0 to 1, 0.7 the line
	Learnt  *Quantiles `json:"learnt"`         // of the rows that it was learnt from
}

// Quantiles are those of some values.
type Quantiles struct {
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
	P99 float64 `json:"p99"`
	N   uint64  `json:"n,omitempty"` // how many there are; 0 = it is not known
}

// QuantilesOf asks for each of them; nil where there is none.
func QuantilesOf(n uint64, of func(q float64) float64) *Quantiles {
	q := Quantiles{of(0.5), of(0.95), of(0.99), n}
	if number(q.P50) == nil || number(q.P95) == nil || number(q.P99) == nil {
		return nil
	}
	return &q
}

// QueueFigures are of what waits for the broker.
type QueueFigures struct {
	Messages int     `json:"messages"`
	Bytes    int64   `json:"bytes"` // on the disk
	MaxBytes int64   `json:"max_bytes"`
	OldestS  float64 `json:"oldest_s"` // age of the oldest message
	Lost     uint64  `json:"lost"`     // dropped or damaged, since the start of the agent
}

// Figures are those of the snapshot.
func (s *Snapshot) Figures() Figures {
	f := Figures{Events: s.Events, Models: map[string]ModelFigures{}, Latency: s.Inference.Quantiles(), Certificates: append([]Certificate{}, s.Certificates...)}
	if f.Events == nil {
		f.Events = []OpenEvent{}
	}
	for i := range s.Machines {
		m := &s.Machines[i]
		f.Models[m.Name] = modelFigures(m)
	}
	if q := s.Spool; q != nil {
		f.Queue = &QueueFigures{q.Messages, q.Bytes, q.MaxBytes, q.Oldest.Seconds(), q.Dropped + q.Corrupt}
	}
	return f
}

// Quantiles are those of the durations, in milliseconds; nil where there are none.
func (d *Durations) Quantiles() *Quantiles {
	n := uint64(0)
	for _, c := range d {
		n += c
	}
	return QuantilesOf(n, func(q float64) float64 { return 1000 * d.Quantile(q) })
}

func modelFigures(m *machine.Status) ModelFigures {
	out := ModelFigures{Version: m.Model.Version, SHA256: m.Model.SHA256, Drift: number(m.Drift.Score), Scores: QuantilesOf(m.Scores.Count(), m.Scores.Quantile)}
	if m.Learnt != nil {
		out.Learnt = QuantilesOf(0, func(q float64) float64 { return float64(m.Learnt(float32(q))) })
	}
	return out
}

// String is for people.
func (q *Quantiles) String() string {
	if q == nil {
		return "-"
	}
	return fmt.Sprintf("%.2g %.2g %.2g", q.P50, q.P95, q.P99)
}
