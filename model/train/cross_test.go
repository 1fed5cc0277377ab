package train

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"iot-edge-anomaly/model"
)

// bent is a fan whose speed and damper wander; pressure and power follow them by nonlinear
// relations.
func bent(n int, seed uint64) (model.Schema, []float64) {
	rng := rand.New(rand.NewPCG(seed, 3))
	s := model.Schema{Period: 10 * time.Second, Channels: []model.Channel{{Name: "speed"}, {Name: "damper"}, {Name: "pressure"}, {Name: "power"}}}
	speed, damper, toSpeed, toDamper := 0.6, 0.5, 0.6, 0.5
	rows := make([]float64, 0, 4*n)
	for range n {
		if rng.Float64() < 0.02 {
			toSpeed = 0.3 + 0.7*rng.Float64()
		}
		if rng.Float64() < 0.02 {
			toDamper = rng.Float64()
		}
		speed += (toSpeed - speed) / 15
		damper += (toDamper - damper) / 15
		rows = append(rows, 50*speed+0.1*rng.NormFloat64(), 100*damper+0.2*rng.NormFloat64(),
			8*speed*speed*(1.2-damper)+0.03*rng.NormFloat64(), 10*speed*speed*speed*(0.3+damper)+0.03*rng.NormFloat64())
	}
	return s, rows
}

// TestCross_nonlinear holds that a broken nonlinear relation is found while every channel
// stays within its learnt range, that the right channel is blamed, and that the terms
// without networks see little of it.
func TestCross_nonlinear(t *testing.T) {
	s, rows := bent(6000, 1)
	healthy := slices.Clone(rows[4*4000:])
	broken := slices.Clone(healthy)
	high := slices.Max(column(rows[:4*4000], 4, 3))
	for i := 3; i < len(broken); i += 4 {
		broken[i] = min(broken[i]*1.5, high)
	}
	m, r := learn(t, s, rows[:4*4000], Options{Seed: 1})
	if p := m.Parameters().Percentiles; r.Above > 40 || p[len(p)-1] < 0.3 {
		t.Errorf("learning rows score up to %v, %d above the threshold; want 0.3 or more, and hardly any", p[len(p)-1], r.Above)
	}
	if above, scored, _ := watch(m, healthy); above > 0.01 || scored < 1900 {
		t.Errorf("healthy: %.3f of %d rows above the threshold", above, scored)
	}
	found, _, blamed := watch(m, broken)
	if found < 0.3 || blamed != 3 {
		t.Errorf("power half as high again: %.2f of the rows above the threshold, channel %d blamed; want 0.3 or more, and 3", found, blamed)
	}
	m, _ = learn(t, s, rows[:4*4000], Options{Seed: 1, Reference: model.None})
	if without, _, _ := watch(m, broken); without > found/3 {
		t.Errorf("without a network %.2f of the rows are above the threshold, %.2f with: the fault shows nothing", without, found)
	}
}

func column(rows []float64, c, j int) (out []float64) {
	for i := j; i < len(rows); i += c {
		out = append(out, rows[i])
	}
	return out
}

// TestCross_few holds when there is no cross-channel network.
func TestCross_few(t *testing.T) {
	s, rows := plant(longRows, 1)
	for _, c := range []struct {
		name string
		s    model.Schema
		rows []float64
		want bool
	}{
		{"enough", s, rows, true},
		{"too few rows", s, rows[:4*(longRows-1)], false},
		{"one channel", model.Schema{Period: time.Second, Channels: s.Channels[:1]}, column(rows, 4, 0), false},
	} {
		m, r := learn(t, c.s, c.rows, Options{Seed: 1, Epochs: 1})
		if p := m.Parameters(); (p.Cross != nil) != c.want || (p.Limits[model.Cross] != 1) != c.want || (len(r.Cross) > 0) != c.want {
			t.Errorf("%s: network %v, limits %v, reported %v", c.name, p.Cross, p.Limits, r.Cross)
		}
	}
}

// TestCross_constant holds that a channel that was constant in the learning rows does not
// change what is expected of the others when it changes.
func TestCross_constant(t *testing.T) {
	s, rows := plant(longRows, 2)
	for i := 3; i < len(rows); i += 4 {
		rows[i] = 230
	}
	m, _ := learn(t, s, rows, Options{Seed: 1, Epochs: 2})
	a, b := model.NewScorer(m), model.NewScorer(m)
	for i := range 200 {
		row := slices.Clone(rows[4*i : 4*i+4])
		v, ok := a.Push(row)
		row[3] = 260
		w, _ := b.Push(row)
		if ok && !slices.Equal(v.Expected[:3], w.Expected[:3]) {
			t.Fatalf("row %d: expected %v, and %v once the voltage moved", i, v.Expected[:3], w.Expected[:3])
		}
	}
}

// TestCrossAllowance holds that a residual that wanders and comes back does not count as
// drift, and that one that goes on does.
func TestCrossAllowance(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	const n = 8000
	back, on := make([]float64, n), make([]float64, n)
	x := 0.0
	for i := range n {
		x += 0.2*rng.NormFloat64() - x/60
		back[i], on[i] = x, x+0.004*float64(i)
	}
	for _, c := range []struct {
		name      string
		f         []float64
		low, high float64
	}{{"comes back", back, 0.7, 1.3}, {"goes on", on, 1.5, 6}} {
		a := crossAllowance(c.f, 5, 3*n/2)
		if k := a.drift / a.sd; !(k > c.low && k < c.high) {
			t.Errorf("%s: drift is %.2f of the spread, want %.1f to %.1f", c.name, k, c.low, c.high)
		}
	}
	if a := crossAllowance(make([]float64, n), 5, n); a.sd != leastCrossScale || math.IsNaN(a.drift) {
		t.Errorf("nothing moves: %+v", a)
	}
}
