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
	mostPanels = 40 // channels drawn
	linearMost = 3  // scores up to here are drawn on a linear axis
	scoreLeast = 0.05
)

// scoreScale is the axis for scores up to peak.
func scoreScale(peak float64) chart.Scale {
	if peak > linearMost {
		return chart.Log(scoreLeast, peak)
	}
	return chart.Linear(0, max(peak, 1.2))
}

// spans shades when the machine was idle or blind, or its window filled.
func (r *Recording) spans(b *chart.Box) {
	b.Path("span gap", r.cols.GapSpans())
	b.Path("span fill", r.cols.Spans(r.state(Filling), 0.5, 0, 1000))
	b.Path("span idle", r.cols.Spans(r.state(Idle), 0.5, 0, 1000))
	b.Path("span none", r.cols.Spans(r.state(Blind), 0.5, 0, 1000))
	// A span shorter than half a column still shows at the foot of the drawing.
	b.Path("span idle", r.cols.Spans(r.state(Idle), 0, 960, 1000))
	b.Path("span some", r.cols.Spans(r.state(Blind), 0, 960, 1000))
}

// keySpans explains the kinds of spans that occur.
func (r *Recording) keySpans(filling string) (pairs []string) {
	for _, k := range []struct {
		process bool
		words   string
	}{{true, "anomaly"}, {false, "drift or limit"}} {
		for _, e := range r.events {
			if (e.open.Kind == detect.ProcessAnomaly) == k.process {
				pairs = append(pairs, e.class(), k.words)
				break
			}
		}
	}
	if gaps, _ := r.cols.Gaps(); len(gaps) > 0 {
		pairs = append(pairs, "gap", "no rows")
	}
	if r.rows[Idle] > 0 {
		pairs = append(pairs, "idle", "machine not running")
	}
	if r.rows[Blind] > 0 {
		pairs = append(pairs, "none", "too few values")
	}
	if r.rows[Filling] > 0 {
		pairs = append(pairs, "fill", filling)
	}
	return pairs
}

// class is the CSS class of an event's shade.
func (e *event) class() string {
	if e.open.Kind == detect.ProcessAnomaly {
		return "alarm"
	}
	return "other"
}

// end is where the event ends in a drawing; an open one ends with the recording.
func (r *Recording) end(e *event) time.Duration {
	if e.closed {
		return e.to
	}
	return r.cols.At()
}

// box is an empty drawing over the time of the recording.
func (r *Recording) box(title, desc string, tall int) *chart.Box {
	b := &chart.Box{Title: title, Desc: desc, Width: r.cols.Used(), Tall: tall}
	r.cols.Times(b)
	return b
}

// drawScore draws the score over time with the threshold and the events.
func (d *document) drawScore(r *Recording, title, desc string) {
	s := scoreScale(r.peak)
	b := r.box(title, desc, 260)
	r.spans(b)
	b.Y(s)
	for i, e := range r.events {
		b.Path("span "+e.class(), r.cols.Span(e.from, r.end(e)))
		if i < 60 {
			b.Mark(float64(r.cols.Column(e.from)), fmt.Sprint(i+1), fmt.Sprintf("e%d", i+1))
		}
	}
	b.Path("score", r.cols.Trace(r.score(), s))
	b.Rule("limit", s, 1)
	d.draw(b)
}

// drawDistribution draws the share of rows that reach each score: in learning and,
// if here is not empty, in this recording.
func (d *document) drawDistribution(r *Recording, here [][2]float64, label string) {
	learnt := make([][2]float64, len(r.parts.Ranks))
	least, most, rarest := 1.0, 1.0, 1.0
	for i, rank := range r.parts.Ranks {
		learnt[i] = [2]float64{float64(r.parts.Percentiles[i]), 1 - float64(rank)}
	}
	for _, line := range [][][2]float64{learnt, here} {
		for _, p := range line {
			least, most, rarest = min(least, max(p[0], scoreLeast)), max(most, p[0]), min(rarest, p[1])
		}
	}
	x, y := chart.Log(least/1.2, 1.2*most), chart.Log(rarest/1.5, 1)
	b := &chart.Box{Title: "share of rows that reach a score", Width: chart.Plane, Tall: 240,
		Desc: fmt.Sprintf("Across: the score, to %s. Upwards: the share of rows with at least that score, from 1 down to %s.", score(most), chart.Number(rarest))}
	b.Y(y)
	b.X(x)
	for _, line := range []struct {
		class  string
		points [][2]float64
	}{{"learnt", learnt}, {"score", here}} {
		at := make([][2]float64, len(line.points))
		for i, p := range line.points {
			at[i] = [2]float64{x.Across(p[0]), p[1]}
		}
		b.Path(line.class, chart.Curve(at, y))
	}
	b.Upright("limit", x.Across(1))
	d.draw(b)
	pairs := []string{"learnt", "learning", "limit", "threshold"}
	if len(here) > 0 {
		pairs = append([]string{"score", label}, pairs...)
	}
	d.key(pairs...)
}

