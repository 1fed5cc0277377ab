package sampler

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"iot-edge-anomaly/agent/derive"
	"iot-edge-anomaly/drivers"
)

// formulas is a derived sensor "d" with a channel for each expression, named e0,
// e1 and so on.
func formulas(t testing.TB, texts ...string) DerivedSpec {
	t.Helper()
	d := DerivedSpec{Name: "d"}
	for i, text := range texts {
		e, err := derive.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		d.Channels = append(d.Channels, DerivedChannel{Channel: drivers.Channel{Name: "e" + string(rune('0'+i))}, Expr: e})
	}
	return d
}

// TestDerived follows rows in which inputs are good, doubted, absent and zero.
func TestDerived(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nan := math.NaN()
		inputs := [][2]float64{{6, 2}, {8, 0}, {nan, 4}, {500, 4}, {6, 3}, {6, 5}}
		spec := sensor("a", newLying(2, func(n int, dst []float64) error {
			if n > len(inputs) {
				n = len(inputs)
			}
			dst[0], dst[1] = inputs[n-1][0], inputs[n-1][1]
			return nil
		}))
		spec.Checks = []Check{{Range: Range{0, 100}}, {}}
		d := formulas(t, "a.c0 / a.c1", "d.e0 * 10", "mean(a.c0, 2)")
		d.Channels[1].Check.Range = Range{0, 25}
		// The row has the derived channels first and in another order: what counts is
		// the order in which they are defined.
		g, err := New([]BusSpec{{Name: "x", Sensors: []SensorSpec{spec}}}, []DerivedSpec{d},
			[]MachineSpec{{"m", time.Second, []Cell{{"d", 2}, {"d", 1}, {"d", 0}, {"a", 1}, {"a", 0}}}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		go g.Run(ctx)
		rows, flags, _ := take(g.Sampler("m"), len(inputs))
		r := g.Readings()[1]
		cancel()

		want := [][]float64{{6, nan, 3}, {7, nan, nan}, {nan, nan, nan}, {nan, nan, nan}, {6, 20, 2}, {6, 12, 1.2}}
		quality := [][]Quality{{Good, Suspect, Good}, {Good, Missing, Missing}, {Missing, Missing, Missing}, {Suspect, Suspect, Suspect}, {Good, Good, Good}, {Good, Good, Good}}
		for i := range want {
			if !slices.Equal(flags[i][:3], quality[i]) {
				t.Errorf("row %d: flags %v, want %v", i, flags[i][:3], quality[i])
			}
			for j, w := range want[i] {
				if got := rows[i][j]; got != w && !(math.IsNaN(got) && math.IsNaN(w)) {
					t.Errorf("row %d, channel %d: got %v, want %v", i, j, got, w)
				}
			}
		}
		if !r.Derived || r.Sensor != "d" || r.Values[0] != 1.2 || r.Values[1] != 12 || r.Err != nil || r.At.IsZero() {
			t.Errorf("reading %+v", r)
		}
		for _, f := range g.Sampler("m").Flags() {
			if f.Sensor == "d" && f.Quality == Missing && f.N != 5 {
				t.Errorf("%d cells counted as missing, want 5", f.N)
			}
		}
	})
}

// TestDerived_reasons: a person is told which input is the cause, or that the
// result is no number.
func TestDerived_reasons(t *testing.T) {
	for _, machine := range []bool{true, false} {
		values := []float64{1, 0}
		spec := sensor("a", newLying(2, func(_ int, dst []float64) error { copy(dst, values); return nil }))
		spec.Checks = []Check{{Range: Range{0, 100}}, {}}
		d := formulas(t, "a.c0 / a.c1", "d.e0 + 1", "a.c0 * 3")
		d.Channels[2].Check.Range = Range{0, 100}
		var machines []MachineSpec
		if machine {
			machines = []MachineSpec{{"m", time.Second, []Cell{{"a", 0}, {"a", 1}, {"d", 0}, {"d", 1}, {"d", 2}}}}
		}
		g, err := New([]BusSpec{{Name: "x", Sensors: []SensorSpec{spec}}}, []DerivedSpec{d}, machines)
		if err != nil {
			t.Fatal(err)
		}
		if r := g.Readings()[1]; !r.At.IsZero() || r.Quality[0] != Missing || r.Err != nil {
			t.Errorf("before the first read: %+v", r)
		}
		tick := time.Now()
		read := func() Reading {
			g.buses[0].sensors[0].due = tick
			g.buses[0].read(t.Context(), g.buses[0].sensors[0])
			if machine {
				g.samplers[0].emit(tick)
				g.samplers[0].Release(<-g.samplers[0].Frames())
			}
			tick = tick.Add(time.Second)
			return g.Readings()[1]
		}
		for _, c := range []struct {
			a, b  float64
			cause [3]string
		}{
			{50, 2, [3]string{"", "", "outside its range"}},
			{1, 0, [3]string{"e0 is no finite number, as after a division by zero", "e1 is missing because d.e0 is", ""}},
			{200, 2, [3]string{"e0 is suspect because a.c0 is", "e1 is suspect because d.e0 is", "e2 is suspect because a.c0 is"}},
			{1, math.NaN(), [3]string{"e0 is missing because a.c1 is", "e1 is missing because d.e0 is", ""}},
		} {
			values = []float64{c.a, c.b}
			r := read()
			for i, want := range c.cause {
				if got := r.Cause(i, r.Quality[i]); got != want {
					t.Errorf("machine %v, inputs %v and %v, channel %d: cause %q, want %q", machine, c.a, c.b, i, got, want)
				}
			}
		}
	}
}

