package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"iot-edge-anomaly/quant"
)

// timing is one element of bench --json.
type timing struct {
	Network, Machine, Kernel string
	NS, Allocs               float64
}

func TestBenchJSON(t *testing.T) {
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
	for _, r := range rs {
		if (r.Network == "active") != (r.Machine == "one") {
			t.Errorf("%+v: want active for the machine that has a model, and no other", r)
		}
		if r.Network == "active" {
			kernels = append(kernels, r.Kernel)
		}
	}
	if want := append([]string{"naive", "float32"}, quant.Kernels()...); !slices.Equal(kernels, want) {
		t.Errorf("the active model ran on %v, want %v", kernels, want)
	}
	if !strings.Contains(errs, "machine two has no model yet") {
		t.Errorf("stderr %q, want word of the machine without a model", errs)
	}
}
