package status

import (
	"bytes"
	"math"
	"strings"
	"sync"
	"testing"
)

// TestHistogram: each value is in its bucket, a bound belongs to the bucket below it, and
// what several goroutines count at once is all there.
func TestHistogram(t *testing.T) {
	h := newHistogram("h", []float64{0.5, 1})
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 250 {
				for _, v := range []float64{0.25, 0.5, 0.75, 3, math.NaN()} {
					h.Update(v)
				}
			}
		})
	}
	all.Wait()
	var b bytes.Buffer
	h.write(&b)
	want := "h_bucket{le=\"0.5\"} 2000\nh_bucket{le=\"1\"} 3000\nh_bucket{le=\"+Inf\"} 4000\nh_sum 4500\nh_count 4000\n"
	if b.String() != want {
		t.Errorf("%s, want %s", b.String(), want)
	}
	if n := testing.AllocsPerRun(100, func() { h.Update(0.7) }); n != 0 {
		t.Errorf("%v allocations a value", n)
	}
}

// TestQuantile: as histogram_quantile of Prometheus estimates it.
func TestQuantile(t *testing.T) {
	m := NewMetrics()
	if d := m.Durations(); !math.IsNaN(d.Quantile(0.95)) {
		t.Error("a quantile of nothing")
	}
	for range 90 {
		m.Inference(40e-6)
	}
	for range 10 {
		m.Inference(0.02)
	}
	d := m.Durations()
	if q := d.Quantile(0.95); math.Abs(q-0.0175) > 1e-9 { // half of the bucket from 10 ms to 25 ms
		t.Errorf("95th percentile %v, want 17.5 ms", q)
	}
	if q := d.Quantile(0.5); q <= 25e-6 || q >= 50e-6 {
		t.Errorf("median %v, want it in the bucket up to 50 µs", q)
	}
	for range 1000 {
		m.Inference(7)
	}
	if d = m.Durations(); d.Quantile(0.95) != 0.1 {
		t.Errorf("%v beyond all bounds, want the last one", d.Quantile(0.95))
	}
	var b bytes.Buffer
	m.Write(&b, &Snapshot{})
	if !strings.Contains(b.String(), "inference_duration_seconds_bucket{le=\"0.01\"} 90\n") {
		t.Error("no bucket of 10 ms in a scrape")
	}
}
