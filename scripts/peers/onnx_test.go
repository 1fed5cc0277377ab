package main

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"iot-edge-anomaly/quant/reference"
)

// fields reads a message into its fields by number, in order.
func fields(t *testing.T, m []byte) map[int][][]byte {
	t.Helper()
	out := map[int][][]byte{}
	next := func() uint64 {
		v, n := binary.Uvarint(m)
		if n <= 0 {
			t.Fatalf("no varint in % x", m)
		}
		m = m[n:]
		return v
	}
	for len(m) > 0 {
		key := next()
		field := int(key >> 3)
		switch key & 7 {
		case wireVarint:
			out[field] = append(out[field], binary.AppendUvarint(nil, next()))
		case wireBytes:
			n := next()
			out[field] = append(out[field], m[:n])
			m = m[n:]
		default:
			t.Fatalf("field %d: wire type %d", field, key&7)
		}
	}
	return out
}

func number(b []byte) int64 {
	v, _ := binary.Uvarint(b)
	return int64(v)
}

// onnxTensor is an initializer as read back.
type onnxTensor struct {
	elem int
	dims []int
	raw  []byte
}

func (x onnxTensor) int8(i int) int32 {
	if x.elem == onnxUint8 {
		return int32(x.raw[i])
	}
	return int32(int8(x.raw[i]))
}

func (x onnxTensor) int32(i int) int32 { return int32(binary.LittleEndian.Uint32(x.raw[4*i:])) }

func (x onnxTensor) float(i int) float32 { return math.Float32frombits(uint32(x.int32(i))) }

// onnxGraph is a file as read back.
type onnxGraph struct {
	nodes   []map[int][][]byte
	tensors map[string]onnxTensor
	dump    string
}

func readONNX(t *testing.T, file []byte) onnxGraph {
	t.Helper()
	model := fields(t, file)
	graph := fields(t, model[modelGraph][0])
	g := onnxGraph{tensors: map[string]onnxTensor{}}
	var dump strings.Builder
	for _, side := range []int{graphInput, graphOutput} {
		value := fields(t, graph[side][0])
		tensor := fields(t, fields(t, value[valueType][0])[typeTensor][0])
		fmt.Fprintf(&dump, "%s %d", value[valueName][0], number(tensor[tensorElem][0]))
		for _, dim := range fields(t, tensor[tensorShape][0])[shapeDim] {
			fmt.Fprintf(&dump, " %d", number(fields(t, dim)[dimValue][0]))
		}
		dump.WriteString("; ")
	}
	for _, raw := range graph[graphInitializer] {
		f := fields(t, raw)
		x := onnxTensor{elem: int(number(f[tensorType][0])), raw: f[tensorRaw][0]}
		size := map[int]int{onnxFloat: 4, onnxInt32: 4, onnxInt8: 1, onnxUint8: 1}[x.elem]
		for _, d := range f[tensorDims] {
			x.dims = append(x.dims, int(number(d)))
			size *= int(number(d))
		}
		if size == 0 || size != len(x.raw) {
			t.Errorf("tensor %s: %d bytes, want %d", f[tensorName][0], len(x.raw), size)
		}
		g.tensors[string(f[tensorName][0])] = x
	}
	for _, raw := range graph[graphNode] {
		g.nodes = append(g.nodes, fields(t, raw))
	}
	for _, n := range g.nodes {
		fmt.Fprintf(&dump, "%s ", n[nodeOp][0])
	}
	for _, o := range model[modelOpset] {
		f := fields(t, o)
		fmt.Fprintf(&dump, "%s:%d ", f[opsetDomain], number(f[opsetVersion][0]))
	}
	g.dump = strings.TrimSpace(dump.String())
	return g
}

