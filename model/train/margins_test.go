package train

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"testing"
	"time"

	"iot-edge-anomaly/model"
)

// cyclic is a machine whose four channels follow one load with a cycle of 24 rows, the last
// of them with a delay. The mean of a residual over a cycle is so steady that the smallest
// bias of the network shows.
func cyclic() virtual {
	names := []model.Channel{{Name: "speed"}, {Name: "current"}, {Name: "flow"}, {Name: "temp"}}
	return virtual{model.Schema{Period: time.Second, Channels: names}, func(i int, rng *rand.Rand) []float64 {
		at := 2 * math.Pi * float64(i) / 24
		load := math.Sin(at) + 0.4*math.Sin(2*at+1)
		return []float64{40 + 3*load + 0.1*rng.NormFloat64(), 5 + load + 0.05*rng.NormFloat64(),
			120 + 9*load + rng.NormFloat64(), 60 + 2*math.Sin(at-0.8) + 0.1*rng.NormFloat64()}
	}}
}

// gone returns rows without channel j, on and off for so many rows; 0 = for ever.
func gone(rows []float64, c, j, turn int) []float64 {
	i := -1
	return with(rows, c, j, 0, func(x float64) float64 {
		if i++; turn == 0 || i/turn%2 == 1 {
			return math.NaN()
		}
		return x
	})
}

// alarms returns how often three of the last five rows begin to be above the threshold, and
// how many rows were scored.
func alarms(m *model.Model, rows []float64) (n, scored int) {
	s, c, last, open := model.NewScorer(m), len(m.Schema().Channels), 0, false
	for i := 0; i < len(rows); i += c {
		v, ok := s.Push(rows[i : i+c])
		if last = last << 1 & 31; ok && v.Value > 1 {
			last |= 1
		}
		if ok {
			scored++
		}
		was := open
		if open = bits.OnesCount(uint(last)) >= 3; open && !was {
			n++
		}
	}
	return n, scored
}

// TestMissing holds that on a healthy machine a dead sensor raises no alarm, neither while it
// is missing nor when it fails or comes back, and that a fault of another channel is still
// found.
func TestMissing(t *testing.T) {
	long(t)
	running := &model.Condition{Channel: "speed", Above: 20, Below: math.NaN(), Settle: 5 * time.Second}
	for _, m := range []struct {
		name         string
		virtual      virtual
		learn, score int
		turn         int // rows after which a channel goes or comes back, each time at another phase of the cycle; 0 = it is gone for good
	}{{"cycle, 600 rows", cyclic(), 600, 3000, 0}, {"cycle, 3000 rows", cyclic(), 3000, 3000, 125}, {"daily sine", daily(), 7 * 1440, 3 * 1440, 475},
		{"start/stop", batches(running), 7200, 3600, 97}, {"always", batches(nil), 7200, 3600, 475}} {
		learnRows, c := m.virtual.rows(0, m.learn), len(m.virtual.schema.Channels)
		normal := m.virtual.rows(1000*1440, m.score)
		for seed := range uint64(2) {
			model, _ := learn(t, m.virtual.schema, learnRows, Options{Seed: seed + 1})
			for j := range c {
				name := m.virtual.schema.Channels[j].Name
				if cond := m.virtual.schema.RunWhen; cond != nil && cond.Channel == name {
					continue // without it the machine is blind
				}
				if n, scored := alarms(model, gone(normal, c, j, m.turn)); n > 0 || scored < m.score/3 {
					t.Errorf("%s, seed %d, without %s: %d false alarms in %d rows", m.name, seed+1, name, n, scored)
				}
				for k := range j {
					if k == 0 && m.virtual.schema.RunWhen != nil {
						continue
					}
					two := gone(gone(normal, c, j, m.turn), c, k, m.turn+m.turn/10)
					if n, scored := alarms(model, two); n > 0 {
						t.Errorf("%s, seed %d, without channels %d and %d: %d false alarms in %d rows", m.name, seed+1, k, j, n, scored)
					}
				}
				for k := range c {
					if k == j {
						continue
					}
					column := make([]float64, 0, m.learn)
					for i := k; i < len(learnRows); i += c {
						column = append(column, learnRows[i])
					}
					_, sd := spreadOf(column)
					fault := with(normal, c, k, 0, func(x float64) float64 { return x + 5*sd })
					all, _, _ := watch(model, fault)
					if without, _, _ := watch(model, gone(fault, c, j, 0)); without < 0.95*all {
						t.Errorf("%s, seed %d: %s off by 5 sd: %.0f %% of rows above without %s, %.0f %% with it",
							m.name, seed+1, m.virtual.schema.Channels[k].Name, 100*without, name, 100*all)
					}
				}
			}
		}
	}
}

// TestMissing_margin holds that margins are needed, and for which channels.
func TestMissing_margin(t *testing.T) {
	v := cyclic()
	m, _ := learn(t, v.schema, v.rows(0, 600), Options{Seed: 1})
	p := m.Parameters()
	if !(p.MissingMargin[3] > 0.4) || max(p.MissingMargin[0], p.MissingMargin[1], p.MissingMargin[2]) > 0.4 {
		t.Errorf("margins %v, want the largest for the late channel", p.MissingMargin)
	}
	p.MissingMargin = make([]float32, 4)
	without, err := model.New(p)
	if err != nil {
		t.Fatal(err)
	}
	if above, _, _ := watch(without, gone(v.rows(1000*1440, 1000), 4, 3, 0)); above == 0 {
		t.Error("nothing is above the threshold without margins: the test above shows nothing")
	}
	running := &model.Condition{Channel: "speed", Above: 20, Below: math.NaN()}
	dead := with(batches(running).rows(0, 1500), 3, 2, 0, func(float64) float64 { return math.NaN() })
	m, _ = learn(t, batches(running).schema, dead, Options{Seed: 1, Epochs: 2})
	if r := m.Parameters().MissingMargin; r[0] != 0 || r[2] != 0 {
		t.Errorf("margins %v, want 0 for the channel of run_when and the one that never had a value", r)
	}
}