func TestNewRefuses_derived(t *testing.T) {
	a := sensor("a", newLying(1, counting))
	bad := formulas(t, "a.c0")
	bad.Channels[0].Check.Range = Range{2, 1}
	self := formulas(t, "d.e0 + a.c0")
	other := formulas(t, "a.c0")
	other.Name = "a"
	for want, c := range map[string]struct {
		derived []DerivedSpec
		cells   []Cell
	}{
		"sensor a: named twice":                                                   {[]DerivedSpec{other}, nil},
		"sensor d: channel e0: range 2 to 1: want min below max":                  {[]DerivedSpec{bad}, nil},
		"machine m: sensor d: channel 1 of 1":                                     {[]DerivedSpec{formulas(t, "a.c0")}, []Cell{{"d", 1}}},
		"machine m: channel d.e0: no channel a.c0 comes before it in the machine": {[]DerivedSpec{formulas(t, "a.c0")}, []Cell{{"d", 0}}},
		"machine m: channel d.e0: no channel d.e0 comes before it in the machine": {[]DerivedSpec{self}, []Cell{{"d", 0}, {"a", 0}}},
		"machine m: channel d.e0: no channel d.e1 comes before it in the machine": {[]DerivedSpec{formulas(t, "d.e1", "a.c0")}, []Cell{{"d", 0}, {"a", 0}, {"d", 1}}},
	} {
		_, err := New([]BusSpec{{Name: "x", Sensors: []SensorSpec{a}}}, c.derived, []MachineSpec{{"m", time.Second, c.cells}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// derivedRow is a sampler of n derived channels and a row with their inputs.
func derivedRow(t testing.TB, n int) (*Sampler, *Frame) {
	spec := sensor("a", newLying(3, counting))
	d := formulas(t, slices.Repeat([]string{"a.c0 * a.c1 / a.c2"}, n)...)
	cells := []Cell{{"a", 0}, {"a", 1}, {"a", 2}}
	for i := range d.Channels {
		d.Channels[i].Check = Check{Range: Range{0, 1e9}, MaxSpike: 1e9}
		cells = append(cells, Cell{"d", i})
	}
	g, err := New([]BusSpec{{Name: "x", Sensors: []SensorSpec{spec}}}, []DerivedSpec{d}, []MachineSpec{{"m", time.Second, cells}})
	if err != nil {
		t.Fatal(err)
	}
	f := <-g.samplers[0].free
	f.Time = time.Now()
	for i, v := range []float64{12, 3, 4} {
		f.Values[i], f.Raw[i], f.Quality[i], f.At[i] = v, v, Good, f.Time
	}
	return g.samplers[0], f
}

func TestDerivedAllocatesNothing(t *testing.T) {
	s, f := derivedRow(t, 2)
	if n := testing.AllocsPerRun(1000, func() { s.compute(f) }); n != 0 || f.Values[4] != 9 {
		t.Errorf("%v allocations a row, value %v", n, f.Values[4])
	}
}

// BenchmarkDerived is the derived channels of one row: expression, quality, checks
// and counters.
func BenchmarkDerived(b *testing.B) {
	const channels = 8
	s, f := derivedRow(b, channels)
	b.ReportAllocs()
	for b.Loop() {
		s.compute(f)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/channels, "ns/channel")
}
