package detect

import (
	"math"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"iot-edge-anomaly/model"
)

var start = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)

func at(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }

func channels() []model.Channel {
	return []model.Channel{{Name: "pump.current", Unit: "A"}, {Name: "pump.flow", Unit: "l/min"}, {Name: "pump.speed", Unit: "Hz"}}
}

func options() Policy {
	o := DefaultPolicy("pump1", channels())
	o.Hold, o.Repeats, o.Update, o.Location = 3*time.Second, 0, 0, time.UTC
	return o
}

func row(v float64) model.Score {
	return model.Score{Value: float32(v), Shares: []float32{0.25, 0.625, 0.125},
		Values: []float64{4.2, 10, math.NaN()}, Expected: []float64{3.1, 12, 40}}
}

func newDetector(t *testing.T, change func(*Policy)) *Detector {
	t.Helper()
	o := options()
	if change != nil {
		change(&o)
	}
	d, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// play pushes one score a second: NaN is a gap, a negative number an idle row.
func play(d *Detector, from int, scores ...float64) (out []Event) {
	for i, v := range scores {
		var ev Event
		var ok bool
		switch t := at(from + i); {
		case math.IsNaN(v):
			d.Gap(t)
		case v < 0:
			ev, ok = d.Idle(t)
		default:
			ev, ok = d.Push(t, row(v))
		}
		if ok {
			out = append(out, ev)
		}
	}
	return out
}

func states(events []Event) string {
	var s []string
	for _, ev := range events {
		s = append(s, string(ev.State))
	}
	return strings.Join(s, " ")
}

func TestPush_life(t *testing.T) {
	d := newDetector(t, nil)
	got := play(d, 0, 0.2, 1.25, 0.5, 1.25, 0.5, 1.4, 2, 1, 0.7, 0.7, 0.9, 0.7, 0.7, 0.7, 0.7, 0.7)
	if states(got) != "open update close" {
		t.Fatalf("got %q, want open update close", states(got))
	}
	open, update, end := got[0], got[1], got[2]
	if !open.Since.Equal(at(1)) || !open.Time.Equal(at(5)) || open.Severity != Warning {
		t.Errorf("open: since %v, time %v, severity %s", open.Since, open.Time, open.Severity)
	}
	if !update.Time.Equal(at(6)) || update.Severity != High || update.Peak != 2 {
		t.Errorf("update: time %v, severity %s, peak %v", update.Time, update.Severity, update.Peak)
	}
	if !end.Until.Equal(at(11)) || !end.Time.Equal(at(14)) || end.Reason != ReasonNormal || end.Peak != 2 {
		t.Errorf("close: until %v, time %v, reason %q, peak %v", end.Until, end.Time, end.Reason, end.Peak)
	}
	for _, ev := range got {
		if !ev.Since.Equal(open.Since) || ev.Machine != "pump1" || ev.Kind != ProcessAnomaly {
			t.Errorf("%s: since %v, machine %s, kind %s", ev.State, ev.Since, ev.Machine, ev.Kind)
		}
	}
	want := []Cause{{"pump.flow", "l/min", 0.625, 10, 12, "below"}, {"pump.current", "A", 0.25, 4.2, 3.1, "above"}}
	if !reflect.DeepEqual(open.Causes[:2], want) {
		t.Errorf("causes %+v, want %+v", open.Causes, want)
	}
	if c := open.Causes[2]; !math.IsNaN(c.Value) || c.Direction != "" || !reflect.DeepEqual(open.Missing, []string{"pump.speed"}) {
		t.Errorf("third cause %+v, missing %v", c, open.Missing)
	}
	if _, ok := d.Open(); ok {
		t.Error("still open after the close")
	}
}

// One loud row outweighs many quiet ones: the share of the squared scores.
func TestPush_causesWeighted(t *testing.T) {
	d := newDetector(t, func(o *Policy) { o.N, o.M, o.Causes = 1, 1, 1 })
	one := func(sec int, v float32, shares ...float32) []Event {
		ev, ok := d.Push(at(sec), model.Score{Value: v, Shares: shares, Values: []float64{1, 1, 1}, Expected: []float64{1, 1, 1}})
		if !ok {
			return nil
		}
		return []Event{ev}
	}
	one(0, 1.25, 1, 0, 0)
	one(1, 1.25, 1, 0, 0)
	got := one(2, 10, 0, 0, 1) // 100 of 103.125
	if len(got) != 1 || len(got[0].Causes) != 1 || got[0].Causes[0].Channel != "pump.speed" || got[0].Causes[0].Share != 100/103.125 {
		t.Fatalf("got %+v", got)
	}
}

func TestPush_nOfM(t *testing.T) {
	d := newDetector(t, nil)
	if got := play(d, 0, 2, 2, 0.9, 0.9, 0.9, 2, 2, 0.9, 0.9, 0.9); len(got) != 0 {
		t.Errorf("opened on two of five: %+v", got)
	}
	if got := play(d, 10, 1, 1, 1, 1, 1); len(got) != 0 {
		t.Errorf("opened at the threshold itself: %+v", got)
	}
}

func TestPush_cooldown(t *testing.T) {
	d := newDetector(t, func(o *Policy) { o.Hold, o.Cooldown = 0, 10*time.Second })
	got := play(d, 0, 2, 2, 2, 0.1) // closes at 3
	got = append(got, play(d, 4, 2, 2, 2, 0.1, 0.1)...)
	if states(got) != "open close" {
		t.Fatalf("got %q: an episode within the cooldown is silent", states(got))
	}
	got = play(d, 9, 2, 2, 2, 2, 2) // outlasts the cooldown, which ends at 13
	if states(got) != "open" || !got[0].Since.Equal(at(9)) || !got[0].Time.Equal(at(13)) {
		t.Fatalf("got %+v", got)
	}
}

func TestPush_update(t *testing.T) {
	d := newDetector(t, func(o *Policy) { o.Update = 4 * time.Second })
	got := play(d, 0, 1.25, 1.25, 1.25, 1.25, 1.25, 1.25, 1.25, 1.25, 5, 5, 5, 5, 1.25)
	want := []int{2, 6, 8, 12}
	if states(got) != "open update update update" {
		t.Fatalf("got %q", states(got))
	}
	for i, ev := range got {
		if !ev.Time.Equal(at(want[i])) {
			t.Errorf("event %d at %v, want second %d", i, ev.Time, want[i])
		}
	}
	if got[2].Severity != Critical || got[3].Severity != Critical {
		t.Errorf("severities %s, %s: want critical, and no fall", got[2].Severity, got[3].Severity)
	}
}

func TestPush_mute(t *testing.T) {
	window := MuteWindow{From: 8 * 60, To: 8*60 + 1} // 08:00 to 08:01
	d := newDetector(t, func(o *Policy) { o.Mute = []MuteWindow{window} })
	if got := play(d, 0, 2, 2, 2, 2, 0.1, 0.1, 0.1, 0.1, 0.1); len(got) != 0 {
		t.Fatalf("opened in the window: %+v", got)
	}
	long := make([]float64, 55)
	for i := range long {
		long[i] = 2
	}
	got := play(d, 10, long...)
	if states(got) != "open" || !got[0].Time.Equal(at(60)) || !got[0].Since.Equal(at(10)) {
		t.Fatalf("an anomaly that outlasts the window: got %+v", got)
	}
	// An open event is neither closed nor kept from closing by a window.
	d = newDetector(t, func(o *Policy) { o.Mute = []MuteWindow{{From: 8*60 + 1, To: 9 * 60}} })
	got = append(play(d, 0, 2, 2, 2), play(d, 60, 2, 0.1, 0.1, 0.1, 0.1)...)
	if states(got) != "open close" {
		t.Fatalf("got %q", states(got))
	}
}

func TestMuteWindow_holds(t *testing.T) {
	monday := [7]bool{time.Monday: true}
	for _, c := range []struct {
		w    MuteWindow
		at   string
		want bool
	}{
		{MuteWindow{From: 60, To: 120}, "2026-11-23T01:00", true},
		{MuteWindow{From: 60, To: 120}, "2026-11-23T02:00", false},
		{MuteWindow{From: 0, To: 1440}, "2026-11-23T23:59", true},
		{MuteWindow{From: 1320, To: 120, Days: monday}, "2026-11-23T22:00", true}, // a Monday
		{MuteWindow{From: 1320, To: 120, Days: monday}, "2026-11-24T01:59", true},
		{MuteWindow{From: 1320, To: 120, Days: monday}, "2026-11-24T02:00", false},
		{MuteWindow{From: 1320, To: 120, Days: monday}, "2026-11-23T01:00", false}, // began on Sunday
		{MuteWindow{From: 1320, To: 120, Days: monday}, "2026-11-24T22:00", false},
		{MuteWindow{From: 0, To: 1440}, "1970-01-01T12:00", false}, // the clock is not set
	} {
		when, err := time.Parse("2006-01-02T15:04", c.at)
		if err != nil {
			t.Fatal(err)
		}
		if got := muted([]MuteWindow{c.w}, time.UTC, when); got != c.want {
			t.Errorf("%+v at %s: got %v", c.w, c.at, got)
		}
	}
	berlin := time.FixedZone("CET", 3600)
	if !muted([]MuteWindow{{From: 9 * 60, To: 9*60 + 1}}, berlin, start) {
		t.Error("08:00 UTC is 09:00 CET")
	}
}

func TestIdle(t *testing.T) {
	d := newDetector(t, nil)
	got := play(d, 0, 2, 2, 2, -1, -1, 2, 2) // a short stop
	if states(got) != "open" {
		t.Fatalf("short stop: got %q", states(got))
	}
	got = play(d, 7, 0.1, -1, -1, -1, -1)
	if states(got) != "close" || got[0].Reason != ReasonStopped || !got[0].Until.Equal(at(7)) || !got[0].Time.Equal(at(10)) {
		t.Fatalf("stop: got %+v", got)
	}
	if got := play(d, 20, 2, 2, -1, 2); len(got) != 0 {
		t.Errorf("rows before a stop counted: %+v", got)
	}
}

func TestGap(t *testing.T) {
	nan := math.NaN()
	d := newDetector(t, nil)
	got := play(d, 0, 2, 2, nan, 2, 2)
	if len(got) != 0 {
		t.Fatalf("rows before a gap counted: %+v", got)
	}
	got = play(d, 5, 2, 0.1, 0.1, nan, nan, nan, nan, 0.1, 0.1, 0.1, 0.1)
	if states(got) != "open close" || !got[1].Until.Equal(at(12)) {
		t.Fatalf("a gap restarts the hold: got %+v", got)
	}
	if ev, ok := newDetector(t, nil).Push(at(0), row(nan)); ok {
		t.Errorf("a NaN score opened %+v", ev)
	}
}

func TestResume(t *testing.T) {
	d := newDetector(t, nil)
	open := play(d, 0, 2, 2, 4)[0]
	next := newDetector(t, nil)
	for _, wrong := range []Event{{Machine: "pump2", Kind: ProcessAnomaly}, {Machine: "pump1", Kind: LimitExceeded},
		{Machine: "pump1", Kind: ProcessAnomaly, State: Close}} {
		if next.Resume(wrong) {
			t.Errorf("resumed %+v", wrong)
		}
	}
	if !next.Resume(open) || next.Resume(open) {
		t.Fatal("want resumed once")
	}
	if ev, ok := next.Open(); !ok || !ev.Since.Equal(at(0)) || ev.Severity != Critical {
		t.Errorf("open after resume: %+v, %v", ev, ok)
	}
	got := play(next, 10, 0.1, 0.1, 0.1, 0.1)
	if states(got) != "close" || !got[0].Since.Equal(at(0)) || got[0].Peak != 4 || got[0].Causes[0].Channel != "pump.flow" {
		t.Fatalf("got %+v", got)
	}
}

func TestClose(t *testing.T) {
	d := newDetector(t, nil)
	if _, ok := d.Close(at(0), "model replaced"); ok {
		t.Error("closed what was not open")
	}
	play(d, 1, 2, 2, 2)
	if ev, ok := d.Close(at(9), "model replaced"); !ok || ev.Reason != "model replaced" || !ev.Until.Equal(at(9)) {
		t.Errorf("got %+v, %v", ev, ok)
	}
}

// F26: steps of the wall clock neither stall nor end an event, where rows carry
// the monotonic reading; where they do not, nothing becomes negative.
func TestPush_clockJumps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDetector(t, nil)
		var got []Event
		push := func(v float64) {
			if ev, ok := d.Push(time.Now(), row(v)); ok {
				got = append(got, ev)
			}
			time.Sleep(time.Second)
		}
		for _, v := range []float64{2, 2, 2, 0.1, 0.1, 0.1, 0.1} {
			push(v)
		}
		if states(got) != "open close" || got[1].Until.Sub(got[1].Since) != 3*time.Second {
			t.Fatalf("got %+v", got)
		}
	})
	for _, jump := range []time.Duration{-50 * 365 * 24 * time.Hour, -time.Hour, time.Hour, 10 * 365 * 24 * time.Hour} {
		d := newDetector(t, nil)
		got := play(d, 0, 2, 2, 2)
		for i := range 8 {
			if ev, ok := d.Push(at(3+i).Add(jump), row(0.1)); ok {
				got = append(got, ev)
			}
		}
		if states(got) != "open close" || got[1].Until.Before(got[1].Since) {
			t.Errorf("jump %v: got %+v", jump, got)
		}
	}
}

