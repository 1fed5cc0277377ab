package machine

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"iot-edge-anomaly/agent/detect"
	"iot-edge-anomaly/agent/report"
	"iot-edge-anomaly/agent/spool"
	"iot-edge-anomaly/drivers/driverstest"
)

const year = 365 * 24 * time.Hour

// reported is a Reporter whose messages are kept; its clock is the feeder's.
type reported struct {
	*report.Reporter
	f        *feeder
	quality  func() string
	messages [][]byte
	events   []string // row, kind and state
}

func (r *reported) Append(build func(seq uint64) (spool.Message, error)) error {
	m, err := build(uint64(len(r.messages)) + 1)
	if err == nil {
		r.messages = append(r.messages, m.Payload)
	}
	return err
}

func (r *reported) State() []spool.Pair  { return nil }
func (r *reported) Restate([]spool.Pair) {}

func (r *reported) Event(ev detect.Event, m report.ModelRef) error {
	r.events = append(r.events, fmt.Sprintf("row %d %s %s %s", r.f.n, ev.Kind, ev.Key, ev.State))
	return r.Reporter.Event(ev, m)
}

// day is a machine's life from the first learning row: two anomalies with a pause shorter
// than the cooldown, one after it, and a limit. shift is what the wall clock is off by at
// a row, period the time between rows by the monotonic clock.
func day(t *testing.T, shift func(row int) time.Duration, period time.Duration) *reported {
	t.Helper()
	r := &reported{quality: func() string { return report.Unknown }}
	o := options(t, r)
	o.Policy.Cooldown = 2 * time.Minute
	f := newFeeder(t, o)
	f.shift, f.period = shift, period
	r.f = f
	began := f.at.Add(-time.Minute) // of this boot
	var err error
	r.Reporter, err = report.New(report.Device{Site: "s", Device: "gw7", Boot: "4f2a6c1e", Topic: "plant/gw7"}, r, func() report.Clock {
		return report.Clock{Now: driverstest.Stepped(f.at, shift(f.n)), Uptime: f.at.Sub(began), Quality: r.quality()}
	})
	if err != nil {
		t.Fatal(err)
	}
	f.learnt()
	f.watching()
	for _, part := range []struct {
		rows int
		bias float64
	}{{40, -6}, {60, 0}, {40, -6}, {300, 0}, {40, -6}, {60, 0}} {
		f.rows(part.rows, true, part.bias)
	}
	for range 30 {
		row := plantRow(f.rnd, f.n, true, 0)
		row[3] = 95
		f.push(row)
	}
	f.rows(60, true, 0)
	return r
}

// Whatever the wall clock does, the machine tells the same events at the same rows as with
// a clock that stays, learning and cooldown included, and no message has a negative time.
func TestClockJumps(t *testing.T) {
	none := func(int) time.Duration { return 0 }
	want := day(t, none, time.Second)
	if n := len(want.events); n < 6 || n > 40 {
		t.Fatalf("%d events: %v", n, want.events)
	}
	for name, c := range map[string]struct {
		shift  func(row int) time.Duration
		period time.Duration
	}{
		"dead battery, 1970":       {func(int) time.Duration { return -56 * year }, time.Second},
		"1970, set while learning": {func(row int) time.Duration { return -56 * year * time.Duration(1-min(1, row/200)) }, time.Second},
		"50 years back":            {func(row int) time.Duration { return -50 * year * time.Duration(min(1, row/530)) }, time.Second},
		"10 years ahead and back": {func(row int) time.Duration {
			return []time.Duration{0, 10 * year, -10 * year, 0}[row/37%4]
		}, time.Second},
		"an hour to and fro with each row": {func(row int) time.Duration {
			return []time.Duration{0, time.Hour, 0, -time.Hour}[row%4]
		}, time.Second},
		"a second back with each row": {func(row int) time.Duration { return -time.Duration(row) * time.Second }, time.Second},
		"500 ppm slow":                {none, time.Second + 500*time.Microsecond},
		"leap smear":                  {none, time.Second + time.Second/86400},
	} {
		t.Run(name, func(t *testing.T) {
			got := day(t, c.shift, c.period)
			if !slices.Equal(got.events, want.events) {
				t.Errorf("events\n%v, want\n%v", got.events, want.events)
			}
			for _, payload := range got.messages {
				var m struct {
					Since, Until *time.Time
					Duration     *float64 `json:"duration_s"`
				}
				if err := json.Unmarshal(payload, &m); err != nil {
					t.Fatal(err)
				}
				if m.Duration != nil && (*m.Duration < 0 || *m.Duration > 2000) || m.Since != nil && m.Until != nil && m.Until.Before(*m.Since) {
					t.Errorf("an interval that cannot be: %s", payload)
				}
			}
		})
	}
}
