package train

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"iot-edge-anomaly/model"
)

// TestGumbel compares the fit with a distribution whose parameters are known.
func TestGumbel(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	var v []float64
	for range 20000 {
		v = append(v, 3-0.5*math.Log(-math.Log(rng.Float64())))
	}
	g := fitGumbel(v)
	if math.Abs(g.at-3) > 0.02 || math.Abs(g.scale-0.5) > 0.02 {
		t.Errorf("fitted %+v, want 3 and 0.5", g)
	}
	if x := (fits{g}).level(0.01); math.Abs(g.rate(x)-0.01) > 1e-6 || math.Abs(x-5.3) > 0.1 {
		t.Errorf("exceeded once in 100 blocks: %v, want 5.3", x)
	}
	few := resample(v[:blocks])
	x := few.level(0.01)
	mean, low, high := few.rate(x)
	if math.Abs(mean-0.01) > 1e-6 || !(low < mean && mean < high) || x < fitGumbel(v[:blocks]).at {
		t.Errorf("from %d maxima: %v is exceeded %v times a block (%v to %v)", blocks, x, mean, low, high)
	}
	if g := fitGumbel(make([]float64, blocks)); math.IsNaN(g.rate(1)) || g.rate(1) > 1e-9 {
		t.Errorf("maxima of 0: a rate of %v at 1", g.rate(1))
	}
}

func TestBlockMaxima(t *testing.T) {
	v := make([]float32, 2000)
	v[150], v[151] = 9, 9                 // two of five: no event
	v[350], v[352], v[354] = 5, 7, 6      // three of five
	v[599], v[600], v[601] = 4, 4, 4      // across two blocks: belongs to the second
	v[1999], v[1998], v[1997] = 2, 2.5, 3 // the last rows
	m := blockMaxima(v, Options{})
	for b, got := range m {
		want := map[int]float64{3: 5, 6: 4, 19: 2}[b]
		if got != want {
			t.Errorf("block %d: %v, want %v", b, got, want)
		}
	}
	if m := blockMaxima(v, Options{N: 1, M: 1}); m[1] != 9 {
		t.Errorf("1 of 1: %v, want 9", m[1])
	}
}

// TestBlockMaxima_longEvent holds that an event that spans several blocks counts once.
func TestBlockMaxima_longEvent(t *testing.T) {
	v := make([]float32, 2000)
	for i := 250; i < 720; i++ {
		v[i] = 8.5
	}
	v[400] = 7 // not below 0.8 of the highest
	v[500], v[501], v[502] = 10, 10, 10
	v[760], v[761], v[762] = 3, 3, 3
	for b, got := range blockMaxima(v, Options{}) {
		if want := map[int]float64{5: 10, 7: 3}[b]; got != want {
			t.Errorf("block %d: %v, want %v", b, got, want)
		}
	}
}

// TestBlockMaxima_hardlyMoves holds that a statistic that always stays near its highest value
// has a maximum in each block. If it counted as one endless event, the other blocks would
// have no maximum and the limit would lie among its usual values.
func TestBlockMaxima_hardlyMoves(t *testing.T) {
	v, rnd := make([]float32, 2000), rand.New(rand.NewPCG(1, 1))
	for i := range v {
		v[i] = 1 + 0.03*rnd.Float32()
	}
	m := blockMaxima(v, Options{})
	if low, high := slices.Min(m), slices.Max(m); low < 1.015 || high > 1.03 {
		t.Errorf("maxima from %v to %v, want all of them in the upper half of 1 to 1.03", low, high)
	}
	// One in thirty learning times is above what was seen.
	limit, above := resample(m).level(1/(30.0*blocks)), 0
	for _, x := range v {
		if float64(x) > limit {
			above++
		}
	}
	if above > 0 {
		t.Errorf("%d of %d values above the limit of %v", above, len(v), limit)
	}
}

func TestExtremalCoefficient(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	alone, sum := make([][]float64, 3), 0.0
	for range 50 {
		for k := range alone {
			alone[k] = nil
			for range blocks {
				alone[k] = append(alone[k], rng.ExpFloat64())
			}
		}
		sum += extremalCoefficient(alone) / 50
	}
	if sum < 2.5 {
		t.Errorf("three terms that know nothing of each other: %.2f, want nearly 3", sum)
	}
	twice := make([]float64, blocks) // the same order in other units
	for i, x := range alone[0] {
		twice[i] = 2*x + 1
	}
	if got := extremalCoefficient([][]float64{alone[0], twice, alone[0]}); got > 1.1 {
		t.Errorf("three terms that say the same: %.2f, want 1", got)
	}
}

// TestRate holds that rows like the learning rows give about as many alarms as wanted, for
// several numbers wanted.
func TestRate(t *testing.T) {
	long(t)
	s, rows := plant(60000, 1)
	c := len(s.Channels)
	normal := rows[20000*c:]
	s.Period = time.Minute
	days := 40000.0 / 1440
	for _, wanted := range []float64{3, 30} {
		m, r := learn(t, s, rows[:20000*c], Options{Seed: 1, FalseAlarms: wanted})
		if a := r.Alarms; a.Wanted != wanted || a.Rate > 1.5*wanted || !(a.Low < a.Rate && a.Rate < a.High) {
			t.Errorf("wanted %v: %+v", wanted, a)
		}
		got := float64(opened(m, normal)) * 30 / days
		t.Logf("wanted %v, expected %+v, seen %v in 30 days", wanted, r.Alarms, got)
		if got > 3*wanted+30/days || got < wanted/3-30/days {
			t.Errorf("wanted %v alarms in 30 days, seen %v", wanted, got)
		}
	}
}

