package gateway

import (
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestRetainedTopics: what an earlier configuration published and this one does not
// is emptied, over restarts, until the broker has confirmed it.
func TestRetainedTopics(t *testing.T) {
	dir, log := t.TempDir(), slog.New(slog.DiscardHandler)
	begin := func() *retainedTopics { return loadRetained(dir, log) }
	r := begin()
	if gone := r.use([]string{"p/gw7/status", "p/gw7/machine/a", "p/gw7/machine/b"}); gone != nil {
		t.Errorf("at first %v is emptied", gone)
	}
	r.cleared("p/gw7/machine/a") // in use: whoever emptied it, it is published again
	r = begin()
	now := []string{"p/gw8/status", "p/gw8/machine/a"}
	want := []string{"p/gw7/status", "p/gw7/machine/a", "p/gw7/machine/b"}
	for range 2 { // the broker was away: once more after a restart
		if gone := r.use(now); !slices.Equal(gone, want) {
			t.Errorf("emptied %v, want %v", gone, want)
		}
		r = begin()
	}
	r.use(now)
	r.cleared("p/gw7/machine/a")
	r = begin()
	if gone := r.use(now); !slices.Equal(gone, []string{"p/gw7/status", "p/gw7/machine/b"}) {
		t.Errorf("once one is confirmed: %v", gone)
	}
	if err := os.WriteFile(filepath.Join(dir, "retained.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if gone := begin().use(now); gone != nil {
		t.Errorf("a damaged file: %v", gone)
	}
}
