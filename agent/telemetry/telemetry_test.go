package telemetry

import (
	"math"
	"testing"
	"time"

	"iot-edge-anomaly/agent/report"
	"iot-edge-anomaly/agent/sampler"
	"iot-edge-anomaly/drivers/driverstest"
)

var start = time.Now()

// at is a row that was made s seconds after the start.
func at(s, score float64, values ...float64) *report.Row {
	r := &report.Row{Time: start.Add(time.Duration(s * float64(time.Second))), Score: score, Values: values}
	for _, v := range values {
		q := sampler.Good
		if math.IsNaN(v) {
			q = sampler.Missing
		}
		r.Quality = append(r.Quality, q)
	}
	return r
}

// TestLook shows rows, one a line, and says how many rows a message then has.
func TestLook(t *testing.T) {
	nan := math.NaN()
	for name, c := range map[string]struct {
		policy Policy
		steps  []step
	}{
		"first row, then the interval": {Policy{Interval: 10 * time.Second, Batch: 1}, []step{
			{at(0, nan, 1), 1}, {at(1, nan, 2), 0}, {at(9.9, nan, 3), 0}, {at(10, nan, 4), 1}, {at(10.1, nan, 5), 0}}},
		"what has not changed": {Policy{Interval: time.Second, Batch: 1}, []step{
			{at(0, nan, 1), 1}, {at(5, nan, 1), 0}, {at(59, nan, 1), 0}, {at(60, nan, 1), 1}, {at(61, nan, 1), 0}, {at(61.5, nan, 1.0001), 1}}},
		"a change after silence goes out at once": {Policy{Interval: 10 * time.Second, Batch: 1}, []step{
			{at(0, nan, 1), 1}, {at(10, nan, 1), 0}, {at(10.5, nan, 1), 0}, {at(11, nan, 2), 1}, {at(12, nan, 3), 0}, {at(21, nan, 3), 1}}},
		"absolute deadband": {Policy{Interval: time.Second, Absolute: 0.5, Batch: 1}, []step{
			{at(0, nan, 100, 1), 1}, {at(1, nan, 100.5, 1.5), 0}, {at(2, nan, 100, 1.6), 1}, {at(3, nan, 100.2, 1.2), 0}, {at(4, nan, 99.4, 1.6), 1}}},
		"relative deadband, of what was published": {Policy{Interval: time.Second, Relative: 0.01, Batch: 1}, []step{
			{at(0, nan, 200), 1}, {at(1, nan, 201), 0}, {at(2, nan, 202), 0}, {at(3, nan, 202.1), 1}, {at(4, nan, 204), 0}, {at(5, nan, 199), 1}}},
		"a value is lost, and comes back": {Policy{Interval: time.Second, Relative: 1, Batch: 1}, []step{
			{at(0, nan, 5), 1}, {at(1, nan, nan), 1}, {at(2, nan, nan), 0}, {at(3, nan, 5), 1}}},
		"the score": {Policy{Interval: time.Second, Batch: 1}, []step{
			{at(0, 0.4, 5), 1}, {at(1, 0.45, 5), 0}, {at(2, 0.6, 5), 1}, {at(3, nan, 5), 1}}},
		"a row is taken once": {Policy{Interval: time.Second, Batch: 1}, []step{
			{at(0, nan, 1), 1}, {&report.Row{}, 0}, {at(2, nan, 7), 1}, {at(2, nan, 7), 0}}},
		"batches, and the first row does not wait": {Policy{Interval: time.Second, Batch: 3}, []step{
			{at(0, nan, 1), 1}, {at(1, nan, 2), 0}, {at(2, nan, 2), 0}, {at(3, nan, 3), 0}, {at(4, nan, 4), 3}, {at(5, nan, 5), 0}}},
	} {
		lookAll(t, name, c.policy, c.steps, nil)
		lookAll(t, name+", while the clock jumps", c.policy, c.steps, []time.Duration{0, 87_600 * time.Hour, -438_000 * time.Hour, time.Hour})
	}
}

// step is a row, and how many rows a message then has.
type step struct {
	row  *report.Row
	want int
}

// lookAll looks at rows, each by a clock that is off by the next of some jumps.
func lookAll(t *testing.T, name string, policy Policy, steps []step, jumps []time.Duration) {
	m := New(policy)
	for i, s := range steps {
		if row := *s.row; len(jumps) > 0 && !row.Time.IsZero() {
			row.Time = driverstest.Stepped(row.Time, jumps[i%len(jumps)])
			s.row = &row
		}
		rows := m.Look(s.row.Time, s.row)
		if len(rows) != s.want {
			t.Errorf("%s: step %d: %d rows, want %d", name, i, len(rows), s.want)
		} else if len(rows) > 0 && !rows[len(rows)-1].Time.Equal(s.row.Time) {
			t.Errorf("%s: step %d: the newest row is of %v", name, i, rows[len(rows)-1].Time)
		}
	}
}

// TestLook_copies: the caller's slices may change after Look.
func TestLook_copies(t *testing.T) {
	m := New(Policy{Interval: time.Second, Batch: 2})
	m.Look(start, at(0, 0, 1))
	r := at(1, 0, 2)
	m.Look(r.Time, r)
	r.Values[0] = 99
	last := at(2, 0, 3)
	rows := m.Look(last.Time, last)
	if len(rows) != 2 || rows[0].Values[0] != 2 || rows[1].Values[0] != 3 {
		t.Errorf("%+v", rows)
	}
}

// TestRenew: the next row is published at once, with what a batch has kept.
func TestRenew(t *testing.T) {
	m := New(Policy{Interval: 10 * time.Second, Batch: 5})
	m.Look(start, at(0, 0, 1))
	m.Look(start.Add(10*time.Second), at(10, 0, 2))
	m.Renew()
	r := at(11, 0, 2)
	if rows := m.Look(r.Time, r); len(rows) != 2 {
		t.Errorf("%d rows, want the kept and the newest", len(rows))
	}
	r = at(12, 0, 3)
	if rows := m.Look(r.Time, r); rows != nil {
		t.Error("the interval is forgotten")
	}
}

func TestSilence(t *testing.T) {
	for p, want := range map[Policy]time.Duration{
		{Interval: 10 * time.Second, Batch: 1}: time.Minute,
		{Interval: 5 * time.Minute, Batch: 1}:  5 * time.Minute,
		{Interval: 10 * time.Second, Batch: 3}: 3 * time.Minute,
	} {
		if got := p.Silence(time.Second); got != want {
			t.Errorf("%+v: %v, want %v", p, got, want)
		}
	}
	if got := (Policy{Interval: time.Second, Batch: 1}).Silence(time.Hour); got != time.Hour {
		t.Errorf("a machine with a row an hour: %v", got)
	}
}
