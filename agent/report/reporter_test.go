package report

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"iot-edge-anomaly/agent/detect"
	"iot-edge-anomaly/agent/sampler"
	"iot-edge-anomaly/agent/spool"
	"iot-edge-anomaly/model"

	"pgregory.net/rapid"
)

var _ Queue = (*spool.Queue)(nil)

func synced() *clocks { return &clocks{base: time.Now(), uptime: time.Hour, quality: Synced} }

func TestEvent_ids(t *testing.T) {
	q, c := &memory{}, synced()
	r := newReporter(t, boot1, q, c)
	must(t, r.Event(anomaly(detect.Open, c.now()), theModel))
	must(t, r.Event(anomaly(detect.Update, c.now()), theModel))
	r = newReporter(t, boot2, q, c)
	must(t, r.Event(anomaly(detect.Close, c.now()), theModel))
	must(t, r.Event(anomaly(detect.Open, c.now()), theModel))
	want := [][3]string{{"gw7-4f2a-1", "gw7-4f2a-e1", "open"}, {"gw7-4f2a-2", "gw7-4f2a-e1", "update"},
		{"gw7-9b01-3", "gw7-4f2a-e1", "close"}, {"gw7-9b01-4", "gw7-9b01-e4", "open"}}
	for i, m := range q.messages {
		if p := parse(t, m.Payload); [3]string{p.ID, p.Event, p.State} != want[i] {
			t.Errorf("message %d: %s %s %s, want %v", i, p.ID, p.Event, p.State, want[i])
		}
	}
}

func TestEvent_duplicates(t *testing.T) {
	q, c := &memory{}, synced()
	r := newReporter(t, boot1, q, c)
	must(t, r.Event(anomaly(detect.Close, c.now()), theModel))
	if len(q.messages) != 0 || r.Orphans() != 1 {
		t.Errorf("a close of nothing: %d messages, %d orphans", len(q.messages), r.Orphans())
	}
	must(t, r.Event(anomaly(detect.Update, c.now()), theModel))
	c.passed += time.Minute
	again := anomaly(detect.Open, c.now())
	again.Severity, again.Peak = detect.Warning, 1.2
	must(t, r.Event(again, theModel))
	first, second := parse(t, q.messages[0].Payload), parse(t, q.messages[1].Payload)
	if first.State != "open" || second.State != "update" || second.Event != first.Event || *second.Since != *first.Since {
		t.Errorf("got %+v, then %+v", first, second)
	}
	if second.Severity != "high" || *second.Peak != 2.4 {
		t.Errorf("severity %s, peak %v: want the highest of the event", second.Severity, *second.Peak)
	}
}

func TestEvent_severity(t *testing.T) {
	q, c := &memory{}, synced()
	r := newReporter(t, boot1, q, c)
	for i, s := range []detect.Severity{detect.Warning, detect.High, detect.Critical} {
		ev := anomaly(detect.Update, c.now())
		ev.Severity = s
		must(t, r.Event(ev, theModel))
		if p := parse(t, q.last()); p.Severity != string(s) || r.Active()[0].Severity != s {
			t.Errorf("step %d: severity %s", i, p.Severity)
		}
	}
	if got := r.Opened(); len(got) != 1 || got[0] != (Count{Kind: detect.ProcessAnomaly, Severity: detect.Warning, Sensor: "pump", N: 1}) {
		t.Errorf("opened %+v", got)
	}
}

// A refused step changes nothing.
func TestEvent_queueFails(t *testing.T) {
	q, c := &memory{}, synced()
	r := newReporter(t, boot1, q, c)
	q.fail = errDisk
	if err := r.Event(anomaly(detect.Open, c.now()), theModel); !errors.Is(err, errDisk) {
		t.Errorf("got %v", err)
	}
	if len(r.Active()) != 0 {
		t.Error("open though refused")
	}
	must(t, r.Event(anomaly(detect.Update, c.now()), theModel))
	q.fail = errDisk
	if err := r.Event(anomaly(detect.Close, c.now()), theModel); err == nil || len(r.Active()) != 1 {
		t.Errorf("refused close: %v, %d open", err, len(r.Active()))
	}
	must(t, r.Event(anomaly(detect.Close, c.now()), theModel))
	if open, err := checkStream(q.messages); err != nil || len(open) != 0 {
		t.Errorf("%v, open %v", err, open)
	}
}

