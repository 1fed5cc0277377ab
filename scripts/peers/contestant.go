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

// contestant is one way to run a network, and the best time that was seen of it.
type contestant struct {
	name, form string
	group      group
	time       func(spell time.Duration) (float64, error) // ns a pass
	ns         float64
	agrees     string // its outputs beside those of the naive loop
}

// group says which ratios a contestant belongs to.
type group string

const (
	ours     group = "ours"  // our kernels, one window a call
	scored   group = "score" // the same, with the residual
	ortInt8  group = "ort int8"
	ortEnds  group = "ort float in and out"
	ortFloat group = "ort float32"
	tflInt8  group = "tflite int8"
	tflEnds  group = "tflite float in and out"
)

// own returns our kernels on the network: float32 in, float32 out.
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
		x, y := n.samples[0], make([]float32, n.Out())
		c := &contestant{name: k, form: "float in, float out", group: ours,
			time: clock(func() { net.Forward(y, x) })}
		if c.agrees, err = compare(n, func(x []float32) ([]float32, error) { net.Forward(y, x); return y, nil }, n.want); err != nil {
			return nil, err
		}
		s := &contestant{name: k, form: "float in, squared error out", group: scored,
			time: clock(func() { net.Forward(y, x); runtime.KeepAlive(squaredError(y, x)) })}
		cs = append(cs, c, s)
	}
	return cs, nil
}

// squaredError is the plainest score of an autoencoder.
func squaredError(y, x []float32) float32 {
	sum := float32(0)
	for i, v := range y[:len(x)] {
		d := v - x[i]
		sum += float32(d * d)
	}
	return sum
}

// clock times f as native/peer.c times the others: the shortest of runs of some
// 20 us.
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

// entry is a file for an engine and what to make of it.
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

// encode brings a sample to the bytes of an input of the given type.
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