// run computes the graph by the operators' definitions.
func (g onnxGraph) run(t *testing.T, x []float32, levels []int8, unsigned bool) []float32 {
	t.Helper()
	values := map[string][]int32{}
	if !unsigned {
		values["x"] = make([]int32, len(levels))
		for i, v := range levels {
			values["x"][i] = int32(v) + g.tensors["x_zero"].int8(0)
		}
	}
	for _, n := range g.nodes {
		in := func(i int) string { return string(n[nodeInput][i]) }
		out := string(n[nodeOutput][0])
		switch op := string(n[nodeOp][0]); op {
		case "QuantizeLinear":
			for _, v := range x {
				values[out] = append(values[out], int32(math.RoundToEven(float64(v/g.tensors[in(1)].float(0))))+g.tensors[in(2)].int8(0))
			}
		case "QGemm":
			if len(n[nodeInput]) == 7 {
				return g.gemm(values[in(0)], n, nil)
			}
			g.gemm(values[in(0)], n, func(v []int32) { values[out] = v })
		default:
			t.Fatalf("operator %s", op)
		}
	}
	t.Fatal("no operator with float32 output")
	return nil
}

// gemm is QGemm: with store it gives eight bits, without float32.
func (g onnxGraph) gemm(a []int32, n map[int][][]byte, store func([]int32)) (floats []float32) {
	in := func(i int) onnxTensor { return g.tensors[string(n[nodeInput][i])] }
	w, width := in(3), in(3).dims[1]
	var low []int32
	for o := range width {
		sum := in(6).int32(o)
		for k, v := range a {
			sum += (v - in(2).int8(0)) * (w.int8(k*width+o) - in(5).int8(o))
		}
		scale := in(1).float(0) * in(4).float(o)
		if store == nil {
			floats = append(floats, float32(sum)*scale)
			continue
		}
		zero := in(8).int8(0)
		least := int32(0)
		if in(8).elem == onnxInt8 {
			least = -128
		}
		q := int32(math.RoundToEven(float64(float32(sum)*(scale/in(7).float(0))))) + zero
		low = append(low, min(least+255, max(least, q)))
	}
	if store != nil {
		store(low)
	}
	return floats
}

// The files, read back and computed by the operators' definitions, give what the
// naive loop gives, to the bit.
func TestONNX_computes(t *testing.T) {
	for _, name := range reference.Names() {
		n := mustNetwork(t, name, false)
		for _, kind := range []onnxKind{onnxU8, onnxS8} {
			for _, floatIn := range []bool{false, true} {
				g := readONNX(t, writeONNX(n, kind, floatIn))
				for _, x := range n.samples[:3] {
					if got, want := g.run(t, x, n.levels(x), floatIn), n.want(x); !slices.Equal(got, want) {
						t.Fatalf("%s, kind %d, float in %v: got %v, want %v", name, kind, floatIn, got, want)
					}
				}
			}
		}
	}
}

func TestONNX_structure(t *testing.T) {
	n := mustNetwork(t, "L", false)
	for _, c := range []struct {
		kind    onnxKind
		floatIn bool
		want    string
	}{
		{onnxU8, false, "x 2 1 1024; y 1 1 1024; QGemm QGemm QGemm QGemm []:13 [com.microsoft]:1"},
		{onnxS8, true, "x 1 1 1024; y 1 1 1024; QuantizeLinear QGemm QGemm QGemm QGemm []:13 [com.microsoft]:1"},
		{onnxFloat32, true, "x 1 1 1024; y 1 1 1024; Gemm Relu Gemm Relu Gemm Relu Gemm []:13 [com.microsoft]:1"},
	} {
		got := readONNX(t, writeONNX(n, c.kind, c.floatIn)).dump
		if got != c.want {
			t.Errorf("kind %d:\n got %s\nwant %s", c.kind, got, c.want)
		}
	}
}

// The float32 file has the real weights and biases.
func TestONNX_float32(t *testing.T) {
	n := mustNetwork(t, "S", false)
	g := readONNX(t, writeONNX(n, onnxFloat32, true))
	l := n.Layers[1]
	for o := range l.Out {
		for k := range l.In {
			if got, want := g.tensors["l1_w"].float(k*l.Out+o), float32(l.Weights[o*l.In+k])*n.weightScales(1)[o]; got != want {
				t.Fatalf("weight %d, %d: %g, want %g", o, k, got, want)
			}
		}
		if got, want := g.tensors["l1_bias"].float(o), float32(l.Bias[o])*n.weightScales(1)[o]/32; got != want {
			t.Fatalf("bias %d: %g, want %g", o, got, want)
		}
	}
}
