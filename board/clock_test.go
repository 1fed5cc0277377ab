package board

import (
	"strings"
	"testing"
	"time"
)

func TestClock(t *testing.T) {
	marked, plain := t.TempDir(), t.TempDir()
	write(t, marked, timesyncMark, "")
	now := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		root   string
		now    time.Time
		kernel bool
		want   string
	}{
		{plain, now, true, "synced"}, {marked, now, false, "synced"}, {plain, now, false, "unknown"},
		{plain, time.Unix(0, 0), true, "unset"}, {marked, earliest.Add(-1), true, "unset"},
	} {
		if got := clock(c.root, c.now, c.kernel).String(); got != c.want {
			t.Errorf("%+v: got %s", c, got)
		}
	}
	var zero ClockState
	if zero.String() != "unknown" {
		t.Errorf("zero value is %v", zero)
	}
	if s := Clock(); s == ClockUnset && time.Now().Year() >= 2024 {
		t.Errorf("this machine's clock is %v", s)
	}
}

func TestUptime(t *testing.T) {
	a := Uptime()
	time.Sleep(2 * time.Millisecond)
	if b := Uptime(); a <= 0 || b-a < 2*time.Millisecond || b-a > time.Minute {
		t.Errorf("%v, then %v", a, b)
	}
	if id := BootID("/"); len(id) != 36 || strings.Count(id, "-") != 4 {
		t.Errorf("boot id %q", id)
	}
	if id := BootID("testdata/absent"); id != "" {
		t.Errorf("boot id %q", id)
	}
}
