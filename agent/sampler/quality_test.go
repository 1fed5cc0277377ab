package sampler

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"iot-edge-anomaly/drivers"
)

var nan, inf = math.NaN(), math.Inf(1)

// bound is a chip that can measure only a range of its own.
type bound struct {
	*lying
	lo, hi float64
}

func (b bound) Bounds(int) (lo, hi float64) { return b.lo, b.hi }

// script plays values, one a read; an error stands for a read that fails, and a
// pause for a read that takes as long.
func script(steps []any) func(int, []float64) error {
	return func(n int, dst []float64) error {
		switch s := steps[min(n, len(steps))-1].(type) {
		case error:
			return s
		case time.Duration:
			time.Sleep(s)
		case float64:
			dst[0] = s
		case int:
			dst[0] = float64(s)
		}
		return nil
	}
}

var (
	errSilent   = errors.New("no answer")
	errSentinel = fmt.Errorf("unit 7: %w", errors.Join(errors.New("x"), &drivers.ValueError{Channel: "c0", Text: "0xffff, which means no value"}))
	errState    = fmt.Errorf("unit 7: %w", &drivers.ValueError{Channel: "c0", Bad: true, Text: "9, none of its 3 states"})
)

// TestQualityMatrix is F17: what may come from a wire against the flag it must
// get, as rows show it. A row holds a number exactly where the flag is good.
func TestQualityMatrix(t *testing.T) {
	const g, s, b, st, m = Good, Suspect, Bad, Stale, Missing
	for name, tc := range map[string]struct {
		check    Check
		bounds   Range
		period   time.Duration
		maxAge   time.Duration
		machine  time.Duration
		readings []any
		want     []Quality
	}{
		"plain":               {readings: []any{1, 2.5, -3}, want: []Quality{g, g, g}},
		"nan":                 {readings: []any{1, nan, 2}, want: []Quality{g, m, g}},
		"infinity":            {readings: []any{1, inf, -inf, 2}, want: []Quality{g, b, b, g}},
		"sentinel":            {readings: []any{1, nil, nil, 2}, want: []Quality{g, m, m, g}}, // 0xFFFF: the driver says NaN
		"never":               {readings: []any{errSilent}, want: []Quality{m, m}},
		"failed":              {readings: []any{1, errSilent, errSilent, 2}, want: []Quality{g, m, m, g}},
		"out of range":        {check: Check{Range: Range{0, 10}}, readings: []any{0, 10, -0.1, 10.1, 5}, want: []Quality{g, g, s, s, g}},
		"0xFFFF as a number":  {check: Check{Range: Range{0, 100}}, readings: []any{50, 65535, 51}, want: []Quality{g, s, g}},
		"sensor's own range":  {check: Check{Range: Range{0, 50}}, bounds: Range{-40, 85}, readings: []any{20, 60, 86, -41, 20}, want: []Quality{g, s, b, b, g}},
		"no bounds known":     {bounds: Range{0, 0}, readings: []any{1e300}, want: []Quality{g}},
		"spike":               {check: Check{MaxSpike: 5}, readings: []any{20, 21, 99, 22, 21}, want: []Quality{g, g, s, g, g}},
		"spike down":          {check: Check{MaxSpike: 5}, readings: []any{20, 21, 0, 22}, want: []Quality{g, g, s, g}},
		"two spikes":          {check: Check{MaxSpike: 5}, readings: []any{20, 99, 98, 21}, want: []Quality{g, s, s, g}},
		"wild":                {check: Check{MaxSpike: 5}, readings: []any{20, 99, 50, 99, 50, 21}, want: []Quality{g, s, s, s, s, g}},
		"step":                {check: Check{MaxSpike: 5}, readings: []any{20, 40, 41, 40, 39, 41}, want: []Quality{g, s, s, g, g, g}},
		"step with a hole":    {check: Check{MaxSpike: 5}, readings: []any{20, 40, errSilent, 41, 40}, want: []Quality{g, s, m, s, g}},
		"spike out of range":  {check: Check{MaxSpike: 5, Range: Range{0, 50}}, readings: []any{20, 99, 99, 99, 99, 21}, want: []Quality{g, s, s, s, s, g}},
		"rate":                {check: Check{MaxRate: 2}, readings: []any{0, 2, 4, 7, 8, 6}, want: []Quality{g, g, g, s, g, g}},
		"rate over a hole":    {check: Check{MaxRate: 2}, readings: []any{0, errSilent, errSilent, 6, 8.5}, want: []Quality{g, m, m, g, s}},
		"rate step":           {check: Check{MaxRate: 2}, readings: []any{0, 100, 101, 102, 103}, want: []Quality{g, s, s, g, g}},
		"flat":                {check: Check{FlatAfter: 3 * time.Second}, readings: []any{5, 5, 5, 5, 5, 6, 6}, want: []Quality{g, g, g, s, s, g, g}},
		"flat within a band":  {check: Check{FlatAfter: 3 * time.Second, FlatBand: 0.2}, readings: []any{5, 5.1, 5, 5.2, 5.1, 5.3}, want: []Quality{g, g, g, s, s, g}},
		"drift is not flat":   {check: Check{FlatAfter: 3 * time.Second, FlatBand: 0.2}, readings: []any{5, 5.1, 5.2, 5.3, 5.4, 5.5, 5.6}, want: []Quality{g, g, g, g, g, g, g}},
		"flat is off":         {readings: []any{0, 0, 0, 0, 0, 0}, want: []Quality{g, g, g, g, g, g}},
		"hanging":             {readings: []any{1, 2500 * time.Millisecond, 3}, want: []Quality{g, st, st, m, g}},
		"slow sensor":         {period: 3 * time.Second, readings: []any{1, 2, 3}, want: []Quality{g, g, g, g, g, g, g}},
		"slow sensor fails":   {period: 4 * time.Second, readings: []any{1, errSilent, 3}, want: []Quality{g, g, g, g, g, g, g, st, g, g}},
		"slow, none said":     {period: 4 * time.Second, readings: []any{1, nan, 3}, want: []Quality{g, g, g, g, m, m, m, m, g}},
		"sentinel explained":  {maxAge: 5 * time.Second, readings: []any{1, errSentinel, 2}, want: []Quality{g, m, g}},
		"unknown state":       {maxAge: 5 * time.Second, readings: []any{1, errState, 2}, want: []Quality{g, b, g}},
		"slow and suspect":    {period: 2 * time.Second, check: Check{Range: Range{0, 10}}, readings: []any{1, 11, 2}, want: []Quality{g, g, s, s, g}},
		"bridged hole":        {maxAge: 2 * time.Second, readings: []any{1, errSilent, errSilent, errSilent, 2}, want: []Quality{g, g, g, st, g}},
		"slower machine":      {machine: 3 * time.Second, readings: []any{1, nan, nan, 4, nan, nan, nan, 8}, want: []Quality{g, g, m}},
		"faster than machine": {machine: 2 * time.Second, period: 500 * time.Millisecond, readings: []any{1, 2, 3, 4, errSilent, 6}, want: []Quality{g, m, g}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				spec := sensor("a", newLying(1, script(tc.readings)))
				spec.Checks, spec.MaxAge = []Check{tc.check}, tc.maxAge
				if tc.period != 0 {
					spec.Period = tc.period
				}
				if tc.bounds != (Range{}) {
					spec.Sensor = bound{spec.Sensor.(*lying), tc.bounds.Min, tc.bounds.Max}
				}
				every := max(tc.machine, time.Second)
				g := mustNew(t, []BusSpec{{Name: "x", Sensors: []SensorSpec{spec}}}, []MachineSpec{{"m", every, []Cell{one("a", 0)}}})
				go drain(g)
				go g.Run(ctx)
				rows, flags, _ := take(g.Sampler("m"), len(tc.want))
				cancel()
				synctest.Wait()
				counts := map[Quality]uint64{}
				for i, q := range tc.want {
					if flags[i][0] != q {
						t.Errorf("row %d: %v, want %v", i, flags[i][0], q)
					}
					if math.IsNaN(rows[i][0]) == (q == Good) || math.IsInf(rows[i][0], 0) {
						t.Errorf("row %d: %v is %v", i, q, rows[i][0])
					}
					counts[q]++
				}
				for _, f := range g.Sampler("m").Flags() {
					if f.Sensor != "a" || f.N < counts[f.Quality] {
						t.Errorf("counted %+v, want at least %d", f, counts[f.Quality])
					}
				}
			})
		})
	}
}

