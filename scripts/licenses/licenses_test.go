package main

import (
	"bytes"
	"compress/gzip"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden file agent/licenses.gz")

const embedded = "../../agent/licenses.gz"

// TestEmbedded: version --licenses prints the licences of what is linked now.
func TestEmbedded(t *testing.T) {
	want, err := collect("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{"github.com/eclipse/paho.mqtt.golang", "the Go standard library", "Apache License"} {
		if !strings.Contains(want, s) {
			t.Errorf("no %q in the licences", s)
		}
	}
	if *update {
		if err := os.WriteFile(embedded, compress(t, want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.Open(embedded)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("agent/licenses.gz is not what go run ./scripts/licenses prints: make golden writes it")
	}
}

func compress(t *testing.T, text string) []byte {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(z, text)
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestTexts: a module without a licence is an error that names it; a text that two
// modules share is printed once, below both names.
func TestTexts(t *testing.T) {
	dir := func(files ...string) string {
		d := t.TempDir()
		for i := 0; i < len(files); i += 2 {
			if err := os.WriteFile(filepath.Join(d, files[i]), []byte(files[i+1]), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return d
	}
	same := dir("LICENSE", "do as you like\r\n")
	got, err := texts([]module{{"a v1", same}, {"b v2", dir("COPYING.txt", "do as you like", "NOTICE", "by b")}})
	want := "=== a v1: LICENSE\n=== b v2: COPYING.txt\n\ndo as you like\n\n=== b v2: NOTICE\n\nby b\n\n"
	if err != nil || got != want {
		t.Errorf("%q %v, want %q", got, err, want)
	}
	for _, bad := range []string{dir("NOTICE", "by c", "license.go", "package c"), filepath.Join(same, "absent")} {
		if _, err := texts([]module{{"a v1", same}, {"c v3", bad}}); err == nil || !strings.Contains(err.Error(), "c v3: ") {
			t.Errorf("no licence in %s: %v", bad, err)
		}
	}
}
