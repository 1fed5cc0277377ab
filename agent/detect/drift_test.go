package detect

import (
	"crypto/sha256"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"iot-edge-anomaly/model"
	"iot-edge-anomaly/model/checkpoint"

	"pgregory.net/rapid"
)

// normal is a model of three channels that were uniform in 0..1, learnt on so
// many rows a minute apart.
func normal(t testing.TB, rows int32) *model.Model {
	t.Helper()
	three := func(v float32) []float32 { return []float32{v, v, v} }
	w, f := make([]int8, 9), make([]float32, 9)
	p := model.Parameters{Schema: model.Schema{Channels: channels(), Period: time.Minute}, Window: 1, Mean: 1, Smooth: 1, SmoothFast: 1,
		Center: []float64{0.5, 0.5, 0.5}, Spread: []float64{1, 1, 1}, Clip: 8,
		Layers:         []model.Layer{{In: 3, Out: 3, Weights: w, Bias: make([]int32, 3), Mult: three(1), FloatW: f, FloatBias: three(0)}},
		ResidualCenter: three(0), ResidualScale: three(1), LevelCenter: three(0), LevelScale: three(1), Precision: []float32{1, 0, 0, 0, 1, 0, 0, 0, 1},
		Still: three(0), Step: []float64{1, 1, 1}, Rough: make([]int32, 3), Limits: []float32{1, 1, 1, 1, 1, 1}, Ranks: []float32{0, 0.5}, Percentiles: []float32{0, 1},
		GoldenIn: three(0), GoldenOut: three(0)}
	for k := range 33 {
		x := float64(k) / 32
		p.Drift = append(p.Drift, x, x, x)
	}
	p.MissingMargin = three(0)
	p.DriftRows, p.DriftTime, p.DriftScore = []int32{rows, rows, rows}, three(1), []float32{-2, 0.5, 20}
	m, err := model.New(p)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// watched is a Detector and a DriftWatch put together as agent/judge does.
type watched struct {
	t      testing.TB
	d      *Detector
	w      *DriftWatch
	rng    *rand.Rand
	now    time.Time
	events []Event
	terms  [model.Terms]float32
}

func newWatched(t testing.TB, m *model.Model, o Policy) *watched {
	t.Helper()
	d, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return &watched{t: t, d: d, w: NewDriftWatch(m, o), rng: rand.New(rand.NewPCG(1, 1)), now: start}
}

func (s *watched) emit(ev Event, ok bool) {
	if ok {
		s.events = append(s.events, ev)
	}
}

// push takes a row a minute after the one before.
func (s *watched) push(row []float64, score float32) {
	s.now = s.now.Add(time.Minute)
	v := model.Score{Value: s.w.Seen(score), Shares: []float32{0.6, 0.3, 0.1}, Values: row, Expected: []float64{0.5, 0.5, 0.5}, Terms: s.terms}
	if _, open := s.d.Open(); s.w.Steady(s.now, v) && open {
		ev, ok := s.d.Close(s.now, ReasonDrift)
		s.emit(ev, ok)
		s.emit(s.w.Convert(s.now, ev), true)
		return
	}
	s.emit(s.d.Push(s.now, v))
	_, open := s.d.Open()
	ev, ok, _ := s.w.Push(s.now, row, score, !open)
	s.emit(ev, ok)
}

// rows pushes n rows whose channels are uniform in 0..1 plus what by says.
func (s *watched) rows(n int, score float32, by ...float64) {
	for range n {
		row := []float64{s.rng.Float64(), s.rng.Float64(), s.rng.Float64()}
		for j := range by {
			row[j] += by[j]
		}
		s.push(row, score)
	}
}

// told lists what was announced since the last call: "drift open".
func (s *watched) told() string {
	var out []string
	for _, ev := range s.events {
		out = append(out, fmt.Sprintf("%s %s", ev.Kind, ev.State))
	}
	s.events = nil
	return strings.Join(out, ", ")
}

func driftOptions() Policy {
	o := options()
	o.Hold, o.DriftAfter = time.Minute, 8*time.Hour
	return o
}

// A window here is a day, a block 46 rows.
func TestDriftWatch_life(t *testing.T) {
	s := newWatched(t, normal(t, 1440), driftOptions())
	if s.rows(1440, 0.3); s.told() != "" || math.IsNaN(s.w.Score()) || s.w.Score() > 0.5 {
		t.Fatalf("as learnt: score %v", s.w.Score())
	}
	begin := s.now
	s.rows(10*46, 0.3, 0, 0.5)
	if s.told() != "" {
		t.Fatal("a change of a third of the window is announced: it may pass")
	}
	s.rows(6*46, 0.3, 0, 0.5)
	if len(s.events) != 1 {
		t.Fatalf("half a window after the change: %v", s.told())
	}
	ev := s.events[0]
	if s.told() != "drift open" || ev.Severity != Warning || ev.Machine != "pump1" || ev.Key != "" || ev.Score < model.DriftLine || ev.Peak != ev.Score {
		t.Errorf("%+v", ev)
	}
	if d := ev.Since.Sub(begin); d < -time.Hour || d > 3*time.Hour {
		t.Errorf("since %v after the change", d)
	}
	if len(ev.Causes) != 1 || ev.Causes[0].Channel != "pump.flow" || ev.Causes[0].Share != 1 || ev.Causes[0].Direction != "above" ||
		math.Abs(ev.Causes[0].Value-1) > 0.2 || ev.Causes[0].Expected != 0.5 {
		t.Errorf("causes %+v", ev.Causes)
	}
	for _, part := range []string{"pump.flow: median ", " l/min, learnt 0.5; 5-95 % ", "learnt 0.05..0.95"} {
		if !strings.Contains(ev.Reason, part) {
			t.Errorf("reason %q, want %q in it", ev.Reason, part)
		}
	}
	if s.rows(1440, 0.3, 0, 0.5); s.told() != "" {
		t.Error("an open drift repeats itself")
	}
	s.rows(1440, 0.3, 0.6, 0.5)
	if ev = s.events[0]; len(s.events) != 1 || ev.State != Update || len(ev.Causes) != 2 || !ev.Since.Before(begin.Add(3*time.Hour)) {
		t.Errorf("another channel: %+v", s.events)
	}
	s.events = nil
	s.rows(3*1440, 0.3)
	if ev = s.events[0]; len(s.events) != 1 || ev.State != Close || ev.Reason != ReasonNormal || ev.Until.Before(ev.Since) || ev.Peak < ev.Score {
		t.Errorf("back to normal: %+v", s.events)
	}
}

// A change of less than a third of the window passes unannounced.
func TestDriftWatch_passes(t *testing.T) {
	s := newWatched(t, normal(t, 1440), driftOptions())
	s.rows(1440, 0.3)
	s.rows(6*46, 0.3, 1)
	s.rows(3*1440, 0.3)
	if got := s.told(); got != "" {
		t.Errorf("announced: %s", got)
	}
}

// TestDriftWatch_levelShift: an anomaly that stays at one level becomes drift; the
// machine is quiet there, heard when it changes again, and as it was when it is
// mended.
func TestDriftWatch_levelShift(t *testing.T) {
	s := newWatched(t, normal(t, 1440), driftOptions())
	s.rows(1440, 0.3)
	begin := s.now
	if s.rows(7*60, 2, 5); s.told() != "process_anomaly open" {
		t.Fatal("no anomaly")
	}
	s.rows(65, 2, 5)
	if len(s.events) != 2 || s.events[0].Reason != ReasonDrift {
		t.Fatalf("after eight hours %+v", s.events)
	}
	ev := s.events[1]
	if s.told() != "process_anomaly close, drift open" || ev.Since.Sub(begin) > 2*time.Minute || ev.Score < model.DriftLine ||
		ev.Causes[0].Channel != "pump.current" || ev.Causes[0].Direction != "above" || !strings.Contains(ev.Reason, "shifted") {
		t.Errorf("%+v", ev)
	}
	if s.rows(20*1440, 2, 5); strings.Contains(s.told(), "process") {
		t.Error("the pager goes red again at the level that is known")
	}
	if s.rows(30, 4.5, 5, 5); s.told() != "process_anomaly open" {
		t.Error("a new change is not heard")
	}
	if s.rows(10, 2, 5); s.told() != "process_anomaly close" {
		t.Error("back at the known level")
	}
	s.rows(10, 4.5, 5, 5)
	s.events = nil
	s.rows(9*60, 4.5, 5, 5)
	if ev = s.events[len(s.events)-1]; ev.Kind != Drift || ev.State != Update || ev.Since.Sub(begin) > 2*time.Minute {
		t.Errorf("the new change lasts: %+v", ev)
	}
	s.told()
	s.rows(3*1440, 0.3)
	if got := s.told(); !strings.HasSuffix(got, "drift close") || strings.Contains(got, "process") {
		t.Errorf("mended: %q", got)
	}
	if s.rows(30, 2, 5); s.told() != "process_anomaly open" {
		t.Error("the learnt threshold does not hold again")
	}
}

// TestDriftWatch_mended: a machine that is as it was learnt is judged by the learnt
// threshold again, although its normal scores come near it now and then and were above
// it on the way back.
func TestDriftWatch_mended(t *testing.T) {
	s := newWatched(t, normal(t, 1440), driftOptions())
	usual := func(n int) {
		for i := range n {
			s.rows(1, []float32{0.3, 0.5, 0.4, 0.6, 0.3, 0.5, 0.4, 0.6, 0.5, 0.4, 0.6, 0.98}[i%12])
		}
	}
	usual(1440)
	s.rows(10*60, 200, 5)
	if got := s.told(); !strings.Contains(got, "drift open") {
		t.Fatalf("after ten hours: %q", got)
	}
	if s.rows(3*60, 1.3); !s.w.Shifted() {
		t.Error("above the learnt threshold is not as learnt")
	}
	if usual(3 * 60); s.w.Shifted() {
		t.Error("mended: scores are still seen from the other level")
	}
	usual(3 * 1440)
	if got := s.told(); !strings.HasSuffix(got, "drift close") {
		t.Errorf("mended: %q", got)
	}
}

// TestDriftWatch_staysRed: what still changes, comes and goes, or is short, stays
// an anomaly.
func TestDriftWatch_staysRed(t *testing.T) {
	for name, score := range map[string]func(minute int) float32{
		"rising":      func(m int) float32 { return 1.5 * float32(math.Exp2(float64(m)/600)) },
		"to and fro":  func(m int) float32 { return 1.5 + 2*float32(m/90%2) },
		"on and off":  func(m int) float32 { return []float32{0.3, 2}[m/30%2] },
		"seven hours": func(m int) float32 { return []float32{2, 0.3}[m/420%2] },
	} {
		s := newWatched(t, normal(t, 1440), driftOptions())
		s.rows(100, 0.3)
		for m := range 4 * 1440 {
			s.rows(1, score(m), 3*float64(min(1, int(score(m)))))
		}
		if got := s.told(); strings.Contains(got, "drift") || !strings.HasPrefix(got, "process_anomaly open") {
			t.Errorf("%s: %s", name, got)
		}
	}
	s := newWatched(t, normal(t, 1440), driftOptions())
	s.terms[hang] = 1.4
	if s.rows(10*1440, 1.4, 5); s.told() != "process_anomaly open" {
		t.Error("a sensor that hangs became the machine's new level")
	}
	o := driftOptions()
	o.DriftAfter = 0
	s = newWatched(t, normal(t, 1440), o)
	if s.rows(30*1440, 2, 5); s.told() != "process_anomaly open" {
		t.Error("switched off, an anomaly ends")
	}
}

// A machine that stops every night shifts as well: only rows with a score count.
func TestDriftWatch_stops(t *testing.T) {
	s := newWatched(t, normal(t, 1440), driftOptions())
	for range 12 {
		s.rows(60, 2, 5)
		for range 120 {
			s.now = s.now.Add(time.Minute)
			s.emit(s.d.Idle(s.now))
		}
	}
	var drift *Event
	for i := range s.events {
		if s.events[i].Kind == Drift && drift == nil {
			drift = &s.events[i]
			if i < 16 || i > 18 {
				t.Errorf("opened after %d events, want 8 hours of an hour each", i)
			}
		}
	}
	if drift == nil || drift.Since.Sub(start) > time.Minute {
		t.Errorf("drift %+v", drift)
	}
	if n := len(s.events); s.events[n-1].Kind != Drift && s.events[n-2].Kind != Drift {
		t.Errorf("alarms go on: %s", s.told())
	}
}

func TestDriftWatch_mute(t *testing.T) {
	o := driftOptions()
	o.Mute = []MuteWindow{{From: 0, To: 1440}}
	s := newWatched(t, normal(t, 1440), o)
	s.rows(1440, 0.3)
	if s.rows(1440, 0.3, 1); s.told() != "" {
		t.Error("opened in a mute window")
	}
}

func TestDriftWatch_restart(t *testing.T) {
	m := normal(t, 1440)
	play := func(restart bool) string {
		s := newWatched(t, m, driftOptions())
		step := func(n int, score float32, by ...float64) {
			s.rows(n, score, by...)
			if !restart {
				return
			}
			next := newWatched(t, m, driftOptions())
			if err := next.w.restore(s.w.saved()); err != nil {
				t.Fatal(err)
			}
			if s.w.open && !next.w.Resume(s.w.last) {
				t.Fatalf("not resumed: %+v", s.w.last)
			}
			if ev, open := s.d.Open(); open && !next.d.Resume(ev) {
				t.Fatalf("not resumed: %+v", ev)
			}
			s.d, s.w = next.d, next.w
		}
		step(1440, 0.3)
		for range 20 {
			step(77, 0.3, 0, 0.6)
		}
		for range 20 {
			step(50, 3, 0, 0.6)
		}
		for range 40 {
			step(100, 0.3)
		}
		var out []string
		for _, ev := range s.events {
			out = append(out, fmt.Sprintf("%s %s %v", ev.Kind, ev.State, ev.Time.Sub(start)))
		}
		return strings.Join(out, "\n")
	}
	if plain, again := play(false), play(true); plain != again || strings.Count(plain, "drift") < 3 {
		t.Errorf("without restarts\n%s\nwith\n%s", plain, again)
	}
	s := newWatched(t, m, driftOptions())
	s.rows(9*60+30, 2, 5)
	for after, want := range map[time.Duration]float64{8 * time.Hour: 3, time.Hour: 3, 0: 1} {
		o := driftOptions()
		o.DriftAfter = after
		next := newWatched(t, m, o)
		if err := next.w.restore(s.w.saved()); err != nil || next.w.shift.base != want || next.w.shift.have > 0 && after != 8*time.Hour {
			t.Errorf("restarted with %v: %v, %+v", after, err, next.w.shift)
		}
	}
	s = newWatched(t, m, driftOptions())
	for _, ev := range []Event{{Machine: "other", Kind: Drift}, {Machine: "pump1", Kind: ProcessAnomaly}, {Machine: "pump1", Kind: Drift, State: Close}} {
		if s.w.Resume(ev) {
			t.Errorf("resumed %+v", ev)
		}
	}
	if s.w.Resume(Event{Machine: "pump1", Kind: Drift, State: Update, Since: start}); s.w.Resume(Event{Machine: "pump1", Kind: Drift}) {
		t.Error("resumed twice")
	}
}

// saved are the bytes of what a watch knows.
func (w *DriftWatch) saved() []byte {
	c := checkpoint.NewWriter(nil)
	w.CheckpointStatistics(c)
	return c.Bytes()
}

// restore takes over what saved wrote.
func (w *DriftWatch) restore(b []byte) error {
	c := checkpoint.NewReader(b, time.Time{})
	w.CheckpointStatistics(c)
	return c.Close()
}

// No sequence of scores yields unbalanced or overlapping events of one kind,
// whatever restarts and jumps of the clock come in between.
func TestDriftWatch_balanced(t *testing.T) {
	m := normal(t, 64)
	rapid.Check(t, func(rt *rapid.T) {
		o := drawOptions(rt)
		o.DriftAfter = time.Duration(rapid.IntRange(0, 80).Draw(rt, "after")) * time.Minute
		s := newWatched(t, m, o)
		by := map[Kind]*balance{ProcessAnomaly: {}, Drift: {}}
		for range rapid.IntRange(0, 40).Draw(rt, "stretches") {
			score, shift := rapid.Float32Range(0, 4).Draw(rt, "score"), rapid.Float64Range(-2, 2).Draw(rt, "shift")
			n := rapid.IntRange(1, 400).Draw(rt, "rows")
			switch rapid.IntRange(0, 6).Draw(rt, "what") {
			case 0:
				for range 5 {
					s.now = s.now.Add(time.Minute)
					s.emit(s.d.Idle(s.now))
				}
			case 1:
				next := newWatched(t, m, o)
				if rapid.Bool().Draw(rt, "state is there") {
					if err := next.w.restore(s.w.saved()); err != nil {
						rt.Fatal(err)
					}
				}
				for kind, b := range by {
					if b.open != nil && !(kind == Drift && next.w.Resume(*b.open) || kind == ProcessAnomaly && next.d.Resume(*b.open)) {
						rt.Fatalf("not resumed: %+v", *b.open)
					}
				}
				s.d, s.w = next.d, next.w
			case 2:
				s.now = s.now.Add(time.Duration(rapid.IntRange(-90, 90).Draw(rt, "jump")) * time.Minute)
			default:
				s.rows(n, score, shift, float64(shift*float64(score)))
			}
			for _, ev := range s.events {
				by[ev.Kind].take(rt, ev, false)
			}
			s.events = nil
		}
	})
}

func FuzzDriftWatch_checkpoint(f *testing.F) {
	m := normal(f, 64)
	s := newWatched(f, m, driftOptions())
	s.rows(2000, 0.3, 0.5)
	s.rows(600, 2, 0.5)
	f.Add(s.w.saved())
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		s := newWatched(t, m, driftOptions())
		if s.w.restore(b) != nil { // is made anew
			s = newWatched(t, m, driftOptions())
		}
		s.rows(200, 2, 0.5)
		again := newWatched(t, m, driftOptions())
		if err := again.w.restore(s.w.saved()); err != nil {
			t.Error(err)
		}
	})
}

