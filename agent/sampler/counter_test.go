package sampler

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"
)

// energyMeter counts Wh in a register of 16 bits and shows kWh.
func energyMeter() *tally {
	return &tally{Counter: Counter{Per: time.Hour, Step: 0.001, Span: 65.536}}
}

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// rates feeds one value a second, NaN for none, and gives what comes: the rate, or
// "first", "reset" and "-".
func rates(c *tally, values ...float64) (out []string) {
	for i, v := range values {
		r, d := c.read(noon.Add(time.Duration(i)*time.Second), v)
		switch {
		case d == FirstCount:
			out = append(out, "first")
		case d == CounterReset:
			out = append(out, "reset")
		case d == Uncounted:
			out = append(out, "?")
		case math.IsNaN(r):
			out = append(out, "-")
		default:
			out = append(out, fmt.Sprintf("%.4g", r))
		}
	}
	return out
}

func TestTally(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		name   string
		values []float64
		want   string
	}{
		{"even", []float64{10, 10.1, 10.2, 10.3}, "[first 360 360 360]"},
		{"changing", []float64{10, 10.1, 10.3, 10.35}, "[first 360 720 180]"},
		{"stops", []float64{10, 10.1, 10.2, 10.2, 10.2}, "[first 360 360 0 0]"},
		{"starts after a minute", append(append([]float64{}, repeat(10, 60)...), 10.1, 10.2), "0 360 360]"},
		{"rolls over", []float64{65.4, 65.5, 0.064, 0.164}, "[first 360 360 360]"},
		{"begins again", []float64{50, 50.1, 0.02, 0.12}, "[first 360 reset 360]"},
		{"begins again at once at the top", []float64{65.5, 0.03, 0.13}, "[first reset 360]"},
		{"begins again and stands", []float64{50, 50.1, 0, 0}, "[first 360 reset 0]"},
		{"a false 0", []float64{50, 50.1, 0, 50.3, 50.4}, "[first 360 reset 360 360]"},
		{"false zeros", []float64{50, 50.1, 0, 0, 50.4, 50.5}, "[first 360 reset 0 360 360]"},
		{"a false high value", []float64{10, 10.1, 60, 10.3, 10.4}, "[first 360 reset 360 360]"},
		{"a false value that is not so high", []float64{10, 10.001, 30, 10.003, 10.004}, "[first ? reset 3.6 3.6]"},
		{"an old count after 0", []float64{50, 50.1, 0, 49.9, 50, 50.1}, "[first 360 reset reset 360 360]"},
		{"the count before a new start is passed again", []float64{0.1, 0.2, 0, 0.1, 0.2, 0.3, 0.4}, "[first 360 reset 360 360 360 360]"},
		{"one reading lost", []float64{10, 10.1, nan, 10.3}, "[first 360 - 360]"},
		{"restart", []float64{50, 50.1, nan, nan, 50.2, 50.3}, "[first 360 - - first 360]"},
	} {
		got := fmt.Sprint(rates(energyMeter(), c.values...))
		if len(got) < len(c.want) || got[len(got)-len(c.want):] != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func repeat(v float64, n int) (out []float64) {
	for range n {
		out = append(out, v)
	}
	return out
}

// A counter that stands still at first may be a slow one: it has no rate, rather than 0 and
// then too much, until it has changed twice or stood for long.
func TestTally_slowAtFirst(t *testing.T) {
	for phase := range 7 {
		c := &tally{Counter: Counter{Per: time.Second, Step: 1}}
		rated := 0
		for i := range 60 {
			at := noon.Add(time.Duration(i) * time.Second)
			r, d := c.read(at, float64((i+phase)/7)) // 0.143 a second
			if d != NoDoubt {
				continue
			}
			if rated++; r < 0.11 || r > 0.18 {
				t.Errorf("phase %d, second %d: %.3f a second", phase, i, r)
			}
		}
		if rated < 60-15 {
			t.Errorf("phase %d: %d of 60 readings have a rate", phase, rated)
		}
	}
	c := &tally{Counter: Counter{Per: time.Second, Step: 1}}
	if got := fmt.Sprint(rates(c, repeat(5, patience+2)...)[patience-1:]); got != "[? ? 0]" {
		t.Error("at rest: " + got)
	}
}

// A counter of floating-point numbers begins again at any value, and its rounding is
// no new beginning.
func TestTally_float(t *testing.T) {
	c := &tally{Counter: Counter{Per: time.Second, Relative: 0x1p-23}}
	v := float64(float32(1e6))
	got := fmt.Sprint(rates(c, v, v+10, v+9.95, v+20, 3, 13))
	if got != "[first 10 0 6.667 reset 10]" {
		t.Error(got)
	}
}

// meter is a counter as devices have it: it counts what flows, in whole steps, and
// renews its register once in a while.
type meter struct {
	flow    func(second float64) float64 // per second
	step    float64
	renewal float64 // seconds
}

func (m meter) at(second float64) float64 {
	second = math.Floor(second/m.renewal) * m.renewal
	total := 0.0
	for s := 0.0; s < second; s += 0.125 {
		total += m.flow(s) * min(0.125, second-s)
	}
	return math.Floor(total/m.step) * m.step
}

// Whatever its resolution, and however seldom the device renews it, the rate of a
// steady flow is near the flow, and 0 some time after the flow ends.
func TestTally_steady(t *testing.T) {
	for _, m := range []meter{{step: 0.0001, renewal: 0.125}, {step: 0.9, renewal: 0.125}, {step: 7, renewal: 0.125}, {step: 0.001, renewal: 1.375}, {step: 0.001, renewal: 5},
		{step: 0.001, renewal: 10.125}, {step: 1, renewal: 2.5}} {
		m.flow = func(s float64) float64 {
			if s > 300 {
				return 0
			}
			return 1.7
		}
		c := &tally{Counter: Counter{Per: time.Second, Step: m.step, Span: 1 << 32}}
		rng := rand.New(rand.NewPCG(1, 2))
		worst, after := 0.0, 0.0
		for i := range 420 {
			s := float64(i) + 0.1*rng.Float64()
			r, d := c.read(noon.Add(time.Duration(s*float64(time.Second))), m.at(s))
			if d == NoDoubt && i > 60 && i < 300 {
				worst = max(worst, math.Abs(r-1.7))
			}
			if i >= 360 {
				after = max(after, r)
			}
		}
		if limit := 0.5; worst > limit || after != 0 {
			t.Errorf("step %v, renewed each %v s: off by %.2f of 1.7, %v a minute after the end", m.step, m.renewal, worst, after)
		}
		t.Logf("step %v, renewed each %v s: off by %.2f at most", m.step, m.renewal, worst)
	}
}

// FuzzTally holds that a rate is never negative, and never more than the counter
// counted between two of the readings.
func FuzzTally(f *testing.F) {
	f.Add([]byte{10, 20, 255, 0, 5, 9}, true)
	f.Fuzz(func(t *testing.T, steps []byte, rolls bool) {
		c := &tally{Counter: Counter{Per: time.Second, Step: 1}}
		if rolls {
			c.Span = 256
		}
		at, v, before, fastest := noon, 0.0, math.NaN(), 0.0
		for _, b := range steps {
			at = at.Add(time.Duration(1+b%7) * 300 * time.Millisecond)
			v = float64(b)
			if b%11 == 0 {
				v = math.NaN()
			}
			r, d := c.read(at, v)
			if d == NoDoubt && !math.IsNaN(v) && (math.IsNaN(r) || r < 0 || r > 256/0.3) {
				t.Fatalf("%v after %v: rate %v", v, before, r)
			}
			fastest, before = max(fastest, r), v
		}
	})
}

func BenchmarkTally(b *testing.B) {
	for name, step := range map[string]float64{"fine": 0.001, "coarse": 50} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			c := &tally{Counter: Counter{Per: time.Hour, Step: step, Span: 1 << 32}}
			at, v, n := noon, 0.0, 0
			for b.Loop() {
				n++
				at, v = at.Add(time.Second), math.Floor(float64(n)*7/step)*step
				c.read(at, v)
			}
		})
	}
}

