package spool

import (
	"strings"
	"testing"
)

func TestCount(t *testing.T) {
	for n, want := range map[int]string{0: "0 segments", 1: "1 segment", 2: "2 segments"} {
		if got := Count(n, "segment", "segments"); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	one := Verified{Records: 1, Segments: 1, Bytes: 1, Entries: 1}
	if text := one.Text(); !strings.HasPrefix(text, "queue     1 message in 1 segment (1 byte), 0 not delivered yet\n") || !strings.Contains(text, "entries   1 in ") {
		t.Error(text)
	}
}