// The same rows give the same events on every CPU: the hash was taken on amd64
// and holds under qemu for arm64 and 32-bit arm.
func TestDriftWatch_sameOnEveryCPU(t *testing.T) {
	s := newWatched(t, normal(t, 1440), driftOptions())
	for i := range 20 {
		s.rows(700, float32(i%4)/2, float64(i%5)/4, float64(i%3)/8)
	}
	sum := sha256.New()
	for _, ev := range s.events {
		fmt.Fprintf(sum, "%s %s %v %v %v %x %x %s", ev.Kind, ev.State, ev.Time, ev.Since, ev.Until, ev.Score, ev.Peak, ev.Reason)
		for _, c := range ev.Causes {
			fmt.Fprintf(sum, " %s %x %x %x", c.Channel, c.Share, c.Value, c.Expected)
		}
	}
	const want = "5e2394f19a17ac99"
	if got := fmt.Sprintf("%x", sum.Sum(nil))[:16]; got != want || len(s.events) < 8 {
		t.Errorf("got %s of %d events, want %s", got, len(s.events), want)
	}
}

func TestDriftWatch_allocatesNothing(t *testing.T) {
	s := newWatched(t, normal(t, 1440), driftOptions())
	s.rows(1440, 0.3)
	row := []float64{0.5, 0.4, 0.3}
	if n := testing.AllocsPerRun(500, func() {
		s.now = s.now.Add(time.Minute)
		s.w.Steady(s.now, model.Score{Value: s.w.Seen(0.3)})
		s.w.Push(s.now, row, 0.3, true)
	}); n != 0 {
		t.Errorf("%v allocations a row, want 0", n)
	}
}