// opened counts events: opened by 3 of 5, closed after 30 rows below 0.8.
func opened(m *model.Model, rows []float64) (n int) {
	s, c := model.NewScorer(m), len(m.Schema().Channels)
	var last [5]float32
	open, calm := false, 0
	for i := 0; i < len(rows); i += c {
		v, ok := s.Push(rows[i : i+c])
		if !ok {
			continue
		}
		last[i/c%5] = v.Value
		loud := 0
		for _, x := range last {
			if x > 1 {
				loud++
			}
		}
		if calm++; v.Value >= 0.8 {
			calm = 0
		}
		switch {
		case !open && loud >= 3:
			open = true
			n++
		case open && calm > 30:
			open = false
		}
	}
	return n
}

func TestRankTable(t *testing.T) {
	for _, n := range []int{1, 20, 1500, 86400} {
		v := make([]float32, n)
		for i := range v {
			v[i] = float32(i)
		}
		ranks, scores := rankTable(v)
		for i := 1; i < len(ranks); i++ {
			if !(ranks[i] > ranks[i-1]) || scores[i] < scores[i-1] || ranks[i] >= 1 {
				t.Fatalf("%d values: rank %v score %v after %v, %v", n, ranks[i], scores[i], ranks[i-1], scores[i-1])
			}
		}
		if len(ranks) != len(scores) || scores[len(scores)-1] != v[n-1] || len(ranks) > 200 {
			t.Errorf("%d values: %d ranks, %d scores, highest %v", n, len(ranks), len(scores), scores[len(scores)-1])
		}
	}
}

func TestShortFactor(t *testing.T) {
	if f := shortFactor(400, 20); math.Abs(f-1.6) > 1e-9 {
		t.Errorf("400 rows: %v, want 1.6", f)
	}
	if few, cycle := shortFactor(200, 20), shortFactor(400, 120); !(few > 1.8 && cycle > few) {
		t.Errorf("200 rows: %v, 400 rows of a cycle of 60: %v, want more and yet more than 1.6", few, cycle)
	}
}

// TestWarmUp holds that a cold start does not set the limits, unless it recurs.
func TestWarmUp(t *testing.T) {
	s, rows := plant(1200, 1)
	warm := func(at int) func(i int) float64 {
		return func(i int) float64 { return 40 * math.Exp(-math.Abs(float64(i-at))/20) }
	}
	with := func(f ...func(int) float64) []float64 {
		out := append([]float64(nil), rows...)
		for i := range 1200 {
			for _, g := range f {
				out[4*i+2] -= g(i)
			}
		}
		return out
	}
	_, once := learn(t, s, with(warm(0)), Options{Epochs: 2})
	if once.Start < 30 || once.Start > 240 || !strings.Contains(once.String(), "a warm-up to which the machine never returned") {
		t.Errorf("cold start: %d rows left out of the limits\n%s", once.Start, once)
	}
	if _, twice := learn(t, s, with(warm(0), warm(600)), Options{Epochs: 2}); twice.Start != 0 {
		t.Errorf("cold start that comes back: %d rows left out", twice.Start)
	}
	_, end := learn(t, s, with(warm(1199)), Options{Epochs: 2})
	if end.Start != 0 || !strings.Contains(end.String(), "pump.temp ended where it had not been before") {
		t.Errorf("shift at the end: %d rows left out\n%s", end.Start, end)
	}
}

func TestSensors(t *testing.T) {
	nan := math.NaN()
	v := []float64{1, 1, 1, 2, nan, 2, nan, 2, 3}
	rng := rand.New(rand.NewPCG(1, 1))
	rows := make([]float64, 0, 1600)
	for i := range 400 {
		rows = append(rows, v[i%len(v)], float64(i%2), 7, rng.NormFloat64())
	}
	set, err := newTrainingSet(model.Schema{Channels: make([]model.Channel, 4)}, rows)
	if err != nil {
		t.Fatal(err)
	}
	p := model.Parameters{Spread: []float64{1, 1, 1, 1}}
	neutral(&p, 4)
	(&learner{set: set}).sensors(&p)
	for j, want := range []float32{stillTimes*2 + stillRows, stillRows, 0, stillRows} {
		if p.Still[j] != want {
			t.Errorf("channel %d may stay the same for %v rows, want %v", j, p.Still[j], want)
		}
	}
	// The second channel changes by its step in each row: nothing can be rougher.
	if p.Rough[1] != 0 || p.Step[1] != 1 || p.Rough[3] < 2*3000 || p.Step[2] != stepLeast || p.Rough[2] != 4*roughLeast {
		t.Errorf("steps %v, rough %v", p.Step, p.Rough)
	}
}
