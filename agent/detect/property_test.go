package detect

import (
	"crypto/sha256"
	"fmt"
	"math"
	"reflect"
	"testing"
	"time"

	"iot-edge-anomaly/model"

	"pgregory.net/rapid"
)

// balance holds a stream of events to the contract: one open event at most,
// opens and closes in turn, no negative interval, severity that rises only.
type balance struct {
	open *Event
	last time.Time // until of the event before
}

func (b *balance) take(t *rapid.T, ev Event, steady bool) {
	switch ev.State {
	case Open:
		if b.open != nil {
			t.Fatalf("open while open: %+v", ev)
		}
		if steady && ev.Since.Before(b.last) {
			t.Fatalf("since %v is before the until %v of the event before", ev.Since, b.last)
		}
		b.open = &ev
	default:
		if b.open == nil {
			t.Fatalf("%s of nothing: %+v", ev.State, ev)
		}
		if !ev.Since.Equal(b.open.Since) || ev.Severity.Rank() < b.open.Severity.Rank() || ev.Peak < b.open.Peak {
			t.Fatalf("%s does not continue its event: %+v after %+v", ev.State, ev, *b.open)
		}
		b.open = &ev
	}
	if ev.State == Close {
		if ev.Until.Before(ev.Since) || ev.Reason == "" {
			t.Fatalf("until %v before since %v, reason %q", ev.Until, ev.Since, ev.Reason)
		}
		b.open, b.last = nil, ev.Until
	}
	var sum float64
	for _, c := range ev.Causes {
		if !(c.Share > 0 && c.Share <= 1) {
			t.Fatalf("share %v", c.Share)
		}
		sum += c.Share
	}
	if sum > 1+1e-9 {
		t.Fatalf("shares sum to %v", sum)
	}
}

func drawOptions(t *rapid.T) Options {
	m := rapid.IntRange(1, 6).Draw(t, "m")
	o := Options{Machine: "m", Channels: channels(), M: m, N: rapid.IntRange(1, m).Draw(t, "n"), Location: time.UTC,
		CloseBelow: rapid.Float64Range(0.1, 1).Draw(t, "close below")}
	seconds := rapid.IntRange(0, 6)
	o.Hold = time.Duration(seconds.Draw(t, "hold")) * time.Second
	o.Cooldown = time.Duration(seconds.Draw(t, "cooldown")) * time.Second
	o.Update = time.Duration(seconds.Draw(t, "update")) * time.Second
	if rapid.Bool().Draw(t, "muted") {
		o.Mute = []MuteWindow{{From: 8 * 60, To: 8*60 + 1}}
	}
	return o
}

func TestDetector_balanced(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := drawOptions(t)
		d, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		var b balance
		steady := rapid.Bool().Draw(t, "clock only forward")
		now := start
		emit := func(ev Event, ok bool) {
			if ok {
				b.take(t, ev, steady)
			}
		}
		for range rapid.IntRange(0, 80).Draw(t, "rows") {
			step := rapid.IntRange(0, 3).Draw(t, "step")
			if !steady && rapid.IntRange(0, 9).Draw(t, "jump") == 0 {
				step = rapid.IntRange(-90, 90).Draw(t, "jump by")
			}
			now = now.Add(time.Duration(step) * time.Second)
			switch rapid.IntRange(0, 12).Draw(t, "what") {
			case 0:
				emit(d.Idle(now))
			case 1:
				d.Gap(now)
			case 2: // a restart: what is open goes on
				if d, err = New(o); err != nil {
					t.Fatal(err)
				}
				if b.open != nil && !d.Resume(*b.open) {
					t.Fatalf("not resumed: %+v", *b.open)
				}
			case 3:
				if rapid.IntRange(0, 3).Draw(t, "decide") == 0 {
					emit(d.Close(now, "model replaced"))
				}
			default:
				v := rapid.Float32Range(0, 4).Draw(t, "score")
				emit(d.Push(now, model.Score{Value: v, Shares: []float32{0.5, 0.3, 0.2}, Values: []float64{1, 2, nan}, Expected: []float64{2, 1, 0}}))
			}
			if ev, ok := d.Open(); ok != (b.open != nil) || ok && !ev.Since.Equal(b.open.Since) {
				t.Fatalf("Open says %v, the events say %v", ok, b.open)
			}
		}
		// A hold time of quiet rows closes whatever is open.
		for range 8 {
			now = now.Add(time.Second)
			emit(d.Push(now, row(0)))
		}
		if b.open != nil {
			t.Fatalf("never closed: %+v", *b.open)
		}
	})
}