func drain(g *Group) {
	for range g.Faults() {
	}
}

// TestFrameTellsWhenAndWhat: a row carries when each value was measured, and
// what was read where it is not scored.
func TestFrameTellsWhenAndWhat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		slow := sensor("slow", newLying(1, func(n int, dst []float64) error {
			time.Sleep(300 * time.Millisecond)
			return counting(n, dst)
		}))
		slow.Period = 5 * time.Second
		wild := sensor("wild", newLying(1, func(_ int, dst []float64) error { dst[0] = 99; return nil }))
		wild.Checks = []Check{{Range: Range{0, 10}}}
		dead := sensor("dead", newLying(1, func(int, []float64) error { return errSilent }))
		g := mustNew(t, []BusSpec{{Name: "x", Sensors: []SensorSpec{slow}}, {Name: "y", Sensors: []SensorSpec{wild, dead}}},
			[]MachineSpec{{"m", time.Second, []Cell{one("slow", 0), one("wild", 0), one("dead", 0)}}})
		go drain(g)
		go g.Run(ctx)
		s, n := g.Sampler("m"), 0
		for f := range s.Frames() {
			measured := time.Duration(n/5*5)*time.Second + 300*time.Millisecond
			if age := time.Duration(n)*time.Second - measured; f.Time.Sub(f.At[0]) != age || f.Values[0] != float64(10*(n/5+1)) {
				t.Errorf("row %d: %v measured %v before, want %v", n, f.Values[0], f.Time.Sub(f.At[0]), age)
			}
			if f.Raw[1] != 99 || !math.IsNaN(f.Values[1]) || !math.IsNaN(f.Raw[2]) || !f.At[2].IsZero() {
				t.Errorf("row %d: values %v, as read %v, at %v", n, f.Values, f.Raw, f.At)
			}
			s.Release(f)
			if n++; n == 12 {
				cancel()
				break
			}
		}
	})
}

