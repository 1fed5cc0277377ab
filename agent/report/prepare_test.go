package report

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"iot-edge-anomaly/agent/detect"
)

// unset is a gateway without clock, an hour after its boot.
func unset(t testing.TB) (*Reporter, *memory, *clocks) {
	q, c := &memory{}, &clocks{base: time.Now(), uptime: time.Hour, quality: Unset}
	return newReporter(t, boot1, q, c), q, c
}

// atNoon sets the wall clock by a step: the monotonic readings run on, the wall
// time of what follows has nothing to do with what was before.
func (c *clocks) atNoon() { c.quality = Synced }

func TestPrepare_clockSetLater(t *testing.T) {
	r, q, c := unset(t)
	ev := anomaly(detect.Open, c.now())
	must(t, r.Event(ev, theModel))
	c.passed = 10 * time.Second
	ev.State, ev.Time, ev.Until = detect.Close, c.now(), c.now().Add(-5*time.Second)
	must(t, r.Event(ev, theModel))
	for i, m := range q.messages {
		p := parse(t, m.Payload)
		if p.Time != nil || p.Since != nil || p.Quality != "unset" || *p.SinceUp != 3570.877 || *p.Uptime != 3600+10*float64(i) {
			t.Errorf("message %d before: %s", i, m.Payload)
		}
		if got := r.Prepare(m.Payload, false); !bytes.Equal(got, m.Payload) {
			t.Errorf("message %d was dated by a clock that is not set: %s", i, got)
		}
	}
	c.passed = time.Minute
	c.atNoon()
	format := func(passed time.Duration) string {
		// uptimes have milliseconds: 3570.877 s after the boot
		return c.base.Add(passed).UTC().Format("2006-01-02T15:04:05.000Z")
	}
	end := q.messages[1].Payload
	before := bytes.Clone(end)
	p := parse(t, r.Prepare(end, true))
	if *p.Time != format(10*time.Second) || *p.Since != format(-29123*time.Millisecond) || *p.Until != format(5*time.Second) ||
		p.Uptime != nil || p.SinceUp != nil || p.UntilUp != nil || p.Quality != "synced" || !p.Resent {
		t.Errorf("got %s", r.Prepare(end, true))
	}
	if *p.Duration != 34.123 {
		t.Errorf("duration %v", *p.Duration)
	}
	if !bytes.Equal(end, before) {
		t.Error("the payload was changed")
	}
	// In the next boot nobody can tell any more.
	next := newReporter(t, boot2, q, c)
	if got := next.Prepare(end, false); !bytes.Equal(got, end) {
		t.Errorf("dated by another boot: %s", got)
	}
}

// An event that opened before the clock was set gets its since once it is.
func TestEvent_clockSetBetween(t *testing.T) {
	r, q, c := unset(t)
	ev := anomaly(detect.Open, c.now())
	must(t, r.Event(ev, theModel))
	c.passed = time.Minute
	c.atNoon()
	ev.State, ev.Time = detect.Update, c.now()
	must(t, r.Event(ev, theModel))
	if p := parse(t, q.last()); p.Since == nil || p.Time == nil || p.SinceUp != nil {
		t.Errorf("got %s", q.last())
	}
	// Across a boot an unknown since stays unknown, and so does the duration.
	r, q, c = unset(t)
	must(t, r.Event(ev, theModel))
	c.quality = Synced
	r = newReporter(t, boot2, q, c)
	must(t, r.CloseRestart(r.Recovered()[0]))
	if p := parse(t, q.last()); p.Since != nil || p.SinceUp != nil || p.Duration != nil || p.Until != nil || p.Time == nil {
		t.Errorf("got %s", q.last())
	}
}

// Where the uptime cannot be read, times and durations are right all the same.
func TestEvent_noUptime(t *testing.T) {
	q, c := &memory{}, &clocks{base: time.Now(), quality: Synced}
	r, err := New(device(boot1), q, func() Clock { return Clock{Now: c.now(), Quality: Synced} })
	must(t, err)
	ev := anomaly(detect.Open, c.now())
	must(t, r.Event(ev, theModel))
	if p, want := parse(t, q.last()), ev.Since.UTC().Format("2006-01-02T15:04:05.000Z"); *p.Since != want {
		t.Errorf("since %s, want %s", *p.Since, want)
	}
	c.passed = 10 * time.Second
	ev.State, ev.Until = detect.Close, c.now()
	must(t, r.Event(ev, theModel))
	if p := parse(t, q.last()); *p.Duration != 39.123 {
		t.Errorf("duration %v", *p.Duration)
	}
}

func TestPrepare_untouched(t *testing.T) {
	r, q, c := unset(t)
	c.quality = Synced
	must(t, r.Event(anomaly(detect.Open, c.now()), theModel))
	for _, s := range []string{"", "online", "[1]", `{"resent":false}`, `{"event":"e","resent":`, `{"event":"e","resent":true}`, "\xff"} {
		if got := r.Prepare([]byte(s), true); string(got) != s {
			t.Errorf("%q became %q", s, got)
		}
	}
	want := strings.Replace(string(q.last()), `"resent":false`, `"resent":true`, 1)
	if got := string(r.Prepare(q.last(), true)); got != want || got == string(q.last()) {
		t.Errorf("got %s, want %s", got, want)
	}
	// A field of a later version, and a text that looks like a field, survive.
	odd := `{"event":"e","new":{"resent":false,"a":[1,2.50]},"detail":"\"resent\":false uptime_s\":","resent":false}`
	if got := string(r.Prepare([]byte(odd), true)); got != strings.TrimSuffix(odd, "false}")+"true}" {
		t.Errorf("got %s", got)
	}
}

func FuzzPrepare(f *testing.F) {
	r, q, c := unset(f)
	must(f, r.Event(anomaly(detect.Open, c.now()), theModel))
	ev := anomaly(detect.Close, c.now())
	ev.Until = c.now()
	must(f, r.Event(ev, ModelRef{}))
	for _, m := range q.messages {
		f.Add(m.Payload, true)
	}
	for _, s := range []string{`{"event":"","time":null,"uptime_s":1e999,"boot":"` + boot1 + `"}`,
		`{"event":"","time":null,"uptime_s":-1,"boot":"` + boot1 + `"}`, `{"resent":false,"resent":false,"event":1}`, `{"\ud800":1,"event":2,"resent":false}`} {
		f.Add([]byte(s), false)
	}
	c.passed, c.quality = time.Hour, Synced
	dated := map[string]bool{"resent": true, "time": true, "since": true, "until": true, "time_quality": true,
		"uptime_s": true, "since_uptime_s": true, "until_uptime_s": true}
	f.Fuzz(func(t *testing.T, payload []byte, resent bool) {
		before := bytes.Clone(payload)
		got := r.Prepare(payload, resent)
		if !bytes.Equal(payload, before) {
			t.Fatal("the payload was changed")
		}
		if !json.Valid(payload) {
			if !bytes.Equal(got, payload) {
				t.Fatalf("%q, which is no JSON, became %q", payload, got)
			}
			return
		}
		if again := r.Prepare(got, resent); !bytes.Equal(again, got) {
			t.Fatalf("not stable: %q, then %q", got, again)
		}
		var a, b map[string]any
		if json.Unmarshal(payload, &a) != nil {
			return
		}
		if err := json.Unmarshal(got, &b); err != nil {
			t.Fatalf("%v: %q became %q", err, payload, got)
		}
		for name := range dated {
			delete(a, name)
			delete(b, name)
		}
		if !reflect.DeepEqual(a, b) {
			t.Fatalf("%q became %q", payload, got)
		}
	})
}
