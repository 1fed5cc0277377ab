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

// fbReader reads a flat buffer back and refuses values that are not aligned.
type fbReader struct {
	t *testing.T
	b []byte
}

// fbAt is a table in it.
type fbAt struct {
	r  fbReader
	at int
}

func (r fbReader) u32(at int) int {
	r.t.Helper()
	if at%4 != 0 {
		r.t.Fatalf("four bytes at %d", at)
	}
	return int(int32(binary.LittleEndian.Uint32(r.b[at:])))
}

// follow is the position that the offset at leads to.
func (r fbReader) follow(at int) int { return at + r.u32(at) }

// field is the position of a field; 0 = missing.
func (x fbAt) field(i int) int {
	vtable := x.at - x.r.u32(x.at)
	if vtable%2 != 0 {
		x.r.t.Fatalf("vtable at %d", vtable)
	}
	if 4+2*i >= int(binary.LittleEndian.Uint16(x.r.b[vtable:])) {
		return 0
	}
	if off := int(binary.LittleEndian.Uint16(x.r.b[vtable+4+2*i:])); off != 0 {
		if off >= int(binary.LittleEndian.Uint16(x.r.b[vtable+2:])) {
			x.r.t.Fatalf("field %d lies outside its table", i)
		}
		return x.at + off
	}
	return 0
}

func (x fbAt) number(i int) int {
	if at := x.field(i); at != 0 {
		return x.r.u32(at)
	}
	return 0
}

// vector gives the first element's place and the length.
func (x fbAt) vector(i, align int) (int, int) {
	at := x.field(i)
	if at == 0 {
		return 0, 0
	}
	at = x.r.follow(at)
	if (at+4)%align != 0 {
		x.r.t.Fatalf("vector of field %d begins at %d, want a multiple of %d", i, at+4, align)
	}
	return at + 4, x.r.u32(at)
}

func (x fbAt) table(i int) fbAt { return fbAt{x.r, x.r.follow(x.field(i))} }

func (x fbAt) tables(i int) (out []fbAt) {
	at, n := x.vector(i, 4)
	for k := range n {
		out = append(out, fbAt{x.r, x.r.follow(at + 4*k)})
	}
	return out
}

func (x fbAt) ints(i int) (out []int) {
	at, n := x.vector(i, 4)
	for k := range n {
		out = append(out, x.r.u32(at+4*k))
	}
	return out
}

func (x fbAt) floats(i int) (out []float32) {
	for _, v := range x.ints(i) {
		out = append(out, math.Float32frombits(uint32(v)))
	}
	return out
}

// tflGraph is a model as read back.
type tflGraph struct {
	model, sub fbAt
}

func readTFLite(t *testing.T, file []byte) tflGraph {
	t.Helper()
	r := fbReader{t, file}
	if string(file[4:8]) != "TFL3" {
		t.Fatalf("identifier %q", file[4:8])
	}
	model := fbAt{r, r.follow(0)}
	if v := model.number(modelVersion); v != 3 {
		t.Errorf("version %d", v)
	}
	return tflGraph{model, model.tables(modelSubgraphs)[0]}
}

func (g tflGraph) data(tensor fbAt) []byte {
	at, n := g.model.tables(modelBuffers)[tensor.number(tflBuffer)].vector(bufferData, 16)
	return g.model.r.b[at : at+n]
}

// dump lists operators, their options and the shapes of what they read.
func (g tflGraph) dump() string {
	var b strings.Builder
	codes, tensors := g.model.tables(modelOpcodes), g.sub.tables(subTensors)
	for _, op := range g.sub.tables(subOperators) {
		code := codes[op.number(operatorCode)]
		fmt.Fprintf(&b, "%d", code.number(opcodeBuiltin))
		if old := code.field(opcodeOld); int(g.model.r.b[old]) != code.number(opcodeBuiltin) {
			fmt.Fprintf(&b, "(old %d)", g.model.r.b[old])
		}
		for _, in := range op.ints(operatorInputs) {
			fmt.Fprint(&b, tensors[in].ints(tflShape))
		}
		b.WriteString(" ")
	}
	return strings.TrimSpace(b.String())
}