// drawShares writes a table of channels with two bars each: the channel's part of
// the scores above the threshold, and of all scores.
func (d *document) drawShares(r *Recording, order []int) {
	d.table("parts of the score by channel", "channel", "part of the score", "#above threshold", "#all rows")
	alarming, all := total(r.alarming), total(r.all)
	most := 0.0
	for j := range r.all {
		most = max(most, part(r.alarming[j], alarming), part(r.all[j], all))
	}
	for _, j := range order {
		strong, weak := part(r.alarming[j], alarming), part(r.all[j], all)
		d.body.WriteString("<tr>")
		d.named(r.name(j))
		d.body.WriteString(`<td class="wide">`)
		d.bar(fmt.Sprintf(`<rect class="weak" y="50" width="%.1f" height="40"/><rect class="strong" y="10" width="%.1f" height="40"/>`,
			1000*part(weak, most), 1000*part(strong, most)))
		d.body.WriteString("</td>")
		d.number(percentOf(strong, alarming))
		d.number(percentOf(weak, all))
		d.body.WriteString("</tr>\n")
	}
	d.endTable()
}

// bar writes shapes, drawn on a plane of 1000 by 100, into a cell.
func (d *document) bar(shapes string) {
	fmt.Fprintf(&d.body, `<svg class="bar" viewBox="0 0 1000 100" preserveAspectRatio="none" aria-hidden="true">%s</svg>`, shapes)
}

// drawParts draws each channel's part of the score over time. It leaves out channels
// that never made a tenth of the threshold.
func (d *document) drawParts(r *Recording, all []int) {
	order := slices.DeleteFunc(slices.Clone(all), func(j int) bool {
		return r.cols.Level(j, r.state(Scored), partLevels[0], math.Inf(1), 0, 1) == ""
	})
	switch {
	case len(order) == 0:
		d.body.WriteString("<p class=\"soft\">No channel ever made a tenth of the threshold.</p>\n")
		return
	case len(order) < len(all):
		d.body.WriteString("<p class=\"soft\">Left out are channels that never made a tenth of the threshold.</p>\n")
	}
	names := make([]string, len(order))
	for i, j := range order {
		names[i] = r.name(j)
	}
	b := r.box("parts of the score over time", "One row a channel, darker where the channel made more of the score: "+listed(names, 5)+".", 40+22*len(order))
	b.Class = "names"
	b.Names(names)
	b.Path("span gap", r.cols.GapSpans())
	for level, low := range partLevels {
		high := math.Inf(1)
		if level+1 < len(partLevels) {
			high = partLevels[level+1]
		}
		var path string
		for i, j := range order {
			top, bottom := 1000*i/len(order), 1000*(i+1)/len(order)
			path += r.cols.Level(j, r.state(Scored), low, high, top+1, bottom-1)
		}
		b.Path(fmt.Sprintf("span part%d", level+1), path)
	}
	for i, e := range r.events {
		if i < 60 {
			b.Mark(float64(r.cols.Column(e.from)), fmt.Sprint(i+1), fmt.Sprintf("e%d", i+1))
		}
	}
	d.draw(b)
	var pairs []string
	for level, low := range partLevels {
		pairs = append(pairs, fmt.Sprintf("part%d", level+1), fmt.Sprintf("from %.2g", low))
	}
	d.key(pairs...)
}

// partLevels are the parts of the score, in units of the threshold, where the next
// darker shade begins.
var partLevels = [...]float64{0.1, 0.25, 0.5, 1}

// drawChannels draws value and expected value, one panel a channel.
func (d *document) drawChannels(r *Recording, order []int) {
	for _, j := range order {
		ch := r.schema.Channels[j]
		low, high, ok := r.cols.Range(j)
		elow, ehigh, eok := r.cols.Range(r.expected(j))
		fmt.Fprintf(&d.body, "<div class=\"panel\"><h3><bdi>%s</bdi><span class=\"soft\">%s</span></h3>\n", chart.Escape(ch.Name), chart.Escape(unitWords(ch.Unit)))
		desc := "No value at all."
		if ok {
			desc = fmt.Sprintf("Value from %s to %s %s.", chart.Number(low), chart.Number(high), ch.Unit)
			if eok {
				desc += fmt.Sprintf(" Expected from %s to %s.", chart.Number(elow), chart.Number(ehigh))
			}
		}
		s := valueScale(r.cols, j, r.expected(j), r.parts.Spread[j])
		b := r.box(ch.Name+": value and expected", desc, 150)
		r.spans(b)
		b.Path("span none", r.cols.Spans(r.noValue(j), 0.5, 0, 1000))
		b.Path("span some", r.cols.Spans(r.noValue(j), 0, 960, 1000))
		b.Y(s)
		for _, e := range r.events {
			b.Path("span "+e.class(), r.cols.Span(e.from, r.end(e)))
		}
		b.Path("expected", r.cols.Trace(r.expected(j), s))
		b.Path("value", r.cols.Trace(j, s))
		d.draw(b)
		d.body.WriteString("</div>\n")
	}
}

// order returns the channels to draw in the order of the recording: all of them or,
// if there are more than mostPanels, those with the largest parts of the score.
func (r *Recording) order() []int {
	out := make([]int, r.channels())
	for j := range out {
		out[j] = j
	}
	if len(out) > mostPanels {
		r.byShare(out)
		out = out[:mostPanels]
		sort.Ints(out)
	}
	return out
}

// byShare sorts the channels by their part of the score, largest first.
func (r *Recording) byShare(order []int) {
	sort.SliceStable(order, func(i, k int) bool {
		a, b := order[i], order[k]
		if r.alarming[a] != r.alarming[b] {
			return r.alarming[a] > r.alarming[b]
		}
		return r.all[a] > r.all[b]
	})
}