func TestNew_wrong(t *testing.T) {
	for name, change := range map[string]func(*Policy){
		"open 6 of 5":          func(o *Policy) { o.N = 6 },
		"open 3 of 5000":       func(o *Policy) { o.M = 5000 },
		"close below 1.5":      func(o *Policy) { o.CloseBelow = 1.5 },
		"close below NaN":      func(o *Policy) { o.CloseBelow = math.NaN() },
		"hold -1s":             func(o *Policy) { o.Hold = -time.Second },
		"severity high from 2": func(o *Policy) { o.High, o.Critical = 2, 1 },
		"no channels":          func(o *Policy) { o.Channels = nil },
		"mute window 5 to 5":   func(o *Policy) { o.Mute = []MuteWindow{{From: 5, To: 5}} },
	} {
		o := options()
		change(&o)
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if _, err := New(DefaultPolicy("m", channels())); err != nil {
		t.Errorf("the default: %v", err)
	}
}

func TestPush_wildScores(t *testing.T) {
	d := newDetector(t, nil)
	inf := float32(math.Inf(1))
	for i := range 5 {
		d.Push(at(i), model.Score{Value: inf, Shares: []float32{float32(math.NaN()), inf, 0.5}})
	}
	ev, ok := d.Open()
	if !ok || len(ev.Causes) != 1 || ev.Causes[0].Share != 1 || !math.IsInf(ev.Peak, 1) {
		t.Errorf("got %+v, %v", ev, ok)
	}
}

func TestPush_allocations(t *testing.T) {
	d := newDetector(t, func(o *Policy) { o.Mute = []MuteWindow{{From: 0, To: 1440}} })
	s := []model.Score{row(0.5), row(2), row(2), row(2), row(0.9), row(0.1)}
	i := 0
	if n := testing.AllocsPerRun(1000, func() {
		when := at(i)
		d.Push(when, s[i%len(s)])
		if i%10 == 9 {
			d.Idle(when)
			d.Gap(when)
		}
		d.Open()
		i++
	}); n != 0 {
		t.Errorf("silent rows: %v allocations", n)
	}
	d = newDetector(t, nil)
	play(d, 0, 2, 2, 2)
	i = 3
	if n := testing.AllocsPerRun(1000, func() { d.Push(at(i), s[1]); d.Open(); i++ }); n != 0 {
		t.Errorf("rows of an open event: %v allocations", n)
	}
}

func BenchmarkPush(b *testing.B) {
	d, err := New(options())
	if err != nil {
		b.Fatal(err)
	}
	s := row(0.9)
	b.ReportAllocs()
	for i := range b.N {
		d.Push(at(i), s)
	}
}

// TestDrop: the next event after a dropped one has its own severity.
func TestDrop(t *testing.T) {
	d := newDetector(t, nil)
	if got := play(d, 0, 9, 9, 9, 9); states(got) != "open" || got[0].Severity != Critical {
		t.Fatalf("got %+v", got)
	}
	d.Drop()
	if _, open := d.Open(); open {
		t.Error("still open")
	}
	if got := play(d, 10, 1.1, 1.1, 1.1); states(got) != "open" || got[0].Severity != Warning || !got[0].Since.Equal(at(10)) {
		t.Errorf("got %+v, want a warning of its own", got)
	}
}
