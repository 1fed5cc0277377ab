package state

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func TestCheckRows(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.rows")
	r, err := OpenRowLog(RowLogOptions{Path: path, Schema: "abc", Channels: 3, Want: 1000})
	for block := 0; block < 3 && err == nil; block++ {
		for i := 0; i < 100 && err == nil; i++ {
			err = r.Push([]float64{1, 2, float64(i)}, true)
		}
		if err == nil {
			err = r.Flush()
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	damaged := bytes.Clone(good)
	damaged[len(good)/2] ^= 1
	last := bytes.Clone(good)
	last[len(good)-1] ^= 1
	for what, c := range map[string]struct {
		b             []byte
		rows, damaged int
		fails         bool
	}{
		"whole":                  {good, 300, 0, false},
		"being written":          {good[:len(good)-50], 200, 0, false},
		"a few bytes of a block": {append(bytes.Clone(good), 1, 2, 3), 300, 0, false},
		"damaged":                {damaged, 200, 100, false},
		"damaged at the end":     {last, 200, 100, false},
		"no header":              {good[20:], 0, 0, true},
		"empty":                  {nil, 0, 0, true},
	} {
		if err := os.WriteFile(path, c.b, 0o600); err != nil {
			t.Fatal(err)
		}
		rows, damaged, err := CheckRows(path)
		if rows != c.rows || damaged != c.damaged || (err != nil) != c.fails {
			t.Errorf("%s: %d rows, %d damaged, %v", what, rows, damaged, err)
		}
	}
}

func FuzzCheckRows(f *testing.F) {
	path := filepath.Join(f.TempDir(), "m.rows")
	r, err := OpenRowLog(RowLogOptions{Path: path, Schema: "abc", Channels: 1, Want: 10})
	if err != nil {
		f.Fatal(err)
	}
	r.Push([]float64{1}, true)
	r.Flush()
	good, _ := os.ReadFile(path)
	f.Add(good)
	f.Add(good[:9])
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "m.rows")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if rows, damaged, err := CheckRows(path); err == nil && (rows < 0 || damaged < 0 || rows > len(b)) {
			t.Errorf("%d rows, %d damaged in %d bytes", rows, damaged, len(b))
		}
	})
}
