package model_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"iot-edge-anomaly/model"
	"iot-edge-anomaly/model/checkpoint"
	"iot-edge-anomaly/model/train"
)

// autoregressive returns n rows of two channels, each x(t) = φ x(t-1) + noise
// with standard deviation 1, around 10 and 20.
func autoregressive(rng *rand.Rand, n int, phi float64) []float64 {
	rows := make([]float64, 0, 2*n)
	x, y := rng.NormFloat64(), rng.NormFloat64()
	fresh := math.Sqrt(1 - phi*phi)
	for range n {
		x, y = phi*x+fresh*rng.NormFloat64(), phi*y+fresh*rng.NormFloat64()
		rows = append(rows, 10+x, 20+y)
	}
	return rows
}

func twoChannels() model.Schema {
	return model.Schema{Period: time.Minute, Channels: []model.Channel{{Name: "a.x", Unit: "A"}, {Name: "a.y"}}}
}

func learnRows(t testing.TB, s model.Schema, rows []float64) *model.Model {
	t.Helper()
	m, _, err := train.Train(context.Background(), s, rows, train.Options{Seed: 1, Epochs: 1})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// looks pushes rows of c channels and returns the state of each look.
func looks(d *model.Drift, rows []float64, c int, score float32) (out []model.DriftState) {
	for i := 0; i < len(rows); i += c {
		if d.Push(rows[i:i+c], score) {
			s := d.State()
			s.Channels = slices.Clone(s.Channels)
			out = append(out, s)
		}
	}
	return out
}

func drifted(states []model.DriftState, channel int) (first int, top float64) {
	first = -1
	for i, s := range states {
		v := s.Channels[channel].Score
		if first < 0 && v >= model.DriftLine {
			first = i
		}
		if v > top {
			top = v
		}
	}
	return first, top
}

// TestDrift_distance compares the scores over the window with an independent calculation.
func TestDrift_distance(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	m := learnRows(t, twoChannels(), autoregressive(rng, 1440, 0))
	p, d := m.Parameters(), model.NewDrift(m)
	rows := autoregressive(rng, 32*d.BlockRows(), 0)
	for i := range rows {
		rows[i] += 0.6
	}
	all := looks(d, rows, 2, 0.1)
	if len(all) != 32 {
		t.Fatalf("%d looks in a window, want 32", len(all))
	}
	const every = 2 // of so many rows one is kept, because 1440/32 is more than 32
	for j := range 2 {
		ch := all[31].Channels[j]
		best, at, distance := 0.0, 0, 0.0
		var tops [33]float64
		for blocks := 1; blocks <= 32; blocks++ {
			var v []float64
			for i := (32 - blocks) * d.BlockRows(); i < 32*d.BlockRows(); i += every {
				v = append(v, rows[2*i+j])
			}
			top := 0.0
			for k := range 33 {
				below, within := 0, 0
				for _, x := range v {
					if x <= p.Drift[2*k+j] {
						below++
					}
					if k <= 16 && x > p.Drift[2*k+j] && x <= p.Drift[2*(32-k)+j] {
						within++
					}
				}
				top = max(top, math.Abs(float64(below)/float64(len(v))-float64(k)/32))
				if k <= 16 {
					top = max(top, math.Abs(float64(within)/float64(len(v))-float64(32-2*k)/32))
				}
			}
			tops[blocks] = top
			top = min(top, tops[(blocks+7)/8])
			n1 := float64(p.DriftRows[j]) / float64(p.DriftTime[j])
			n2 := min(float64(len(v)), float64(blocks*d.BlockRows())/float64(p.DriftTime[j]))
			need := math.Sqrt(math.Log(4*2/1e-5)/2) / math.Sqrt(n1*n2/(n1+n2))
			if x := top / max(need, 0.12); need <= 1 && x > best {
				best, at, distance = x, blocks, top
			}
		}
		want := best * best / (best*best + 3.0/7)
		if math.Abs(ch.Score-want) > 1e-6 || ch.Blocks != at || math.Abs(ch.Distance-distance) > 1e-9 {
			t.Errorf("channel %d: score %v over %d blocks, distance %v; want %v, %d, %v", j, ch.Score, ch.Blocks, ch.Distance, want, at, distance)
		}
		if ch.Score < model.DriftLine || math.Abs(ch.Now.Median-ch.Learnt.Median-0.6) > 0.2 || ch.Now.High-ch.Now.Low < 2.8 {
			t.Errorf("channel %d: %+v", j, ch)
		}
	}
}

// TestDrift_stationary counts alarms on machines that do not change, with values that are
// correlated over hours: 12 machines of 10 windows each, with EDGE_LONG=1 100 of 20.
func TestDrift_stationary(t *testing.T) {
	machines, windows := 12, 10
	if os.Getenv("EDGE_LONG") != "" {
		machines, windows = 100, 20
	}
	if testing.Short() {
		t.Skip("statistics of a hundred thousand rows; that they are the same on every CPU another test holds")
	}
	for _, phi := range []float64{0, 0.9, 0.98} {
		alarms, judged := 0, 0
		for seed := range uint64(machines) {
			rng := rand.New(rand.NewPCG(seed, 7))
			all := autoregressive(rng, 3000+windows*3000, phi)
			d := model.NewDrift(learnRows(t, twoChannels(), all[:2*3000]))
			states := looks(d, all[2*3000:], 2, 0.3)
			for j := range 2 {
				first, top := drifted(states, j)
				if first >= 0 {
					alarms++
					t.Logf("φ %v, seed %d, channel %d: %v at look %d", phi, seed, j, top, first)
				}
				if !math.IsNaN(states[len(states)-1].Channels[j].Score) {
					judged++
				}
			}
		}
		if alarms > machines/30 || judged < machines {
			t.Errorf("φ %v: %d false alarms, %d of %d channels judged", phi, alarms, judged, 2*machines)
		}
		t.Logf("φ %v: %d false alarms in %d windows of 2 channels", phi, alarms, machines*windows)
	}
}

// TestDrift_finds holds how soon changes are found, in parts of the window, and that the
// other channel is not blamed.
func TestDrift_finds(t *testing.T) {
	if testing.Short() {
		t.Skip("statistics of a hundred thousand rows; that they are the same on every CPU another test holds")
	}
	for _, c := range []struct {
		name   string
		phi    float64
		within float64 // windows
		change func(x, part float64, noise *rand.Rand) float64
	}{
		{"offset of 1 sd", 0, 0.15, func(x, _ float64, _ *rand.Rand) float64 { return x + 1 }},
		{"offset of 1 sd, correlated", 0.9, 0.5, func(x, _ float64, _ *rand.Rand) float64 { return x + 1 }},
		{"ramp of 2 sd a window", 0, 0.4, func(x, part float64, _ *rand.Rand) float64 { return x + 2*part }},
		{"ramp of 2 sd a window, correlated", 0.9, 1, func(x, part float64, _ *rand.Rand) float64 { return x + 2*part }},
		{"twice the deviations", 0, 0.5, func(x, _ float64, _ *rand.Rand) float64 { return 10 + 2*(x-10) }},
		{"a third of the deviations", 0, 0.5, func(x, _ float64, _ *rand.Rand) float64 { return 10 + (x-10)/3 }},
		{"noise of 2 sd", 0, 0.5, func(x, _ float64, noise *rand.Rand) float64 { return x + 2*noise.NormFloat64() }},
		{"gain of 10 %", 0, 0.2, func(x, _ float64, _ *rand.Rand) float64 { return 1.1 * x }},
	} {
		rng := rand.New(rand.NewPCG(3, 3))
		all := autoregressive(rng, 6000+3*6000, c.phi)
		d := model.NewDrift(learnRows(t, twoChannels(), all[:2*6000]))
		if s := looks(d, all[2*6000:4*6000], 2, 0.3); len(s) == 0 || s[len(s)-1].Score >= model.DriftLine {
			t.Fatalf("%s: drifted before it began", c.name)
		}
		rest := all[4*6000:]
		for i := 0; i < len(rest); i += 2 {
			rest[i] = c.change(rest[i], float64(i/2)/6000, rng)
		}
		states := looks(d, rest, 2, 0.3)
		first, _ := drifted(states, 0)
		if after := float64(first+1) / 32; first < 0 || after > c.within {
			t.Errorf("%s: seen after %v windows (look %d), want %v", c.name, after, first, c.within)
		} else {
			t.Logf("%s: %.2f windows", c.name, after)
		}
		if first, top := drifted(states, 1); first >= 0 {
			t.Errorf("%s: the other channel drifted too, to %v", c.name, top)
		}
	}
}

// TestDrift_since holds that the blocks for which a change is clearest begin with it.
func TestDrift_since(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	all := autoregressive(rng, 3*6000, 0)
	d := model.NewDrift(learnRows(t, twoChannels(), all[:2*6000]))
	block := d.BlockRows()
	for i := 2 * (6000 + 40*block); i < len(all); i += 2 {
		all[i] += 2
	}
	looks(d, all[2*6000:2*(6000+50*block)], 2, 0.3)
	if s := d.State().Channels[0]; s.Blocks < 10 || s.Blocks > 12 {
		t.Errorf("changed 10 blocks ago, seen since %d of 32", s.Blocks)
	}
}

// TestDrift_relation holds that scores that stay high are drift, even if no channel has
// drifted, that low ones are not, and that the drift ends when the scores are normal again.
func TestDrift_relation(t *testing.T) {
	m := learnRows(t, twoChannels(), autoregressive(rand.New(rand.NewPCG(1, 1)), 3000, 0))
	p := m.Parameters()
	d := model.NewDrift(m)
	rng := rand.New(rand.NewPCG(2, 2))
	last := func(n int, score float32) model.DriftState {
		s := looks(d, autoregressive(rng, n*d.BlockRows(), 0), 2, score)
		return s[len(s)-1]
	}
	normal := float32(math.Exp2(float64(p.DriftScore[0])))
	if s := last(40, normal); s.Relation != 0 || s.Score >= model.DriftLine {
		t.Errorf("normal scores: %+v", s)
	}
	if s := last(200, 0.7); s.Relation >= model.DriftLine && p.DriftScore[0]+p.DriftScore[1] < -0.5 {
		t.Errorf("scores far below the threshold: %+v", s)
	}
	need := 15 / 3 * float64(p.DriftScore[2]) / float64(d.BlockRows()) // blocks at 3 standard deviations
	s := last(int(need)+2, 1e6)
	if s.Relation < model.DriftLine || s.Score < s.Relation || s.Rising < 1 || s.Rising > int(need)+3 {
		t.Errorf("high scores for %v blocks: %+v", need, s)
	}
	if s := last(400, 0.01); s.Relation != 0 {
		t.Errorf("after normal scores again: %+v", s)
	}
}

// TestDrift_values holds the drift of channels that have one value, two values, or none.
func TestDrift_values(t *testing.T) {
	s := model.Schema{Period: time.Minute, Channels: []model.Channel{{Name: "noise"}, {Name: "constant"}, {Name: "switch"}, {Name: "dead"}}}
	rng := rand.New(rand.NewPCG(1, 1))
	make4 := func(n int, constant, on, dead float64) (rows []float64) {
		for range n {
			x := 0.0
			if rng.Float64() < on {
				x = 1
			}
			rows = append(rows, rng.NormFloat64(), constant, x, dead)
		}
		return rows
	}
	nan := math.NaN()
	m := learnRows(t, s, make4(2000, 5, 0.3, nan))
	for _, c := range []struct {
		name         string
		constant, on float64
		drift        [4]bool
	}{
		{"as learnt", 5, 0.3, [4]bool{}},
		{"another constant", 5.1, 0.3, [4]bool{1: true}},
		{"a lower constant", -5, 0.3, [4]bool{1: true}},
		{"on more often", 5, 0.6, [4]bool{2: true}},
		{"always off", 5, 0, [4]bool{2: true}},
	} {
		d := model.NewDrift(m)
		all := looks(d, make4(2000, c.constant, c.on, 7), 4, 0.3)
		end := all[len(all)-1]
		for j, want := range c.drift {
			if got := end.Channels[j].Score >= model.DriftLine; got != want {
				t.Errorf("%s: %s is at %+v, drifted %v, want %v", c.name, s.Channels[j].Name, end.Channels[j], got, want)
			}
		}
		if ch := end.Channels[3]; !math.IsNaN(ch.Score) || !math.IsNaN(ch.Now.Median) || !math.IsNaN(ch.Learnt.Median) {
			t.Errorf("%s: a channel that was never learnt has %+v", c.name, ch)
		}
	}
	// Before the first look, and without finite values, drift is unknown.
	d := model.NewDrift(m)
	if st := d.State(); !math.IsNaN(st.Score) || !math.IsNaN(st.Relation) || !math.IsNaN(st.Channels[0].Score) || st.Channels[0].Learnt.Median > 1 {
		t.Errorf("before the first look: %+v", st)
	}
	rows := make4(2000, nan, 0.3, nan)
	for i := 0; i < len(rows); i += 4 {
		rows[i] = []float64{nan, math.Inf(1), math.Inf(-1)}[i/4%3]
	}
	all := looks(d, rows, 4, float32(nan))
	if end := all[len(all)-1]; !math.IsNaN(end.Channels[0].Score) || !math.IsNaN(end.Channels[1].Score) || end.Channels[2].Score >= model.DriftLine {
		t.Errorf("no values: %+v", end)
	}
	if d.Push(rows[:3], 1) {
		t.Error("a row of 3 values for 4 channels was taken")
	}
}

// driftBytes returns the state of a Drift.
func driftBytes(d *model.Drift) []byte {
	c := checkpoint.NewWriter(nil)
	d.Checkpoint(c)
	return c.Bytes()
}

// restoreDrift restores a state of driftBytes.
func restoreDrift(d *model.Drift, b []byte) error {
	c := checkpoint.NewReader(b, time.Time{})
	d.Checkpoint(c)
	return c.Close()
}

// TestDrift_restart holds that a restored Drift continues with the same bytes, wherever in a
// block the state was taken, and also when the ring is full.
func TestDrift_restart(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	m := learnRows(t, twoChannels(), autoregressive(rng, 3000, 0.5))
	rows := autoregressive(rng, 9000, 0.5)
	for i := range rows {
		if rng.IntN(9) == 0 {
			rows[i] = math.NaN()
		}
		rows[i] += float64(i) / 9000
	}
	for _, at := range []int{0, 1, 50, 3000, 3007, 7777} {
		a, b := model.NewDrift(m), model.NewDrift(m)
		looks(a, rows[:2*at], 2, 1.2)
		state := driftBytes(a)
		if err := restoreDrift(b, state); err != nil {
			t.Fatalf("after %d rows: %v", at, err)
		}
		if len(state) > 4*2*1024+256 {
			t.Errorf("a state of %d bytes", len(state))
		}
		before, after := fmt.Sprint(looks(a, rows[2*at:], 2, 1.2)), fmt.Sprint(looks(b, rows[2*at:], 2, 1.2))
		if before != after {
			t.Errorf("after %d rows: other states than without a restart", at)
		}
		if x, y := driftBytes(a), driftBytes(b); string(x) != string(y) {
			t.Errorf("after %d rows: ends in another state", at)
		}
	}
	other := model.NewDrift(learnRows(t, schema(), stream(400, 1)))
	if err := restoreDrift(other, driftBytes(model.NewDrift(m))); err == nil {
		t.Error("the state of another model was taken")
	}
}

func TestNew_refusesDrift(t *testing.T) {
	for want, spoil := range map[string]func(p *model.Parameters){
		"2 values of drift rows, want 3":         func(p *model.Parameters) { p.DriftRows = p.DriftRows[:2] },
		"0 values of drift time, want 3":         func(p *model.Parameters) { p.DriftTime = nil },
		"0 values of drift score, want 3":        func(p *model.Parameters) { p.DriftScore = nil },
		"drift rows of channel 1 are -1, want 0": func(p *model.Parameters) { p.DriftRows = []int32{1, -1, 1} },
		"drift time 2 is 0, want above 0":        func(p *model.Parameters) { p.DriftTime = []float32{1, 1, 0} },
		"drift time 0 is NaN, want a finite":     func(p *model.Parameters) { p.DriftTime = []float32{float32(math.NaN()), 1, 0} },
		"want a deviation and a time above 0":    func(p *model.Parameters) { p.DriftScore = []float32{-1, 0, 3} },
		"drift score 0 is +Inf, want a finite":   func(p *model.Parameters) { p.DriftScore = []float32{float32(math.Inf(1)), 1, 3} },
	} {
		p := machine(t).Parameters()
		spoil(&p)
		if _, err := model.New(p); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
}

func FuzzDrift_checkpoint(f *testing.F) {
	rng := rand.New(rand.NewPCG(1, 1))
	m := learnRows(f, twoChannels(), autoregressive(rng, 400, 0))
	d := model.NewDrift(m)
	looks(d, autoregressive(rng, 500, 0), 2, 0.5)
	f.Add(driftBytes(d))
	f.Add([]byte{})
	rows := autoregressive(rng, 100, 0)
	f.Fuzz(func(t *testing.T, b []byte) {
		d := model.NewDrift(m)
		if restoreDrift(d, b) != nil {
			d, b = model.NewDrift(m), driftBytes(model.NewDrift(m))
		}
		if again := driftBytes(d); len(again) != len(b) {
			t.Errorf("%d bytes became %d", len(b), len(again))
		}
		looks(d, rows, 2, 1)
	})
}

func TestDrift_allocatesNothing(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	d := model.NewDrift(learnRows(t, twoChannels(), autoregressive(rng, 400, 0)))
	row := []float64{10, 20}
	if n := testing.AllocsPerRun(5000, func() { d.Push(row, 0.5) }); n != 0 {
		t.Errorf("%v allocations a row, want 0", n)
	}
}

// TestDrift_sameOnEveryCPU compares with a hash that was taken on amd64; scripts/emulated.sh
// runs it on emulated Arm CPUs. The model consists of numbers that are exact in binary.
func TestDrift_sameOnEveryCPU(t *testing.T) {
	p := machine(t).Parameters()
	p.Center, p.Spread = []float64{3, 120, 230}, []float64{0.7, 5, 1.3}
	p.Drift = nil
	for k := range 33 {
		p.Drift = append(p.Drift, 2+float64(k)/16, 110+float64(k)/2, 228+float64(k/8))
	}
	p.DriftRows, p.DriftTime, p.DriftScore = []int32{5000, 5000, 5000}, []float32{3.7, 11, 1}, []float32{-1.3, 0.4, 17}
	m, err := model.New(p)
	if err != nil {
		t.Fatal(err)
	}
	d := model.NewDrift(m)
	sum, n := sha256.New(), 0
	rows := stream(200_000, 3)
	for i := 0; i < len(rows); i += 3 {
		if d.Push(rows[i:i+3], float32(i%7000)/4096) {
			n++
			s := d.State()
			fmt.Fprintf(sum, "%x %x %d", math.Float64bits(s.Score), math.Float64bits(s.Relation), s.Rising)
			for _, ch := range s.Channels {
				fmt.Fprintf(sum, " %x %d %x %x %x", math.Float64bits(ch.Score), ch.Blocks, ch.Now.Low, ch.Now.Median, ch.Now.High)
			}
		}
	}
	const want = "39e71f43ba21a1c5"
	if got := fmt.Sprintf("%x", sum.Sum(nil))[:16]; got != want || n < 50 {
		t.Errorf("got %s of %d looks, want %s", got, n, want)
	}
}
