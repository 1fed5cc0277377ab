package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestTargets(t *testing.T) {
	cs := func(ours1, ort float64) map[string][]*contestant {
		return map[string][]*contestant{"S": {
			{name: "avx2", group: ours, ns: ours1}, {name: "generic", group: ours, ns: ours1},
			{name: "o", group: ortInt8, ns: 2 * ort}, {name: "o", group: ortInt8, ns: ort}, {name: "t", group: tflInt8, ns: ort},
		}}
	}
	var b strings.Builder
	met, err := printTargets(&b, []string{"S"}, cs(2, 100))
	if err != nil || !met || strings.Contains(b.String(), "MISSED") || !strings.Contains(b.String(), "not here") {
		t.Errorf("0.02: %v, %v\n%s", met, err, b.String())
	}
	b.Reset()
	if met, _ := printTargets(&b, []string{"S"}, cs(4, 100)); met || strings.Count(b.String(), "MISSED") != 1 {
		t.Errorf("0.04 of at most 0.03:\n%s", b.String())
	}
}

// Each contestant gets the best of its rounds.
func TestMeasure(t *testing.T) {
	times := []float64{3, 2, 5}
	c := &contestant{time: func(time.Duration) (float64, error) {
		ns := times[0]
		times = times[1:]
		return ns, nil
	}}
	err := measure(context.Background(), []string{"S"}, map[string][]*contestant{"S": {c}}, 3, time.Millisecond)
	if err != nil || c.ns != 2 {
		t.Errorf("%v, %v; want 2", c.ns, err)
	}
	c.time = func(time.Duration) (float64, error) { return 0, errors.New("gone") }
	if err := measure(context.Background(), []string{"S"}, map[string][]*contestant{"S": {c}}, 1, time.Millisecond); err == nil {
		t.Error("an engine's error was lost")
	}
}

// Our own kernels agree with the naive loop, and take a time.
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

// A harness that answers as native/peer does.
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

// A package with another sum is refused; the libraries are found in the right one.
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
