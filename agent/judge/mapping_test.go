package judge

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"iot-edge-anomaly/agent/detect"
	"iot-edge-anomaly/model"
	"iot-edge-anomaly/model/train"

	"pgregory.net/rapid"
)

// TestMapping: rows with other channels than the model's, in any order, are judged as
// the model's own rows would be with the removed channels missing, and what is told of
// them is told of the right channels; a saved state changes nothing.
func TestMapping(t *testing.T) {
	m := golden(t)
	own := m.Schema().Channels
	told := 0
	rapid.Check(t, func(t *rapid.T) {
		channels := slices.Clone(own)
		removed := rapid.IntRange(-1, len(own)-1).Draw(t, "removed")
		if removed >= 0 {
			channels = slices.Delete(channels, removed, removed+1)
		}
		for i := range rapid.IntRange(0, 3).Draw(t, "added") {
			channels = append(channels, model.Channel{Name: fmt.Sprint("new.", i)})
		}
		channels = rapid.Permutation(channels).Draw(t, "order")
		at := make([]int, len(own)) // where the rows have the model's channels; -1 = nowhere
		for j, c := range own {
			at[j] = slices.Index(channels, c)
		}
		options := func(channels []model.Channel) Options {
			p := detect.DefaultPolicy("pump1", channels)
			p.Hold, p.Location = 20*time.Second, time.UTC
			return Options{Policy: p}
		}
		plain, mapped := using(t, m, options(own)), using(t, m, options(channels))
		g := goldenRow{state: uint32(rapid.IntRange(1, 1000).Draw(t, "seed"))}
		now := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
		for i := range 420 {
			row := g.next(i)
			if removed >= 0 {
				row[removed] = math.NaN()
			}
			other := make([]float64, len(channels))
			for k := range other {
				other[k] = float64(i % 7) // of a channel that the model does not know
			}
			for j, k := range at {
				if k >= 0 {
					other[k] = row[j]
				}
			}
			if i%100 == 99 {
				mapped = restarted(t, mapped)
				mapped.told = nil // what is open stays open
			}
			now = now.Add(time.Second)
			a, b := plain.Push(now, row), mapped.Push(now, other)
			if a.Scored != b.Scored || math.Float32bits(a.Score.Value) != math.Float32bits(b.Score.Value) || a.State != b.State || len(a.Events) != len(b.Events) {
				t.Fatalf("row %d: %v %v %s %d, mapped %v %v %s %d", i, a.Scored, a.Score.Value, a.State, len(a.Events), b.Scored, b.Score.Value, b.State, len(b.Events))
			}
			for j, k := range at {
				if k >= 0 && b.Scored && (a.Score.Shares[j] != b.Score.Shares[k] || math.Float64bits(a.Score.Expected[j]) != math.Float64bits(b.Score.Expected[k])) {
					t.Fatalf("row %d: share %v and expected %v of %s, mapped %v and %v", i, a.Score.Shares[j], a.Score.Expected[j], own[j].Name, b.Score.Shares[k], b.Score.Expected[k])
				}
			}
			for e, ev := range a.Events {
				got := b.Events[e]
				if removed >= 0 {
					ev.Missing = slices.DeleteFunc(slices.Clone(ev.Missing), func(name string) bool { return name == own[removed].Name })
				}
				if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", ev) {
					t.Fatalf("row %d: event\n%+v, mapped\n%+v", i, ev, got)
				}
				told++
			}
		}
	})
	if told == 0 {
		t.Error("no event: the rows hold nothing")
	}
}

// TestUse_units: events have the units that the configuration has got since the model
// was learnt.
func TestUse_units(t *testing.T) {
	s := model.Schema{Period: time.Second, Channels: []model.Channel{{Name: "p.speed"}, {Name: "p.flow"}}}
	row := func(i int) []float64 {
		speed := 40 + 3*math.Sin(float64(i)/3)
		return []float64{speed, 0.5*speed + 0.01*math.Sin(float64(i*i))}
	}
	var rows []float64
	for i := range 300 {
		rows = append(rows, row(i)...)
	}
	m, _, err := train.Train(t.Context(), s, rows, train.Options{})
	if err != nil {
		t.Fatal(err)
	}
	j := using(t, m, Options{Policy: detect.DefaultPolicy("p", []model.Channel{{Name: "p.speed", Unit: "Hz"}, {Name: "p.flow", Unit: "l/min"}})})
	at := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	for i := range 400 {
		r := row(i)
		if i > 300 {
			r[1] += 30
		}
		for _, ev := range j.Push(at.Add(time.Duration(i)*time.Second), r).Events {
			if c := ev.Causes[0]; c.Channel != "p.flow" || c.Unit != "l/min" {
				t.Errorf("cause %+v, want p.flow in l/min", c)
			}
			return
		}
	}
	t.Error("no event")
}

// TestPush_allocations: rows of other channels cost no allocation either.
func TestPush_allocations(t *testing.T) {
	m := golden(t)
	channels := append([]model.Channel{{Name: "new.x"}}, m.Schema().Channels[1:]...)
	j := using(t, m, Options{Policy: detect.DefaultPolicy("pump1", channels)})
	g := goldenRow{state: 7}
	at := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	var rows [][]float64
	for i := range 200 {
		row := g.next(i)
		rows = append(rows, append([]float64{1}, row[1:]...))
	}
	i, scored := 0, 0
	if n := testing.AllocsPerRun(len(rows)-1, func() {
		at = at.Add(time.Second)
		v := j.Push(at, rows[i%len(rows)])
		if i++; v.Scored {
			scored++
		}
		j.Drift()
	}); n != 0 || scored < 50 {
		t.Errorf("%v allocations, %d rows scored", n, scored)
	}
}
