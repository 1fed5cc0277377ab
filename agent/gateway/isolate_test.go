package gateway

import (
	"testing"
)

func FuzzParseIsolated(f *testing.F) {
	f.Add([]byte(`{"since":"2026-11-23T08:00:00Z","by":"alice","note":"incident 12"}`))
	f.Add([]byte(`{}`))
	f.Add([]byte("null"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if i, err := parseIsolated(b); err == nil && i.By == "" {
			t.Errorf("%q isolates by nobody", b)
		}
	})
}
