package quant

import "unsafe"

// Windows is how many windows Forward4 computes at once.
const Windows = 4

// windows is a network's memory for Windows passes at once.
type windows struct {
	step int       // values from a window to the next
	src  []int8    // 3*step + In, padded
	jobs []job     // as Network.jobs
	mem  []int8    // what lies between the layers, one piece a window
	last []float32 // (Windows, padded Out) where the kernel would write beyond dst
}

// Batches tells whether Forward4 is faster than four passes.
func (n *Network) Batches() bool {
	k := n.layers[0].kernel
	return k != nil && k.run4 != nil
}

// Forward4 is Forward for four windows: src[w*step:w*step+In] for w = 0 to 3.
// With step below In they overlap, as those of consecutive rows do, and what
// they share is quantised once. dst is (4, Out), not src. The results are
// those of four calls of Forward, bit for bit; where the kernel computes four
// windows at once each weight is read once for all of them, elsewhere (doc.go)
// it is four passes. It panics if step is negative and as an index does if a
// slice is too short; it allocates at its first call for a step, and then no
// more.
func (n *Network) Forward4(dst, src []float32, step int) {
	b := n.windows(step)
	n.input.Quantise(b.src, src[:(Windows-1)*step+n.In()])
	n.windowsTo(dst, b)
}

// Forward4Quantised is Forward4 for windows that went through equation (2)
// before, with values in [-127, 127].
func (n *Network) Forward4Quantised(dst []float32, src []int8, step int) {
	b := n.windows(step)
	copy(b.src, src[:(Windows-1)*step+n.In()])
	n.windowsTo(dst, b)
}

// windows readies the memory for windows that lie step apart.
func (n *Network) windows(step int) *windows {
	if n.four != nil && n.four.step == step {
		return n.four
	}
	b := &windows{step: step, src: aligned((Windows-1)*step + len(n.values[0]))}
	n.four = b
	if !n.Batches() {
		return b
	}
	size := 0
	for _, v := range n.values[1:] {
		size += len(v)
	}
	b.mem = aligned(Windows * size)
	b.jobs = append([]job(nil), n.jobs...)
	b.jobs[0].src, b.jobs[0].srcStep = unsafe.SliceData(b.src), step
	at := b.mem
	for i, v := range n.values[1:] {
		b.jobs[i].dst, b.jobs[i].dstStep = unsafe.Pointer(unsafe.SliceData(at)), size
		b.jobs[i+1].src, b.jobs[i+1].srcStep = unsafe.SliceData(at), size
		at = at[len(v):]
	}
	const float = 4 // bytes
	end := &b.jobs[len(b.jobs)-1]
	end.dstStep = float * end.rows
	if end.rows > n.Out() {
		b.last = make([]float32, Windows*end.rows)
		end.dst = unsafe.Pointer(unsafe.SliceData(b.last))
	}
	return b
}

// windowsTo computes the layers from what stands in b.src.
func (n *Network) windowsTo(dst []float32, b *windows) {
	out := n.Out()
	dst = dst[:Windows*out]
	if b.jobs == nil {
		for w := range Windows {
			copy(n.values[0], b.src[w*b.step:w*b.step+n.In()])
			n.layersTo(dst[w*out : (w+1)*out])
		}
		return
	}
	k, end := n.layers[0].kernel, &b.jobs[len(b.jobs)-1]
	if b.last == nil {
		end.dst = unsafe.Pointer(unsafe.SliceData(dst))
		k.run4(&b.jobs[0], len(b.jobs))
		end.dst = nil // the caller's
		return
	}
	k.run4(&b.jobs[0], len(b.jobs))
	for w := range Windows {
		copy(dst[w*out:(w+1)*out], b.last[w*end.rows:])
	}
}