func TestTally_allocs(t *testing.T) {
	c := energyMeter()
	at, v := noon, 0.0
	if n := testing.AllocsPerRun(1000, func() {
		at, v = at.Add(time.Second), v+0.01
		c.read(at, v)
	}); n != 0 {
		t.Errorf("%v allocations a reading", n)
	}
}

// A counter is its rate in rows: missing at first, after a new beginning and where a
// read fails, judged by the checks of its rate; the count stays readable, and an old
// rate is not used where there is none.
func TestCounter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nan := math.NaN()
		counts := []float64{50, 50.1, 50.2, nan, 50.4, 0.02, 0.12, 0.22, 20}
		spec := sensor("meter", newLying(2, func(n int, dst []float64) error {
			if dst[1] = 7; n > len(counts) || math.IsNaN(counts[n-1]) {
				return errors.New("no answer")
			}
			dst[0] = counts[n-1]
			return nil
		}))
		spec.Checks = []Check{{Counter: energyMeter().Counter, Range: Range{0, 400}}, {}}
		spec.MaxAge = 5 * time.Second
		g := mustNew(t, []BusSpec{{Name: "x", Sensors: []SensorSpec{spec}}}, []MachineSpec{{"m", time.Second, []Cell{{"meter", 0}, {"meter", 1}}}})
		ctx, cancel := context.WithCancel(t.Context())
		go g.Run(ctx)
		want := []string{"missing", "360", "360", "360", "360", "missing", "360", "360", "suspect"}
		causes := map[int]string{0: "a rate needs two readings of the counter", 5: "the counter has begun again, or jumped"}
		i := 0
		for f := range g.Sampler("m").Frames() {
			got := f.Quality[0].String()
			if f.Quality[0] == Good {
				got = fmt.Sprintf("%.0f", f.Values[0])
			}
			if got != want[i] || f.Quality[1] != Good {
				t.Errorf("row %d: %s, want %s; %v", i, got, want[i], f.Quality)
			}
			g.Sampler("m").Release(f)
			r := g.Readings()[0]
			if why := r.Cause(0, Missing); causes[i] != "" && why != causes[i] {
				t.Errorf("row %d: cause %q", i, why)
			}
			if count := r.Counts[0]; count != counts[i] && !math.IsNaN(counts[i]) || !math.IsNaN(r.Counts[1]) {
				t.Errorf("row %d: counts %v", i, r.Counts)
			}
			if i++; i == len(want) {
				break
			}
		}
		cancel()
		synctest.Wait()
	})
}
