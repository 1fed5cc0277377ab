package main

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Numbers of onnx.proto's fields and enums, ONNX IR version 8.
const (
	modelIR, modelProducer, modelGraph, modelOpset = 1, 2, 7, 8
	opsetDomain, opsetVersion                      = 1, 2
	graphNode, graphName, graphInitializer         = 1, 2, 5
	graphInput, graphOutput                        = 11, 12
	nodeInput, nodeOutput, nodeOp, nodeDomain      = 1, 2, 4, 7
	tensorDims, tensorType, tensorName, tensorRaw  = 1, 2, 8, 9
	valueName, valueType                           = 1, 2
	typeTensor, tensorElem, tensorShape            = 1, 1, 2
	shapeDim, dimValue                             = 1, 1

	onnxFloat, onnxUint8, onnxInt8, onnxInt32 = 1, 2, 3, 6
)

// onnxKind says which form of a network a file holds.
type onnxKind int

const (
	// onnxU8 has unsigned activations: ONNX Runtime's fast form on x86.
	onnxU8 onnxKind = iota
	// onnxS8 has signed activations: its fast form on arm64.
	onnxS8
	// onnxFloat32 is the network without roundings.
	onnxFloat32
)

// onnxFile is an ONNX graph under construction.
type onnxFile struct{ graph message }

// writeONNX writes a network with input "x" (1, In) and output "y" (1, Out)
// float32. The int8 forms are a chain of ONNX Runtime's QGemm, which its optimiser
// makes of QuantizeLinear, Gemm, Relu and DequantizeLinear. The zero point is the
// lowest number, so that the clamp there is the ReLU. The last layer goes from int32
// to float32 as ours does. With floatIn the input is float32 and the file quantises
// it; otherwise the input has eight bits.
func writeONNX(n *network, kind onnxKind, floatIn bool) []byte {
	var f onnxFile
	f.graph.text(graphName, n.Name)
	first, elem := "x", int64(onnxFloat)
	switch {
	case kind == onnxFloat32:
		f.floatLayers(n)
	case floatIn:
		first = "x_q"
		f.scalars("x", actScale, kind, 0)
		f.node("QuantizeLinear", "", []string{"x", "x_scale", "x_zero"}, first)
		f.int8Layers(n, kind, first)
	default:
		elem = int64(kind.elem())
		f.scalars("x", actScale, kind, 0)
		f.int8Layers(n, kind, first)
	}
	f.graph.bytes(graphInput, valueInfo("x", elem, n.In()))
	f.graph.bytes(graphOutput, valueInfo("y", onnxFloat, n.Out()))

	var m message
	m.integer(modelIR, 8)
	m.text(modelProducer, "iot-edge-anomaly peers")
	m.bytes(modelGraph, f.graph)
	m.bytes(modelOpset, opset("", 13))
	m.bytes(modelOpset, opset("com.microsoft", 1))
	return m
}

func opset(domain string, version int64) message {
	var m message
	m.text(opsetDomain, domain)
	m.integer(opsetVersion, version)
	return m
}

func (k onnxKind) elem() int {
	if k == onnxU8 {
		return onnxUint8
	}
	return onnxInt8
}

// zero is the zero point in eight bits: the middle for the input, the low end after a
// ReLU.
func (k onnxKind) zero(layer int) byte {
	middle, low := byte(128), byte(0)
	if k == onnxS8 {
		middle, low = 0, 0x80
	}
	if layer == 0 {
		return middle
	}
	return low
}

