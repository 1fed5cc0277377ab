package gateway

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"iot-edge-anomaly/agent/control"
)

// TestMutes: a mute outlives a restart and ends by itself, by whichever clock is first.
func TestMutes(t *testing.T) {
	dir, log, now := t.TempDir(), slog.New(slog.DiscardHandler), time.Now()
	m := loadMutes(dir, log, now)
	keep(t, m.set("pump1", "alice", "bearing", now, 2*time.Hour))
	keep(t, m.set("fan1", "bob", "", now, time.Hour))
	keep(t, m.set("mill1", "bob", "", now, time.Hour))
	keep(t, m.set("mill1", "bob", "", now, 0))
	m = loadMutes(dir, log, now.Add(time.Minute))
	if p := m.of("pump1"); p == nil || p.By != "alice" || p.Note != "bearing" || p.Until.Sub(p.Since) != 2*time.Hour {
		t.Errorf("after a restart: %+v", p)
	}
	if m.of("mill1") != nil || m.of("other") != nil {
		t.Error("muted: what nobody has muted")
	}
	if over := m.expire(now.Add(59 * time.Minute)); over != nil {
		t.Errorf("over too early: %v", over)
	}
	if over := m.expire(now.Add(61 * time.Minute)); !slices.Equal(over, []string{"fan1"}) || m.of("fan1") != nil {
		t.Errorf("over after an hour: %v", over)
	}
	if m = loadMutes(dir, log, now.Add(3*time.Hour)); m.of("pump1") != nil {
		t.Error("a mute that is over came back with a restart")
	}
	if m = loadMutes(dir, log, now.AddDate(-10, 0, 0)); m.of("pump1") == nil {
		t.Error("forgotten because the clock is behind")
	}
	if over := m.expire(now.AddDate(-10, 0, 0).Add(2*time.Hour + time.Second)); !slices.Contains(over, "pump1") {
		t.Error("a clock that is behind prolongs a mute")
	}
}

func keep(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}

// TestMutes_disk: a mute that cannot be kept holds, and who asked is told that it ends with
// the agent.
func TestMutes_disk(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "gone")
	m := loadMutes(dir, slog.New(slog.DiscardHandler), time.Now())
	if err := m.set("pump1", "alice", "", time.Now(), time.Hour); err == nil || m.of("pump1") == nil {
		t.Errorf("%v, muted %v", err, m.of("pump1"))
	}
}

// TestMutes_damaged: a file that cannot be used mutes nothing, and the next mute is kept.
func TestMutes_damaged(t *testing.T) {
	dir, log, now := t.TempDir(), slog.New(slog.DiscardHandler), time.Now()
	if err := os.WriteFile(filepath.Join(dir, "mutes.json"), []byte("{torn"), 0o600); err != nil {
		t.Fatal(err)
	}
	m := loadMutes(dir, log, now)
	keep(t, m.set("pump1", "alice", "", now, time.Hour))
	if m = loadMutes(dir, log, now); m.of("pump1") == nil {
		t.Error("forgotten")
	}
}

// TestMute_span: a span that no Duration holds is refused as it was asked for.
func TestMute_span(t *testing.T) {
	for _, s := range []string{"1e300", "-1e300", "-1", "86401"} {
		_, err := new(Gateway).askMute(t.Context(), control.Request{Body: []byte(`{"machine":"pump1","for_s":` + s + `}`)})
		if v, _ := strconv.ParseFloat(s, 64); err == nil || err.Error() != fmt.Sprintf("mute for %g s: want at most 24h0m0s, or 0 to end it", v) {
			t.Errorf("%s: %v", s, err)
		}
	}
}

func FuzzMutes(f *testing.F) {
	f.Add([]byte(`{"pump1":{"since":"2026-11-23T08:00:00Z","until":"2026-11-23T09:00:00Z","by":"alice"}}`))
	f.Add([]byte(`{"a":{"since":"0001-01-01T00:00:00Z","until":"9999-11-23T09:00:00Z"}}`))
	f.Add([]byte("null"))
	now := time.Date(2026, 11, 23, 8, 30, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, b []byte) {
		list, _ := parseMutes(b, now)
		for name, m := range list {
			if left := m.end.Sub(now); left <= 0 || left > muteMost {
				t.Errorf("%s is muted for %v more", name, left)
			}
		}
	})
}