// overhears is a sensor whose value was on the line before its Read.
type overhears struct {
	*lying
	age time.Duration
}

func (o *overhears) Age(int) time.Duration { return o.age }

// TestSharedSensorFillsOnlyTheFaster: a sensor that is slower than one machine
// and not than another is filled forward in the rows of the first alone.
func TestSharedSensorFillsOnlyTheFaster(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		spec := sensor("a", newLying(1, script([]any{1, errSilent, 3})))
		spec.Period = 3 * time.Second
		g := mustNew(t, []BusSpec{{Name: "x", Sensors: []SensorSpec{spec}}},
			[]MachineSpec{{"fast", time.Second, []Cell{one("a", 0)}}, {"slow", 3 * time.Second, []Cell{one("a", 0)}}})
		go drain(g)
		go g.Run(ctx)
		for name, want := range map[string][]Quality{"fast": {Good, Good, Good, Good, Good, Stale, Good}, "slow": {Good, Missing, Good}} {
			_, flags, _ := take(g.Sampler(name), len(want))
			for i, q := range want {
				if flags[i][0] != q {
					t.Errorf("%s, row %d: %v, want %v", name, i, flags[i][0], q)
				}
			}
		}
		cancel()
		synctest.Wait()
	})
}

// TestAgeOfWhatWasOverheard: a value is as old as when it was on the line, not
// as when it was asked for, and its age limit goes by that.
func TestAgeOfWhatWasOverheard(t *testing.T) {
	spec := sensor("a", newLying(1, nil))
	o := &overhears{lying: spec.Sensor.(*lying)}
	spec.Sensor, spec.MaxAge, spec.Checks = o, 10*time.Second, []Check{{MaxRate: 2}}
	s, err := newSensorState("x", spec, 0)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for i, step := range []struct {
		age, after time.Duration // of the value at its Read, from there to the row
		v          float64
		want       Quality
	}{
		{0, 0, 1, Good}, {time.Second, 9 * time.Second, 1, Good}, {time.Second, 10 * time.Second, 1, Stale},
		// 8 units in the 2 s between the Reads, but in 4 s on the line
		{2 * time.Second, 0, 1, Good}, {0, 0, 9, Good},
	} {
		now = now.Add(2 * time.Second)
		o.age, s.buf[0] = step.age, step.v
		s.record(now, now, now, nil)
		m := s.valueAt(now.Add(step.after), 0, s.maxAge)
		if m.quality != step.want || !m.at.Equal(now.Add(-step.age)) {
			t.Errorf("step %d: %v, measured %v before its Read, want %v and %v", i, m.quality, now.Sub(m.at), step.want, step.age)
		}
		if r := s.reading(); r.Quality[0] != Good {
			t.Errorf("step %d: read as %v", i, r.Quality[0])
		}
	}
}

