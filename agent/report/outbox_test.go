package report

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"iot-edge-anomaly/agent/detect"
	"iot-edge-anomaly/agent/spool"

	"pgregory.net/rapid"
)

// unset is a gateway without clock, an hour after its boot.
func unset(t testing.TB) (*Reporter, *memory, *clocks) {
	q, c := &memory{}, &clocks{base: time.Now(), uptime: time.Hour, quality: Unset}
	return newReporter(t, boot1, q, c), q, c
}

// atNoon sets the wall clock by a step: the monotonic readings run on, the wall
// time of what follows has nothing to do with what was before.
func (c *clocks) atNoon() { c.quality = Synced }

func TestFinish_clockSetLater(t *testing.T) {
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
		if got := q.finished(t, i, false, boot1, c.read()); !bytes.Equal(got, m.Payload) {
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
	got := q.finished(t, 1, true, boot1, c.read())
	p := parse(t, got)
	if *p.Time != format(10*time.Second) || *p.Since != format(-29123*time.Millisecond) || *p.Until != format(5*time.Second) ||
		p.Uptime != nil || p.SinceUp != nil || p.UntilUp != nil || p.Quality != "corrected" || !p.Resent {
		t.Errorf("got %s", got)
	}
	if *p.Duration != 34.123 {
		t.Errorf("duration %v", *p.Duration)
	}
	if !bytes.Equal(end, before) {
		t.Error("the payload was changed")
	}
	// In the next boot nobody can tell any more.
	if got := q.finished(t, 1, false, boot2, c.read()); !bytes.Equal(got, end) {
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

// A message that is finished later is the message that a set clock would have
// written at once.
func TestFinish_asWrittenAtOnce(t *testing.T) {
	qualities := rapid.SampledFrom([]string{Synced, Unset, Unknown})
	rapid.Check(t, func(t *rapid.T) {
		d := device(rapid.SampledFrom([]string{boot1, strings.Repeat(boot1, 3), ""}).Draw(t, "boot"))
		c := Clock{Now: noon, Uptime: time.Duration(rapid.Int64Range(1, 1e15).Draw(t, "uptime")), Quality: qualities.Draw(t, "now")}
		dateless := rapid.Custom(func(t *rapid.T) stamp {
			if rapid.IntRange(0, 4).Draw(t, "known") == 0 {
				return stamp{Wall: noon.Add(-time.Hour), Sure: true}
			}
			return stamp{Boot: d.Boot, Up: time.Duration(rapid.Int64Range(0, 2e15).Draw(t, "up"))}
		})
		text := rapid.StringN(0, 12, -1)
		m := message{seq: rapid.Uint64().Draw(t, "seq"), state: detect.Close, time: dateless.Draw(t, "time"), quality: qualities.Draw(t, "then"), until: dateless.Draw(t, "until"),
			record: record{Machine: text.Draw(t, "machine"), Detail: text.Draw(t, "detail"), Missing: []string{text.Draw(t, "missing")}, Since: dateless.Draw(t, "since")}}
		payload, later := m.encode(&d)
		n, ok := parseNote(later, len(payload))
		if !ok || len(later) > 255 {
			t.Fatalf("note %x", later)
		}
		tell := func(s *stamp) (told bool) {
			up := s.Up.Round(time.Millisecond)
			if !s.Wall.IsZero() || d.Boot == "" || c.Quality == Unset || up > c.Uptime.Truncate(time.Millisecond)+time.Second {
				return false
			}
			s.Wall, s.Sure = noon.Add(up-c.Uptime), true
			return true
		}
		if tell(&m.time) {
			m.quality = corrected
		}
		tell(&m.Since)
		boot := m.until.Boot
		if known := m.Since.Sure && m.Since.Boot != boot; tell(&m.until) && known {
			d := time.Duration(c.booted()+m.until.Up.Round(time.Millisecond).Milliseconds()-m.Since.Wall.UnixMilli()) * time.Millisecond
			m.duration, m.hasDuration = d, d >= 0
		}
		want, _ := m.encode(&d)
		if got := n.finish(payload, false, d.Boot, c); !bytes.Equal(got, want) {
			t.Fatalf("got  %s\nwant %s", got, want)
		}
		want = bytes.Replace(want, []byte(`"resent":false`), []byte(`"resent":true`), 1)
		if got := n.finish(payload, true, d.Boot, c); !bytes.Equal(got, want) {
			t.Fatalf("resent: got  %s\nwant %s", got, want)
		}
	})
}

// Through a real queue: what the reporter wrote is finished, what others wrote
// and what carries a foreign note is published as it was stored.
func TestOutbox(t *testing.T) {
	dir, c := t.TempDir(), &clocks{base: time.Now(), uptime: time.Hour, quality: Unset}
	open := func() (*spool.Queue, *Outbox) {
		q, err := spool.Open(dir, spool.Options{})
		must(t, err)
		t.Cleanup(func() { q.Close() })
		return q, NewOutbox(q, boot1, c.read)
	}
	q, o := open()
	must(t, newReporter(t, boot1, q, c).Event(anomaly(detect.Open, c.now()), theModel))
	foreign := spool.Message{Topic: "t", Payload: []byte(`{"resent":false,"time":null,"uptime_s":5}`)}
	for _, later := range []string{"", "\x01", "\x02\x00", "\x01\x01", string((&note{edits: []edit{{editResent, 30, 99, 0}}}).encode())} {
		foreign.Note = []byte(later)
		must(t, q.Append(func(uint64) (spool.Message, error) { return foreign, nil }))
	}
	must(t, q.Flush())
	next := func(after uint64) spool.Entry {
		e, err := o.Next(t.Context(), after)
		must(t, err)
		return e
	}
	if p := parse(t, next(0).Payload); p.Resent || p.Time != nil || p.Uptime == nil {
		t.Errorf("before the clock is set: %+v", p)
	}
	c.quality = Synced
	if p := parse(t, next(0).Payload); !p.Resent || p.Time == nil || p.Uptime != nil || p.Quality != "corrected" {
		t.Errorf("sent again, the clock is set: %+v", p)
	}
	for id := uint64(2); id <= 6; id++ {
		if e := next(id - 1); e.ID != id || string(e.Payload) != string(foreign.Payload) || e.Note != nil {
			t.Errorf("message %d: %+v", id, e)
		}
	}
	must(t, o.Ack(2)) // out of turn: it comes back after a restart
	if o.Len() != 5 {
		t.Errorf("%d messages, want 5", o.Len())
	}
	must(t, q.Close())
	if _, err := o.Next(t.Context(), 0); err == nil {
		t.Error("a closed queue has a message")
	}
	_, o = open() // a message of the process before may have been sent
	if p := parse(t, next(0).Payload); !p.Resent || o.Len() != 6 {
		t.Errorf("after a restart: %+v, %d messages", p, o.Len())
	}
}

func FuzzNote(f *testing.F) {
	r, q, c := unset(f)
	ev := anomaly(detect.Open, c.now())
	must(f, r.Event(ev, theModel))
	ev.State, ev.Until = detect.Close, c.now()
	must(f, r.Event(ev, ModelRef{}))
	for _, m := range q.messages {
		f.Add(m.Note, m.Payload)
	}
	c.passed, c.quality = time.Hour, Synced
	f.Fuzz(func(t *testing.T, b, payload []byte) {
		n, ok := parseNote(b, len(payload))
		if !ok {
			return
		}
		if again := n.encode(); !bytes.Equal(again, b) {
			t.Fatalf("%x written again is %x", b, again)
		}
		before := bytes.Clone(payload)
		n.finish(payload, true, boot1, c.read())
		n.finish(payload, true, n.boot, c.read())
		if !bytes.Equal(payload, before) {
			t.Fatal("the payload was changed")
		}
		if got := n.finish(payload, false, boot2, c.read()); n.boot != boot2 && !bytes.Equal(got, payload) {
			t.Fatalf("%q became %q in another boot", payload, got)
		}
	})
}
