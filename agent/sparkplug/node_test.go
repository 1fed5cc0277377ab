package sparkplug

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"iot-edge-anomaly/agent/report"
	"iot-edge-anomaly/agent/sampler"
	"iot-edge-anomaly/model"
)

var nan = math.NaN()

// serve runs the node for a time, in which at most one thing is done.
func (b *bench) serve(t *testing.T, d time.Duration, do func()) error {
	t.Helper()
	done, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- b.Serve(done, b.take) }()
	synctest.Wait()
	if do != nil {
		b.mu.Lock()
		b.sleep(time.Millisecond) // a row that is made now is another one
		do()
		b.mu.Unlock()
	}
	select {
	case err := <-ended:
		return err
	case <-time.After(d):
	}
	close(done)
	return <-ended
}

// TestBirth: the births have every metric with name, alias, type, value, quality and unit,
// and what has no value is null.
func TestBirth(t *testing.T) {
	b := &bench{}
	synctest.Test(t, func(t *testing.T) {
		b = newBench(pump("pump1", 0.4, 3.25, nan), Machine{Name: "fan", State: "blind", Channels: []model.Channel{{Name: "fan.speed", Unit: "1/min"}}, Row: report.Row{Score: nan}})
		b.plant.Open, b.plant.Machines[0].Open = 2, 1
		breaks := b.connect(b.Node)
		b.serve(t, time.Second, nil)
		breaks()
	})
	all := b.hear(t)
	if got := kinds(all); got != "NBIRTH DBIRTH-pump1 DBIRTH-fan NDEATH" {
		t.Fatalf("got %s", got)
	}
	for i, want := range []map[string]string{
		{"bdSeq": "0 ", "Node Control/Rebirth": "false ", "Properties/Software Version": "1.4.0 ", "open_events": "2 ", "time_quality": "synced "},
		{"state": "normal ", "open_events": "1 ", "score": "0.4 ", "pump.current": "3.25 q192 A", "pump.speed": "<nil> q0 "},
		{"state": "blind ", "open_events": "0 ", "score": "<nil> ", "fan.speed": "<nil> q0 1/min"},
		{"bdSeq": "0 "},
	} {
		if len(all[i].Metrics) != len(want) {
			t.Errorf("%s has %d metrics, want %d", all[i].Topic, len(all[i].Metrics), len(want))
		}
		for name, text := range want {
			if got := all[i].metric(name).String(); got != text {
				t.Errorf("%s: %s is %q, want %q", all[i].Topic, name, got, text)
			}
		}
	}
	if got := all[1].Topic; got != "spBv1.0/Plant 3/DBIRTH/gw7/pump1" {
		t.Errorf("topic %s", got)
	}
}

// TestData: what changes is published, and nothing else; values by the interval, state and
// events at once.
func TestData(t *testing.T) {
	b := &bench{}
	synctest.Test(t, func(t *testing.T) {
		b = newBench(pump("pump1", 0.4, 3, 50))
		b.connect(b.Node)
		m := &b.plant.Machines[0]
		b.serve(t, time.Minute, func() {
			m.Row = row(0.4, 3.5, 50) // waits for the interval
			b.sleep(2 * time.Second)
			m.State, m.Open, b.plant.Open = "limit", 1, 1
			b.sleep(9 * time.Second)
			m.Row = row(0.4, nan, 50)
			b.sleep(10 * time.Second)
			m.Row = row(0.4, 3.5, 50)
			m.Row.Quality[1] = sampler.Stale
			b.sleep(10 * time.Second)
			m.Row = row(nan, 3.5, 50)
			b.quality = report.Unknown
		})
	})
	all := b.hear(t)
	if got := kinds(all); got != "NBIRTH DBIRTH-pump1 NDATA DDATA-pump1 DDATA-pump1 DDATA-pump1 DDATA-pump1 NDATA DDATA-pump1" {
		t.Fatalf("got %s", got)
	}
	for i, want := range map[int]string{
		2: "open_events=1 ", 3: "state=limit  open_events=1 ", 4: "pump.current=3.5 ", 5: "pump.current=<nil> q0 ",
		6: "pump.current=3.5 q192  pump.speed=<nil> q500 ", 7: "time_quality=unknown ", 8: "score=<nil>  pump.speed=50 q192 ",
	} {
		var got []string
		for j := range all[i].Metrics {
			got = append(got, all[i].Metrics[j].Name+"="+all[i].Metrics[j].String())
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("message %d: %q, want %q", i, s, want)
		}
	}
}