func TestFault(t *testing.T) {
	q, c := &memory{}, synced()
	r := newReporter(t, boot1, q, c)
	f := sampler.Fault{Bus: "line", Sensor: "pump", Machine: "pump1", Channels: []string{"pump.current"}, Open: true,
		Since: c.now().Add(-2 * time.Second), Time: c.now(), Reason: "modbus unit 7: timeout"}
	must(t, r.Fault(f))
	if p := parse(t, q.last()); p.Kind != "sensor_fault" || p.Source != "pump" || p.Severity != "warning" || p.Score != nil ||
		p.Detail != f.Reason || len(p.Missing) != 1 {
		t.Errorf("got %s", q.last())
	}
	bus := f
	bus.Sensor = ""
	must(t, r.Fault(bus))
	if p := parse(t, q.last()); p.Kind != "bus_fault" || p.Source != "line" || p.Severity != "high" {
		t.Errorf("got %s", q.last())
	}
	c.passed = 5 * time.Second
	f.Open, f.Time = false, c.now()
	must(t, r.Fault(f))
	if p := parse(t, q.last()); p.State != "close" || p.Reason != ReasonDelivers || *p.Duration != 7 || len(p.Missing) != 0 {
		t.Errorf("got %s", q.last())
	}
}

func TestCloseRestart(t *testing.T) {
	q, c := &memory{}, synced()
	r := newReporter(t, boot1, q, c)
	must(t, r.Event(anomaly(detect.Open, c.now()), theModel))
	c.passed = time.Hour
	r = newReporter(t, boot1, q, c)
	rec := r.Recovered()
	if len(rec) != 1 || rec[0].Kind != detect.ProcessAnomaly || rec[0].Peak != 2.4 || len(rec[0].Causes) != 1 {
		t.Fatalf("recovered %+v", rec)
	}
	must(t, r.CloseRestart(rec[0]))
	must(t, r.CloseRestart(rec[0]))
	p := parse(t, q.last())
	if p.State != "close" || p.Reason != "restart" || *p.Duration != 29.123 || len(q.messages) != 2 || !strings.Contains(string(q.last()), theModel.SHA256) {
		t.Errorf("got %s", q.last()) // until: when it was seen last
	}
	if len(newReporter(t, boot2, q, c).Recovered()) != 0 {
		t.Error("recovered a closed event")
	}
}

// A detector continues what the reporter recovered, and nothing opens twice.
func TestRecovered_detector(t *testing.T) {
	q, c := &memory{}, synced()
	r := newReporter(t, boot1, q, c)
	must(t, r.Event(anomaly(detect.Open, c.now()), theModel))
	r = newReporter(t, boot2, q, c)
	policy := detect.DefaultPolicy("pump1", channels())
	policy.Hold = 0
	d, err := detect.New(policy)
	must(t, err)
	if !d.Resume(r.Recovered()[0]) {
		t.Fatal("not resumed")
	}
	ev, ok := d.Idle(c.now())
	if !ok {
		t.Fatal("not closed")
	}
	must(t, r.Event(ev, theModel))
	if open, err := checkStream(q.messages); err != nil || len(open) != 0 || len(q.messages) != 2 {
		t.Errorf("%v, open %v, %d messages", err, open, len(q.messages))
	}
}

