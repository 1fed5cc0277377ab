package vibration

import (
	"math"
	"testing"
)

const (
	testRate = 4000.0
	testN    = 4096
)

// sine is amplitude·sin at hz on top of gravity.
func sine(amplitude, hz float64) []float64 {
	x := make([]float64, testN)
	for i := range x {
		x[i] = 9.80665 + amplitude*math.Sin(2*math.Pi*hz*float64(i)/testRate+0.3)
	}
	return x
}

func analysed(t *testing.T, x []float64, bands ...[2]float64) []float64 {
	t.Helper()
	dst := make([]float64, firstBand+len(bands))
	newAnalysis(len(x), testRate, bands).features(dst, x)
	return dst
}

func within(t *testing.T, what string, got, want, share float64) {
	t.Helper()
	if !(math.Abs(got-want) <= share*math.Abs(want)) {
		t.Errorf("%s: got %v, want %v within %v %%", what, got, want, 100*share)
	}
}

// A sine of amplitude a and frequency f has rms a/√2, crest √2, kurtosis 1.5 and
// the velocity a/(2 pi f)/√2.
func TestFeatures_sine(t *testing.T) {
	for _, hz := range []float64{20, 49.7, 100, 333.3, 950} {
		const a = 2.5
		f := analysed(t, sine(a, hz), [2]float64{hz - 10, hz + 10}, [2]float64{hz + 20, 1500})
		within(t, "rms", f[rms], a/math.Sqrt2, 0.005)
		within(t, "peak", f[peak], a, 0.02) // 20 Hz: the mean is over 20.48 turns
		within(t, "crest", f[crest], math.Sqrt2, 0.02)
		within(t, "kurtosis", f[kurtosis], 1.5, 0.01)
		if math.Abs(f[skewness]) > 0.05 {
			t.Errorf("skewness %v, want 0", f[skewness])
		}
		within(t, "velocity", f[velocity], 1000*a/(2*math.Pi*hz)/math.Sqrt2, 0.01)
		within(t, "its band", f[firstBand], a/math.Sqrt2, 0.005)
		if f[firstBand+1] > 1e-3*a {
			t.Errorf("%v Hz: %v in a band without it", hz, f[firstBand+1])
		}
	}
}

// What lies outside 10 to 1000 Hz is no velocity.
func TestFeatures_velocityLimits(t *testing.T) {
	inside := analysed(t, sine(1, 100))[velocity]
	for _, hz := range []float64{4, 1010, 1500} {
		if v := analysed(t, sine(1, hz))[velocity]; v > 0.01*inside {
			t.Errorf("%v Hz gives %v mm/s", hz, v)
		}
	}
	// a slow sensor shows what it can, and nothing near half its rate
	low := newAnalysis(512, 500, nil)
	if top := float64(low.iso.to-1) * low.line; top > 500/2.56 || top < 500/2.56-2*low.line {
		t.Errorf("the velocity of 500 Hz ends at %v Hz", top)
	}
}

func TestFeatures_gaussian(t *testing.T) {
	x := make([]float64, 1<<16)
	for i, v := range noise(len(x), 11) {
		x[i] = 3 + 2*v
	}
	f := analysed(t, x, [2]float64{0, 1000}, [2]float64{1000, 2000})
	within(t, "rms", f[rms], 2, 0.02)
	within(t, "kurtosis", f[kurtosis], 3, 0.03)
	if math.Abs(f[skewness]) > 0.03 {
		t.Errorf("skewness %v, want 0", f[skewness])
	}
	// white noise: half of the power in each half of the spectrum
	within(t, "lower band", f[firstBand], 2/math.Sqrt2, 0.03)
	within(t, "upper band", f[firstBand+1], 2/math.Sqrt2, 0.03)
	// the velocity of white noise: S = 2σ²/rate, v² = S/(4π²) (1/10 - 1/1000)
	want := 1000 * math.Sqrt(2*4/testRate/(4*math.Pi*math.Pi)*(1.0/10-1.0/1000))
	within(t, "velocity", f[velocity], want, 0.06)
}

// One shock in noise: crest and kurtosis rise, and its side shows.
func TestFeatures_shock(t *testing.T) {
	quiet := noise(testN, 5)
	shock := append([]float64(nil), quiet...)
	shock[1000] -= 30
	a, b := analysed(t, quiet), analysed(t, shock)
	if b[crest] < 4*a[crest] || b[kurtosis] < 20*a[kurtosis] || b[skewness] > -1 || math.Abs(b[peak]-30) > 4 {
		t.Errorf("quiet %v\nshock %v", a, b)
	}
}

// Samples of a stuck accelerometer are a whole number of times its scale, whose
// mean is rounded.
func TestFeatures_flat(t *testing.T) {
	for _, v := range []float64{9.75, 9.80665, 256020 * 0.000038245, -7 * 0.0095, 0} {
		x := make([]float64, testN)
		for i := range x {
			x[i] = v
		}
		f := analysed(t, x, [2]float64{10, 100})
		for _, i := range []int{rms, peak, velocity, firstBand} {
			if f[i] != 0 {
				t.Errorf("%v: feature %d is %v, want 0", v, i, f[i])
			}
		}
		for _, i := range []int{crest, kurtosis, skewness} {
			if !math.IsNaN(f[i]) {
				t.Errorf("%v: feature %d is %v, want none", v, i, f[i])
			}
		}
	}
}