func TestLimits_balanced(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lim := []Limit{{Channel: "a.x", Warn: 10, Alarm: 12, WarnLow: 2, AlarmLow: 0, Hold: 2 * time.Second}}
		l, err := NewLimits("m", lim)
		if err != nil {
			t.Fatal(err)
		}
		var b balance
		now := start
		for range rapid.IntRange(0, 80).Draw(t, "rows") {
			now = now.Add(time.Duration(rapid.IntRange(-1, 3).Draw(t, "step")) * time.Second)
			v := rapid.Float64Range(-3, 15).Draw(t, "value")
			switch rapid.IntRange(0, 9).Draw(t, "what") {
			case 0:
				v = math.NaN()
			case 1:
				if l, err = NewLimits("m", lim); err != nil {
					t.Fatal(err)
				}
				if b.open != nil && !l.Resume(*b.open) {
					t.Fatalf("not resumed: %+v", *b.open)
				}
			}
			l.Push(now, []float64{v}, func(ev Event) { b.take(t, ev, false) })
			if l.Active() != (b.open != nil) {
				t.Fatalf("Active says %v, the events say %v", l.Active(), b.open)
			}
		}
	})
}

// The same rows give the same events.
func TestDetector_repeatable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := drawOptions(t)
		scores := rapid.SliceOfN(rapid.Float64Range(0, 3), 0, 60).Draw(t, "scores")
		var runs [2][]Event
		for i := range runs {
			d, err := New(o)
			if err != nil {
				t.Fatal(err)
			}
			for k, v := range scores {
				s := row(v)
				s.Values = []float64{4, 5, 6}
				if ev, ok := d.Push(at(k), s); ok {
					runs[i] = append(runs[i], ev)
				}
			}
		}
		if !reflect.DeepEqual(runs[0], runs[1]) {
			t.Fatalf("got %+v, then %+v", runs[0], runs[1])
		}
	})
}

// The same rows give the same events on every CPU: the hash was taken on amd64
// and holds under qemu for arm64 and 32-bit arm.
func TestDetector_sameOnEveryCPU(t *testing.T) {
	d, err := New(Options{Machine: "m", Channels: channels(), Hold: 5 * time.Second, Update: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	l, err := NewLimits("m", []Limit{{Channel: "a.x", Warn: 0.7, Alarm: 0.9, WarnLow: 0.1, AlarmLow: nan, Hold: time.Second}})
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.New()
	events := 0
	emit := func(ev Event) {
		events++
		fmt.Fprintf(sum, "%s %s %v %v %s %x %x", ev.Kind, ev.State, ev.Since, ev.Until, ev.Severity, ev.Score, ev.Peak)
		for _, c := range ev.Causes {
			fmt.Fprintf(sum, " %s %x %x %x %s", c.Channel, c.Share, c.Value, c.Expected, c.Direction)
		}
	}
	seed := uint32(1)
	next := func() float64 {
		seed = seed*1664525 + 1013904223
		return float64(seed>>8) / (1 << 24)
	}
	for i := range 5000 {
		scale := 0.5 + float64((i/50)%4)
		a, b := next()/2, next()/2
		s := model.Score{Value: float32(scale * next()), Shares: []float32{float32(a), float32(b), float32(1 - a - b)},
			Values: []float64{next(), next(), next()}, Expected: []float64{next(), next(), next()}}
		if ev, ok := d.Push(at(i), s); ok {
			emit(ev)
		}
		l.Push(at(i), s.Values, emit)
	}
	const want = "7dbbde988bee0f70"
	if got := fmt.Sprintf("%x", sum.Sum(nil))[:16]; got != want || events < 100 {
		t.Errorf("got %s of %d events, want %s", got, events, want)
	}
}
