package htmlreport

import (
	"fmt"
	"math"
	"slices"
	"sort"
	"time"

	"iot-edge-anomaly/agent/chart"
	"iot-edge-anomaly/agent/detect"
)

const (
	nearRows     = 120    // shown before an event, and after it
	mostCloseups = 12     // drawn: the events with the highest peaks
	closeCells   = 30_000 // columns times channels of one close-up
	allCells     = 200_000
	mostCauses   = 3
)

// closeup is an event with the rows before and after it, at a finer grain than
// the whole recording.
type closeup struct {
	cols     *chart.Columns // values, expected, score; missing
	from, to time.Duration  // of the event, as drawn
	begin    time.Time      // rows from here on count towards the event's causes
	after    int            // rows still to be taken after its end
	left     bool           // the event has ended

	shares          []float64 // (C) added up over its rows above the threshold, times the score
	worst           []float64 // (C) farthest from expected, in units of Spread
	value, expected []float64 // (C) of that row
}

// near keeps copies of the newest rows, so that a close-up can also show the rows
// before the event.
type near struct {
	rows []Row // ring
	next int
}

func newNear(c int) *near {
	n := &near{rows: make([]Row, 0, min(nearRows, max(16, allCells/c)))}
	for range cap(n.rows) {
		n.rows = append(n.rows, Row{Values: make([]float64, c), Expected: make([]float64, c), Shares: make([]float32, c), Score: math.NaN(), State: -1})
	}
	return n
}

func (n *near) add(row Row) {
	k := &n.rows[n.next]
	n.next = (n.next + 1) % len(n.rows)
	k.Time, k.State, k.Score = row.Time, row.State, row.Score
	copy(k.Values, row.Values)
	for j := range k.Expected {
		k.Expected[j], k.Shares[j] = math.NaN(), 0
	}
	copy(k.Expected, row.Expected)
	copy(k.Shares, row.Shares)
}

// each calls f with the rows, oldest first.
func (n *near) each(f func(Row)) {
	for i := range n.rows {
		if row := n.rows[(n.next+i)%len(n.rows)]; row.State >= 0 {
			f(row)
		}
	}
}

// openCloseup starts the close-up of an event that the newest row opened.
func (r *Recording) openCloseup(ev detect.Event) *closeup {
	c := r.channels()
	lead := time.Duration(r.parts.Mean+r.parts.Smooth) * r.schema.Period // that a score looks back
	k := &closeup{cols: chart.New(r.schema.Period, min(max(closeCells/c, nearRows), 480), 2*c+1, c), begin: ev.Since.Add(-lead),
		shares: make([]float64, c), worst: make([]float64, c), value: make([]float64, c), expected: make([]float64, c), after: nearRows}
	for j := range k.value {
		k.value[j], k.expected[j] = math.NaN(), math.NaN()
	}
	r.near.each(func(row Row) { r.pushCloseup(k, row) })
	k.from = max(0, k.cols.At()-ev.Time.Sub(ev.Since))
	return k
}

// pushCloseup adds a row to a close-up.
func (r *Recording) pushCloseup(k *closeup, row Row) {
	c := r.channels()
	for i := range r.ranges {
		r.ranges[i] = math.NaN()
	}
	copy(r.ranges, row.Values)
	copy(r.ranges[c:], row.Expected)
	r.ranges[2*c] = row.Score
	missing := r.sums[:c]
	for j, v := range row.Values {
		if missing[j] = 0; v != v {
			missing[j] = 1
		}
	}
	k.cols.Push(row.Time, r.ranges, missing)
	if k.left || row.Time.Before(k.begin) || row.Expected == nil {
		return
	}
	for j, v := range row.Values {
		if d := math.Abs(v-row.Expected[j]) / r.parts.Spread[j]; d > k.worst[j] {
			k.worst[j], k.value[j], k.expected[j] = d, v, row.Expected[j]
		}
		if row.Score > 1 && row.Shares != nil {
			k.shares[j] += float64(row.Shares[j]) * min(row.Score, 1e6)
		}
	}
}

