package detect

import (
	"testing"
	"time"
	_ "time/tzdata" // the test's zone, wherever it runs
)

// TestMute_clockChange: on the days when the clocks change, a window is what the
// clock on the wall shows: an hour that does not exist is not muted, one that
// comes twice is muted twice.
func TestMute_clockChange(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	windows := []MuteWindow{{From: 90, To: 150}} // 01:30-02:30
	for _, c := range []struct {
		name  string
		from  time.Time // UTC
		muted int       // minutes of the next six hours
	}{
		{"an ordinary night", time.Date(2026, 3, 27, 23, 0, 0, 0, time.UTC), 60},
		{"forward: from 02:00 to 03:00", time.Date(2026, 3, 28, 23, 0, 0, 0, time.UTC), 30},
		{"back: from 03:00 to 02:00", time.Date(2026, 10, 24, 22, 0, 0, 0, time.UTC), 90},
	} {
		n := 0
		for m := range 6 * 60 {
			if muted(windows, berlin, c.from.Add(time.Duration(m)*time.Minute)) {
				n++
			}
		}
		if n != c.muted {
			t.Errorf("%s: muted for %d minutes, want %d", c.name, n, c.muted)
		}
	}
	// The night from Saturday to Sunday, with the window of Saturday.
	night := []MuteWindow{{From: 22 * 60, To: 6 * 60, Days: [7]bool{time.Saturday: true}}}
	n := 0
	for m := range 24 * 60 {
		if muted(night, berlin, time.Date(2026, 10, 24, 12, 0, 0, 0, time.UTC).Add(time.Duration(m)*time.Minute)) {
			n++
		}
	}
	if n != 9*60 {
		t.Errorf("Saturday 22:00 to Sunday 06:00 with an hour twice: muted for %d minutes, want %d", n, 9*60)
	}
}

// TestMute_midnight: an anomaly that begins before midnight in a window that ends
// after it is announced when the window ends, with its true since; what is open
// when a window begins goes on.
func TestMute_midnight(t *testing.T) {
	d := newDetector(t, func(o *Policy) { o.Mute = []MuteWindow{{From: 23*60 + 59, To: 1}}; o.Hold = 0 })
	evening := time.Date(2026, 11, 23, 23, 59, 0, 0, time.UTC)
	var got []Event
	for i := range 180 {
		if why := d.Silent(evening.Add(time.Duration(i) * time.Second)); (why == SilentMuted) != (i > 2 && i < 120) {
			t.Fatalf("second %d: silent %q", i, why)
		}
		if ev, ok := d.Push(evening.Add(time.Duration(i)*time.Second), row(1.2)); ok {
			got = append(got, ev)
		}
	}
	if states(got) != "open" || !got[0].Since.Equal(evening) || !got[0].Time.Equal(evening.Add(2*time.Minute)) {
		t.Errorf("got %+v", got)
	}
	d = newDetector(t, func(o *Policy) { o.Mute = []MuteWindow{{From: 0, To: 1440}}; o.Hold = 0 })
	if !d.Resume(got[0]) {
		t.Fatal("not resumed")
	}
	ev, ok := d.Push(evening, row(4))
	if !ok || ev.State != Update || ev.Severity != Critical {
		t.Errorf("an open event in a window: %+v, %v", ev, ok)
	}
	if ev, ok = d.Push(evening, row(0)); !ok || ev.State != Close {
		t.Errorf("its end in the window: %+v, %v", ev, ok)
	}
}