// int8Layers appends the chain of QGemm that begins with the tensor in, whose
// scale and zero are x_scale and x_zero.
func (f *onnxFile) int8Layers(n *network, kind onnxKind, in string) {
	params := "x"
	for k, l := range n.Layers {
		p := func(s string) string { return fmt.Sprintf("l%d_%s", k, s) }
		f.tensor(p("w"), onnxInt8, transposed(l.Weights, l.In, l.Out), l.In, l.Out)
		f.tensor(p("w_scale"), onnxFloat, rawFloats(n.weightScales(k)), l.Out)
		f.tensor(p("w_zero"), onnxInt8, make([]byte, l.Out), l.Out)
		f.tensor(p("bias"), onnxInt32, rawInts(l.Bias), l.Out)
		inputs := []string{in, params + "_scale", params + "_zero", p("w"), p("w_scale"), p("w_zero"), p("bias")}
		out := "y"
		if k < len(n.Layers)-1 {
			out = p("y")
			f.scalars(out, actScale, kind, k+1)
			inputs = append(inputs, out+"_scale", out+"_zero")
		}
		f.node("QGemm", "com.microsoft", inputs, out)
		in, params = out, out
	}
}

// floatLayers appends Gemm and Relu by layer.
func (f *onnxFile) floatLayers(n *network) {
	in := "x"
	for k, l := range n.Layers {
		p := func(s string) string { return fmt.Sprintf("l%d_%s", k, s) }
		w, bias := make([]float32, l.In*l.Out), make([]float32, l.Out)
		scales := n.weightScales(k)
		for o := range l.Out {
			bias[o] = float32(l.Bias[o]) * actScale * scales[o]
			for i := range l.In {
				w[i*l.Out+o] = float32(l.Weights[o*l.In+i]) * scales[o]
			}
		}
		f.tensor(p("w"), onnxFloat, rawFloats(w), l.In, l.Out)
		f.tensor(p("bias"), onnxFloat, rawFloats(bias), l.Out)
		if k == len(n.Layers)-1 {
			f.node("Gemm", "", []string{in, p("w"), p("bias")}, "y")
			return
		}
		f.node("Gemm", "", []string{in, p("w"), p("bias")}, p("sum"))
		f.node("Relu", "", []string{p("sum")}, p("y"))
		in = p("y")
	}
}

// scalars appends the scale and the zero point of a tensor that is a layer's input.
func (f *onnxFile) scalars(name string, scale float32, kind onnxKind, layer int) {
	f.tensor(name+"_scale", onnxFloat, rawFloats([]float32{scale}))
	f.tensor(name+"_zero", kind.elem(), []byte{kind.zero(layer)})
}

// tensor appends an initializer.
func (f *onnxFile) tensor(name string, elem int, raw []byte, dims ...int) {
	var m message
	for _, d := range dims {
		m.integer(tensorDims, int64(d))
	}
	m.integer(tensorType, int64(elem))
	m.text(tensorName, name)
	m.bytes(tensorRaw, raw)
	f.graph.bytes(graphInitializer, m)
}

// node appends an operator with one output.
func (f *onnxFile) node(op, domain string, inputs []string, output string) {
	var m message
	for _, in := range inputs {
		m.text(nodeInput, in)
	}
	m.text(nodeOutput, output)
	m.text(nodeOp, op)
	if domain != "" {
		m.text(nodeDomain, domain)
	}
	f.graph.bytes(graphNode, m)
}

// valueInfo is the graph's input or output: (1, width).
func valueInfo(name string, elem int64, width int) message {
	var shape, tensor, typ, value message
	for _, d := range []int{1, width} {
		var dim message
		dim.integer(dimValue, int64(d))
		shape.bytes(shapeDim, dim)
	}
	tensor.integer(tensorElem, elem)
	tensor.bytes(tensorShape, shape)
	typ.bytes(typeTensor, tensor)
	value.text(valueName, name)
	value.bytes(valueType, typ)
	return value
}

// transposed returns w (out, in) as (in, out).
func transposed(w []int8, in, out int) []byte {
	b := make([]byte, len(w))
	for o := range out {
		for k := range in {
			b[k*out+o] = byte(w[o*in+k])
		}
	}
	return b
}

func rawFloats(v []float32) []byte {
	var b []byte
	for _, x := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
	}
	return b
}

func rawInts(v []int32) []byte {
	var b []byte
	for _, x := range v {
		b = binary.LittleEndian.AppendUint32(b, uint32(x))
	}
	return b
}
