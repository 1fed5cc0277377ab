package train

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"iot-edge-anomaly/model"
)

// virtual is a simulated machine: next returns row i.
type virtual struct {
	schema model.Schema
	next   func(i int, rng *rand.Rand) []float64
}

// rows returns n rows, the first of which is row from.
func (v virtual) rows(from, n int) []float64 {
	rng := rand.New(rand.NewPCG(uint64(from), 99))
	var out []float64
	for i := from; i < from+n; i++ {
		out = append(out, v.next(i, rng)...)
	}
	return out
}

// daily is a machine in a hall that warms up by day: three temperatures and a
// draught follow the same sine of 1,440 rows. Noise of a channel is 0.2 (1 in
// the last).
func daily() virtual {
	names := []model.Channel{{Name: "hall", Unit: "°C"}, {Name: "bearing", Unit: "°C"}, {Name: "oil", Unit: "°C"}, {Name: "draught", Unit: "m3/h"}}
	return virtual{model.Schema{Period: time.Minute, Channels: names}, func(i int, rng *rand.Rand) []float64 {
		day := math.Sin(2 * math.Pi * float64(i) / 1440)
		lag := math.Sin(2*math.Pi*float64(i)/1440 - 0.4)
		return []float64{20 + 5*day + 0.2*rng.NormFloat64(), 40 + 6*lag + 0.2*rng.NormFloat64(),
			50 + 4*lag + 0.2*rng.NormFloat64(), 300 - 20*day + rng.NormFloat64()}
	}}
}

// batches is a pump that runs 240 of every 360 rows at one of two speeds. Off, it
// rests at zero.
func batches(c *model.Condition) virtual {
	names := []model.Channel{{Name: "speed", Unit: "Hz"}, {Name: "current", Unit: "A"}, {Name: "flow", Unit: "l/min"}}
	return virtual{model.Schema{Period: time.Second, Channels: names, RunWhen: c}, func(i int, rng *rand.Rand) []float64 {
		speed := 0.0
		if at := i % 360; at < 240 {
			speed = 40 + 10*float64(i/360%2)
		}
		return []float64{speed + 0.1*rng.NormFloat64(), 0.1*speed + 0.05*rng.NormFloat64(), 3*speed + rng.NormFloat64()}
	}}
}

// watch scores rows and returns the share of scored rows above the threshold, the
// number scored, and the channel that got most of the blame.
func watch(m *model.Model, rows []float64) (above float64, scored, blamed int) {
	s, c := model.NewScorer(m), len(m.Schema().Channels)
	sum := make([]float64, c)
	for i := 0; i < len(rows); i += c {
		v, ok := s.Push(rows[i : i+c])
		if !ok {
			continue
		}
		scored++
		if v.Value > 1 {
			above++
			for j, x := range v.Shares {
				sum[j] += float64(x)
			}
		}
	}
	for j, x := range sum {
		if x > sum[blamed] {
			blamed = j
		}
	}
	return above / float64(max(scored, 1)), scored, blamed
}

// long skips a test that learns thousands of rows if tests have to be short, as on an
// emulated CPU.
func long(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("learns thousands of rows")
	}
}

func with(rows []float64, c, ch, from int, f func(float64) float64) []float64 {
	out := append([]float64(nil), rows...)
	for i := from*c + ch; i < len(out); i += c {
		out[i] = f(out[i])
	}
	return out
}

func TestMachine_dailySineIsNotBlinded(t *testing.T) {
	long(t)
	v := daily()
	m, r := learn(t, v.schema, v.rows(0, 7*1440), Options{Seed: 1})
	for _, c := range r.Channels {
		if c.Stretch > 3 {
			t.Errorf("%s: the drift allowance widens its scale %.1f times, want at most 3", c.Name, c.Stretch)
		}
	}
	normal := v.rows(20*1440, 3*1440)
	if above, _, _ := watch(m, normal); above > 0.002 {
		t.Errorf("%.2f %% of three healthy days above the threshold", 100*above)
	}
	for ch, sd := range []float64{3.5, 4.2, 2.8, 14} {
		for _, side := range []float64{5, -5} {
			fault := with(normal, 4, ch, 100, func(x float64) float64 { return x + side*sd })
			if above, _, blamed := watch(m, fault); above < 0.9 || blamed != ch {
				t.Errorf("%s off by %v sd: %.0f %% of rows above, blamed %d; want over 90 %%, blamed %d",
					v.schema.Channels[ch].Name, side, 100*above, blamed, ch)
			}
		}
	}
}

