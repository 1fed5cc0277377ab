package gateway

import (
	"strings"
	"testing"
)

// TestBadNote: notes are shown on terminals and stand in messages.
func TestBadNote(t *testing.T) {
	for note, want := range map[string]string{"": "", "on my way: ölfilter 🔧": "", strings.Repeat("x", 1000): "",
		strings.Repeat("x", 1001): "1001 bytes", "a\x1b[2J": "control character", "two\nlines": "control character", "\u009b2J": "control character"} {
		err := badNote(note)
		if got := err != nil; got != (want != "") || got && !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: %v, want %q", note, err, want)
		}
	}
	// nor does the name of a file that somebody sends
	if err := badText("the name of the file", "evil\x1b[31m.safetensors"); err == nil || !strings.HasPrefix(err.Error(), "the name of the file has a control character") {
		t.Error(err)
	}
}
