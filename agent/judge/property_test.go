package judge

import (
	"math"
	"testing"
	"time"

	"iot-edge-anomaly/agent/detect"
	"iot-edge-anomaly/model"

	"pgregory.net/rapid"
)

// book holds the events of a machine to what is promised: of each kind and key one is
// open at most, opens and closes in turn, its since stays, severity and peak rise
// only. Of an event that was resumed after a crash, package report sees to the latter.
type book struct {
	t    *rapid.T
	open map[[2]string]detect.Event
	n    map[detect.State]int

	crashed map[[2]string]bool // the open events that were resumed after a crash
	again   int                // of these, what was latched began again
}

func (b *book) take(ev detect.Event) {
	key := [2]string{string(ev.Kind), ev.Key}
	before, open := b.open[key]
	switch {
	case (ev.State == detect.Open) == open:
		b.t.Fatalf("%s of %v while open is %v: %+v", ev.State, key, open, ev)
	case open && !b.crashed[key] && (!ev.Since.Equal(before.Since) || ev.Severity.Rank() < before.Severity.Rank() || ev.Peak < before.Peak):
		b.t.Fatalf("%s does not continue its event: %+v after %+v", ev.State, ev, before)
	case ev.State == detect.Close && (ev.Until.Before(ev.Since) || ev.Reason == ""):
		b.t.Fatalf("until %v before since %v, reason %q", ev.Until, ev.Since, ev.Reason)
	}
	if b.open[key] = ev; ev.State == detect.Close {
		delete(b.open, key)
		delete(b.crashed, key)
	}
	if b.n[ev.State]++; open && before.Reason == detect.ReasonHeld && ev.State == detect.Update {
		b.again++
	}
}

// drawPolicy is any alarm policy for the machine.
func drawPolicy(t *rapid.T, channels []model.Channel) detect.Policy {
	m := rapid.IntRange(1, 6).Draw(t, "m")
	seconds := func(name string, most int) time.Duration {
		return time.Duration(rapid.IntRange(0, most).Draw(t, name)) * time.Second
	}
	shifts := time.Duration(0)
	if rapid.Bool().Draw(t, "shifts") {
		shifts = 20*time.Second + seconds("drift after", 60)
	}
	p := detect.DefaultPolicy("pump1", channels)
	p.M, p.N, p.Location = m, rapid.IntRange(1, m).Draw(t, "n"), time.UTC
	p.Hold, p.Cooldown, p.Repeats, p.Update, p.DriftAfter = seconds("hold", 20), seconds("cooldown", 90), seconds("repeats", 90), seconds("update", 20), shifts
	p.Latch, p.UnlatchAfter = rapid.Bool().Draw(t, "latch"), 10*seconds("unlatch", 40)
	p.Mute = []detect.MuteWindow{{From: 8*60 + 2, To: 8*60 + 4}}
	return p
}

// TestJudge_balanced: no sequence of rows, faults, holes, restarts, changed
// policies and unlatchings yields an event that is unbalanced or overlaps another
// of its kind.
func TestJudge_balanced(t *testing.T) {
	loaded := golden(t)
	total, again := map[detect.State]int{}, 0
	rapid.Check(t, func(t *rapid.T) {
		b := &book{t: t, open: map[[2]string]detect.Event{}, n: total, crashed: map[[2]string]bool{}}
		nan := math.NaN()
		var j *Judge
		begin := func() {
			s := loaded.Schema()
			j = using(t, loaded, Options{Policy: drawPolicy(t, s.Channels), Limits: []detect.Limit{
				{Channel: "pump.voltage", Unit: "V", Index: 2, Warn: 232.5, Alarm: 235, WarnLow: nan, AlarmLow: nan, Hold: 3 * time.Second}}})
			for key, ev := range b.open {
				if !j.Resume(ev) {
					t.Fatalf("%v is not continued: %+v", key, ev)
				}
			}
		}
		begin()
		g := goldenRow{state: uint32(rapid.IntRange(1, 1000).Draw(t, "seed"))}
		at := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
		var last []float64
		var saved []byte
		for range rapid.IntRange(1, 40).Draw(t, "spans") {
			what := rapid.IntRange(0, 13).Draw(t, "what")
			switch what {
			case 8:
				at = at.Add(time.Duration(rapid.IntRange(-400, 400).Draw(t, "hole")) * time.Second)
			case 9:
				begin()
			case 10:
				for _, ev := range j.Unlatch(at) {
					b.take(ev)
				}
			case 11:
				j = restarted(t, j)
				for key, ev := range b.open {
					if !j.Resume(ev) {
						t.Fatalf("%v is not continued: %+v", key, ev)
					}
				}
				j.Settle()
			case 12:
				saved = j.Save(nil)
			case 13: // a crash: what happened since the state was saved is not in it
				if saved == nil {
					continue
				}
				j = using(t, loaded, j.o)
				if err := j.Restore(saved, time.Time{}); err != nil {
					t.Fatal(err)
				}
				for key, ev := range b.open {
					if b.crashed[key] = true; !j.Resume(ev) {
						t.Fatalf("%v is not continued: %+v", key, ev)
					}
				}
				j.Settle()
			}
			for i := range rapid.IntRange(1, 60).Draw(t, "rows") {
				row := g.next(0)
				switch what {
				case 0:
					row[1] -= 30
				case 1:
					row[2] += float64(3 + i%3)
				case 2:
					row[0], row[1], row[2] = nan, nan, nan
				case 3:
					row[i%3] = nan
				case 4:
					row[0] = math.Inf(1)
				case 5:
					if last != nil {
						copy(row, last)
					}
				case 6:
					row[0] *= 10
				}
				last = row
				at = at.Add(time.Second)
				for _, ev := range j.Push(at, row).Events {
					b.take(ev)
				}
			}
		}
		again += b.again
	})
	if testing.Short() {
		return // too few sequences to ask for how much they held
	}
	if total[detect.Open] < 50 || total[detect.Close] < 30 || total[detect.Update] < 50 || again == 0 {
		t.Errorf("events %v, %d began again: too few to hold anything", total, again)
	}
}
