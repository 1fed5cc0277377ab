package main

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"iot-edge-anomaly/quant"
)

// contestant is one way to run a network, with its best time.
type contestant struct {
	name, form string
	group      group
	time       func(spell time.Duration) (float64, error) // ns a pass
	ns         float64
	agrees     string // how far its outputs are from those of the naive loop
}

// group says which ratios a contestant belongs to.
type group string

const (
	ours     group = "ours"     // our kernels: int8 in, float32 out, as ortInt8
	ourEnds  group = "our ends" // with the input quantised, as ortEnds
	scored   group = "score"    // as ourEnds, with the squared error computed too
	fours    group = "four"     // as ours, four windows a call
	ortInt8  group = "ort int8"
	ortEnds  group = "ort float in and out"
	ortFloat group = "ort float32"
	tflInt8  group = "tflite int8"
	tflEnds  group = "tflite float in and out"
)

// own returns every kernel of ours in every form.
func own(n *network) ([]*contestant, error) {
	before := quant.Kernel()
	defer quant.Use(before)
	var cs []*contestant
	for _, k := range quant.Kernels() {
		if err := quant.Use(k); err != nil {
			return nil, err
		}
		net, err := n.Build()
		if err != nil {
			return nil, err
		}
		more, err := forms(n, net)
		if err != nil {
			return nil, err
		}
		cs = append(cs, more...)
	}
	return cs, nil
}

// forms are the ways in which a kernel runs the network.
func forms(n *network, net *quant.Network) (cs []*contestant, err error) {
	k, x, levels, y := quant.Kernel(), n.samples[0], n.levels(n.samples[0]), make([]float32, n.Out())
	add := func(form string, g group, pass func(), agrees func(x []float32) []float32) {
		c := &contestant{name: k, form: form, group: g, time: clock(pass)}
		if agrees != nil {
			c.agrees, err = compare(n, func(x []float32) ([]float32, error) { return agrees(x), nil }, n.want)
		}
		cs = append(cs, c)
	}
	add("int8 in, float out", ours, func() { net.ForwardQuantised(y, levels) },
		func(x []float32) []float32 { net.ForwardQuantised(y, n.levels(x)); return y })
	add("float in, float out", ourEnds, func() { net.Forward(y, x) },
		func(x []float32) []float32 { net.Forward(y, x); return y })
	add("float in, squared error out", scored, func() { net.Forward(y, x); runtime.KeepAlive(squaredError(y, x)) }, nil)

	// Four windows that do not overlap; the time is one window's.
	in, out := make([]int8, quant.Windows*n.In()), make([]float32, quant.Windows*n.Out())
	for w, s := range n.samples[:quant.Windows] {
		copy(in[w*n.In():], n.levels(s))
	}
	last := quant.Windows - 1
	add("int8 in, float out, 4 windows a call", fours, func() { net.Forward4Quantised(out, in, n.In()) },
		func(x []float32) []float32 {
			copy(in[last*n.In():], n.levels(x))
			net.Forward4Quantised(out, in, n.In())
			return out[last*n.Out():]
		})
	four := cs[len(cs)-1]
	call := four.time
	four.time = func(spell time.Duration) (float64, error) {
		ns, err := call(spell)
		return ns / quant.Windows, err
	}
	return cs, err
}

// squaredError is the simplest score of an autoencoder, in plain Go. It keeps eight
// sums, so that no addition waits for the one before. Widths are multiples of eight.
func squaredError(y, x []float32) float32 {
	const sums = 8
	var s0, s1, s2, s3, s4, s5, s6, s7 float32
	for len(x) >= sums && len(y) >= sums {
		p, q := (*[sums]float32)(y), (*[sums]float32)(x)
		a, b, c, d := p[0]-q[0], p[1]-q[1], p[2]-q[2], p[3]-q[3]
		e, f, g, h := p[4]-q[4], p[5]-q[5], p[6]-q[6], p[7]-q[7]
		s0 += float32(a * a)
		s1 += float32(b * b)
		s2 += float32(c * c)
		s3 += float32(d * d)
		s4 += float32(e * e)
		s5 += float32(f * f)
		s6 += float32(g * g)
		s7 += float32(h * h)
		y, x = y[sums:], x[sums:]
	}
	return s0 + s1 + s2 + s3 + s4 + s5 + s6 + s7
}