// Any sequence of steps, refusals and crashes leaves a balanced stream.
func TestReporter_balanced(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q, c := &memory{}, synced()
		boots := []string{boot1, boot2}
		open := func() *Reporter {
			r, err := New(device(rapid.SampledFrom(boots).Draw(t, "boot")), q, c.read)
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		r := open()
		for range rapid.IntRange(0, 60).Draw(t, "steps") {
			c.passed += time.Duration(rapid.IntRange(0, 5000).Draw(t, "ms")) * time.Millisecond
			c.quality = rapid.SampledFrom([]string{Synced, Unset, Unknown}).Draw(t, "quality")
			if rapid.IntRange(0, 9).Draw(t, "refuse") == 0 {
				q.fail = errDisk
			}
			switch rapid.IntRange(0, 5).Draw(t, "what") {
			case 0: // a crash: only the queue survives
				r, q.fail = open(), nil
				for _, ev := range r.Recovered() {
					if rapid.Bool().Draw(t, "close") {
						if err := r.CloseRestart(ev); err != nil {
							t.Fatal(err)
						}
					}
				}
			case 1:
				sensor := rapid.SampledFrom([]string{"", "pump"}).Draw(t, "sensor")
				_ = r.Fault(sampler.Fault{Bus: "line", Sensor: sensor, Machine: "pump1", Open: rapid.Bool().Draw(t, "open"), Since: c.now(), Time: c.now()})
			default:
				ev := anomaly(rapid.SampledFrom([]detect.State{detect.Open, detect.Update, detect.Close}).Draw(t, "state"), c.now())
				ev.Machine = rapid.SampledFrom([]string{"pump1", "pump2"}).Draw(t, "machine")
				ev.Until = c.now().Add(-time.Second)
				_ = r.Event(ev, theModel)
			}
			if _, err := checkStream(q.messages); err != nil {
				t.Fatal(err)
			}
		}
		r, q.fail = open(), nil
		for _, ev := range r.Recovered() {
			if err := r.CloseRestart(ev); err != nil {
				t.Fatal(err)
			}
		}
		if left, err := checkStream(q.messages); err != nil || len(left) != 0 {
			t.Fatalf("%v, left open: %v", err, left)
		}
	})
}

// The real queue keeps message and open events together across a reopening.
func TestReporter_spool(t *testing.T) {
	dir, c := t.TempDir(), synced()
	for range 3 {
		q, err := spool.Open(dir, spool.Options{MaxBytes: 1 << 20})
		must(t, err)
		r := newReporter(t, boot1, q, c)
		if n := len(r.Recovered()); n != min(1, int(q.Seq())) {
			t.Errorf("recovered %d events after %d messages", n, q.Seq())
		}
		must(t, r.Event(anomaly(detect.Update, c.now()), theModel))
		if id := r.Active()[0].ID; id != "gw7-4f2a-e1" {
			t.Errorf("event %s, want the first", id)
		}
		must(t, q.Close())
	}
}

func TestNew_damagedState(t *testing.T) {
	if _, err := New(device(boot1), &memory{state: []spool.Pair{{Key: "", Value: []byte(`{"events":`)}}}, synced().read); err == nil {
		t.Error("damaged state was accepted")
	}
}

func TestEvent_concurrent(t *testing.T) {
	q, c := &memory{}, synced()
	r := newReporter(t, boot1, q, c)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 20 {
				for _, s := range []detect.State{detect.Open, detect.Update, detect.Close} {
					ev := anomaly(s, c.now())
					ev.Machine = string(rune('a' + i))
					_ = r.Event(ev, theModel)
				}
				r.Active()
				r.MachineState(MachineStatus{Machine: "a", State: "normal"})
			}
		})
	}
	wg.Wait()
	if open, err := checkStream(q.messages); err != nil || len(open) != 0 {
		t.Errorf("%v, open %v", err, open)
	}
	of := map[string]int{}
	for _, m := range q.messages {
		p := parse(t, m.Payload)
		of[p.Machine]++
		if p.Machine == "" && (p.Kind != "alert" || p.Source != CommonKey) { // all eight may be open at once
			t.Errorf("told of the gateway: %+v", p)
		}
	}
	for i := range 8 {
		if name := string(rune('a' + i)); of[name] != 60 {
			t.Errorf("%d messages of machine %s, want 60", of[name], name)
		}
	}
}

