package detect

import (
	"testing"
	"time"

	"iot-edge-anomaly/model"
)

// visits pushes, one score a second, loud stretches of 4 rows blamed on channels,
// each followed by the pause of its number of quiet rows.
func visits(d *Detector, from int, pauses []int, causes ...[]float32) (out []Event) {
	for i, pause := range pauses {
		shares := causes[i%len(causes)]
		out = append(out, blame(d, from, 1.2, 4, shares...)...)
		out = append(out, blame(d, from+4, 0.1, pause, shares...)...)
		from += 4 + pause
	}
	return out
}

func repeating(o *Policy) {
	o.Channels, o.Hold, o.Repeats, o.Update, o.Causes = apart(), 3*time.Second, 12*time.Minute, 0, 3
}

func TestRepeats(t *testing.T) {
	x, y, z, xy := []float32{1, 0, 0}, []float32{0, 1, 0}, []float32{0, 0, 1}, []float32{0.7, 0.3, 0}
	for _, c := range []struct {
		name   string
		pauses []int
		causes [][]float32
		want   int // events that open
	}{
		{"four times", []int{50, 50, 50, 800}, [][]float32{x}, 4},
		{"the fifth stays open over its pauses", []int{50, 50, 50, 50, 50, 50, 50, 50, 800}, [][]float32{x}, 5},
		{"longer pauses, up to twice the longest", []int{30, 30, 40, 50, 90, 90, 800}, [][]float32{x}, 5},
		{"a longer pause than that ends it", []int{50, 50, 50, 50, 50, 120, 800}, [][]float32{x}, 6},
		{"nor do pauses beyond repeats make a habit", []int{730, 730, 730, 730, 730, 730}, [][]float32{x}, 6},
		{"each channel for itself", []int{40, 40, 40, 40, 40, 40, 40, 40, 800}, [][]float32{x, y, z}, 9},
		{"a fault between two is one", []int{40, 40, 40, 40, 40, 40, 800}, [][]float32{xy, x, xy, {0.3, 0.7, 0}}, 5},
	} {
		d := newDetector(t, repeating)
		got := visits(d, 0, c.pauses, c.causes...)
		opens := 0
		for _, ev := range got {
			if ev.State == Open {
				opens++
			}
		}
		if _, open := d.Open(); opens != c.want || open {
			t.Errorf("%s: %d events, want %d; open %v: %s", c.name, opens, c.want, open, states(got))
		}
	}
}

// The fifth event ends when it was quiet for twice the longer pause, at the time
// when it became quiet.
func TestRepeats_ends(t *testing.T) {
	d := newDetector(t, repeating)
	visits(d, -108, []int{50, 50, 50, 50}, []float32{1, 0, 0})
	got := visits(d, 108, []int{50, 250}, []float32{1, 0, 0}) // at 108 to 111 and 162 to 165
	if states(got) != "open close" {
		t.Fatalf("got %q", states(got))
	}
	// A pause counts from the first quiet row to the row that tells: 52 s and 52 s.
	if end := got[1]; !end.Since.Equal(at(108)) || !end.Until.Equal(at(166)) || !end.Time.Equal(at(166+104)) || end.Reason != ReasonNormal {
		t.Errorf("got %+v", end)
	}
	d = newDetector(t, func(o *Policy) { repeating(o); o.Update = 10 * time.Second })
	got = visits(d, -108, []int{50, 50, 50, 50, 50, 400}, []float32{1, 0, 0})
	d.term = 1
	if d.hold <= d.o.Hold || d.whyAgain() != reasons[1]+comesAndGoes {
		t.Errorf("%q after %s", d.whyAgain(), states(got))
	}
}

// What rests does not hide another fault: it ends, and the other opens.
func TestRepeats_anotherFault(t *testing.T) {
	d := newDetector(t, repeating)
	visits(d, -108, []int{50, 50, 50, 50, 10}, []float32{1, 0, 0})
	if _, open := d.Open(); !open || !d.Resting() {
		t.Fatal("want resting")
	}
	got := blame(d, 122, 1.2, 6, 0, 1, 0)
	if states(got) != "close open" || !got[0].Until.Equal(at(112)) || !got[1].Since.Equal(at(122)) || got[1].Causes[0].Channel != "a.y" || d.Resting() {
		t.Errorf("got %+v", got)
	}
	// A graver visit of the same is told at once.
	d = newDetector(t, repeating)
	visits(d, -108, []int{50, 50, 50, 50, 10}, []float32{1, 0, 0})
	if got := blame(d, 122, 4, 3, 1, 0, 0); states(got) != "update" || got[0].Severity != Critical || d.Resting() {
		t.Errorf("got %+v", got)
	}
}

// While it rests, a stop passes, and a time in which nobody sees does not count.
func TestRepeats_stopsAndGaps(t *testing.T) {
	d := newDetector(t, repeating)
	visits(d, -108, []int{50, 50, 50, 50, 10}, []float32{1, 0, 0})
	now := 122
	for range 50 {
		if ev, ok := d.Idle(at(now)); ok {
			t.Fatalf("got %+v", ev)
		}
		now++
	}
	for range 500 {
		d.Gap(at(now))
		now++
	}
	var end Event
	for i := range 300 {
		if ev, ok := d.Push(at(now+i), model.Score{Value: 0.1}); ok {
			end = ev
			if i < 100 {
				t.Errorf("closed after %d rows", i)
			}
		}
	}
	if end.State != Close || !end.Until.Equal(at(112)) {
		t.Errorf("got %+v", end)
	}
}

func TestRepeats_allocations(t *testing.T) {
	d := newDetector(t, repeating)
	visits(d, -108, []int{50, 50, 50, 50, 10}, []float32{1, 0, 0})
	s := []model.Score{{Value: 1.2, Shares: []float32{1, 0, 0}}, {Value: 0.1}, {Value: 0.1}, {Value: 0.1}, {Value: 0.1}, {Value: 0.1}, {Value: 0.1}, {Value: 0.1}}
	i := 0
	if n := testing.AllocsPerRun(500, func() {
		k := 1
		if i%16 < 4 {
			k = 0
		}
		d.Push(at(122+i), s[k])
		i++
	}); n != 0 || i < 500 {
		t.Errorf("%v allocations", n)
	}
}