// TestSeq: the numbers go round, over all kinds of messages.
func TestSeq(t *testing.T) {
	b := &bench{}
	synctest.Test(t, func(t *testing.T) {
		b = newBench(pump("pump1", 0.4, 3, 50))
		b.connect(b.Node)
		b.serve(t, time.Second, func() {
			for i := range 600 {
				b.plant.Machines[0].State = fmt.Sprint(i)
				b.sleep(lookEvery)
			}
		})
	})
	all := b.hear(t)
	if len(all) < 500 || *all[len(all)-1].Seq != (len(all)-1)%256 {
		t.Errorf("%d messages, the last with seq %d", len(all), *all[len(all)-1].Seq)
	}
}

// TestConnections: each connection has its own bdSeq, from 0 on over 255 to 0, in birth and
// death; a death of an older connection that comes late is told by it.
func TestConnections(t *testing.T) {
	b := &bench{}
	synctest.Test(t, func(t *testing.T) {
		b = newBench(pump("pump1", 0.4, 3, 50))
		for range 258 {
			breaks := b.connect(b.Node)
			b.serve(t, time.Second, nil)
			breaks()
		}
		late := b.connect(b.Node)
		b.serve(t, time.Second, nil)
		late()
		b.connect(b.Node)
		b.serve(t, time.Second, nil)
		late()
		b.serve(t, time.Second, nil) // the same connection: its birth has the same number
	})
	b.hear(t)
}

// TestRebirth: a host that asks has everything anew, at most three times in 30 s; nothing is
// forgotten.
func TestRebirth(t *testing.T) {
	b := &bench{}
	payload := []byte("\x08\x01\x12\x1a\x0a\x14Node Control/Rebirth\x20\x0b\x70\x01")
	synctest.Test(t, func(t *testing.T) {
		b = newBench(pump("pump1", 0.4, 3, 50))
		b.connect(b.Node)
		b.serve(t, time.Second, func() {
			for range 100_000 { // 1,000 a second
				b.Take(payload, false)
				b.sleep(time.Millisecond)
			}
			b.sleep(time.Minute)
			b.Take(payload, true) // retained
			b.sleep(time.Minute)
		})
	})
	got := kinds(b.hear(t))
	births := strings.Count(got, "NBIRTH")
	if births < 1+3*4-1 || births > 1+3*4+3 || strings.Count(got, "DBIRTH-pump1") != births || b.Stats().Ignored != 1 {
		t.Errorf("%d births in 100 s of 1,000 requests a second: %s, %+v", births, got, b.Stats())
	}
	if b.Stats().Rebirths != uint64(births-1) || b.Stats().Births != uint64(births) {
		t.Errorf("%+v, want %d births", b.Stats(), births)
	}
}

