package report

import (
	"testing"
	"time"

	"iot-edge-anomaly/agent/detect"
	"iot-edge-anomaly/drivers/driverstest"
)

// stepClock is a gateway's clock whose wall time can be stepped while its monotonic
// time goes on, as the kernel's clock does.
type stepClock struct {
	clocks
	step time.Duration
}

// now carries the monotonic reading of the test and the stepped wall time.
func (c *stepClock) now() time.Time { return driverstest.Stepped(c.clocks.now(), c.step) }

func (c *stepClock) read() Clock {
	return Clock{Now: c.now(), Uptime: c.uptime + c.passed, Quality: c.quality}
}

const year = 365 * 24 * time.Hour

// Whatever the clock does, what was stored before a step gets the times of the clock
// after it, durations are those of the monotonic clock, and nothing is negative.
func TestClock_steps(t *testing.T) {
	for _, step := range []time.Duration{-50 * year, -10 * year, 10 * year, -time.Hour, time.Hour, 72 * time.Hour, 2 * time.Second, 0} {
		for _, then := range []string{Unknown, Synced} {
			c := &stepClock{clocks: clocks{base: time.Now(), uptime: 20 * time.Second, quality: Unknown}}
			q := &memory{}
			r, err := New(device(boot1), q, c.read)
			must(t, err)
			began := c.now()
			ev := detect.Event{Machine: "m", Kind: detect.LimitExceeded, Key: "x.y", State: detect.Open, Severity: detect.Critical, Time: began, Since: began}
			must(t, r.Event(ev, ModelRef{}))
			p := parse(t, q.last())
			if p.Time == nil || p.Uptime == nil || *p.Uptime != 20 || p.Boot != boot1 || p.Quality != Unknown {
				t.Errorf("step %v, before: %s", step, q.last())
			}
			c.passed, c.step, c.quality = time.Minute, step, then
			p = parse(t, q.finished(t, 0, false, boot1, c.read()))
			want, quality := c.clocks.base.Add(step).UTC().Format("2006-01-02T15:04:05.000Z"), "corrected"
			if step == 0 && then == Unknown {
				quality = Unknown
			}
			if *p.Time != want || *p.Since != want || p.Quality != quality || (p.Uptime == nil) != (quality == "corrected") {
				t.Errorf("step %v, then %s: time %s, since %s, quality %s, want %s", step, then, *p.Time, *p.Since, p.Quality, want)
			}
			ev.State, ev.Time, ev.Until = detect.Close, c.now(), c.now()
			must(t, r.Event(ev, ModelRef{}))
			p = parse(t, q.finished(t, 1, false, boot1, c.read()))
			if *p.Duration != 60 || *p.Since != want || *p.Until < *p.Since || p.Quality != then {
				t.Errorf("step %v, then %s: close %s, want since %s", step, then, q.last(), want)
			}
			if _, err := checkStream(q.messages); err != nil {
				t.Error(err)
			}
		}
	}
}

// A time that a time server confirmed stays, whatever the clock says later.
func TestClock_syncedStays(t *testing.T) {
	c := &stepClock{clocks: clocks{base: time.Now(), uptime: 20 * time.Second, quality: Synced}}
	q := &memory{}
	r, err := New(device(boot1), q, c.read)
	must(t, err)
	must(t, r.Event(anomaly(detect.Open, c.now()), theModel))
	before := parse(t, q.last())
	c.step, c.quality = -10*year, Unknown
	if after := parse(t, q.finished(t, 0, false, boot1, c.read())); *after.Time != *before.Time || after.Quality != Synced || after.Uptime != nil {
		t.Errorf("got %+v", after)
	}
}

// A gateway without a battery starts three days behind, with an event open from before.
// Nobody knows how long it has lasted, until the clock is set: then everybody does.
func TestClock_behindAfterRestart(t *testing.T) {
	c := &stepClock{clocks: clocks{base: time.Now(), uptime: time.Hour, quality: Synced}}
	q := &memory{}
	r, err := New(device(boot1), q, c.read)
	must(t, err)
	ev := anomaly(detect.Open, c.now())
	ev.Since = ev.Time
	must(t, r.Event(ev, theModel))
	since := *parse(t, q.last()).Since

	c.passed, c.uptime, c.step, c.quality = 10*time.Minute, 20*time.Second-10*time.Minute, -72*time.Hour, Unknown
	r, err = New(device(boot2), q, c.read)
	must(t, err)
	ev.State, ev.Time, ev.Until = detect.Close, c.now(), c.now()
	must(t, r.Event(ev, theModel))
	p := parse(t, q.last())
	if p.Duration != nil || *p.Since != since || *p.Until < *p.Since || *p.UntilUp != 20 {
		t.Errorf("behind: %s", q.last())
	}
	c.step, c.quality, c.passed = 0, Synced, 11*time.Minute
	p = parse(t, q.finished(t, 1, false, boot2, c.read()))
	if p.Duration == nil || *p.Duration < 599.99 || *p.Duration > 600.01 || *p.Since != since || *p.Until < *p.Since || p.Quality != "corrected" || p.UntilUp != nil {
		t.Errorf("set: %s", q.finished(t, 1, false, boot2, c.read()))
	}
	if got := q.finished(t, 1, false, boot1, c.read()); string(got) != string(q.last()) {
		t.Errorf("dated by another boot: %s", got)
	}
}

// The retained state follows a step at once.
func TestMachineState_step(t *testing.T) {
	c := &stepClock{clocks: clocks{base: time.Now(), uptime: 20 * time.Second, quality: Unknown}}
	q := &memory{}
	r, err := New(device(boot1), q, c.read)
	must(t, err)
	ev := anomaly(detect.Open, c.now())
	ev.Since = ev.Time
	must(t, r.Event(ev, theModel))
	c.step = 72 * time.Hour
	state := r.MachineState(MachineStatus{Machine: "pump1", State: "normal"})
	if p, want := parse(t, state), c.now().UTC().Format("2006-01-02T15:04:05.000Z"); *p.Since != want {
		t.Errorf("%s, want since %s", state, want)
	}
}
