package model

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"
)

// tensor is one named array of the file. Exactly one of the slices is set; it shares
// memory with the Parameters it was taken from.
type tensor struct {
	name  string
	dtype string // safetensors: F64, F32, I32, I8
	shape string // "[out,in]"

	f64 []float64
	f32 []float32
	i32 []int32
	i8  []int8
}

// tensors lists p's arrays in the order of the file: widest elements first, so that
// each array is aligned to its element's size.
func tensors(p *Parameters) []tensor {
	c, n := len(p.Schema.Channels), p.inputs()
	g, d := len(p.GoldenIn)/n, len(p.Drift)/c
	ts := []tensor{
		{name: "scaler.center", f64: p.Center, shape: dims(c)},
		{name: "scaler.spread", f64: p.Spread, shape: dims(c)},
		{name: "sensor.step", f64: p.Step, shape: dims(c)},
		{name: "drift.quantiles", f64: p.Drift, shape: dims(d, c)},
		{name: "drift.time", f32: p.DriftTime, shape: dims(c)},
		{name: "drift.score", f32: p.DriftScore, shape: dims(driftScores)},
		{name: "residual.center", f32: p.ResidualCenter, shape: dims(c)},
		{name: "residual.scale", f32: p.ResidualScale, shape: dims(c)},
		{name: "level.center", f32: p.LevelCenter, shape: dims(c)},
		{name: "level.scale", f32: p.LevelScale, shape: dims(c)},
		{name: "jump.precision", f32: p.Precision, shape: dims(c, c)},
		{name: "sensor.still", f32: p.Still, shape: dims(c)},
		{name: "calibration.limits", f32: p.Limits, shape: dims(Terms)},
		{name: "calibration.missing_margin", f32: p.MissingMargin, shape: dims(c)},
		{name: "calibration.ranks", f32: p.Ranks, shape: dims(len(p.Ranks))},
		{name: "calibration.percentiles", f32: p.Percentiles, shape: dims(len(p.Percentiles))},
		{name: "golden.inputs", f32: p.GoldenIn, shape: dims(g, n)},
		{name: "golden.outputs", f32: p.GoldenOut, shape: dims(g, n)},
	}
	ts = append(ts, floats("layer", p.Layers)...)
	if q := p.Peers; q != nil {
		for _, a := range q.arrays(c, q.prototypes()) {
			ts = append(ts, tensor{name: "peers." + a.name, f32: *a.v, shape: dims(a.shape...)})
		}
	}
	ts = append(ts,
		tensor{name: "sensor.rough", i32: p.Rough, shape: dims(c)},
		tensor{name: "drift.rows", i32: p.DriftRows, shape: dims(c)})
	if q := p.Peers; q != nil {
		ts = append(ts, tensor{name: "peers.role", i32: q.Role, shape: dims(c)})
	}
	ts = append(ts, biases("layer", p.Layers)...)
	ts = append(ts, weights("layer", p.Layers)...)
	for i := range ts {
		ts[i].dtype = ts[i].kind()
	}
	return ts
}

// floats lists the float32 arrays of layers.
func floats(name string, layers []Layer) (ts []tensor) {
	for i, l := range layers {
		ts = append(ts,
			tensor{name: fmt.Sprintf("%s.%d.multiplier", name, i), f32: l.Mult, shape: dims(l.Out)},
			tensor{name: fmt.Sprintf("%s.%d.float.weight", name, i), f32: l.FloatW, shape: dims(l.Out, l.In)},
			tensor{name: fmt.Sprintf("%s.%d.float.bias", name, i), f32: l.FloatBias, shape: dims(l.Out)})
	}
	return ts
}

// biases lists the int32 biases of layers.
func biases(name string, layers []Layer) (ts []tensor) {
	for i, l := range layers {
		ts = append(ts, tensor{name: fmt.Sprintf("%s.%d.bias", name, i), i32: l.Bias, shape: dims(l.Out)})
	}
	return ts
}

// weights lists the int8 weights of layers.
func weights(name string, layers []Layer) (ts []tensor) {
	for i, l := range layers {
		ts = append(ts, tensor{name: fmt.Sprintf("%s.%d.weight", name, i), i8: l.Weights, shape: dims(l.Out, l.In)})
	}
	return ts
}

// dims writes a shape: "[3,4]".
func dims(n ...int) string {
	return strings.ReplaceAll(fmt.Sprint(n), " ", ",")
}

// kind returns the safetensors name of the element type.
func (t tensor) kind() string {
	switch {
	case t.f64 != nil:
		return "F64"
	case t.f32 != nil:
		return "F32"
	case t.i32 != nil:
		return "I32"
	}
	return "I8"
}

// size returns the tensor's bytes in the file.
func (t tensor) size() int {
	return 8*len(t.f64) + 4*len(t.f32) + 4*len(t.i32) + len(t.i8)
}

// append writes the tensor little-endian.
func (t tensor) append(b []byte) []byte {
	for _, v := range t.f64 {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
	}
	for _, v := range t.f32 {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	for _, v := range t.i32 {
		b = binary.LittleEndian.AppendUint32(b, uint32(v))
	}
	for _, v := range t.i8 {
		b = append(b, byte(v))
	}
	return b
}

// read fills the tensor from b, which holds at least size bytes.
func (t tensor) read(b []byte) {
	for i := range t.f64 {
		t.f64[i] = math.Float64frombits(binary.LittleEndian.Uint64(b[8*i:]))
	}
	for i := range t.f32 {
		t.f32[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	for i := range t.i32 {
		t.i32[i] = int32(binary.LittleEndian.Uint32(b[4*i:]))
	}
	for i := range t.i8 {
		t.i8[i] = int8(b[i])
	}
}
