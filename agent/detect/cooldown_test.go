package detect

import (
	"testing"
	"time"

	"iot-edge-anomaly/model"
)

// blame pushes one score a second whose causes are those shares of a.x, a.y and
// b.z, until an event arises or the scores are used up.
func blame(d *Detector, from int, score float64, rows int, shares ...float32) (out []Event) {
	for i := range rows {
		s := model.Score{Value: float32(score), Shares: shares, Values: []float64{1, 1, 1}, Expected: []float64{0, 0, 0}}
		if ev, ok := d.Push(at(from+i), s); ok {
			out = append(out, ev)
		}
	}
	return out
}

// The cooldown belongs to the sensors that caused what ended: what others cause
// is told at once, and so is what is graver.
func TestCooldown_groups(t *testing.T) {
	for _, c := range []struct {
		name   string
		first  []float32 // of the event that ends
		second []float32 // of the one that begins in its cooldown
		score  float64   // of the second
		at     int       // the second when it opens
	}{
		{"same channel", []float32{1, 0, 0}, []float32{1, 0, 0}, 1.2, 24},
		{"other channel of the same sensor", []float32{1, 0, 0}, []float32{0, 1, 0}, 1.2, 24},
		{"other sensor", []float32{1, 0, 0}, []float32{0, 0, 1}, 1.2, 8},
		{"other sensor, which had a fifth of the first", []float32{0.5, 0.25, 0.25}, []float32{0, 0, 1}, 1.2, 24},
		{"other sensor, which had less", []float32{0.5, 0.4, 0.1}, []float32{0, 0, 1}, 1.2, 8},
		{"same channel, graver", []float32{1, 0, 0}, []float32{1, 0, 0}, 2, 8},
	} {
		d := newDetector(t, func(o *Policy) {
			o.Channels, o.Hold, o.Cooldown, o.Causes = apart(), 0, 20*time.Second, 3
		})
		got := blame(d, 0, 1.2, 3, c.first...)
		got = append(got, blame(d, 3, 0.1, 3, c.first...)...) // closes at 3; at rest until 23, with the row at 4 after a step
		if states(got) != "open close" {
			t.Fatalf("%s: %q", c.name, states(got))
		}
		got = blame(d, 6, c.score, 4, c.second...)
		if why := d.Silent(at(9)); (why == SilentResting) != (c.at == 24) {
			t.Errorf("%s: silent %q", c.name, why)
		}
		got = append(got, blame(d, 10, c.score, 36, c.second...)...)
		if len(got) == 0 || got[0].State != Open || !got[0].Since.Equal(at(6)) {
			t.Errorf("%s: %+v, want an open with its true since", c.name, got)
			continue
		}
		if opened := int(got[0].Time.Sub(start) / time.Second); opened != c.at && !(c.at == 24 && opened == 23) {
			t.Errorf("%s: opened at second %d, want %d", c.name, opened, c.at)
		}
	}
}

// An event that lasts is told ever more seldom, but at once where another sensor
// is to blame.
func TestPush_updatesBackOff(t *testing.T) {
	d := newDetector(t, func(o *Policy) { o.Channels, o.Update = apart(), time.Minute })
	got := blame(d, 0, 1.2, 8*3600, 1, 0, 0)
	var gaps []time.Duration
	for i := 1; i < len(got); i++ {
		gaps = append(gaps, got[i].Time.Sub(got[i-1].Time))
	}
	if len(got) < 10 || len(got) > 16 || gaps[0] != time.Minute || gaps[1] != 2*time.Minute || gaps[len(gaps)-1] != time.Hour {
		t.Errorf("%d events in 8 h, after %v", len(got), gaps)
	}
	got = blame(d, 8*3600, 3, 600, 0, 0, 1)
	if len(got) < 3 || got[0].Severity != Critical || got[2].Causes[0].Channel != "b.z" {
		t.Errorf("another sensor: %+v", got)
	}
}
