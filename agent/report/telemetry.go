package report

import (
	"math"
	"time"

	"iot-edge-anomaly/agent/sampler"
	"iot-edge-anomaly/model"
)

// Row is one row of a machine as telemetry publishes it.
type Row struct {
	Time    time.Time         // of the row, with the monotonic reading
	Score   float64           // NaN = none
	Values  []float64         // (C) NaN = not good
	Quality []sampler.Quality // (C)
}

// Rows are the newest rows of one machine, and what is said of the newest alone.
type Rows struct {
	Machine  string
	Channels []model.Channel // (C)
	State    string          // a judge.State
	Drift    float64         // NaN = nothing can be said
	Counts   []Total         // of counters
	Rows     []Row           // oldest first; at least one
}

// Total is what a counter has counted.
type Total struct {
	Channel string
	Value   float64 // NaN = missing
}

// Telemetry writes the message about the rows: the newest row by name of channel, and
// those before it as columns. It does not wait for the queue, and may be called by any
// goroutine.
func (r *Reporter) Telemetry(t *Rows) []byte {
	c := r.clock()
	newest := &t.Rows[len(t.Rows)-1]
	o := openObject(make([]byte, 0, 256+len(t.Rows)*len(t.Channels)*24))
	o.b = append(o.field("schema"), '1')
	o.text("site", r.device.Site)
	o.text("device", r.device.Device)
	o.text("machine", t.Machine)
	o.moment("time", "uptime_s", c.stamp(r.device.Boot, newest.Time), r.device.Boot)
	o.text("time_quality", c.quality())
	o.text("state", t.State)
	o.number("score", newest.Score)
	o.number("drift", t.Drift)
	in := openObject(o.field("channels"))
	for i := range t.Channels {
		in.b = appendValue(in.name(t.Channels[i].Name), newest.Values[i])
	}
	o.b = in.close()
	o.b = appendQuality(o.field("quality"), t.Channels, newest.Quality)
	in = openObject(o.field("counts"))
	for _, n := range t.Counts {
		in.b = appendValue(in.name(n.Channel), n.Value)
	}
	o.b = in.close()
	if len(t.Rows) > 1 {
		o.b = r.appendEarlier(o.field("earlier"), t, c)
	}
	return o.close()
}

// appendEarlier writes the rows before the newest one; their values are in the order
// of columns.
func (r *Reporter) appendEarlier(b []byte, t *Rows, c Clock) []byte {
	o := openObject(b)
	names := make([]string, len(t.Channels))
	for i := range names {
		names[i] = t.Channels[i].Name
	}
	o.texts("columns", names)
	b = append(o.field("rows"), '[')
	for i := range t.Rows[:len(t.Rows)-1] {
		row := &t.Rows[i]
		if i > 0 {
			b = append(b, ',')
		}
		in := openObject(b)
		in.moment("time", "uptime_s", c.stamp(r.device.Boot, row.Time), r.device.Boot)
		in.number("score", row.Score)
		b = append(in.field("values"), '[')
		for j, v := range row.Values {
			if j > 0 {
				b = append(b, ',')
			}
			b = appendValue(b, v)
		}
		in.b = append(b, ']')
		in.b = appendQuality(in.field("quality"), t.Channels, row.Quality)
		b = in.close()
	}
	o.b = append(b, ']')
	return o.close()
}

// appendQuality names the channels that are not good.
func appendQuality(b []byte, channels []model.Channel, q []sampler.Quality) []byte {
	o := openObject(b)
	for i := range q {
		if q[i] != sampler.Good {
			o.b = appendString(o.name(channels[i].Name), q[i].String())
		}
	}
	return o.close()
}

// name begins a field whose name is not ours.
func (o *object) name(name string) []byte {
	if o.notEmpty {
		o.b = append(o.b, ',')
	}
	o.notEmpty = true
	o.b = append(appendString(o.b, name), ':')
	return o.b
}

// Same tells whether two rows show the same within a deadband: absolute in the unit of
// each channel, or relative to the value of before. A score counts from 0.1 on.
func (r *Row) Same(before *Row, absolute, relative float64) bool {
	const score = 0.1
	if !near(r.Score, before.Score, score) {
		return false
	}
	for i, v := range r.Values {
		if r.Quality[i] != before.Quality[i] || !near(v, before.Values[i], max(absolute, relative*math.Abs(before.Values[i]))) {
			return false
		}
	}
	return true
}

// near tells whether a is within d of b, or both are missing.
func near(a, b, d float64) bool {
	return math.Abs(a-b) <= d || math.IsNaN(a) && math.IsNaN(b)
}
