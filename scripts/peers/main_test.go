package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"iot-edge-anomaly/quant"
)

// made is a result of network M with an engine's times and the bounds of every
// kernel: 100 multiply-accumulates a ns, weights at half that speed.
func made(t *testing.T, ns, four, ort, tfl float64) *result {
	r := &result{net: mustNetwork(t, "M", false), bounds: map[string]quant.Limits{}}
	for _, k := range []string{"vnni", "avx2"} {
		r.bounds[k] = quant.Limits{Peak: 100, Stream: 50}
		for g, ns := range map[group]float64{ours: ns, ourEnds: ns, scored: ns, fours: four} {
			r.contestants = append(r.contestants, &contestant{name: k, group: g, ns: ns})
		}
	}
	for g, ns := range map[group]float64{ortInt8: ort, ortEnds: ort, tflInt8: tfl, tflEnds: tfl} {
		r.contestants = append(r.contestants, &contestant{name: "peer", group: g, ns: 2 * ns}, &contestant{name: "peer", group: g, ns: ns})
	}
	return r
}

// A kernel is judged by its share of the CPU's bounds and by being ahead of each
// peer's fastest form.
func TestTargets(t *testing.T) {
	stream := float64(mustNetwork(t, "M", false).MAC()) / 50 // ns that reading the weights takes
	for _, c := range []struct {
		what               string
		ns, four, ort, tfl float64
		share, misses      string
	}{
		{"all met", stream / 0.8, stream / 2 / 0.8, 2 * stream, 2 * stream, "0.80 >= 0.70  met", ""},
		{"too slow", stream / 0.65, stream / 2 / 0.8, 2 * stream, 2 * stream, "0.650 >= 0.70  MISSED", "share of the nearer bound"},
		{"four too slow", stream / 0.8, stream / 2 / 0.6, 2 * stream, 2 * stream, "0.80 >= 0.70  met", "share of peak, 4 windows a call"},
		{"behind one peer", stream / 0.8, stream / 2 / 0.8, 2 * stream, 1.2 * stream, "0.80 >= 0.70  met", "int8 in / TFLite + XNNPACK int8"},
		{"no such peer", stream / 0.8, stream / 2 / 0.8, math.NaN(), 2 * stream, "0.80 >= 0.70  met", ""},
	} {
		missed := map[string]bool{}
		for _, r := range targets("vnni", map[string]*result{"M": made(t, c.ns, c.four, c.ort, c.tfl)}) {
			text, met := r.limits["M"].verdict(r.measured["M"])
			if !met {
				missed[r.what] = true
			}
			if r.what == "share of the nearer bound" && text != c.share {
				t.Errorf("%s: %q, want %q", c.what, text, c.share)
			}
		}
		if (c.misses == "") != (len(missed) == 0) || c.misses != "" && !missed[c.misses] {
			t.Errorf("%s: missed are %v, want %q", c.what, missed, c.misses)
		}
	}
}

// A kernel without a target is not judged, and what is missed ends the program.
func TestVerdict(t *testing.T) {
	if text, met := (limit{}).verdict(0.31); text != "0.31" || !met {
		t.Errorf("no target: %q, %v", text, met)
	}
	if text, met := (limit{value: 1, below: true}).verdict(1); text != "1.000 < 1  MISSED" || met {
		t.Errorf("as fast as the peer: %q, %v", text, met)
	}
	if len(judged()) == 0 {
		return // a CPU with the portable loops only
	}
	r := made(t, 1, 1, 2, 2)
	for _, k := range judged() {
		for _, g := range []group{ours, ourEnds, scored, fours} {
			r.contestants = append(r.contestants, &contestant{name: k, group: g, ns: 1})
		}
		r.bounds[k] = quant.Limits{Peak: 100, Stream: 50}
	}
	var b strings.Builder
	if met, err := printTargets(&b, []string{"M"}, map[string]*result{"M": r}); err != nil || !met || strings.Contains(b.String(), "MISSED") {
		t.Errorf("%v, %v\n%s", met, err, b.String())
	}
	for _, c := range r.contestants {
		c.ns = 3
	}
	b.Reset()
	if met, _ := printTargets(&b, []string{"M"}, map[string]*result{"M": r}); met || !strings.Contains(b.String(), "MISSED") {
		t.Errorf("all equally fast:\n%s", b.String())
	}
}