// TestOnlyGoodIsScored: whatever comes from the wire, under any checks, a row
// holds a finite number exactly where the flag is good, and that number is the
// newest reading, no older than it may be.
func TestOnlyGoodIsScored(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spec := sensor("a", newLying(1, nil))
		spec.Period = time.Duration(rapid.IntRange(1, 5).Draw(t, "period")) * time.Second
		if rapid.Bool().Draw(t, "fill") {
			spec.MaxAge = spec.Period + time.Duration(rapid.IntRange(0, 5000).Draw(t, "age"))*time.Millisecond
		}
		spec.Checks = []Check{{
			Range:    rapid.SampledFrom([]Range{{}, {-10, 10}}).Draw(t, "range"),
			MaxRate:  rapid.SampledFrom([]float64{0, 3}).Draw(t, "rate"),
			MaxSpike: rapid.SampledFrom([]float64{0, 5}).Draw(t, "spike"), FlatAfter: rapid.SampledFrom([]time.Duration{0, 4 * time.Second}).Draw(t, "flat"),
		}}
		s, err := newSensorState("x", spec, 0)
		if err != nil {
			t.Fatal(err)
		}
		smp, err := newSampler(MachineSpec{"m", time.Second, []Cell{one("a", 0)}}, &Group{sensors: map[string]*sensorState{"a": s}})
		if err != nil {
			t.Fatal(err)
		}
		limit := max(spec.MaxAge, spec.Period)
		if spec.MaxAge == 0 && spec.Period > time.Second { // 1.5 periods, as docs/quality.md says
			limit = 3 * spec.Period / 2
		}
		epoch := time.Now()
		newest, newestAt := nan, time.Time{}
		value := rapid.OneOf(rapid.Float64Range(-12, 12), rapid.SampledFrom([]float64{nan, inf, -inf, 0, 0, 65535, -32768}))
		for n := range rapid.IntRange(1, 60).Draw(t, "rows") {
			tick := epoch.Add(time.Duration(n) * time.Second)
			if tick.Sub(epoch)%spec.Period == 0 && rapid.IntRange(0, 9).Draw(t, "hang") > 0 {
				v, end := value.Draw(t, "value"), tick.Add(10*time.Millisecond)
				var err error
				if s.buf[0] = v; rapid.IntRange(0, 4).Draw(t, "fail") == 0 {
					s.buf[0], err = nan, errSilent
				}
				s.record(tick, tick, end, err)
				if !math.IsNaN(s.buf[0]) {
					newest, newestAt = v, end
				}
			}
			smp.emit(tick)
			f := <-smp.frames
			q, got := f.Quality[0], f.Values[0]
			if (q == Good) == math.IsNaN(got) || math.IsInf(got, 0) {
				t.Fatalf("row %d: %v is %v", n, q, got)
			}
			if q == Good && (got != newest || tick.Sub(newestAt) > limit) {
				t.Fatalf("row %d: good is %v, want %v, measured %v before", n, got, newest, tick.Sub(newestAt))
			}
			smp.Release(f)
		}
	})
}

