package demo

import "testing"

// TestMovedNote: a note is given only if the address differs.
func TestMovedNote(t *testing.T) {
	if got := movedNote("1883", "broker", "tcp://127.0.0.1:1883"); got != nil {
		t.Errorf("got %q, want nothing for the usual port", got)
	}
	if got := movedNote("1883", "broker", "tcp://127.0.0.1:1884"); len(got) != 1 || got[0] != "port 1883 is taken: the broker is on 127.0.0.1:1884" {
		t.Errorf("got %q", got)
	}
}
