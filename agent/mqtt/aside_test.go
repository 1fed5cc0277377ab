package mqtt

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestKeepAside_torn: wherever a power cut tore the last line, what follows is whole.
func TestKeepAside_torn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "refused.jsonl")
	keep := func(id uint64) {
		t.Helper()
		if err := keepAside(path, asideLine{ID: id, Topic: "p/event", Payload: `{"a":1}`}); err != nil {
			t.Fatal(err)
		}
	}
	keep(1)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for n := range len(whole) + 1 {
		if err := os.WriteFile(path, append(append([]byte{}, whole...), whole[:n]...), 0o600); err != nil {
			t.Fatal(err)
		}
		keep(2)
		keep(3)
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var ids []uint64
		for _, text := range strings.Split(strings.TrimSuffix(string(b), "\n"), "\n") {
			var l asideLine
			if json.Unmarshal([]byte(text), &l) == nil {
				ids = append(ids, l.ID)
			}
		}
		want := 3
		if n >= len(whole)-1 {
			want = 4 // nothing is missing but the end of the line
		}
		if len(ids) != want || ids[0] != 1 || ids[want-2] != 2 || ids[want-1] != 3 || strings.Contains(string(b), "\n\n") {
			t.Fatalf("torn after %d bytes: messages %v of\n%s", n, ids, b)
		}
	}
}

// TestKeepAside_full: a full file is kept as .1, and the message begins another.
func TestKeepAside_full(t *testing.T) {
	path := filepath.Join(t.TempDir(), "refused.jsonl")
	big, before := strings.Repeat("x", asideBytes/2), Written()
	for id := range uint64(3) {
		if err := keepAside(path, asideLine{ID: id, Payload: big}); err != nil {
			t.Fatal(err)
		}
	}
	if n := Written() - before; n < 3*asideBytes/2 || n > 3*(asideBytes/2+8192) {
		t.Errorf("%d bytes are counted as written, want three times half a MiB", n)
	}
	for _, name := range []string{path, path + ".1"} {
		b, err := os.ReadFile(name)
		if err != nil || len(b) > asideBytes || strings.Count(string(b), "\n") != 1 {
			t.Errorf("%s: %d bytes, %v", name, len(b), err)
		}
	}
}
