package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"iot-edge-anomaly/agent/offline"
	"iot-edge-anomaly/quant"
)

// timing is one element of bench --json.
type timing struct {
	Network, Machine, Kernel string
	NS, Allocs               float64
}

// aim sets the target of bench. A busy machine must not fail a test that is not about it.
func aim(t *testing.T, target offline.Target) {
	t.Helper()
	before := benchTarget
	benchTarget = target
	t.Cleanup(func() { benchTarget = before })
}

var easy = offline.Target{P95: time.Hour}

// TestBenchTarget: bench ends with 1 where rows take longer than the target, and says by
// how much; all is printed before.
func TestBenchTarget(t *testing.T) {
	aim(t, offline.Target{P95: 1, Samples: 1e12})
	code, out, errs := call(t, "", "bench", "--time", "1ms")
	if code != exitFailed || !strings.Contains(errs, "reference: p95 is ") || !strings.Contains(errs, "the target below 1ns") || !strings.Contains(errs, " samples a second, the target more than 1e+12") || !hasLine(out, []string{"reference", "MISSED"}) {
		t.Errorf("code %d: %s%s", code, out, errs)
	}
	for _, target := range []offline.Target{{P95: 1, Samples: 1e12}, easy} {
		aim(t, target)
		code, out, errs := call(t, "", "bench", "--json", "--time", "1ms")
		var rows []struct {
			Network     string
			NS, Allocs  float64
			P50         float64 `json:"p50_ns"`
			P95         float64 `json:"p95_ns"`
			P99         float64 `json:"p99_ns"`
			Samples     float64 `json:"samples_per_s"`
			WantP95     float64 `json:"target_p95_ns"`
			WantSamples float64 `json:"target_samples_per_s"`
			Met         *bool
		}
		if err := json.Unmarshal([]byte(out), &rows); err != nil {
			t.Fatalf("%v: %s%s", err, out, errs)
		}
		r := rows[len(rows)-1]
		if r.Network != "row" || r.NS != r.P50 || !(0 < r.P50 && r.P50 <= r.P95 && r.P95 <= r.P99) || !(r.Samples > 0) || r.Allocs != 0 {
			t.Errorf("%+v", r)
		}
		if met := target == easy; r.Met == nil || *r.Met != met || (code == exitDone) != met || r.WantP95 != float64(target.P95) || r.WantSamples != target.Samples {
			t.Errorf("code %d, %+v, want the target %+v met: %v", code, r, target, met)
		}
	}
	if d := offline.DefaultTarget; d.P95 > 10*time.Millisecond || d.Samples < 100 {
		t.Errorf("the target is %+v, want one no easier than 10 ms and 100 rows a second", d)
	}
}

func TestBenchJSON(t *testing.T) {
	aim(t, easy)
	modelPath, csvPath := trainedWave(t)
	cfg := write(t, "bench.yaml", fmt.Sprintf("sensors: [{name: m, driver: replay, file: %s}]\nmachines: [{name: main, channels: [m.*], period: 1s, model: {path: %s}}]\nmqtt: {}\n", csvPath, modelPath))
	code, out, errs := call(t, "", "bench", "--json", "--time", "2ms")
	var rows []timing
	if err := json.Unmarshal([]byte(out), &rows); err != nil || code != 0 {
		t.Fatalf("code %d, %v: %s%s", code, err, out, errs)
	}
	seen := map[string]bool{}
	for _, r := range rows {
		seen[r.Network+" "+r.Kernel] = true
		if r.NS <= 0 || r.Allocs != 0 {
			t.Errorf("%+v: want a time and no allocations", r)
		}
	}
	for _, network := range []string{"S", "M", "L"} {
		for _, kernel := range append([]string{"naive", "float32"}, quant.Kernels()...) {
			if !seen[network+" "+kernel] {
				t.Errorf("no figure for network %s, kernel %s", network, kernel)
			}
		}
	}
	// The model's channels are not the configured ones: no figure is better
	// than one of another model.
	if code, _, errs := call(t, "", "bench", "--time", "2ms", "--config", cfg); code != exitConfig || !strings.Contains(errs, "machine main: model") {
		t.Errorf("foreign model: code %d, %s", code, errs)
	}
}

// TestBenchOfActiveModels: each machine's network is called active, beside the
// machine's name, and is timed on the same kernels as the reference networks.
func TestBenchOfActiveModels(t *testing.T) {
	aim(t, easy)
	rows := write(t, "rows.csv", strings.Replace(wave(300, 300), "timestamp,load,speed,flow", "timestamp,m.load,m.speed,m.flow", 1))
	modelPath := filepath.Join(t.TempDir(), "m.safetensors")
	if code, out, errs := call(t, "", "train", "--csv", rows, "--out", modelPath); code != 0 {
		t.Fatalf("train ended with %d\n%s%s", code, out, errs)
	}
	cfg := write(t, "bench.yaml", fmt.Sprintf(`sensors: [{name: m, driver: replay, file: %s}]
machines: [{name: one, model: {path: %s}}, {name: two, model: {path: %s}}]
`, rows, modelPath, filepath.Join(t.TempDir(), "none")))
	code, out, errs := call(t, "", "bench", "--json", "--time", "1ms", "--config", cfg)
	var rs []timing
	if err := json.Unmarshal([]byte(out), &rs); err != nil || code != 0 {
		t.Fatalf("code %d, %v: %s%s", code, err, out, errs)
	}
	var kernels []string
	ofRows := ""
	for _, r := range rs {
		if r.Network == "row" {
			ofRows += r.Machine + ";"
			continue
		}
		if (r.Network == "active") != (r.Machine == "one") {
			t.Errorf("%+v: want active for the machine that has a model, and no other", r)
		}
		if r.Network == "active" {
			kernels = append(kernels, r.Kernel)
		}
	}
	if ofRows != ";one;" {
		t.Errorf("rows were timed of %q, want of the reference and of one", ofRows)
	}
	if want := append([]string{"naive", "float32"}, quant.Kernels()...); !slices.Equal(kernels, want) {
		t.Errorf("the active model ran on %v, want %v", kernels, want)
	}
	if !strings.Contains(errs, "machine two has no model yet") {
		t.Errorf("stderr %q, want word of the machine without a model", errs)
	}
}