// TestReadingTellsWhy: people are told which test a value failed.
func TestReadingTellsWhy(t *testing.T) {
	spec := sensor("a", newLying(1, nil))
	spec.Sensor = bound{spec.Sensor.(*lying), -1000, 1000}
	spec.Checks = []Check{{Range: Range{-100, 100}, MaxSpike: 20, MaxRate: 5, FlatAfter: 3 * time.Second}}
	s, err := newSensorState("x", spec, 0)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Now()
	for i, step := range []struct {
		v    float64
		want Doubt
	}{{0, NoDoubt}, {30, Spike}, {8, NoDoubt}, {14, TooFast}, {150, OutOfRange}, {1001, Impossible}, {inf, Impossible}, {14, NoDoubt}, {14, NoDoubt}, {14, NoDoubt}, {14, Flat}, {14.1, NoDoubt}} {
		at = at.Add(time.Second)
		s.buf[0] = step.v
		s.record(at, at, at, nil)
		r := s.reading()
		if got := r.Doubts[0]; got != step.want || r.Values[0] != step.v || (got == NoDoubt) != (r.Quality[0] == Good) || (got.String() == "") != (got == NoDoubt) {
			t.Errorf("step %d, %v: %v %v (%q), want %v", i, step.v, r.Quality[0], got, got, step.want)
		}
	}
}

// A device that lacks one of its values for ever delivers all the same; one that
// brings none does not.
func TestLastGoodIsTheLastValue(t *testing.T) {
	s, err := newSensorState("x", sensor("a", newLying(2, nil)), 0)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Now()
	s.buf[0], s.buf[1] = 1, math.NaN()
	s.record(at, at, at, &drivers.ValueError{Channel: "c1", Text: "0x8000"})
	s.buf[0] = math.NaN()
	s.record(at.Add(time.Second), at.Add(time.Second), at.Add(time.Second), errors.New("no answer"))
	if r := s.reading(); !r.LastGood.Equal(at) {
		t.Errorf("last good %v, want that of the first attempt, %v", r.LastGood, at)
	}
}

// TestReadingCause: a channel is told what concerns it, not what its sensor's
// read ended with as a whole.
func TestReadingCause(t *testing.T) {
	err := fmt.Errorf("unit 7: %w", errors.Join(
		&drivers.PartError{Of: "unit 7", Channels: []string{"b", "c"}, Err: errSilent},
		fmt.Errorf("holding 4: %w", &drivers.ValueError{Channel: "d", Text: "0x8000"})))
	r := Reading{Channels: []drivers.Channel{{Name: "a"}, {Name: "b"}, {Name: "c"}, {Name: "d"}, {Name: "e"}}, Doubts: make([]Doubt, 5), Err: err}
	r.Doubts[0] = OutOfRange
	for i, want := range []string{"outside its range", "unit 7: " + errSilent.Error(), "unit 7: " + errSilent.Error(), "d is 0x8000", err.Error()} {
		q := Missing
		if i == 0 {
			q = Suspect
		}
		if got := r.Cause(i, q); got != want {
			t.Errorf("channel %d: %q, want %q", i, got, want)
		}
		if got := r.Cause(i, Good); got != "" {
			t.Errorf("channel %d is good: %q", i, got)
		}
	}
	if r.Err = nil; r.Cause(1, Missing) != "" {
		t.Error("a cause without an error")
	}
	if r.Late = true; r.Cause(1, Stale) != "read too late for its row" || r.Cause(1, Missing) != "" {
		t.Errorf("late: %q", r.Cause(1, Stale))
	}
}

// A wild value is not believed because it comes with every read: it is one
// measurement. The next one, which agrees with it, is the second.
func TestSpike_repeated(t *testing.T) {
	h := &overhears{lying: newLying(1, nil)}
	spec := sensor("a", h)
	spec.Checks = []Check{{MaxSpike: 5}}
	s, err := newSensorState("x", spec, 0)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for i, c := range []struct {
		value float64
		age   time.Duration
		want  Quality
	}{
		{10, 0, Good}, {10, time.Second, Good}, {99, 0, Suspect}, {99, time.Second, Suspect}, {99, 2 * time.Second, Suspect}, {99, 3 * time.Second, Suspect},
		{99, 0, Suspect}, {99, time.Second, Suspect}, {99, 0, Good}, {10, 0, Suspect}, {10, time.Second, Suspect},
	} {
		now = now.Add(time.Second)
		h.age = c.age
		s.buf[0] = c.value
		s.record(now, now, now.Add(time.Duration(i)*time.Millisecond), nil) // the end of a read is never quite on time
		if got := s.last[0].quality; got != c.want {
			t.Errorf("read %d, %v that is %v old: %v, want %v", i, c.value, c.age, got, c.want)
		}
	}
}
