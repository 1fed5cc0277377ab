package quant

import "unsafe"

// Windows is the number of windows that Forward4 computes at once.
const Windows = 4

// windows is a network's memory for Windows passes at once.
type windows struct {
	step int       // values between the beginnings of two windows
	src  []int8    // 3*step + In, padded
	jobs []job     // as Network.jobs
	mem  []int8    // outputs of the hidden layers, one piece per window
	last []float32 // (Windows, padded Out), if the kernel would write beyond dst
}

// Batches reports whether Forward4 is faster than four calls of Forward.
func (n *Network) Batches() bool {
	k := n.layers[0].kernel
	return k != nil && k.run4 != nil
}

// Forward4 is Forward for four windows: src[w*step:w*step+In] for w = 0 to 3. With step
// below In they overlap, like windows that end at consecutive rows, and the shared values
// are quantised once. dst is (4, Out) and not src. The results have the same bits as four
// calls of Forward. Some kernels read each weight once for all four windows, others make
// four passes; see the package comment. It panics if step is negative, and like an index
// out of range if a slice is too short. It allocates only at its first call for a step.
func (n *Network) Forward4(dst, src []float32, step int) {
	b := n.windows(step)
	n.input.Quantise(b.src, src[:(Windows-1)*step+n.In()])
	n.windowsTo(dst, b)
}

// Forward4Quantised is Forward4 for windows that are already quantised by equation (2),
// with values in [-127, 127].
func (n *Network) Forward4Quantised(dst []float32, src []int8, step int) {
	b := n.windows(step)
	copy(b.src, src[:(Windows-1)*step+n.In()])
	n.windowsTo(dst, b)
}

// windows returns the memory for windows that begin step values apart.
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

// windowsTo computes the layers from b.src.
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
		end.dst = nil // it is the caller's memory
		return
	}
	k.run4(&b.jobs[0], len(b.jobs))
	for w := range Windows {
		copy(dst[w*out:(w+1)*out], b.last[w*end.rows:])
	}
}
