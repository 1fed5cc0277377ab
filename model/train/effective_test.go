package train

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"iot-edge-anomaly/model"
)

// autocorrelation returns 1 + 2 Σ acf(k) up to the first k where it is not positive,
// computed lag by lag over all rows, and the k before that.
func autocorrelation(v []float64) (sum float64, last int) {
	mean, sd := spreadOf(v)
	sum = 1
	for k := 1; k < len(v); k++ {
		g := 0.0
		for i := range len(v) - k {
			g += (v[i] - mean) * (v[i+k] - mean)
		}
		if g <= 0 {
			return sum, k - 1
		}
		sum += 2 * g / float64(len(v)) / (sd * sd)
	}
	return sum, len(v)
}

func ar(n int, phi float64, seed uint64) []float64 {
	rng := rand.New(rand.NewPCG(seed, 1))
	v := make([]float64, n)
	for i := range v {
		v[i] = rng.NormFloat64()
		if i > 0 {
			v[i] += phi * v[i-1]
		}
	}
	return v
}

func TestCorrelationTime(t *testing.T) {
	sine := make([]float64, 7*1440)
	for i := range sine {
		sine[i] = math.Sin(2 * math.Pi * float64(i) / 1440)
	}
	ramp := make([]float64, 5000)
	for i := range ramp {
		ramp[i] = float64(i)
	}
	for _, c := range []struct {
		name      string
		v         []float64
		low, high float64 // theory, with room for the error of the estimate
	}{
		{"white noise", ar(20000, 0, 1), 1, 1.1},
		{"AR(1) .5", ar(20000, 0.5, 1), 2.8, 4},    // (1+φ)/(1-φ) = 3
		{"AR(1) .9", ar(20000, 0.9, 1), 17, 28},    // 19
		{"AR(1) .99", ar(20000, 0.99, 1), 90, 400}, // 199
		{"daily sine", sine, 1440 / math.Pi, 1.6 * 1440 / math.Pi},
		{"ramp", ramp, 1000, 5000},
		{"constant", make([]float64, 1000), 1, 1},
		{"one value", []float64{3}, 1, 1},
		{"none", nil, 1, 1},
	} {
		if got := correlationTime(c.v); !(got >= c.low && got <= c.high) {
			t.Errorf("%s: %v, want %v to %v", c.name, got, c.low, c.high)
		}
	}
}

// TestCorrelationTime_direct compares the estimate with the plain sum over lags; they agree
// approximately if stretches are averaged first.
func TestCorrelationTime_direct(t *testing.T) {
	for _, c := range []struct {
		n      int
		phi    float64
		within float64
	}{{3000, 0.8, 1e-9}, {4096, 0.95, 1e-9}, {12000, 0.95, 0.15}} {
		v := ar(c.n, c.phi, 3)
		sum, last := autocorrelation(v)
		want := sum * (1 + math.Sqrt(float64(2*(2*last+1))/float64(len(v))))
		if got := correlationTime(v); math.Abs(got-want) > c.within*want {
			t.Errorf("%d rows, φ %v: %v, want %v", c.n, c.phi, got, want)
		}
	}
}

// TestSegmentTime holds that rows of which one segment differs have a small effective
// sample size.
func TestSegmentTime(t *testing.T) {
	v := ar(8000, 0, 1)
	for i := 5000; i < 6000; i++ {
		v[i] += 1.5
	}
	if got := segmentTime(ranked(v), 4); got < 50 || got > 1000 {
		t.Errorf("a stretch that differs: %v", got)
	}
	if got := segmentTime(ranked(ar(8000, 0, 2)), 4); got > 3 {
		t.Errorf("white noise: %v", got)
	}
}

func TestRanked(t *testing.T) {
	got := ranked([]float64{5, 1, 5, 9})
	for i, want := range []float64{0.5, 0.125, 0.5, 0.875} {
		if got[i] != want {
			t.Errorf("rank %d is %v, want %v", i, got[i], want)
		}
	}
}

// TestWarnDrift holds that channels that were not learnt for long enough are named.
func TestWarnDrift(t *testing.T) {
	s := model.Schema{Period: time.Minute, Channels: []model.Channel{{Name: "fast"}, {Name: "day"}, {Name: "dead"}}}
	var rows []float64
	noise := ar(1440, 0, 1)
	for i := range 1440 {
		rows = append(rows, noise[i], math.Sin(2*math.Pi*float64(i)/1440), math.NaN())
	}
	_, r := learn(t, s, rows, Options{Seed: 1, Epochs: 1})
	found := false
	for _, d := range r.Warnings {
		found = found || d == "drift of day cannot be judged: the learning phase is too short for so slow a change"
	}
	if !found {
		t.Errorf("warnings %q", r.Warnings)
	}
}

// TestWarnRange holds that, if a rate of false alarms is stated, channels with a small
// effective sample size are named with their range.
func TestWarnRange(t *testing.T) {
	s := model.Schema{Period: time.Minute, Channels: []model.Channel{{Name: "fast"}, {Name: "weather", Unit: "°C"}, {Name: "still"}}}
	var values []float64
	fast, slow := ar(2400, 0, 1), ar(2400, 0.99, 2)
	for i := range 2400 {
		values = append(values, fast[i], 20+slow[i], 7)
	}
	_, r := learn(t, s, values, Options{Seed: 1, Epochs: 1})
	var got []string
	for _, d := range r.Warnings {
		if strings.Contains(d, "changes slowly") {
			got = append(got, d)
		}
	}
	ch := r.Channels[1]
	want := fmt.Sprintf("%.4g to %.4g °C expect more false alarms than stated", ch.Low, ch.High)
	if len(got) != 1 || !strings.HasPrefix(got[0], "weather changes slowly: its rows are worth only ") || !strings.HasSuffix(got[0], want) {
		t.Errorf("%q, want weather's with %s", got, want)
	}
	_, r = learn(t, s, values[:3*1900], Options{Seed: 1, Epochs: 1}) // no rate is stated
	for _, d := range r.Warnings {
		if strings.Contains(d, "changes slowly") {
			t.Errorf("1900 rows: %s", d)
		}
	}
}
