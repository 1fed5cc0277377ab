package judge

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"iot-edge-anomaly/agent/detect"
	"iot-edge-anomaly/model"
)

// TestTry: policies that are tried in one pass say what Judges of their own say, and the
// first Judge says what it says without them. A threshold of 2 is that of a model with
// twice the limits. The machine stops, is blind and has gaps meanwhile.
func TestTry(t *testing.T) {
	m := golden(t)
	o := goldenOptions(m)
	o.Policy.DriftAfter = 2 * time.Minute // levels shift
	tried := []Alternative{{Policy: o.Policy, Above: 1}, {Policy: o.Policy, Above: 2}}
	for _, n := range [][2]int{{1, 1}, {5, 8}} {
		p := o.Policy
		p.N, p.M, p.Hold, p.Latch = n[0], n[1], time.Duration(n[0])*time.Minute, n[0] == 1
		tried = append(tried, Alternative{Policy: p, Above: 1})
	}
	alone, together := using(t, m, o), using(t, m, o)
	got, want := make([][]string, len(tried)), make([][]string, len(tried))
	text := func(ev detect.Event) string {
		ev.Percentile = 0
		return fmt.Sprintf("%+v", ev)
	}
	var own []*Judge
	for i, a := range tried {
		a.Emit = func(ev detect.Event) { got[i] = append(got[i], text(ev)) }
		if err := together.Try(a); err != nil {
			t.Fatal(err)
		}
		p := m.Parameters()
		p.Limits = slices.Clone(p.Limits)
		for k := range p.Limits {
			p.Limits[k] *= a.Above
		}
		scaled, err := model.New(p)
		if err != nil {
			t.Fatal(err)
		}
		own = append(own, using(t, scaled, Options{Policy: a.Policy}))
	}
	g := goldenRow{state: 7}
	at := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	for i := range 3400 {
		row := g.next(i)
		if at = at.Add(time.Second); i == 2000 {
			at = at.Add(time.Hour)
		}
		a, b := alone.Push(at, row), together.Push(at, row)
		if !slices.EqualFunc(a.Events, b.Events, func(x, y detect.Event) bool { return fmt.Sprint(x) == fmt.Sprint(y) }) || a.State != b.State {
			t.Fatalf("row %d: %+v with others beside, %+v alone", i, b, a)
		}
		for k, j := range own {
			for _, ev := range j.Push(at, row).Events {
				want[k] = append(want[k], text(ev))
			}
		}
	}
	for k := range tried {
		if len(want[k]) < 4 || !slices.Equal(got[k], want[k]) {
			t.Errorf("policy %d: %d events, a Judge of its own has %d", k, len(got[k]), len(want[k]))
			for i := range min(len(got[k]), len(want[k])) {
				if got[k][i] != want[k][i] {
					t.Errorf("event %d:\n got %s\nwant %s", i, got[k][i], want[k][i])
					break
				}
			}
		}
	}
	if slices.Equal(got[0], got[1]) || slices.Equal(got[0], got[2]) {
		t.Error("policies that differ say the same")
	}
	if err := together.Try(Alternative{Above: 1}); err == nil {
		t.Error("a policy without anything is tried")
	}
}
