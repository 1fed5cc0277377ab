package machine

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"iot-edge-anomaly/agent/detect"
	"iot-edge-anomaly/agent/judge"
	"iot-edge-anomaly/model"
)

// pumpDay is a pump that runs for fifteen minutes and rests for five. It starts
// with a rush of current, its bearing warms up while it runs and cools down while
// it rests.
type pumpDay struct {
	rnd     *rand.Rand
	i       int
	bearing float64
	bare    bool // a resting pump's transmitters are off
	blocked bool // the valve behind it
}

const runRows, restRows = 900, 300

// next is the row of the next second: speed, current, flow, bearing.
func (p *pumpDay) next() []float64 {
	at := p.i % (runRows + restRows)
	p.i++
	if at >= runRows {
		p.bearing += (20 - p.bearing) / 400
		if nan := math.NaN(); p.bare {
			return []float64{0, nan, nan, nan}
		}
		return []float64{0, 0, 0, p.bearing + 0.1*p.rnd.NormFloat64()}
	}
	t := float64(at)
	p.bearing += (60 - p.bearing) / 300
	load := 40 + 3*math.Sin(float64(p.i)/31) + math.Sin(float64(p.i)/7)
	speed := load * min(1, t/20)
	current := 0.2*speed + 20*math.Exp(-t/5) // the rush
	flow := 3 * speed * (1 - math.Exp(-t/15))
	if p.blocked {
		flow *= 0.7
	}
	noise := func(sd float64) float64 { return sd * p.rnd.NormFloat64() }
	return []float64{speed + noise(0.1), current + noise(0.05), flow + noise(0.5), p.bearing + noise(0.1)}
}

// TestStartsAndStopsRaiseNothing: a machine that is switched on and off is learnt
// and watched for ten hours without an event; then a blocked valve is told, and
// the stop ends the event.
func TestStartsAndStopsRaiseNothing(t *testing.T) {
	for name, bare := range map[string]bool{"transmitters go on": false, "transmitters are switched off too": true} {
		t.Run(name, func(t *testing.T) {
			rep := &collected{}
			o := options(t, rep)
			o.Schema.RunWhen.Settle = time.Minute
			o.Schema.Channels = []model.Channel{{Name: "speed"}, {Name: "current"}, {Name: "flow"}, {Name: "bearing"}}
			o.Policy.Channels, o.Limits = o.Schema.Channels, nil
			o.Learn.Rows.Schema, o.Learn.Rows.SettleRows, o.Learn.Rows.Want = o.Schema.Hash(), 60, 5*(runRows-60)
			f := newFeeder(t, o)
			p := &pumpDay{rnd: rand.New(rand.NewPCG(3, 4)), bearing: 20, bare: bare}
			states := map[judge.State]int{}
			step := func(n int) {
				for range n {
					f.push(p.next())
					f.await()
					states[f.m.Status().State]++
				}
			}
			for f.m.model == nil {
				if step(1); p.i > 200_000 {
					t.Fatalf("never learnt: %+v", f.m.Status())
				}
			}
			step(runRows + restRows - p.i%(runRows+restRows)) // the end of a rest
			clear(states)
			from := f.m.Status().Scored
			step(30 * (runRows + restRows))
			if len(rep.events) != 0 {
				t.Errorf("%d events of a healthy machine, the first %+v", len(rep.events), rep.events[0])
			}
			// A minute settles, and the window and the means fill; the ramp is slow.
			if scored := int(f.m.Status().Scored - from); scored < 30*(runRows-60-60) || states[judge.Idle] < 30*(restRows+60) || states[judge.Idle] > 30*(restRows+65) || states[judge.Blind] != 0 {
				t.Errorf("%d rows scored, states %v", scored, states)
			}
			p.blocked = true
			step(500)
			if n := len(rep.events); n == 0 || rep.events[0].State != detect.Open || rep.events[0].Causes[0].Channel != "flow" {
				t.Fatalf("a blocked valve: %+v", rep.events)
			}
			step(runRows + 60 - 500) // it rests again
			if last := rep.events[len(rep.events)-1]; last.State != detect.Close || last.Reason != detect.ReasonStopped {
				t.Errorf("last event %+v, want it ended by the stop", last)
			}
		})
	}
}

// TestNobodyKnowsWhetherItRuns: without the channel of run_when there is no
// verdict, and what is open stays open.
func TestNobodyKnowsWhetherItRuns(t *testing.T) {
	rep := &collected{}
	f := newFeeder(t, options(t, rep))
	f.learnt()
	f.watching()
	f.until(judge.Anomaly, -6)
	n := len(rep.events)
	for range 100 {
		row := plantRow(f.rnd, f.n, true, 0)
		row[0] = math.NaN()
		f.push(row)
	}
	f.want(judge.Blind)
	if s := f.m.Status(); s.Note == "" || s.Failed[NoModel] != 0 || s.Failed[NoValues] < 80 || s.Failed[NoValues] > 100 {
		t.Errorf("note %q, rows that could not be judged %v, want why and nearly 100", s.Note, s.Failed)
	}
	for _, ev := range rep.events[n:] {
		if ev.State == detect.Close {
			t.Errorf("closed though nobody knows: %+v", ev)
		}
	}
	f.until(judge.Normal, 0)
	if last := rep.events[len(rep.events)-1]; last.State != detect.Close || last.Reason != detect.ReasonNormal {
		t.Errorf("last event %+v", last)
	}
}
