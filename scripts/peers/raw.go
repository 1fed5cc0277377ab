package main

import (
	"encoding/binary"
	"math"
)

// writeRaw writes a network for native/xnnpack.c: the kind and the number of layers;
// then for each layer the widths, the scales of input and output, the lowest output,
// the scales of the weights (Out), the biases (Out) and the weights (Out, In). Weights
// have one byte, all other numbers four, little endian.
func writeRaw(n *network, kind tflKind) []byte {
	var b []byte
	put := func(v ...uint32) {
		for _, x := range v {
			b = binary.LittleEndian.AppendUint32(b, x)
		}
	}
	put(uint32(kind), uint32(len(n.Layers)))
	for k, l := range n.Layers {
		step, lowest := float32(actScale), int32(0)
		if k == len(n.Layers)-1 {
			step, lowest = n.outStep, -128
		}
		put(uint32(l.In), uint32(l.Out), math.Float32bits(actScale), math.Float32bits(step), uint32(lowest))
		b = append(b, rawFloats(n.weightScales(k))...)
		b = append(b, rawInts(l.Bias)...)
		b = append(b, rawBytes(l.Weights)...)
	}
	return b
}