// Durations follow the monotonic clock, since keeps its first reading, and a
// wall clock that goes back makes nothing negative.
func TestEvent_durations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		clock := func() Clock { return Clock{Now: time.Now(), Uptime: time.Since(began) + time.Hour, Quality: Synced} }
		q := &memory{}
		r, err := New(device(boot1), q, clock)
		must(t, err)
		ev := anomaly(detect.Open, time.Now())
		ev.Since = time.Now()
		must(t, r.Event(ev, theModel))
		time.Sleep(90 * time.Second)
		ev.State, ev.Time, ev.Until = detect.Close, time.Now(), time.Now().Add(-30*time.Second)
		must(t, r.Event(ev, theModel))
		if p := parse(t, q.last()); *p.Duration != 60 {
			t.Errorf("duration %v, want 60", *p.Duration)
		}
	})
	// Times of a recording have no monotonic reading.
	q, c := &memory{}, synced()
	r := newReporter(t, boot1, q, c)
	at := time.Date(2020, 3, 9, 16, 0, 0, 0, time.UTC)
	ev := anomaly(detect.Open, at)
	must(t, r.Event(ev, theModel))
	ev.State, ev.Until = detect.Close, at.Add(-time.Hour)
	must(t, r.Event(ev, theModel))
	if p := parse(t, q.last()); *p.Duration != 0 || *p.Until != *p.Since || *p.Time != "2020-03-09T16:00:00.000Z" {
		t.Errorf("got %s", q.last())
	}
}

func channels() []model.Channel { return []model.Channel{{Name: "pump.current", Unit: "A"}} }

// TestAppendNumber: scores and shares have six digits, values of channels keep two
// decimals.
func TestAppendNumber(t *testing.T) {
	for v, want := range map[float64][2]string{ // number, value
		0: {"0", "0"}, math.Copysign(0, -1): {"0", "0"}, 1: {"1", "1"}, 1.83: {"1.83", "1.83"}, 1.8333333333: {"1.83333", "1.83333"}, 1234.5678: {"1234.57", "1234.57"},
		12345.678: {"12345.7", "12345.68"}, 123456.7: {"123457", "123456.7"}, 1234567: {"1234570", "1234567"}, 1234570.4249: {"1234570", "1234570.42"}, -98765.4321: {"-98765.4", "-98765.43"},
		-0.000123456789: {"-0.000123457", "-0.000123457"}, 1e-9: {"1e-09", "1e-09"}, 3e20: {"3e+20", "3e+20"}, 0.1 + 0.2: {"0.3", "0.3"}, 999999.5: {"1000000", "999999.5"},
		9999.996: {"10000", "10000"}, 2.5e13: {"25000000000000", "25000000000000"}, math.MaxFloat64: {"1.79769e+308", "1.79769e+308"},
		math.Inf(1): {"null", "null"}, math.Inf(-1): {"null", "null"},
	} {
		if got := [2]string{string(appendNumber(nil, v)), string(appendValue(nil, v))}; got != want {
			t.Errorf("%v: got %s, want %s", v, got, want)
		}
	}
	if a, b := string(appendNumber(nil, math.NaN())), string(appendValue(nil, math.NaN())); a != "null" || b != "null" {
		t.Errorf("NaN: got %s and %s", a, b)
	}
}

func TestLines(t *testing.T) {
	var b strings.Builder
	c := synced()
	r := newReporter(t, boot1, Lines(&b), c)
	ev := anomaly(detect.Open, c.now())
	ev.Causes[0].Expected = math.NaN()
	must(t, r.Event(ev, theModel))
	ev.State = detect.Close
	must(t, r.Event(ev, theModel))
	list := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	if len(list) != 2 || parse(t, []byte(list[0])).State != "open" || parse(t, []byte(list[1])).Seq != 2 {
		t.Errorf("got %q", list)
	}
}

// A fault that two machines share stands in the state of both, and not in that
// of a third.
func TestMachineState_sharedFault(t *testing.T) {
	c := synced()
	r := newReporter(t, "b", &memory{}, c)
	must(t, r.Fault(sampler.Fault{Bus: "plc", Channels: []string{"pump.flow", "fan.speed"}, Open: true, Since: c.now(), Time: c.now()}))
	for channel, want := range map[string]int{"pump.flow": 1, "fan.speed": 1, "mill.load": 0} {
		var state struct {
			Event *string
			Open  []struct{ Kind, Source string }
		}
		must(t, json.Unmarshal(r.MachineState(MachineStatus{Machine: "m", Channels: []model.Channel{{Name: channel}}, State: "blind", Score: math.NaN()}), &state))
		if len(state.Open) != want || (state.Event != nil) != (want == 1) {
			t.Errorf("%s: %+v, want %d open events", channel, state, want)
		}
	}
}
