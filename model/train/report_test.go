package train

import (
	"context"
	"math"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"iot-edge-anomaly/model"
)

func TestReport(t *testing.T) {
	s, rows := plant(350, 1)
	s.RunWhen = &model.Condition{Channel: "pump.current", Above: 1, Below: math.NaN(), Settle: 4 * time.Second}
	for i := range 10 { // stands still for ten rows
		rows[4*(40+i)] = 0
	}
	for i := 100; i < 110; i++ { // no values for ten more
		for j := range 4 {
			rows[4*i+j] = math.NaN()
		}
	}
	for i := 150; i < 220; i++ { // the thermometer was disconnected
		rows[4*i+2] = math.NaN()
	}
	for i := range 350 { // voltage repeats the flow
		rows[4*i+3] = rows[4*i+1]
	}
	m, r := learn(t, s, rows, Options{Seed: 3, Epochs: 2, Version: "2026-11-20T10:00:00Z-1"})
	// 4 settling, 10 standing and 4 settling, 10 empty: the gate holds ten rows.
	if r.Rows != 350 || r.Idle != 18 || r.Empty != 10 || r.Used != 322 {
		t.Errorf("rows %d, idle %d, empty %d, used %d, want 350, 18, 10, 322", r.Rows, r.Idle, r.Empty, r.Used)
	}
	if m.Version() != "2026-11-20T10:00:00Z-1" || m.Parameters().Training.Used != 322 || m.Parameters().Training.Seed != 3 {
		t.Errorf("version %q, training %+v", m.Version(), m.Parameters().Training)
	}
	text := r.String()
	for _, want := range []string{
		"learnt from 322 of 350 rows (5m22s, one row each 1s)",
		"18 rows outside run_when",
		"10 rows without any value",
		"64-32-4-32-64 int8",
		"pump.flow",
		"warning: only 322 rows",
		"warning: pump.temp is missing in 80 of 332 rows",
		"warning: pump.flow and pump.voltage always have the same value",
		"warning: 10 rows have no value in any channel",
		"the rate of false alarms is unknown: estimating it takes 2000 rows, 322 were learnt",
		"less than a shift",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("report lacks %q:\n%s", want, text)
		}
	}
}

// TestReport_gaps holds that rows that stand for a gap are not counted, whether the gate
// still keeps its state or not, and that telling of them changes nothing else.
func TestReport_gaps(t *testing.T) {
	s, rows := plant(350, 1)
	s.RunWhen = &model.Condition{Channel: "pump.current", Above: -9, Below: math.NaN(), Settle: 4 * time.Second}
	for j := range 4 {
		rows[4*300+j] = math.NaN() // measured, and empty
	}
	var gaps []int
	gap := make([]float64, 0, 4*(model.GateHold+1))
	for i := range model.GateHold + 1 {
		gaps = append(gaps, 200+i)
		gap = append(gap, math.NaN(), math.NaN(), math.NaN(), math.NaN())
	}
	rows = slices.Insert(rows, 4*200, gap...)
	told, r := learn(t, s, rows, Options{Seed: 3, Epochs: 2, Gaps: gaps})
	if want := 350 - 2*4 - 1; r.Rows != 350 || r.Idle != 8 || r.Empty != 1 || r.Used != want || r.Channels[1].Missing != 1 {
		t.Errorf("rows %d, idle %d, empty %d, used %d, missing %d, want 350, 8, 1, %d, 1", r.Rows, r.Idle, r.Empty, r.Used, r.Channels[1].Missing, want)
	}
	untold, all := learn(t, s, rows, Options{Seed: 3, Epochs: 2})
	if all.Rows != 350+len(gaps) || all.Used != r.Used || all.Loss != r.Loss || !reflect.DeepEqual(told.Parameters().Limits, untold.Parameters().Limits) {
		t.Errorf("rows %d, used %d, loss %v, want %d, %d, %v and the same limits", all.Rows, all.Used, all.Loss, 350+len(gaps), r.Used, r.Loss)
	}
}

