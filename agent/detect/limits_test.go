package detect

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

var nan = math.NaN()

func current() Limit {
	return Limit{Channel: "pump.current", Unit: "A", Index: 1, Warn: 12, Alarm: 15, WarnLow: nan, AlarmLow: nan, Hold: 3 * time.Second}
}

func newLimits(t *testing.T, limits ...Limit) *Limits {
	t.Helper()
	l, err := NewLimits("pump1", limits)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func playLimits(l *Limits, from int, values ...float64) (out []Event) {
	for i, v := range values {
		l.Push(at(from+i), []float64{0, v}, func(ev Event) { out = append(out, ev) })
	}
	return out
}

func TestLimits_life(t *testing.T) {
	l := newLimits(t, current())
	got := playLimits(l, 0, 11, 13, 11, 13.5, 16, 15.75, 13, 11.9, 11.9, 11.9, 11.9, 11.7, 11.7, nan, 11.7, 11.7, 11.7, 11.7, 11.7)
	if states(got) != "open update close" {
		t.Fatalf("got %q", states(got))
	}
	open, update, end := got[0], got[1], got[2]
	if !open.Since.Equal(at(1)) || !open.Time.Equal(at(3)) || open.Severity != Warning || open.Score != 13.5/12 || open.Key != "pump.current" {
		t.Errorf("open %+v", open)
	}
	if !update.Time.Equal(at(5)) || update.Severity != Critical || update.Peak != 1+4.0/12 || update.Causes[0].Expected != 15 {
		t.Errorf("update %+v", update)
	}
	// 11.9 is within the band of 12; the missing value restarts the hold.
	if !end.Until.Equal(at(14)) || !end.Time.Equal(at(17)) || end.Severity != Critical || end.Causes[0].Value != 11.7 {
		t.Errorf("close %+v", end)
	}
}

// An alarm whose sensor dies is not over: it says that its value is missing, and
// closes when the value is back and good.
func TestLimits_sensorDies(t *testing.T) {
	l := newLimits(t, current())
	got := playLimits(l, 0, 16, 16, nan, nan, 16, nan, nan, nan, nan, nan, nan, 16, 11, 11, 11, 11)
	if states(got) != "open update update close" {
		t.Fatalf("got %q", states(got))
	}
	lost, again, end := got[1], got[2], got[3]
	if !lost.Time.Equal(at(7)) || !slices.Equal(lost.Missing, []string{"pump.current"}) || !math.IsNaN(lost.Score) ||
		!math.IsNaN(lost.Causes[0].Value) || lost.Severity != Critical || lost.Peak != 16./12 {
		t.Errorf("lost %+v", lost)
	}
	if !again.Time.Equal(at(11)) || again.Missing != nil || again.Causes[0].Value != 16 {
		t.Errorf("again %+v", again)
	}
	if !end.Until.Equal(at(12)) || end.Missing != nil {
		t.Errorf("close %+v", end)
	}
}

func TestLimits_single(t *testing.T) {
	l := newLimits(t, current())
	if got := playLimits(l, 0, 11, 99, 11, 11, 99, 11, nan, math.Inf(1), math.Inf(1)); len(got) != 0 {
		t.Errorf("single wild readings opened %+v", got)
	}
}

func TestLimits_low(t *testing.T) {
	l := newLimits(t, Limit{Channel: "p.level", Unit: "m", Index: 1, Warn: 10, Alarm: nan, WarnLow: 2, AlarmLow: 0, Hold: time.Second})
	got := playLimits(l, 0, 5, 1, 1, -1, -1, 2.1, 2.1, 2.1, 2.2, 2.2)
	if states(got) != "open update close" {
		t.Fatalf("got %q", states(got))
	}
	if got[0].Score != 1.5 || got[0].Causes[0].Direction != "below" || got[0].Causes[0].Expected != 2 {
		t.Errorf("open %+v", got[0])
	}
	if got[1].Score != 2.5 || got[1].Causes[0].Expected != 0 || !got[2].Until.Equal(at(8)) { // band: 2 % of 10 - 2
		t.Errorf("update %+v, close %+v", got[1], got[2])
	}
}

func TestLimits_alarmAtOnce(t *testing.T) {
	l := newLimits(t, current())
	if got := playLimits(l, 0, 20, 20); len(got) != 1 || got[0].Severity != Critical {
		t.Errorf("got %+v", got)
	}
}

func TestLimits_resume(t *testing.T) {
	open := playLimits(newLimits(t, current()), 0, 13, 13)[0]
	l := newLimits(t, current())
	other := open
	other.Key = "pump.speed"
	if l.Resume(other) || !l.Resume(open) || l.Resume(open) {
		t.Fatal("want only the open event of a known channel, once")
	}
	got := playLimits(l, 10, 11, 11, 11, 11)
	if states(got) != "close" || !got[0].Since.Equal(at(0)) || got[0].Peak != open.Peak {
		t.Errorf("got %+v", got)
	}
}

func TestNewLimits_wrong(t *testing.T) {
	for want, l := range map[string]Limit{
		"none set":            {Channel: "a", Warn: nan, Alarm: nan, WarnLow: nan, AlarmLow: nan},
		"want finite":         {Channel: "a", Warn: 5, Alarm: 4, WarnLow: nan, AlarmLow: nan},
		"alarm, got [1 +Inf]": {Channel: "a", Warn: 1, Alarm: math.Inf(1), WarnLow: nan, AlarmLow: nan},
		"index -1":            {Channel: "a", Index: -1, Warn: 5, Alarm: nan, WarnLow: nan, AlarmLow: nan},
	} {
		if _, err := NewLimits("m", []Limit{l}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", want, err)
		}
	}
	if _, err := NewLimits("m", []Limit{current(), current()}); err == nil {
		t.Error("one channel twice was accepted")
	}
}

func TestLimits_allocations(t *testing.T) {
	l := newLimits(t, current())
	rows := [][]float64{{0, 11}, {0, 13}, {0, nan}, {0, 11}, {0}}
	i := 0
	if n := testing.AllocsPerRun(1000, func() {
		l.Push(at(i), rows[i%len(rows)], func(ev Event) { t.Errorf("emitted %+v", ev) })
		i++
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// Two wild readings with an hour of silence between them open nothing.
func TestLimits_missingReadingsAge(t *testing.T) {
	l, err := NewLimits("m", []Limit{{Channel: "p", Warn: 12, Alarm: 15, WarnLow: math.NaN(), AlarmLow: math.NaN()}})
	if err != nil {
		t.Fatal(err)
	}
	at := time.Now()
	push := func(v float64) (events int) {
		at = at.Add(time.Second)
		l.Push(at, []float64{v}, func(Event) { events++ })
		return events
	}
	n := push(13)
	for range 3600 {
		n += push(math.NaN())
	}
	if n += push(13); n != 0 {
		t.Errorf("%d events from two readings an hour apart", n)
	}
	if push(13) != 1 {
		t.Error("two readings in a row open nothing")
	}
}

// A limit that stands for an evaluation zone names the zone it is in.
func TestLimits_zones(t *testing.T) {
	l := newLimits(t, Limit{Channel: "p.velocity", Unit: "mm/s", Index: 1, Warn: 4.5, Alarm: 7.1, WarnLow: -1, AlarmLow: nan, Zones: "ISO 20816-3 group 1, rigid", Hold: time.Second})
	got := playLimits(l, 0, 4, 5, 5, 8, 8, 4, 4, 4, -2, -2)
	if states(got) != "open update close open" {
		t.Fatalf("got %q", states(got))
	}
	for i, want := range []string{"went above the warn limit of 4.5 mm/s: zone C of ISO 20816-3 group 1, rigid",
		"went above the alarm limit of 7.1 mm/s: zone D of ISO 20816-3 group 1, rigid", ReasonNormal, "went below the warn_low limit of -1 mm/s"} {
		if got[i].Reason != want {
			t.Errorf("event %d: reason %q, want %q", i, got[i].Reason, want)
		}
	}
}

// The cooldown keeps a limit that flaps silent, but not one that gets graver, and
// what outlasts it is told with its true since.
func TestLimits_cooldown(t *testing.T) {
	lim := Limit{Channel: "a.x", Warn: 10, Alarm: 12, WarnLow: nan, AlarmLow: nan, Hold: time.Nanosecond, Cooldown: 20 * time.Second}
	l, err := NewLimits("m", []Limit{lim})
	if err != nil {
		t.Fatal(err)
	}
	var got []Event
	at0 := 0
	push := func(n int, v float64) {
		for range n {
			l.Push(at(at0), []float64{v}, func(ev Event) { got = append(got, ev) })
			at0++
		}
	}
	push(3, 11)
	push(3, 5) // closes at 4; rests until 24
	for range 3 {
		push(3, 11)
		push(2, 5)
	}
	if states(got) != "open close" {
		t.Fatalf("flapping: %q", states(got))
	}
	push(20, 11) // from 21 on
	if states(got) != "open close open" || !got[2].Time.Equal(at(24)) || got[2].Since.Before(at(21)) || got[2].Since.After(at(22)) {
		t.Fatalf("outlasting: %+v", got)
	}
	push(3, 5)
	push(3, 13)
	if states(got) != "open close open close open" || got[4].Severity != Critical {
		t.Errorf("graver: %+v", got)
	}
}

// A limit is told as people write it: whole, and without an exponent.
func TestLimits_largeNumbers(t *testing.T) {
	for warn, want := range map[float64]string{12345: "12345", 70.25: "70.25", 1234.56: "1234.56", 1000000.25: "1000000.25", 2e6: "2000000", 0.001: "0.001", 1e14: "1e+14"} {
		l := newLimits(t, Limit{Channel: "p.total", Unit: "kWh", Index: 1, Warn: warn, Alarm: nan, WarnLow: nan, AlarmLow: nan, Hold: time.Second})
		got := playLimits(l, 0, 2*warn, 2*warn)
		if want = "went above the warn limit of " + want + " kWh"; len(got) != 1 || got[0].Reason != want {
			t.Errorf("%v: got %+v, want %q", warn, got, want)
		}
	}
}