func TestMachine_slowDegradation(t *testing.T) {
	long(t)
	v := daily()
	m, _ := learn(t, v.schema, v.rows(0, 7*1440), Options{Seed: 1})
	// The bearing gets 6 °C warmer per day than hall and oil explain.
	n := 0
	fault := with(v.rows(20*1440, 3*1440), 4, 1, 0, func(x float64) float64 { n++; return x + 6*float64(n)/1440 })
	s, first := model.NewScorer(m), -1
	for i := 0; i < len(fault); i += 4 {
		if sc, ok := s.Push(fault[i : i+4]); ok && sc.Value > 1 && first < 0 {
			first = i / 4
		}
	}
	if first < 0 || first > 2*1440 {
		t.Errorf("warming by 6 °C a day is found after %d minutes, want within two days", first)
	}
}

func TestMachine_startStop(t *testing.T) {
	long(t)
	running := &model.Condition{Channel: "speed", Above: 20, Below: math.NaN(), Settle: 5 * time.Second}
	for name, c := range map[string]*model.Condition{"run_when": running, "always": nil} {
		v := batches(c)
		m, r := learn(t, v.schema, v.rows(0, 7200), Options{Seed: 1})
		if c != nil && r.Idle != 20*(120+5) {
			t.Errorf("%s: %d rows left out, want %d", name, r.Idle, 20*(120+5))
		}
		normal := v.rows(36000, 3600)
		above, scored, _ := watch(m, normal)
		if above > 0.005 || scored < 1800 {
			t.Errorf("%s: %.2f %% of %d healthy rows above the threshold", name, 100*above, scored)
		}
		// A blocked valve: flow falls by a third while speed stays.
		fault := with(normal, 3, 2, 0, func(x float64) float64 { return x * 0.66 })
		if above, _, blamed := watch(m, fault); above < 0.5 || c != nil && blamed != 2 {
			// Without run_when a change of 0.7 sd is found, but the rows at standstill
			// widen every scale so much that any channel may get the blame.
			t.Errorf("%s: blocked valve: %.0f %% of rows above, blamed channel %d", name, 100*above, blamed)
		}
	}
}

func TestMachine_constantChannel(t *testing.T) {
	s, rows := plant(800, 3)
	rows = with(rows, 4, 3, 0, func(float64) float64 { return 24 })
	m, r := learn(t, s, rows, Options{Seed: 1})
	if len(r.Warnings) == 0 || r.Warnings[0] != "pump.voltage never changed: that it does will raise the score, by how much says nothing" {
		t.Errorf("warnings %q, want the constant channel first", r.Warnings)
	}
	_, fresh := plant(600, 4)
	still := with(fresh, 4, 3, 0, func(float64) float64 { return 24 })
	moved := with(still, 4, 3, 100, func(float64) float64 { return 23 })
	if above, _, _ := watch(m, still); above > 0.02 {
		t.Errorf("%.1f %% of healthy rows above the threshold", 100*above)
	}
	if above, _, blamed := watch(m, moved); above < 0.8 || blamed != 3 {
		t.Errorf("constant channel moved: %.0f %% of rows above, blamed %d", 100*above, blamed)
	}
}

func TestMachine_cycleIsFound(t *testing.T) {
	v := virtual{model.Schema{Period: time.Second, Channels: []model.Channel{{Name: "valve"}, {Name: "level"}}},
		func(i int, rng *rand.Rand) []float64 {
			phase := i % 60
			return []float64{float64(phase/30) + 0.05*rng.NormFloat64(), math.Abs(float64(phase-30)) + rng.NormFloat64()}
		}}
	_, r := learn(t, v.schema, v.rows(0, 1500), Options{Seed: 1, Epochs: 2})
	if r.Period != 60 || r.Window != 60 || r.Mean != 60 || r.Smooth != 60 {
		t.Errorf("cycle %d, window %d, mean %d, smooth %d, want 60 each", r.Period, r.Window, r.Mean, r.Smooth)
	}
	s, rows := plant(1500, 1)
	if _, r := learn(t, s, rows, Options{Seed: 1, Epochs: 2}); r.Period != 0 {
		t.Errorf("cycle of %d rows in a machine without one", r.Period)
	}
}
