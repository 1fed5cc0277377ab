package judge

import (
	"bytes"
	"flag"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"iot-edge-anomaly/agent/detect"
	"iot-edge-anomaly/agent/report"
	"iot-edge-anomaly/model"
	"iot-edge-anomaly/quant"
)

var update = flag.Bool("update", false, "write the golden events anew")

// goldenRow is row i of a machine with everything that can happen to it: two
// levels that are wrong, a relation that breaks, a sensor that hangs, one that is
// missing, an outlier, a bus that fails. Values are integers over powers of two,
// the same on every CPU.
type goldenRow struct {
	state uint32
	load  int
	still float64
}

func (g *goldenRow) next(i int) []float64 {
	noise := func(span int) int {
		g.state = g.state*1664525 + 1013904223
		return int(g.state>>8)%(2*span+1) - span
	}
	g.load += noise(16) - g.load/16
	row := []float64{float64(768+g.load+noise(8)) / 256, float64(7680+4*g.load+noise(32)) / 64, float64(14720+noise(64)) / 64}
	nan := math.NaN()
	switch {
	case i >= 300 && i < 380:
		row[1] -= 30
	case i >= 600 && i < 800:
		row[2] += 4
	case i == 1000:
		row[0] = 1e200
	case i >= 1200 && i < 1300:
		row[0], row[1] = 6-row[0], row[1]+8
	case i == 1600:
		g.still = row[1]
	case i > 1600 && i < 2400:
		row[1] = g.still
	case i >= 2500 && i < 2560:
		row[2] = nan
		if i >= 2530 {
			row[0] += 2
		}
	case i >= 2700 && i < 2710:
		row[0], row[1], row[2] = nan, math.Inf(1), nan
	}
	return row
}

// goldenOptions are a policy under which everything happens that can.
func goldenOptions(m *model.Model) Options {
	p := detect.DefaultPolicy("pump1", m.Schema().Channels)
	p.Hold, p.Update, p.Cooldown, p.Repeats = 20*time.Second, 30*time.Second, 2*time.Minute, 0
	p.Latch, p.UnlatchAfter, p.Location = true, 3*time.Minute, time.UTC
	p.Mute = []detect.MuteWindow{{From: 8*60 + 10, To: 8*60 + 12}}
	nan := math.NaN()
	return Options{Policy: p, Limits: []detect.Limit{{Channel: "pump.voltage", Unit: "V", Index: 2, Warn: 232.5, Alarm: 235, WarnLow: nan, AlarmLow: nan, Hold: 10 * time.Second}}}
}

// goldenEvents takes the rows through a Judge and the report, as a machine does.
func goldenEvents(t *testing.T) []byte {
	t.Helper()
	m, err := model.Load(filepath.Join("..", "..", "model", "testdata", "golden.model"))
	if err != nil {
		t.Fatal(err)
	}
	j, err := New(goldenOptions(m))
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Use(m); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	at := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	r, err := report.New(report.Device{Site: "s", Device: "gw7", Boot: "4f2a"}, report.Lines(&out),
		func() report.Clock { return report.Clock{Now: at, Quality: report.Synced} })
	if err != nil {
		t.Fatal(err)
	}
	g := goldenRow{state: 7}
	for i := range 3400 {
		row := g.next(i)
		at = at.Add(time.Second)
		for _, ev := range j.Push(at, row).Events {
			if err := r.Event(ev, report.ModelRef{Version: m.Version(), SHA256: m.SHA256()}); err != nil {
				t.Fatal(err)
			}
		}
	}
	return out.Bytes()
}

// TestGoldenEvents: the same rows give the same events, byte for byte, on every
// CPU and with each of its kernels. The file was written on amd64; emulated.sh
// runs this test as arm64 and 32-bit Arm.
func TestGoldenEvents(t *testing.T) {
	before := quant.Kernel()
	t.Cleanup(func() {
		if err := quant.Use(before); err != nil {
			t.Error(err)
		}
	})
	path := filepath.Join("testdata", "golden.events.jsonl")
	for _, k := range quant.Kernels() { // the portable loops first
		if err := quant.Use(k); err != nil {
			t.Fatal(err)
		}
		got := goldenEvents(t)
		if *update {
			if err := os.WriteFile(path, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		a, b := strings.Split(string(got), "\n"), strings.Split(string(want), "\n")
		for i := range max(len(a), len(b)) {
			if i >= len(a) || i >= len(b) || a[i] != b[i] {
				t.Fatalf("%s: line %d:\n got %s\nwant %s", k, i+1, strings.Join(a[min(i, len(a)):min(i+1, len(a))], ""), strings.Join(b[min(i, len(b)):min(i+1, len(b))], ""))
			}
		}
		for _, some := range []string{`"process_anomaly","state":"open"`, `"kind":"limit"`, `"over, but latched"`, `"unlatched"`, `"a value hangs: `, `"missing":["pump.voltage"]`, `"critical"`} {
			if !bytes.Contains(got, []byte(some)) {
				t.Errorf("no event with %s", some)
			}
		}
	}
}
