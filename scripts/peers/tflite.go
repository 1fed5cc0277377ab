package main

import "fmt"

// Numbers of TensorFlow Lite's schema, version 3.
const (
	tflVersion = 3

	modelVersion, modelOpcodes, modelSubgraphs, modelBuffers             = 0, 1, 2, 4
	opcodeOld, opcodeRevision, opcodeBuiltin                             = 0, 2, 3
	subTensors, subInputs, subOutputs, subOperators                      = 0, 1, 2, 3
	tflShape, tflType, tflBuffer, tflName, tflQuant                      = 0, 1, 2, 3, 4
	quantScale, quantZero, quantAxis                                     = 2, 3, 6
	operatorCode, operatorInputs, operatorOutputs, optionsKind, opsTable = 0, 1, 2, 3, 4
	bufferData                                                           = 0

	elemFloat32, elemInt32, elemInt8 = 0, 2, 9

	opConv2D, opDequantize, opFullyConnected, opQuantize = 3, 6, 9, 114
	optionsConv2D, optionsFullyConnected                 = 1, 8
	convPadding, convStrideW, convStrideH, convRelu      = 0, 1, 2, 3
	denseRelu                                            = 0
	paddingValid, activationRelu                         = 1, 1
)

// tflKind says which operator a layer becomes.
type tflKind int

const (
	// tflDense is FULLY_CONNECTED: one weight scale a layer, because version 2.9
	// supports no more.
	tflDense tflKind = iota
	// tflConv is CONV_2D of one pixel: the same sums, one weight scale an output
	// channel.
	tflConv
)

// tflFile is a TensorFlow Lite model under construction.
type tflFile struct {
	kind      tflKind
	tensors   fbTables
	operators fbTables
	buffers   fbTables
	codes     fbTables
	code      map[int]uint32
}

// writeTFLite writes a network with one input (In) and one output (Out). With floats
// both are float32; otherwise they are int8, the output in steps of outStep. ReLU is
// the fused activation of a layer with zero point 0, so that hidden activations clamp
// at 127 as ours do.
func writeTFLite(n *network, kind tflKind, floats bool) []byte {
	f := &tflFile{kind: kind, buffers: fbTables{{}}, code: map[int]uint32{}}
	in := f.activation("x", n.In(), actScale)
	first := in
	if floats {
		in = f.float("x_f", n.In())
		f.operator(opQuantize, []int32{in}, first, 0, nil)
	}
	at := first
	for k := range n.Layers {
		at = f.layer(n, k, at)
	}
	out := at
	if floats {
		out = f.float("y_f", n.Out())
		f.operator(opDequantize, []int32{at}, out, 0, nil)
	}
	return flatBuffer(fbTable{
		modelVersion: uint32(tflVersion),
		modelOpcodes: f.codes,
		modelSubgraphs: fbTables{{
			subTensors: f.tensors, subInputs: fbInts{in}, subOutputs: fbInts{out}, subOperators: f.operators,
		}},
		modelBuffers: f.buffers,
	}, "TFL3")
}

// layer appends layer k, which reads tensor in, and returns its output.
func (f *tflFile) layer(n *network, k int, in int32) int32 {
	l := n.Layers[k]
	scales := n.weightScales(k)
	last := k == len(n.Layers)-1
	step := float32(actScale)
	relu := fbByte(activationRelu)
	if last {
		step, relu = n.outStep, 0
	}
	shape := fbInts{int32(l.Out), int32(l.In)}
	if f.kind == tflConv {
		shape = fbInts{int32(l.Out), 1, 1, int32(l.In)}
	} else {
		scales = scales[:1]
	}
	biasScales := make([]float32, len(scales))
	for o, s := range scales {
		biasScales[o] = s * actScale
	}
	w := f.tensor(fmt.Sprintf("w%d", k), shape, elemInt8, rawBytes(l.Weights), scales)
	b := f.tensor(fmt.Sprintf("b%d", k), fbInts{int32(l.Out)}, elemInt32, rawInts(l.Bias), biasScales)
	y := f.activation(fmt.Sprintf("y%d", k), l.Out, step)
	if f.kind == tflConv {
		f.operator(opConv2D, []int32{in, w, b}, y, optionsConv2D,
			fbTable{convPadding: fbByte(paddingValid), convStrideW: int32(1), convStrideH: int32(1), convRelu: relu})
	} else {
		f.operator(opFullyConnected, []int32{in, w, b}, y, optionsFullyConnected, fbTable{denseRelu: relu})
	}
	return y
}

// activation appends a tensor of int8 between layers.
func (f *tflFile) activation(name string, width int, scale float32) int32 {
	return f.tensor(name, f.shape(width), elemInt8, nil, []float32{scale})
}

func (f *tflFile) float(name string, width int) int32 {
	return f.tensor(name, f.shape(width), elemFloat32, nil, nil)
}

func (f *tflFile) shape(width int) fbInts {
	if f.kind == tflConv {
		return fbInts{1, 1, 1, int32(width)}
	}
	return fbInts{1, int32(width)}
}

// tensor appends a tensor and returns its number. A tensor without data is computed
// when the network runs.
func (f *tflFile) tensor(name string, shape fbInts, typ byte, data []byte, scales []float32) int32 {
	t := fbTable{tflShape: shape, tflType: fbByte(typ), tflBuffer: uint32(0), tflName: fbText(name)}
	if data != nil {
		t[tflBuffer] = uint32(len(f.buffers))
		f.buffers = append(f.buffers, fbTable{bufferData: fbBytes(data)})
	}
	if scales != nil {
		t[tflQuant] = fbTable{quantScale: fbFloats(scales), quantZero: make(fbLongs, len(scales)), quantAxis: int32(0)}
	}
	f.tensors = append(f.tensors, t)
	return int32(len(f.tensors) - 1)
}

// opcode returns the number of an operator in the file.
func (f *tflFile) opcode(builtin int) uint32 {
	i, ok := f.code[builtin]
	if !ok {
		i = uint32(len(f.codes))
		f.code[builtin] = i
		version := int32(map[int]int{opFullyConnected: 4, opConv2D: 3, opDequantize: 2, opQuantize: 1}[builtin])
		f.codes = append(f.codes, fbTable{opcodeOld: fbByte(builtin), opcodeRevision: version, opcodeBuiltin: int32(builtin)})
	}
	return i
}

func (f *tflFile) operator(builtin int, in []int32, out int32, kind byte, options fbTable) {
	op := fbTable{operatorCode: f.opcode(builtin), operatorInputs: fbInts(in), operatorOutputs: fbInts{out}}
	if options != nil {
		op[optionsKind] = fbByte(kind)
		op[opsTable] = options
	}
	f.operators = append(f.operators, op)
}

func rawBytes(w []int8) []byte {
	b := make([]byte, len(w))
	for i, v := range w {
		b[i] = byte(v)
	}
	return b
}
