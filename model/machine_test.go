package model_test

import (
	"context"
	"math"
	"sync"
	"testing"
	"time"

	"iot-edge-anomaly/model"
	"iot-edge-anomaly/model/train"
)

// stream returns n rows of a machine whose values are exact in binary, so that
// they are the same on every CPU: integers divided by a power of two.
func stream(n int, seed uint32) []float64 {
	rows := make([]float64, 0, 3*n)
	state := seed
	noise := func(span int) int {
		state = state*1664525 + 1013904223
		return int(state>>8)%(2*span+1) - span
	}
	load := 0
	for range n {
		load += noise(16) - load/16
		rows = append(rows, float64(768+load+noise(8))/256, float64(7680+4*load+noise(32))/64, float64(14720+noise(64))/64)
	}
	return rows
}

func schema() model.Schema {
	return model.Schema{Period: time.Second, Channels: []model.Channel{
		{Name: "pump.current", Unit: "A"}, {Name: "pump.flow", Unit: "l/min"}, {Name: "pump.voltage", Unit: "V"}}}
}

// learnt returns a small model of stream, learnt once.
var learnt = sync.OnceValues(func() (*model.Model, error) {
	m, _, err := train.Train(context.Background(), schema(), stream(400, 1), train.Options{Seed: 1, Epochs: 25, Version: "test-1"})
	return m, err
})

// learntMore is a model of more rows.
var learntMore = sync.OnceValues(func() (*model.Model, error) {
	m, _, err := train.Train(context.Background(), schema(), stream(2000, 1), train.Options{Seed: 1, Epochs: 3, Version: "test-2"})
	return m, err
})

func peersMachine(t testing.TB) *model.Model {
	t.Helper()
	m, err := learntMore()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func machine(t testing.TB) *model.Model {
	t.Helper()
	m, err := learnt()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// highest pushes rows and returns the highest score from row from on, the shares of that row,
// and how many rows from there on had a score.
func highest(s *model.Scorer, rows []float64, c, from int) (top float32, shares []float32, scored int) {
	for i := 0; i < len(rows)/c; i++ {
		v, ok := s.Push(rows[i*c : (i+1)*c])
		if !ok || i < from {
			continue
		}
		scored++
		if v.Value > top {
			top, shares = v.Value, append(shares[:0], v.Shares...)
		}
	}
	return top, shares, scored
}

func TestScorer_allocatesNothing(t *testing.T) {
	for _, m := range []*model.Model{machine(t), peersMachine(t)} {
		s, rows := model.NewScorer(m), stream(500, 2)
		i := 0
		rows[3*450+1] = math.NaN()
		if n := testing.AllocsPerRun(480, func() { s.Push(rows[3*i : 3*i+3]); i++ }); n != 0 {
			t.Errorf("%v allocations in a Push, want 0", n)
		}
	}
}

func TestScorer_fillsFirst(t *testing.T) {
	m := machine(t)
	s, rows := model.NewScorer(m), stream(100, 2)
	for i := range 100 {
		_, ok := s.Push(rows[3*i : 3*i+3])
		if want := i+1 >= m.FillRows(); ok != want || s.Filling() == want {
			t.Fatalf("row %d: score %v, filling %v; want scores from row %d on", i, ok, s.Filling(), m.FillRows()-1)
		}
	}
	if _, ok := s.Push(rows[:2]); ok {
		t.Error("a row of 2 values for 3 channels has a score")
	}
	s.Reset()
	if _, ok := s.Push(rows[:3]); ok || !s.Filling() {
		t.Error("after Reset the window is still full")
	}
}

func TestScorer_normalIsBelowOne(t *testing.T) {
	top, _, scored := highest(model.NewScorer(machine(t)), stream(1500, 9), 3, 0)
	if top > 1 || top < 0.1 || scored < 1400 {
		t.Errorf("highest score %v in %d rows of a healthy machine, want 0.1 to 1", top, scored)
	}
}

func TestScorer_expected(t *testing.T) {
	s, rows := model.NewScorer(machine(t)), stream(300, 3)
	var off, sum float64
	for i := range 300 {
		v, ok := s.Push(rows[3*i : 3*i+3])
		if !ok {
			continue
		}
		off += math.Abs(v.Values[1] - v.Expected[1])
		sum += math.Abs(v.Values[1] - 120)
		total := float32(0)
		for _, x := range v.Shares {
			total += x
		}
		if math.Abs(float64(total)-1) > 1e-5 {
			t.Fatalf("row %d: shares %v sum to %v", i, v.Shares, total)
		}
	}
	if off > 0.9*sum {
		t.Errorf("flow is %v off the expectation in sum, %v off its median: nothing is expected", off, sum)
	}
}

// TestScorer_outlier holds that the score of a value far outside the int8 input's range grows
// with its true size.
func TestScorer_outlier(t *testing.T) {
	var last float32
	for _, size := range []float64{20, 200, 2000, 2e5, 1e300, math.MaxFloat64} {
		rows := stream(200, 4)
		rows[3*150+1] += size
		top, shares, _ := highest(model.NewScorer(machine(t)), rows, 3, 150)
		if !(top > last) && size <= 2e5 || !(top >= last) || math.IsInf(float64(top), 0) {
			t.Errorf("outlier of %g l/min scores %v, the smaller one before %v", size, top, last)
		}
		if size >= 2000 && top < 50 {
			t.Errorf("outlier of %g l/min scores %v, want above 50", size, top)
		}
		if size >= 200 && (shares == nil || shares[1] < 0.5) {
			t.Errorf("outlier of %g l/min in flow: shares %v", size, shares)
		}
		last = top
	}
}

func TestScorer_missingChannel(t *testing.T) {
	nan := math.NaN()
	for ch := range 3 {
		rows := stream(1200, 5)
		for i := 300; i < 1200; i++ {
			rows[3*i+ch] = nan
		}
		fault := append([]float64(nil), rows...)
		other := (ch + 1) % 3
		for i := 600; i < 1200; i++ {
			fault[3*i+other] += []float64{1.5, 60, 25}[other]
		}
		if top, _, scored := highest(model.NewScorer(machine(t)), rows, 3, 300); top > 1.1 || scored != 900 {
			t.Errorf("channel %d missing: highest score %v in %d rows, want at most 1.1 in 900", ch, top, scored)
		}
		top, shares, _ := highest(model.NewScorer(machine(t)), fault, 3, 600)
		if top < 1 || shares[ch] != 0 || shares[other] < 0.4 {
			t.Errorf("channel %d missing, fault in %d: score %v, shares %v", ch, other, top, shares)
		}
	}
}

func TestScorer_blind(t *testing.T) {
	s, rows := model.NewScorer(machine(t)), stream(200, 6)
	for i := 0; i < 100; i++ {
		s.Push(rows[3*i : 3*i+3])
	}
	gone := []float64{math.NaN(), math.Inf(1), math.NaN()}
	var last bool
	for range 20 {
		_, last = s.Push(gone)
	}
	if last || !s.Blind() || s.Filling() || s.Idle() {
		t.Errorf("all channels missing: score %v, blind %v, filling %v", last, s.Blind(), s.Filling())
	}
	if _, ok := s.Push(rows[300:303]); ok || s.Blind() || !s.Filling() {
		t.Error("after being blind the window does not start anew")
	}
}