// run computes the model by the operators' definitions, from and to int8.
func (g tflGraph) run(t *testing.T, x []int8) []int8 {
	tensors := g.sub.tables(subTensors)
	scales := func(i int) []float32 { return tensors[i].table(tflQuant).floats(quantScale) }
	values := map[int][]int8{g.sub.ints(subInputs)[0]: x}
	for _, op := range g.sub.tables(subOperators) {
		in, out := op.ints(operatorInputs), op.ints(operatorOutputs)[0]
		w, bias := g.data(tensors[in[1]]), g.data(tensors[in[2]])
		width := len(values[in[0]])
		options := op.table(opsTable)
		relu := options.field(denseRelu)
		if op.r.b[op.field(optionsKind)] == optionsConv2D {
			relu = options.field(convRelu)
		}
		for o := range len(bias) / 4 {
			sum := int32(binary.LittleEndian.Uint32(bias[4*o:]))
			for k, v := range values[in[0]] {
				sum += int32(v) * int32(int8(w[o*width+k]))
			}
			ws := scales(in[1])
			m := scales(in[0])[0] * ws[min(o, len(ws)-1)] / scales(out)[0]
			least := float64(-128)
			if op.r.b[relu] == activationRelu {
				least = 0
			}
			values[out] = append(values[out], int8(min(127, max(least, math.RoundToEven(float64(float32(sum)*m))))))
		}
	}
	return values[g.sub.ints(subOutputs)[0]]
}

// The files, read back and computed by the operators' definitions, give what the
// naive loop gives, in steps of the output.
func TestTFLite_computes(t *testing.T) {
	for _, name := range reference.Names() {
		for _, kind := range []tflKind{tflDense, tflConv} {
			n := mustNetwork(t, name, kind == tflDense)
			g := readTFLite(t, writeTFLite(n, kind, false))
			for _, x := range n.samples[:3] {
				got := make([]float32, n.Out())
				for i, q := range g.run(t, n.levels(x)) {
					got[i] = float32(q) * n.outStep
				}
				if want := n.steps(n.want(x)); !slices.Equal(got, want) {
					t.Fatalf("%s, kind %d: got %v, want %v", name, kind, got, want)
				}
			}
		}
	}
}

func TestTFLite_structure(t *testing.T) {
	n := mustNetwork(t, "L", false)
	for _, c := range []struct {
		kind   tflKind
		floats bool
		want   string
	}{
		{tflDense, false, "9[1 1024][256 1024][256] 9[1 256][64 256][64] 9[1 64][256 64][256] 9[1 256][1024 256][1024]"},
		{tflConv, false, "3[1 1 1 1024][256 1 1 1024][256] 3[1 1 1 256][64 1 1 256][64] 3[1 1 1 64][256 1 1 64][256] 3[1 1 1 256][1024 1 1 256][1024]"},
		{tflDense, true, "114[1 1024] 9[1 1024][256 1024][256] 9[1 256][64 256][64] 9[1 64][256 64][256] 9[1 256][1024 256][1024] 6[1 1024]"},
	} {
		if got := readTFLite(t, writeTFLite(n, c.kind, c.floats)).dump(); got != c.want {
			t.Errorf("kind %d:\n got %s\nwant %s", c.kind, got, c.want)
		}
	}
}

// Every kind of value, aligned, and a field that is not there.
func TestFlatBuffer(t *testing.T) {
	file := flatBuffer(fbTable{
		0: fbByte(7), 2: fbText("abc"), 3: fbLongs{-2, 1 << 40}, 4: fbBytes{1, 2, 3},
		5: fbTables{{0: int32(-5)}, {}}, 6: fbFloats{1.5}, 7: fbInts{-1, 2},
	}, "TEST")
	r := fbReader{t, file}
	x := fbAt{r, r.follow(0)}
	if x.field(1) != 0 || x.field(9) != 0 || r.b[x.field(0)] != 7 {
		t.Errorf("fields 1 and 9 at %d and %d, field 0 is %d", x.field(1), x.field(9), r.b[x.field(0)])
	}
	if at, n := x.vector(2, 4); string(file[at:at+n+1]) != "abc\x00" {
		t.Errorf("text %q", file[at:at+n+1])
	}
	if at, n := x.vector(3, 8); n != 2 || int64(binary.LittleEndian.Uint64(file[at:])) != -2 || binary.LittleEndian.Uint64(file[at+8:]) != 1<<40 {
		t.Errorf("longs % x", file[at:])
	}
	if at, n := x.vector(4, 16); !slices.Equal(file[at:at+n], []byte{1, 2, 3}) {
		t.Errorf("bytes % x", file[at:at+n])
	}
	if ts := x.tables(5); len(ts) != 2 || ts[0].number(0) != -5 || ts[1].number(0) != 0 {
		t.Errorf("tables %v", ts)
	}
	if f, i := x.floats(6), x.ints(7); f[0] != 1.5 || !slices.Equal(i, []int{-1, 2}) {
		t.Errorf("floats %v, ints %v", f, i)
	}
}
