package detect

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestShelf_detector: nothing opens while the Shelf is on, what still holds opens when it
// goes off, with its true beginning; what was open tells no updates, and its close.
func TestShelf_detector(t *testing.T) {
	s := &Shelf{On: true}
	d := newDetector(t, func(o *Policy) { o.Hold = 0; o.Update = time.Second })
	d.Shelve(s)
	second := 0
	run := func(scores ...float64) (out []string) {
		for _, v := range scores {
			second++
			if ev, ok := d.Push(at(second), row(v)); ok {
				out = append(out, fmt.Sprint(ev.State, " ", ev.Severity, " ", ev.Time.Sub(ev.Since)))
			}
		}
		return out
	}
	if got := run(2, 2, 2, 2, 0.1, 2, 2, 2, 2, 2); got != nil || s.Silent != 2 {
		t.Errorf("on the shelf: %q, %d silent; want none told, 2 silent", got, s.Silent)
	}
	if d.Silent(at(second)) != SilentShelved {
		t.Errorf("silent because of %q", d.Silent(at(second)))
	}
	s.On = false
	if got := run(2); len(got) != 1 || got[0] != "open high 5s" {
		t.Errorf("off the shelf: %q", got)
	}
	s.On = true
	if got := run(2, 2, 5, 5); got != nil {
		t.Errorf("an open event on the shelf tells %q", got)
	}
	s.On = false
	if got := run(2); len(got) != 1 || !strings.HasPrefix(got[0], "update critical") {
		t.Errorf("off the shelf: %q", got)
	}
	s.On = true
	if got := run(0.1); len(got) != 1 || !strings.HasPrefix(got[0], "close") || s.Silent != 2 {
		t.Errorf("the end on the shelf: %q, %d silent", got, s.Silent)
	}
}

// TestShelf_limits: a warning is silent, an alarm is told.
func TestShelf_limits(t *testing.T) {
	for _, c := range []struct {
		name, want string
		values     []float64 // the Shelf is on until -1
		silent     uint64
	}{
		{"over before the end", "", []float64{13, 13, 13, 5, -1, 5}, 1},
		{"holds at the end", "open warning", []float64{13, 13, 13, -1, 13}, 1},
		{"becomes an alarm", "open critical, close critical", []float64{13, 13, 16, 16, 16, 5, -1}, 1},
		{"an alarm at once", "open critical, close critical", []float64{16, 16, 5, -1}, 0},
	} {
		l, err := NewLimits("m", []Limit{{Channel: "a.b", Warn: 12, Alarm: 15, WarnLow: nan, AlarmLow: nan}})
		if err != nil {
			t.Fatal(err)
		}
		s := &Shelf{On: true}
		l.Shelve(s)
		var got []string
		for i, v := range c.values {
			if v == -1 {
				s.On = false
				continue
			}
			l.Push(at(i), []float64{v}, func(ev Event) { got = append(got, fmt.Sprint(ev.State, " ", ev.Severity)) })
		}
		if text := strings.Join(got, ", "); text != c.want || s.Silent != c.silent || l.Silent() != 0 {
			t.Errorf("%s: told %q, %d silent; want %q, %d", c.name, text, s.Silent, c.want, c.silent)
		}
	}
}

// TestShelf_warningOpen: a warning that was told before the Shelf tells its close.
func TestShelf_warningOpen(t *testing.T) {
	l, err := NewLimits("m", []Limit{{Channel: "a.b", Warn: 12, Alarm: 15, WarnLow: nan, AlarmLow: nan}})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	second := 0
	push := func(n int, v float64) {
		for range n {
			second++
			l.Push(at(second), []float64{v}, func(ev Event) { got = append(got, string(ev.State)) })
		}
	}
	push(3, 13)
	l.Shelve(&Shelf{On: true})
	push(2, nan) // the value is missing: an update
	push(2, 5)
	if text := strings.Join(got, ", "); text != "open, close" {
		t.Errorf("told %q", text)
	}
}
