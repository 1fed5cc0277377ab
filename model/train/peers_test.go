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

// TestPeers_nonlinear holds that a broken nonlinear relation is found while every channel
// stays within its learnt range, that the right channel is blamed, and that the other terms
// see little of it.
func TestPeers_nonlinear(t *testing.T) {
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
	p := m.Parameters()
	p.Peers = nil
	if m, err := model.New(p); err != nil {
		t.Error(err)
	} else if without, _, _ := watch(m, broken); without > found/3 {
		t.Errorf("without peers %.2f of the rows are above the threshold, %.2f with: the fault shows nothing", without, found)
	}
}

func column(rows []float64, c, j int) (out []float64) {
	for i := j; i < len(rows); i += c {
		out = append(out, rows[i])
	}
	return out
}

// TestPeers_few holds when there are no peers.
func TestPeers_few(t *testing.T) {
	s, rows := plant(longRows, 1)
	for _, c := range []struct {
		name string
		s    model.Schema
		rows []float64
		want bool
	}{
		{"enough", s, rows, true},
		{"too few rows", s, rows[:4*(peersLeast-1)], false},
		{"one channel", model.Schema{Period: time.Second, Channels: s.Channels[:1]}, column(rows, 4, 0), false},
	} {
		m, r := learn(t, c.s, c.rows, Options{Seed: 1, Epochs: 1})
		if p := m.Parameters(); (p.Peers != nil) != c.want || (r.Peers != nil) != c.want {
			t.Errorf("%s: peers %v, reported %v", c.name, p.Peers != nil, r.Peers != nil)
		}
	}
}

// TestPeers_constant holds that a channel that was constant in the learning rows does not
// change what is expected of the others when it changes.
func TestPeers_constant(t *testing.T) {
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

// TestPeers_fewLevels holds that an on/off channel conditions the others and is not judged.
func TestPeers_fewLevels(t *testing.T) {
	s, rows := bent(3000, 2)
	for i := 0; i < len(rows); i += 4 {
		on := float64(i / 400 % 2)
		rows[i] = on
		rows[i+3] += 3 * on
	}
	m, r := learn(t, s, rows, Options{Seed: 1, Epochs: 1})
	q := m.Parameters().Peers
	if q == nil || q.Role[0] != model.Given || r.Peers.Judged != 3 {
		t.Fatalf("peers %+v, reported %+v", q, r.Peers)
	}
	sc := model.NewScorer(m)
	off := 0.0
	for i := 0; i < len(rows); i += 4 {
		if v, ok := sc.Push(rows[i : i+4]); ok {
			off += math.Abs(v.Values[3]-v.Expected[3]) / 3000
		}
	}
	if off > 0.5 {
		t.Errorf("power is %.2f off what is expected of it on average: the switch does not tell it", off)
	}
}

// TestPeers_oddRows holds that a stretch of another regime is left out and reported.
func TestPeers_oddRows(t *testing.T) {
	s, rows := bent(4000, 3)
	for i := 1200; i < 1500; i++ {
		rows[4*i+2], rows[4*i+3] = 0, 0 // the machine is down, its inlet still moves
	}
	_, r := learn(t, s, rows, Options{Seed: 1, Epochs: 1})
	if r.Peers == nil || r.Peers.Odd < 250 || r.Peers.Odd > 450 {
		t.Errorf("peers %+v, want 300 odd rows, and few more", r.Peers)
	}
}

// TestInvert holds the inverse and the small solver against each other.
func TestInvert(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	const n = 7
	a := make([]float64, n*n)
	for range 20 {
		v := make([]float64, n)
		for i := range v {
			v[i] = rng.NormFloat64()
		}
		for i := range n {
			for j := range n {
				a[i*n+j] += v[i] * v[j]
			}
		}
	}
	b := peering{l: &learner{pace: newPacer(t.Context(), Options{})}, f: n}
	inv := slices.Clone(a)
	if err := b.invert(inv); err != nil {
		t.Fatal(err)
	}
	for j := range n {
		e := make([]float64, n)
		e[j] = 1
		for i, x := range solved(slices.Clone(a), e) {
			if math.Abs(x-inv[i*n+j]) > 1e-9 {
				t.Errorf("%d, %d: %v, want %v", i, j, inv[i*n+j], x)
			}
		}
	}
}

// TestStill holds that a channel that never moved while learning raises an alarm when it
// does, and that the score stays in proportion, however far it moves.
func TestStill(t *testing.T) {
	for _, n := range []int{600, longRows} {
		s, rows := plant(n+400, 2)
		for i := 3; i < len(rows); i += 4 {
			if rows[i] = 230; i/4 >= n+200 {
				rows[i] = 1e6
			}
		}
		m, _ := learn(t, s, rows[:4*n], Options{Seed: 1, Epochs: 2})
		sc, top, blamed := model.NewScorer(m), float32(0), 0
		for i := n; i < n+400; i++ {
			v, ok := sc.Push(rows[4*i : 4*i+4])
			if ok && i >= n+200 && v.Value > top {
				top = v.Value
				for j, x := range v.Shares {
					if x > v.Shares[blamed] {
						blamed = j
					}
				}
			}
		}
		if top < 1 || top > 30 || blamed != 3 {
			t.Errorf("%d rows: score %v, channel %d blamed; want 1 to 30, and 3", n, top, blamed)
		}
	}
}