// Each contestant gets the best of its rounds, and each bound too.
func TestMeasure(t *testing.T) {
	times := []float64{3, 2, 5}
	c := &contestant{time: func(time.Duration) (float64, error) {
		ns := times[0]
		times = times[1:]
		return ns, nil
	}}
	before := quant.Kernel()
	r := &result{net: mustNetwork(t, "S", false), contestants: []*contestant{c}, bounds: map[string]quant.Limits{}}
	err := measure(context.Background(), []string{"S"}, map[string]*result{"S": r}, 3, time.Millisecond)
	if err != nil || c.ns != 2 {
		t.Errorf("%v, %v; want 2", c.ns, err)
	}
	for _, k := range judged() {
		if b := r.bounds[k]; b.Peak <= 0 || b.Stream <= 0 {
			t.Errorf("%s: bounds %+v", k, b)
		}
	}
	if quant.Kernel() != before {
		t.Errorf("kernel %s afterwards, want %s", quant.Kernel(), before)
	}
	c.time = func(time.Duration) (float64, error) { return 0, errors.New("gone") }
	if err := measure(context.Background(), []string{"S"}, map[string]*result{"S": r}, 1, time.Millisecond); err == nil {
		t.Error("an engine's error was lost")
	}
}

// Our own kernels agree with the naive loop, and their times are plausible.
func TestOwn(t *testing.T) {
	cs, err := own(mustNetwork(t, "S", false))
	if err != nil || len(cs) < 2 {
		t.Fatalf("%d contestants, %v", len(cs), err)
	}
	for _, c := range cs {
		if c.group == ours && c.agrees != "identical" {
			t.Errorf("%s: %s", c.name, c.agrees)
		}
		if ns, err := c.time(time.Millisecond); err != nil || ns <= 0 || ns > 1e6 {
			t.Errorf("%s: %v ns, %v", c.name, ns, err)
		}
	}
}

func TestCompare(t *testing.T) {
	n := mustNetwork(t, "S", false)
	off := func(x []float32) ([]float32, error) {
		y := n.want(x)
		y[3] += n.outStep
		return y, nil
	}
	if got, err := compare(n, off, n.want); err != nil || !strings.HasSuffix(got, "% apart") {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := compare(n, func(x []float32) ([]float32, error) { return n.want(x), nil }, n.want); got != "identical" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

// The harness understands the answers of native/peer; a shell script plays it.
func TestHarness(t *testing.T) {
	h, err := start("sh", "-c", `while read order rest; do case $order in
		open) echo INFO: hello; echo ok 1.2;; load) echo ok 3;; time) echo ok 12.500;;
		run) echo "ok 0aff";; repeat) echo "error no room";; *) exit 3;; esac; done`)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.open("ort", "lib.so"); err != nil || h.names["ort"] != "ONNX Runtime 1.2" {
		t.Errorf("%q, %v", h.names["ort"], err)
	}
	f, err := h.load("ort", "file", "u8 1", "u8 2")
	if err != nil || f.id != 3 {
		t.Fatalf("%+v, %v", f, err)
	}
	if ns, err := f.time(time.Second); ns != 12.5 || err != nil {
		t.Errorf("%v, %v", ns, err)
	}
	if out, err := f.run([]byte{1}); !bytes.Equal(out, []byte{10, 255}) || err != nil {
		t.Errorf("% x, %v", out, err)
	}
	if err := f.repeat(5); err == nil || !strings.Contains(err.Error(), "no room") {
		t.Errorf("error %v, want no room", err)
	}
	if _, err := h.ask("die"); err == nil || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("error %v, want the exit status", err)
	}
}

// A package with a wrong sum is refused; the right one yields its libraries.
func TestUnpack(t *testing.T) {
	dir := t.TempDir()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, m := range []string{"package/a.so", "package/other", "package/b.so"} {
		w.WriteHeader(&tar.Header{Name: m, Size: int64(len(m)), Mode: 0o644})
		w.Write([]byte(m))
	}
	w.Close()
	z.Close()
	archive := filepath.Join(dir, "p.tgz")
	if err := os.WriteFile(archive, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	l := library{pkg: "p", version: "1", member: map[string]string{"amd64": "package/a.so", "arm64": "package/b.so"}}
	if err := l.unpack(archive, dir); err == nil || !strings.Contains(err.Error(), "want sha512-") {
		t.Errorf("a package with another sum: %v", err)
	}
	sum := sha512.Sum512(b.Bytes())
	l.integrity = base64.StdEncoding.EncodeToString(sum[:])
	if err := l.unpack(archive, dir); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(l.file(dir, "arm64")); string(got) != "package/b.so" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	l.member["riscv64"] = "package/c.so"
	if err := l.unpack(archive, dir); err == nil {
		t.Error("a library that is not in the package was found")
	}
	if _, err := l.fetch(context.Background(), dir, "arm"); err == nil {
		t.Error("a library for 32-bit Arm was found")
	}
}