// clock times f as native/peer.c times the other engines: it returns the shortest of
// runs of about 20 us.
func clock(f func()) func(time.Duration) (float64, error) {
	return func(spell time.Duration) (float64, error) {
		start := time.Now()
		f()
		n := 1 + int(20*time.Microsecond/max(time.Since(start), 1))
		best := time.Duration(math.MaxInt64)
		for begin := time.Now(); time.Since(begin) < spell; {
			start := time.Now()
			for range n {
				f()
			}
			best = min(best, time.Since(start))
		}
		return float64(best) / float64(n), nil
	}
}

// entry is a file for an engine, with the types of its input and output.
type entry struct {
	engine  string // as native/peer.c calls it
	form    string
	group   group
	file    []byte
	in, out string // element types
	net     *network
}

// entries are the forms of a network that other engines run; t is the same with
// one multiplier a layer.
func entries(n, t *network) []entry {
	return []entry{
		{"ort", "U8S8, int8 in, float out", ortInt8, writeONNX(n, onnxU8, false), "u8", "f32", n},
		{"ort", "S8S8, int8 in, float out", ortInt8, writeONNX(n, onnxS8, false), "s8", "f32", n},
		{"ort", "U8S8, float in, float out", ortEnds, writeONNX(n, onnxU8, true), "f32", "f32", n},
		{"ort", "S8S8, float in, float out", ortEnds, writeONNX(n, onnxS8, true), "f32", "f32", n},
		{"ort", "float32", ortFloat, writeONNX(n, onnxFloat32, false), "f32", "f32", n},
		{"tflite", "fully connected, int8 in, int8 out", tflInt8, writeTFLite(t, tflDense, false), "s8", "s8", t},
		{"tflite", "1x1 convolution, int8 in, int8 out", tflInt8, writeTFLite(n, tflConv, false), "s8", "s8", n},
		{"tflite", "1x1 convolution, float in, float out", tflEnds, writeTFLite(n, tflConv, true), "f32", "f32", n},
	}
}

// load writes the entry's file below dir, loads it and compares its outputs.
func (e *entry) load(h *harness, dir string, number int) (*contestant, *foreign, error) {
	file := filepath.Join(dir, fmt.Sprintf("%s-%s-%d", e.net.Name, e.in, number))
	if err := os.WriteFile(file, e.file, 0o644); err != nil {
		return nil, nil, err
	}
	f, err := h.load(e.engine, file, fmt.Sprint(e.in, " ", e.net.In()), fmt.Sprint(e.out, " ", e.net.Out()))
	if err != nil {
		return nil, nil, fmt.Errorf("%s, %s: %w", e.engine, e.form, err)
	}
	c := &contestant{name: h.names[e.engine], form: e.form, group: e.group, time: f.time}
	want := e.net.want
	if e.out == "s8" || e.group == tflEnds {
		want = func(x []float32) []float32 { return e.net.steps(e.net.want(x)) }
	}
	c.agrees, err = compare(e.net, func(x []float32) ([]float32, error) {
		out, err := f.run(encode(e.in, e.net, x))
		return decode(e.out, e.net, out), err
	}, want)
	return c, f, err
}

// encode returns a sample as the bytes of an input of the given type.
func encode(elem string, n *network, x []float32) []byte {
	if elem == "f32" {
		return rawFloats(x)
	}
	b := rawBytes(n.levels(x))
	if elem == "u8" {
		for i := range b {
			b[i] += 128
		}
	}
	return b
}

// decode reads an output.
func decode(elem string, n *network, b []byte) []float32 {
	y := make([]float32, n.Out())
	for i := range y {
		if elem == "s8" {
			y[i] = float32(int8(b[i])) * n.outStep
			continue
		}
		y[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return y
}

// identical is what compare says when there is no difference.
const identical = "identical"

// compare runs every sample and says how far the outputs are from what is
// wanted, in percent of the largest output.
func compare(n *network, run func([]float32) ([]float32, error), want func([]float32) []float32) (string, error) {
	apart, largest := 0.0, 0.0
	for _, x := range n.samples {
		got, err := run(x)
		if err != nil {
			return "", err
		}
		for i, w := range want(x) {
			apart = max(apart, math.Abs(float64(got[i]-w)))
			largest = max(largest, math.Abs(float64(w)))
		}
	}
	if apart == 0 {
		return identical, nil
	}
	return fmt.Sprintf("%.2g %% apart", 100*apart/largest), nil
}
