package detect

import (
	"crypto/sha256"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"iot-edge-anomaly/model"

	"pgregory.net/rapid"
)

// balance holds a stream of events to what is promised: one open event at most,
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

// apart are channels of two sensors.
func apart() []model.Channel {
	return []model.Channel{{Name: "a.x", Unit: "A"}, {Name: "a.y", Unit: "A"}, {Name: "b.z", Unit: "Hz"}}
}

func drawOptions(t *rapid.T) Policy {
	m := rapid.IntRange(1, 6).Draw(t, "m")
	o := DefaultPolicy("m", apart())
	o.M, o.N, o.Location, o.CloseBelow = m, rapid.IntRange(1, m).Draw(t, "n"), time.UTC, rapid.Float64Range(0.1, 1).Draw(t, "close below")
	seconds := rapid.IntRange(0, 6)
	o.Hold = time.Duration(seconds.Draw(t, "hold")) * time.Second
	o.Cooldown = time.Duration(3*seconds.Draw(t, "cooldown")) * time.Second
	o.Repeats = time.Duration(5*seconds.Draw(t, "repeats")) * time.Second
	o.Update = time.Duration(seconds.Draw(t, "update")) * time.Second
	if rapid.Bool().Draw(t, "muted") {
		o.Mute = []MuteWindow{{From: 8 * 60, To: 8*60 + 1}}
	}
	if o.Latch = rapid.Bool().Draw(t, "latch"); o.Latch {
		o.UnlatchAfter = time.Duration(seconds.Draw(t, "unlatch")) * time.Second
	}
	return o
}

// rest is what the cooldown must keep silent.
type rest struct {
	sensors  string
	severity Severity
	until    time.Duration
}

// player drives a Detector and its Latch as a machine does, and holds what they
// say to what is promised.
type player struct {
	o       Policy
	d       *Detector
	l       *Latch
	b       balance
	now     time.Time
	elapsed time.Duration
	steady  bool // the clock goes only forward
	rests   []rest
}

// begin starts anew, as after a restart or with another configuration; what is
// open goes on.
func (p *player) begin(t *rapid.T, o Policy) {
	d, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	p.o, p.d, p.l, p.rests, p.elapsed = o, d, NewLatch(o), nil, 0
	if p.b.open != nil && !p.l.Resume(*p.b.open) && !d.Resume(*p.b.open) {
		t.Fatalf("not resumed: %+v", *p.b.open)
	}
}

func (p *player) out(t *rapid.T) func(Event) {
	return func(ev Event) { p.b.take(t, ev, p.steady) }
}

// step lets time go by.
func (p *player) step(t *rapid.T, by time.Duration) {
	p.now = p.now.Add(by)
	p.elapsed += max(by, 0)
	p.l.Tick(p.now, p.out(t))
}

// emit passes what the Detector says on to the Latch.
func (p *player) emit(t *rapid.T, ev Event, ok bool) {
	if !ok {
		return
	}
	top, _, _ := strings.Cut(ev.Causes[0].Channel, ".")
	switch ev.State {
	case Open:
		for _, r := range p.rests {
			if strings.Contains(r.sensors, top) && p.elapsed < r.until && ev.Severity.Rank() <= r.severity.Rank() {
				t.Fatalf("open within the cooldown of %+v: %+v", r, ev)
			}
		}
	case Close:
		r := rest{top, ev.Severity, p.elapsed + p.o.Cooldown}
		shares := map[string]float64{}
		for _, c := range ev.Causes {
			name, _, _ := strings.Cut(c.Channel, ".")
			shares[name] += c.Share
		}
		for name, share := range shares {
			if share > groupShare+1e-9 {
				r.sensors += name
			}
		}
		p.rests = append(p.rests, r)
	}
	p.out(t)(p.l.Take(ev))
}

func TestDetector_balanced(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := player{now: start, steady: rapid.Bool().Draw(t, "clock only forward")}
		p.begin(t, drawOptions(t))
		for range rapid.IntRange(0, 80).Draw(t, "rows") {
			step := rapid.IntRange(0, 3).Draw(t, "step")
			if !p.steady && rapid.IntRange(0, 9).Draw(t, "jump") == 0 {
				step = rapid.IntRange(-90, 90).Draw(t, "jump by")
			}
			p.step(t, time.Duration(step)*time.Second)
			switch rapid.IntRange(0, 14).Draw(t, "what") {
			case 0:
				ev, ok := p.d.Idle(p.now)
				p.emit(t, ev, ok)
			case 1:
				p.d.Gap(p.now)
			case 2:
				p.begin(t, p.o)
			case 3:
				p.begin(t, drawOptions(t))
			case 4:
				p.l.Release(p.now, p.out(t))
			case 5:
				if rapid.IntRange(0, 3).Draw(t, "decide") == 0 {
					ev, ok := p.d.Close(p.now, "model replaced")
					p.emit(t, ev, ok)
				}
			default:
				shares := [][]float32{{0.5, 0.3, 0.2}, {0.1, 0.1, 0.8}, {0.7, 0.3, 0}}[rapid.IntRange(0, 2).Draw(t, "cause")]
				v := rapid.Float32Range(0, 4).Draw(t, "score")
				ev, ok := p.d.Push(p.now, model.Score{Value: v, Shares: shares, Values: []float64{1, 2, nan}, Expected: []float64{2, 1, 0}})
				p.emit(t, ev, ok)
			}
			if ev, ok := p.d.Open(); !p.o.Latch && (ok != (p.b.open != nil) || ok && !ev.Since.Equal(p.b.open.Since)) {
				t.Fatalf("Open says %v, the events say %v", ok, p.b.open)
			}
		}
		// A hold time of quiet rows closes whatever is open and not latched.
		for range 8 + int(p.o.Repeats/time.Second) {
			p.step(t, time.Second)
			ev, ok := p.d.Push(p.now, row(0))
			p.emit(t, ev, ok)
		}
		p.l.Release(p.now, p.out(t))
		if p.b.open != nil {
			t.Fatalf("never closed: %+v", *p.b.open)
		}
	})
}

func TestLimits_balanced(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lim := []Limit{{Channel: "a.x", Warn: 10, Alarm: 12, WarnLow: 2, AlarmLow: 0, Hold: 2 * time.Second,
			Cooldown: time.Duration(rapid.IntRange(0, 20).Draw(t, "cooldown")) * time.Second}}
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
			if open := l.watches[0].open; open != (b.open != nil) {
				t.Fatalf("the limit is open: %v, the events say %v", open, b.open)
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
	o := DefaultPolicy("m", channels())
	o.Hold, o.Repeats, o.Update = 5*time.Second, 0, 2*time.Second
	d, err := New(o)
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
	const want = "359a97d7c299aa26"
	if got := fmt.Sprintf("%x", sum.Sum(nil))[:16]; got != want || events < 100 {
		t.Errorf("got %s of %d events, want %s", got, events, want)
	}
}