// TestReload: a machine that is gone has a DDEATH, a new one a DBIRTH, and one with other
// channels a DBIRTH with aliases that nothing else has.
func TestReload(t *testing.T) {
	b := &bench{}
	synctest.Test(t, func(t *testing.T) {
		b = newBench(pump("pump1", 0.4, 3, 50), pump("pump2", 0.4, 3, 50))
		b.connect(b.Node)
		b.serve(t, time.Second, func() {
			b.plant.Machines = []Machine{b.plant.Machines[1], pump("pump3", 0.4, 3, 50)}
			b.sleep(time.Second)
			b.plant.Machines[0].Channels = []model.Channel{{Name: "pump.flow"}}
			b.plant.Machines[0].Row = row(0.4, 7)
			b.sleep(time.Second)
			b.plant.Machines[0].State = "idle"
			b.sleep(time.Second)
			b.plant.Machines = nil
		})
	})
	want := "NBIRTH DBIRTH-pump1 DBIRTH-pump2 DDEATH-pump1 DBIRTH-pump3 DBIRTH-pump2 DDATA-pump2 DDEATH-pump2 DDEATH-pump3"
	if got := kinds(b.hear(t)); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

// TestClock: with an impossible date there is no connection, and none goes on; a step of the
// clock gives births with the new time.
func TestClock(t *testing.T) {
	b := &bench{}
	var ready, ended error
	var set time.Time
	synctest.Test(t, func(t *testing.T) {
		b = newBench(pump("pump1", 0.4, 3, 50))
		b.quality = report.Unset
		ready = b.Ready()
		b.quality = report.Unknown
		b.connect(b.Node)
		ended = b.serve(t, time.Minute, func() {
			b.sleep(time.Second)
			b.shift = time.Hour
			set = time.Now().Add(b.shift)
			b.sleep(time.Second)
			b.quality = report.Unset
		})
	})
	if !errors.Is(ready, errClock) || !errors.Is(ended, errClock) {
		t.Errorf("%v, %v", ready, ended)
	}
	all := b.hear(t)
	if got := kinds(all); got != "NBIRTH DBIRTH-pump1 NBIRTH DBIRTH-pump1" {
		t.Fatalf("got %s", got)
	}
	if got := time.UnixMilli(all[2].Timestamp); got.Sub(set) < 0 || got.Sub(set) > time.Second {
		t.Errorf("the birth after the step is of %v, want %v", got, set)
	}
}

// TestFails: an error of the connection ends Serve, wherever it comes.
func TestFails(t *testing.T) {
	for messages := range 5 {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(pump("pump1", 0.4, 3, 50), pump("pump2", 0.4, 3, 50))
			b.connect(b.Node)
			broken := errors.New("broken")
			left := messages
			err := b.Serve(make(chan struct{}), func(string, []byte) error {
				if left--; left < 0 {
					return broken
				}
				b.plant.Open++
				b.plant.Machines[1].State += "x"
				return nil
			})
			if err != broken {
				t.Errorf("after %d messages: %v", messages, err)
			}
		})
	}
}

// TestWild: infinite values and NaN beside a good quality are null; 1,000 channels fit into
// one birth, and their data too.
func TestWild(t *testing.T) {
	b := &bench{}
	synctest.Test(t, func(t *testing.T) {
		m := Machine{Name: "big", State: "normal"}
		m.Row = report.Row{Time: time.Now(), Score: math.Inf(1)}
		for i := range 1000 {
			m.Channels = append(m.Channels, model.Channel{Name: fmt.Sprintf("sensor_%d.temperature", i), Unit: "°C"})
			m.Row.Values = append(m.Row.Values, []float64{20, nan, math.Inf(-1), math.MaxFloat64, math.SmallestNonzeroFloat64}[i%5])
			m.Row.Quality = append(m.Row.Quality, sampler.Good)
		}
		b = newBench(m)
		b.connect(b.Node)
		b.serve(t, time.Minute, func() {
			r := row(5, append([]float64(nil), m.Row.Values...)...)
			for i := range r.Values {
				r.Values[i]++
			}
			b.plant.Machines[0].Row = r
		})
	})
	all := b.hear(t)
	if got := kinds(all); got != "NBIRTH DBIRTH-big DDATA-big" {
		t.Fatalf("got %s", got)
	}
	for i, want := range []string{"20 q192 °C", "<nil> q0 °C", "<nil> q0 °C", "1.7976931348623157e+308 q192 °C", "5e-324 q192 °C"} {
		if got := all[1].metric(fmt.Sprintf("sensor_%d.temperature", i)).String(); got != want {
			t.Errorf("%d: %s, want %s", i, got, want)
		}
	}
	if got := all[1].metric("score").String(); got != "<nil> " {
		t.Errorf("score %s", got)
	}
	t.Logf("a birth with 1,000 channels has %d bytes, their data %d", b.sizes[1], b.sizes[2])
}