func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", time.Second: "1s", 50 * time.Millisecond: "50ms", 3 * time.Minute: "3m", 400 * time.Second: "6m40s",
		10 * time.Second: "10s", 25 * time.Hour: "25h", 10 * time.Hour: "10h", 90 * time.Minute: "1h30m", time.Hour + time.Second: "1h0m1s",
	} {
		if got := span(d); got != want {
			t.Errorf("span(%d) is %q, want %q", d, got, want)
		}
	}
}

func TestTrain_progressAndDuty(t *testing.T) {
	s, rows := plant(600, 1)
	var phases []string
	last := -1.0
	progress := func(p Progress) {
		if p.Done < last || p.Done > 1 {
			t.Errorf("done %v after %v", p.Done, last)
		}
		last = p.Done
		if len(phases) == 0 || phases[len(phases)-1] != p.Phase {
			phases = append(phases, p.Phase)
		}
	}
	full, r, err := Train(context.Background(), s, rows, Options{Epochs: 20})
	if err != nil {
		t.Fatal(err)
	}
	runtime.GC() // so that collecting older garbage does not count
	start, computed := time.Now(), cpu(t)
	slow, _, err := Train(context.Background(), s, rows, Options{Epochs: 20, Duty: 0.2, Progress: progress})
	if err != nil {
		t.Fatal(err)
	}
	took, cores := time.Since(start), float64(runtime.GOMAXPROCS(0))
	if share := (cpu(t) - computed).Seconds() / took.Seconds() / cores; share > 0.3 {
		t.Errorf("at a duty of 0.2 learning computed %.0f %% of %s on each of %v cores", 100*share, took, cores)
	}
	if full.SHA256() != slow.SHA256() || r.Took <= 0 {
		t.Error("the duty changes what is learnt")
	}
	if last != 1 || len(phases) < 2 || phases[0] != "preparing" || phases[len(phases)-1] != "calibrating" {
		t.Errorf("phases %q, done %v", phases, last)
	}
}

// TestInt8Gap holds that quantising loses little: the difference from the float32 network is
// far below the noise that the network was trained to remove.
func TestInt8Gap(t *testing.T) {
	long(t)
	s, rows := plant(2000, 1)
	_, r := learn(t, s, rows, Options{Seed: 1})
	if r.Int8Gap <= 0 || r.Int8Gap > noise/5 {
		t.Errorf("int8 differs from float32 by %v, want below %v", r.Int8Gap, noise/5)
	}
}

func TestInverse(t *testing.T) {
	a := []float64{4, 1, 0.5, 1, 3, -1, 0.5, -1, 2}
	inv := inverse(append([]float64(nil), a...), 3)
	for i := range 3 {
		for j := range 3 {
			var sum, want float64
			for k := range 3 {
				sum += a[i*3+k] * inv[k*3+j]
			}
			if i == j {
				want = 1
			}
			if math.Abs(sum-want) > 1e-9 {
				t.Errorf("product [%d,%d] is %v, want %v", i, j, sum, want)
			}
		}
	}
}

// TestAllowance holds the power law of (4) for a straight line, which drifts in
// proportion to the horizon, and that the range bounds it.
func TestAllowance(t *testing.T) {
	line := make([]float64, 400)
	for i := range line {
		line[i] = float64(i) / 100
	}
	a := allowanceOf(line, 5, 600)
	if want := rangePart * 0.998 * 3.99; !a.bounded || math.Abs(a.drift-want) > 0.01 {
		t.Errorf("line: drift %v bounded %v, want %v", a.drift, a.bounded, want)
	}
	if a := allowanceOf(line, 5, 100); a.bounded || math.Abs(a.drift-1/math.Sqrt2) > 0.02 {
		t.Errorf("line over 100 rows: drift %v, want 1/sqrt 2", a.drift)
	}
	if a := allowanceOf(make([]float64, 400), 5, 600); !a.bounded || a.drift != leastSD {
		t.Errorf("constant: drift %v, want %v", a.drift, leastSD)
	}
}
