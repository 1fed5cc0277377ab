package status

import (
	"math"
	"testing"
	"time"

	"iot-edge-anomaly/agent/machine"
	"iot-edge-anomaly/agent/report"
	"iot-edge-anomaly/agent/spool"
)

// TestFigures: a machine with a model has its scores beside those of learning; what is
// not known is nil, and never 0.
func TestFigures(t *testing.T) {
	s := Snapshot{Machines: []machine.Status{{Name: "new"}, {Name: "pump1", Model: report.ModelRef{Version: "v1", SHA256: "aa"}, Learnt: func(share float32) float32 { return share }}},
		Spool: &spool.Stats{Messages: 3, Bytes: 8192, MaxBytes: 1 << 20, Oldest: time.Minute, AppendStats: spool.AppendStats{Dropped: 2}, RepairStats: spool.RepairStats{Corrupt: 5}}}
	s.Machines[1].Scores.Add(0.4)
	f := s.Figures()
	if m := f.Models["new"]; m.Scores != nil || m.Learnt != nil || m.Version != "" {
		t.Errorf("a machine without a model: %+v", m)
	}
	m := f.Models["pump1"]
	if m.SHA256 != "aa" || m.Scores.N != 1 || math.Abs(m.Scores.P50-0.4) > 0.06 || math.Abs(m.Learnt.P95-0.95) > 1e-6 {
		t.Errorf("%+v, scores %v, learnt %v", m, m.Scores, m.Learnt)
	}
	if f.Latency != nil || f.Events == nil || f.Latency.String() != "-" {
		t.Errorf("latency %v, events %v", f.Latency, f.Events)
	}
	if q := f.Queue; *q != (QueueFigures{3, 8192, 1 << 20, 60, 7}) {
		t.Errorf("%+v", q)
	}
	s.Inference[1] = 100
	if f := s.Figures(); f.Latency.N != 100 || math.Abs(f.Latency.P50-0.0375) > 1e-9 {
		t.Errorf("latency %+v", f.Latency)
	}
}