// causes returns the channels with the largest shares of the event, each with the
// value that was farthest from the expected one.
func (r *Recording) causes(k *closeup) (out []detect.Cause) {
	order := make([]int, len(k.shares))
	for j := range order {
		order[j] = j
	}
	sort.SliceStable(order, func(a, b int) bool { return k.shares[order[a]] > k.shares[order[b]] })
	all := total(k.shares)
	for _, j := range order[:min(mostCauses, len(order))] {
		if !(k.shares[j] > 0.005*all) {
			break
		}
		c := detect.Cause{Channel: r.name(j), Unit: r.schema.Channels[j].Unit, Share: k.shares[j] / all, Value: k.value[j], Expected: k.expected[j]}
		switch {
		case c.Value > c.Expected:
			c.Direction = "above"
		case c.Value < c.Expected:
			c.Direction = "below"
		}
		out = append(out, c)
	}
	return out
}

// thinCloseups drops the close-up with the lowest peak if there are too many.
func (r *Recording) thinCloseups() {
	most := min(mostCloseups, max(1, allCells/max(r.channels()*120, closeCells)))
	least, n := -1, 0
	for i, e := range r.events {
		if e.near == nil {
			continue
		}
		if n++; e.closed && (least < 0 || e.last.Peak < r.events[least].last.Peak) {
			least = i
		}
	}
	if n > most && least >= 0 {
		r.events[least].near = nil
	}
}

// drawCloseups draws each event by itself: its score and its main channels.
func (d *document) drawCloseups(r *Recording) {
	for i, e := range r.events {
		if e.near == nil {
			continue
		}
		k := e.near
		fmt.Fprintf(&d.body, "<div class=\"panel\"><h3>Event %d <span class=\"soft\">%s UTC, %s, %s, peak %s</span></h3>\n",
			i+1, chart.Time(e.open.Since), chart.Escape(e.ended(r.last)), chart.Escape(string(e.last.Severity)), score(e.last.Peak))
		s := scoreScale(e.last.Peak)
		b := k.box("score of event "+fmt.Sprint(i+1), "Peak "+score(e.last.Peak)+".", 120)
		b.Y(s)
		b.Path("score", k.cols.Trace(r.score(), s))
		b.Rule("limit", s, 1)
		d.draw(b)
		for _, c := range e.causes {
			j := slices.IndexFunc(r.order(), func(j int) bool { return r.name(j) == c.Channel })
			if j < 0 {
				continue
			}
			j = r.order()[j]
			fmt.Fprintf(&d.body, "<p class=\"small\"><bdi>%s</bdi></p>\n", chart.Escape(cause(c)))
			s := valueScale(k.cols, j, r.expected(j), r.parts.Spread[j])
			b := k.box(c.Channel+" in event "+fmt.Sprint(i+1), cause(c), 110)
			b.Path("span none", k.cols.Spans(j, 0.5, 0, 1000))
			b.Y(s)
			b.Path("expected", k.cols.Trace(r.expected(j), s))
			b.Path("value", k.cols.Trace(j, s))
			d.draw(b)
		}
		d.body.WriteString("</div>\n")
	}
}

// box is a drawing over the close-up's time, with the event marked.
func (k *closeup) box(title, desc string, tall int) *chart.Box {
	b := &chart.Box{Title: title, Desc: desc, Width: k.cols.Used(), Tall: tall}
	k.cols.Times(b)
	b.Path("span gap", k.cols.GapSpans())
	to := k.to
	if !k.left {
		to = k.cols.At()
	}
	b.Path("span alarm", k.cols.Span(k.from, to))
	return b
}

// valueScale is the axis for a channel's value and its expected value. Far outside
// the learnt range a model may expect absurd values, which must not flatten the
// curve of the measured ones: the axis extends past those by their own range at
// most, or by absurd times the learnt spread if that is more.
func valueScale(c *chart.Columns, value, expected int, spread float64) chart.Scale {
	low, high, ok := c.Range(value)
	if !ok {
		return chart.Linear(0, 1)
	}
	if a, b, ok := c.Range(expected); ok {
		wide := max(2*(high/2-low/2), absurd*spread)
		low, high = min(low, max(a, low-wide)), max(high, min(b, high+wide))
	}
	return chart.Linear(low, high)
}

// absurd is how many learnt spreads beyond the measured values the axis may extend.
const absurd = 5

// finish ends the close-up of an event that is still open at the end.
func (r *Recording) finish() {
	for i := range r.events {
		if e := r.events[i]; !e.closed && e.near != nil {
			e.causes = r.causes(e.near)
		}
	}
	r.settle()
}
