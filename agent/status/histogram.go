package status

import (
	"bytes"
	"math"
	"strconv"
	"sync/atomic"
)

// histogram counts values by buckets. Its Update does not allocate.
type histogram struct {
	name   string
	bounds []float64
	counts []atomic.Uint64 // of each bound, and of what is above the last
	sum    atomic.Uint64   // bits of a float64
}

func newHistogram(name string, bounds []float64) *histogram {
	return &histogram{name: name, bounds: bounds, counts: make([]atomic.Uint64, len(bounds)+1)}
}

// Update counts a value; NaN is none.
func (h *histogram) Update(v float64) {
	if math.IsNaN(v) {
		return
	}
	i := 0
	for i < len(h.bounds) && v > h.bounds[i] {
		i++
	}
	h.counts[i].Add(1)
	for {
		before := h.sum.Load()
		if h.sum.CompareAndSwap(before, math.Float64bits(math.Float64frombits(before)+v)) {
			return
		}
	}
}

// write renders the samples.
func (h *histogram) write(b *bytes.Buffer) {
	total := uint64(0)
	for i := range h.counts {
		total += h.counts[i].Load()
		le := "+Inf"
		if i < len(h.bounds) {
			le = strconv.FormatFloat(h.bounds[i], 'g', -1, 64)
		}
		b.WriteString(h.name + `_bucket{le="` + le + `"} ` + strconv.FormatUint(total, 10) + "\n")
	}
	b.WriteString(h.name + "_sum " + strconv.FormatFloat(math.Float64frombits(h.sum.Load()), 'g', -1, 64) + "\n")
	b.WriteString(h.name + "_count " + strconv.FormatUint(total, 10) + "\n")
}

// Durations are numbers of inferences by duration, in the buckets of
// inference_duration_seconds and one for those above.
type Durations [len(inferenceBuckets) + 1]uint64

// durations copies what was counted so far.
func (h *histogram) durations() (d Durations) {
	for i := range d {
		d[i] = h.counts[i].Load()
	}
	return d
}

// Quantile is the duration, in seconds, below which the part q of them is, as
// Prometheus' histogram_quantile estimates it; NaN where there are none.
func (d *Durations) Quantile(q float64) float64 {
	total := uint64(0)
	for _, n := range d {
		total += n
	}
	if total == 0 {
		return math.NaN()
	}
	rank, low := q*float64(total), 0.0
	for i, high := range inferenceBuckets {
		n := float64(d[i])
		if rank <= n {
			return low + (high-low)*rank/n
		}
		rank, low = rank-n, high
	}
	return low
}
