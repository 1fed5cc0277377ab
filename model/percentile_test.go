package model_test

import "testing"

func TestPercentile(t *testing.T) {
	m := machine(t)
	p := m.Parameters()
	last := float32(-1)
	for i := range 40 {
		v := m.Percentile(float32(i) / 20)
		if v < last || v < 0 || v >= 1 {
			t.Fatalf("score %v is p%v after p%v", float32(i)/20, v, last)
		}
		last = v
	}
	for i := 1; i < len(p.Ranks); i += 10 {
		if p.Percentiles[i] == p.Percentiles[i-1] {
			continue
		}
		if v := m.Percentile(p.Percentiles[i]); v != p.Ranks[i] {
			t.Errorf("score %v is rank %v, the table says %v", p.Percentiles[i], v, p.Ranks[i])
		}
	}
	if v := m.Percentile(1); v < 0.999-1.0/400 {
		t.Errorf("the threshold is rank %v of the learning rows", v)
	}
}

// TestQuantile: it is the inverse of Percentile.
func TestQuantile(t *testing.T) {
	m := machine(t)
	p := m.Parameters()
	for i := range p.Ranks {
		if v := m.Quantile(p.Ranks[i]); v != p.Percentiles[i] {
			t.Errorf("rank %v is score %v, the table says %v", p.Ranks[i], v, p.Percentiles[i])
		}
	}
	last := float32(-1)
	for i := range 41 {
		v := m.Quantile(float32(i)/20 - 0.5)
		if v < last {
			t.Fatalf("p%v is score %v after %v", float32(i)/20-0.5, v, last)
		}
		last = v
	}
	if got := m.Quantile(1); got != p.Percentiles[len(p.Percentiles)-1] {
		t.Errorf("p1 is %v", got)
	}
}
