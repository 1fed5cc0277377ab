package vibration

import "fmt"

// block holds the newest n samples of each axis.
type block struct {
	values [][]float64 // (axes, n) rings
	stamps []int64     // (n) ring, ns; nil = no timestamps
	next   int         // index of the next sample
	have   int         // newest samples without a known gap, at most n
}

func newBlock(axes, n int, stamps bool) *block {
	b := &block{values: make([][]float64, axes)}
	for i := range b.values {
		b.values[i] = make([]float64, n)
	}
	if stamps {
		b.stamps = make([]int64, n)
	}
	return b
}

func (b *block) n() int     { return len(b.values[0]) }
func (b *block) full() bool { return b.have == b.n() }

// add takes one scan.
func (b *block) add(c *capture, scan []byte) {
	for i := range c.axes {
		a := &c.axes[i]
		b.values[i][b.next] = (float64(a.format.value(scan[a.at:])) + a.offset) * a.scale
	}
	if b.stamps != nil {
		b.stamps[b.next] = c.stamp.format.value(scan[c.stamp.at:])
	}
	b.next = (b.next + 1) & (b.n() - 1)
	b.have = min(b.have+1, b.n())
}

// gap drops the samples before the newest gap of a full block and returns an error
// about it; nil if there is no gap.
func (b *block) gap(rate float64) error {
	if b.stamps == nil {
		return nil
	}
	n := b.n()
	at := func(i int) int64 { return b.stamps[(b.next+i)&(n-1)] } // 0 = oldest
	step := float64(at(n-1)-at(0)) / float64(n-1)
	for i := n - 1; i >= 2; i-- {
		pair := at(i) - at(i-2)
		if float64(pair) > 2.6*step || at(i) < at(i-1) {
			b.have = n - i
			return fmt.Errorf("a gap of %.3g ms in the samples", float64(pair)/1e6)
		}
	}
	if want := 1e9 / rate; step < 0.75*want || step > 1.25*want {
		b.have = 0
		return fmt.Errorf("a sample every %.4g µs, want %.4g µs", step/1000, want/1000)
	}
	return nil
}

// copyTo writes the samples of an axis into dst (n), oldest first.
func (b *block) copyTo(dst []float64, axis int) {
	n := copy(dst, b.values[axis][b.next:])
	copy(dst[n:], b.values[axis][:b.next])
}
