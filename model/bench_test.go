package model_test

import (
	"testing"

	"iot-edge-anomaly/model"
)

// BenchmarkPush is one row of 3 channels from physical units to a score.
func BenchmarkPush(b *testing.B) {
	s, rows := model.NewScorer(machine(b)), stream(512, 2)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		s.Push(rows[3*i : 3*i+3])
		i = (i + 1) & 511
	}
}
