package main

import (
	"io"
	"os"
	"testing"

	"iot-edge-anomaly/model/train"
)

// TestDrifts_normal: no drift on the normal spans, nor on simulated machines with
// a daily cycle, with stops, and with a warm-up.
func TestDrifts_normal(t *testing.T) {
	data := os.Getenv("DATA")
	if data == "" {
		data = "../../../shared/data"
	}
	if _, err := os.Stat(data); err != nil {
		t.Skip("no labelled data: " + err.Error())
	}
	if testing.Short() {
		t.Skip("six machines are learnt and watched")
	}
	b := &bench{data: data, w: io.Discard}
	all, err := b.healthyMachines()
	if err != nil || len(all) != 6 {
		t.Fatalf("%d machines: %v", len(all), err)
	}
	for _, h := range all {
		m, _, err := train.Train(t.Context(), h.schema, h.learn, train.Options{Seed: 2})
		if err != nil {
			t.Fatal(err)
		}
		s, err := driftOf(m, h.rows, 0)
		if err != nil || s.drifts != 0 || !(s.top < 0.9) {
			t.Errorf("%s: %d drift events, score up to %v: %v", h.name, s.drifts, s.top, err)
		}
	}
}

func TestSlowly(t *testing.T) {
	rows := []float64{1, 10, 2, 10, 3, 10, 4, 10}
	for kind, want := range map[string][]float64{"ramp": {1, 2, 4, 6}, "gain": {1, 2, 4, 6}} {
		got := slowly(rows, 2, 0, 1, 2, kind, 2, 1, 1)
		for i, w := range want {
			if got[2*i] != w || got[2*i+1] != 10 {
				t.Errorf("%s: row %d is %v, %v, want %v, 10", kind, i, got[2*i], got[2*i+1], w)
			}
		}
	}
	if got := slowly(rows, 2, 1, 2, 2, "noise", 2, 1, 1); got[3] != 10 || got[5] == 10 || got[4] != 3 {
		t.Errorf("noise: %v", got)
	}
}

func TestFirst(t *testing.T) {
	for _, c := range []struct{ at, alarm, want int }{{-1, -1, -1}, {7, -1, 7}, {7, 6, 6}, {7, 8, 7}, {-1, 5, 5}, {3, 4, -1}, {3, 6, 6}} {
		if got := (seen{at: c.at, alarm: c.alarm}).first(5); got != c.want {
			t.Errorf("drift at %d, alarm at %d: %d, want %d", c.at, c.alarm, got, c.want)
		}
	}
}
