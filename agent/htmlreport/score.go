package htmlreport

import (
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"iot-edge-anomaly/agent/chart"
	"iot-edge-anomaly/agent/detect"
)

// About names the recording and the model of a page.
type About struct {
	Recording string // file, as the user named it
	Model     string // file
	Version   string // of the model
	SHA256    string // of the model's file
}

// WriteScore writes the page of a scored recording. It returns the error of w.
func WriteScore(w io.Writer, r *Recording, a About) error {
	r.finish()
	d := &document{title: "Scored: " + a.Recording, badge: "nothing unusual", tone: "good"}
	switch n := len(r.events) + r.more; {
	case n > 0:
		d.badge, d.tone = count(n, "event"), "bad"
	case r.rows[Scored] == 0:
		d.badge, d.tone = "nothing was scored", "warn"
	}
	d.card("In words")
	r.verdict(d)
	d.list("", r.coverage())
	d.endCard()
	if warnings := r.warnings(); len(warnings) > 0 {
		d.card("What is odd about this recording")
		d.list("warnings", warnings)
		d.endCard()
	}
	r.learnt(d, a)
	order := r.order()
	worst := append([]int(nil), order...)
	r.byShare(worst)

	d.figure("Score", "How unusual each row was: 1 is the threshold. If there are many rows, a column shows the least and the highest score in it.")
	d.drawScore(r, "score over time", fmt.Sprintf("Highest %s at %s UTC; %s of %s above the threshold.",
		score(r.peak), chart.Time(r.peakAt), count(r.above, "row"), count(r.scores.n, "")))
	d.key(append([]string{"score", "score", "limit", "threshold"}, r.keySpans("window not full: no score yet")...)...)
	d.endFigure()
	r.eventTable(d)

	if slices.ContainsFunc(r.events, func(e *event) bool { return e.near != nil }) {
		d.figure("Events, close up", fmt.Sprintf("The score and the channels that made most of it, with up to %d rows before and after. Each line of text gives the value that was farthest from the expected one.", nearRows))
		d.drawCloseups(r)
		d.key("score", "score, value", "expected", "expected", "limit", "threshold", "alarm", "event")
		d.endFigure()
	}
	d.figure("Who made the score", "Each channel's part: dark bar in rows above the threshold, light bar in all scored rows.")
	d.drawShares(r, worst)
	d.endFigure()
	d.figure("Who made the score when", "Each channel's part of the score over time, in units of the threshold.")
	d.drawParts(r, order)
	d.endFigure()
	d.figure("Value against expected", "What was measured, and what the model expected from the other channels and the rows before. Times in UTC.")
	r.panels(d, order)
	d.endFigure()
	d.figure("Distribution of the scores", "The share of rows with at least that score, here and in the learning rows. If the solid line is to the right of the dashed one, this recording was more unusual than the learning rows.")
	d.drawDistribution(r, r.scores.above(), "this recording")
	d.endFigure()
	r.channelTable(d)
	return d.writeTo(w)
}

// panels draws the channels with their key.
func (r *Recording) panels(d *document, order []int) {
	pairs := append([]string{"value", "value", "expected", "expected"}, r.keySpans("no score yet")...)
	for j := range r.missing {
		if r.missing[j] > 0 && r.rows[Blind] == 0 {
			pairs = append(pairs, "none", "value missing")
			break
		}
	}
	d.key(pairs...)
	d.drawChannels(r, order)
	if more := r.channels() - len(order); more > 0 {
		fmt.Fprintf(&d.body, "<p class=\"soft\">%s that made less of the score: see the table.</p>\n", count(more, "channel"))
	}
}

// verdict writes the result that the reader opens the page for.
func (r *Recording) verdict(d *document) {
	n := len(r.events) + r.more
	lead := fmt.Sprintf("%s in %s", count(n, "event"), chart.Span(r.length()))
	if n == 0 {
		lead = "No event in " + chart.Span(r.length())
	}
	fmt.Fprintf(&d.words, "<p class=\"lead\">%s: %s, %s to %s UTC.</p>\n", lead, count(r.cols.Rows(), "row"), chart.Time(r.first), until(r.first, r.last))
	worst := -1
	for i, e := range r.events {
		if e.open.Kind == detect.ProcessAnomaly && (worst < 0 || e.last.Peak > r.events[worst].last.Peak) {
			worst = i
		}
	}
	if worst >= 0 {
		e := r.events[worst]
		text := fmt.Sprintf("The worst anomaly, event %d, began at %s UTC, %s, and reached a score of %s (%s).", worst+1, chart.Time(e.open.Since), e.ended(r.last), score(e.last.Peak), e.last.Severity)
		if len(e.causes) > 0 {
			text += " Most of it was " + causeWords(e.causes[0]) + "."
		}
		d.say("%s", text)
	}
	if r.scores.n > 0 {
		d.say("The score was above the threshold in %s of %s scored rows (%s). The highest was %s, at %s UTC.",
			count(r.above, ""), count(r.scores.n, ""), percent(part(float64(r.above), float64(r.scores.n))), score(r.peak), chart.Time(r.peakAt))
	}
}

// ended tells how long an event lasted.
func (e *event) ended(last time.Time) string {
	if e.closed {
		return "lasted " + chart.Span(e.last.Until.Sub(e.open.Since))
	}
	return "was still open at the end, " + chart.Span(last.Sub(e.open.Since)) + " later"
}

// coverage tells which rows got no score, and why.
func (r *Recording) coverage() (out []string) {
	if n := r.rows[Filling]; n > 0 {
		out = append(out, fmt.Sprintf("%s without a score: the window of %d rows filled, at the start or after a gap", count(n, "row"), r.parts.Window+r.parts.Mean+r.parts.Smooth-2))
	}
	if n := r.rows[Idle]; n > 0 {
		out = append(out, fmt.Sprintf("%s without a score: the machine did not run or had just started (run_when)", count(n, "row")))
	}
	if n := r.rows[Blind]; n > 0 {
		out = append(out, fmt.Sprintf("%s without a score: more than half of the values were missing", count(n, "row")))
	}
	gaps, more := r.cols.Gaps()
	if n := len(gaps) + more; n > 0 {
		longest := gaps[0]
		for _, g := range gaps {
			if g.To.Sub(g.From) > longest.To.Sub(longest.From) {
				longest = g
			}
		}
		out = append(out, fmt.Sprintf("%s without rows, the longest %s from %s UTC", count(n, "gap"), chart.Span(longest.To.Sub(longest.From)), chart.Time(longest.From)))
	}
	return out
}

// warnings lists what is unusual about the rows themselves, whatever their scores.
func (r *Recording) warnings() (out []string) {
	if n := r.cols.Backward(); n > 0 {
		out = append(out, fmt.Sprintf("%s with no time, or with one before the row before: drawn in the order of the file", count(n, "row")))
	}
	ran := r.cols.Rows() - r.rows[Idle]
	var unlearnt, missing, outside named
	for j, ch := range r.schema.Channels {
		switch {
		case !r.watched(j):
			unlearnt.add(ch.Name, ch.Name+" had no value while the machine was learnt: it is not watched")
		case 100*r.missing[j] > ran:
			missing.add(ch.Name, fmt.Sprintf("%s is missing in %s of %s rows", ch.Name, count(r.missing[j], ""), count(ran, "")))
		}
		if 20*r.outside[j] > ran {
			outside.add(ch.Name, fmt.Sprintf("%s was outside the learnt range (%s to %s) in %s of %s rows", ch.Name,
				chart.Number(r.low[j]), value(r.high[j], ch.Unit), count(r.outside[j], ""), count(ran, "")))
		}
	}
	out = append(out, unlearnt.said("had no value while the machine was learnt: they are not watched")...)
	out = append(out, missing.said("are missing in more than 1 % of the rows")...)
	return append(out, outside.said("were outside the learnt range in more than 5 % of the rows; see the table of channels")...)
}

// named collects one sentence for each of several channels.
type named struct{ names, sentences []string }

func (n *named) add(name, sentence string) {
	n.names, n.sentences = append(n.names, name), append(n.sentences, sentence)
}

// said returns the sentences, or a single one with all names if there are more than
// mostSaid.
func (n *named) said(together string) []string {
	if len(n.names) <= mostSaid {
		return n.sentences
	}
	return []string{fmt.Sprintf("%s %s: %s", count(len(n.names), "channel"), together, listed(n.names, mostPanels))}
}

// mostSaid is the largest number of channels that get a sentence each.
const mostSaid = 5

// learnt tells what the model was trained on, with what warnings.
func (r *Recording) learnt(d *document, a About) {
	t := &r.parts.Training
	d.card("What the model had learnt")
	d.say("Normal is what the machine did in %s of %s learning rows.%s", count(t.Used, ""), count(t.Rows, ""), alarmWords(&t.Alarms))
	if len(t.Warnings) > 0 {
		d.say("Warnings of the training:")
		d.list("warnings", t.Warnings)
	}
	facts := [][2]string{{"one score sees", fmt.Sprintf("%d rows", r.parts.Window+r.parts.Mean+r.parts.Smooth-2)}}
	if t.Period > 0 {
		facts = append(facts, [2]string{"cycle", fmt.Sprintf("%d rows", t.Period)})
	}
	if r.schema.Period > 0 {
		facts = append(facts, [2]string{"one row each", chart.Span(r.schema.Period)})
	}
	d.facts(facts)
	d.identity(a)
	d.endCard()
}

// eventTable lists the events, each with an id that marks link to.
func (r *Recording) eventTable(d *document) {
	if len(r.events) == 0 {
		return
	}
	d.body.WriteString("<section class=\"card\" id=\"events\"><h2>Events</h2>\n")
	d.body.WriteString("<div class=\"events\">\n")
	d.table("events", "", "since (UTC)", "length", "kind", "severity", "#peak", "causes", "ended")
	for i, e := range r.events {
		fmt.Fprintf(&d.body, "<tr id=\"e%d\">", i+1)
		d.number(fmt.Sprint(i + 1))
		d.text(chart.Time(e.open.Since))
		ended, length := "still open", r.last.Sub(e.open.Since)
		if e.closed {
			ended, length = until(e.open.Since, e.last.Until)+", "+e.last.Reason, e.last.Until.Sub(e.open.Since)
		}
		d.text(chart.Span(length))
		d.text(kindWords(e.open.Kind))
		d.text(string(e.last.Severity))
		d.number(score(e.last.Peak))
		d.body.WriteString("<td class=\"wrap causes\">")
		if e.open.Reason != "" {
			fmt.Fprintf(&d.body, "<div>%s</div>", chart.Escape(e.open.Reason))
		}
		for _, c := range e.causes[:min(mostCauses, len(e.causes))] {
			fmt.Fprintf(&d.body, "<div><bdi>%s</bdi></div>", chart.Escape(cause(c)))
		}
		if len(e.last.Missing) > 0 {
			fmt.Fprintf(&d.body, "<div>missing: %s</div>", chart.Escape(listed(e.last.Missing, 5)))
		}
		d.between("</td><td class=\"wrap\">", ended, "</td>")
		d.body.WriteString("</tr>\n")
	}
	d.endTable()
	d.body.WriteString("</div>\n")
	if r.more > 0 {
		fmt.Fprintf(&d.body, "<p class=\"soft\">%s not listed.</p>\n", count(r.more, "later event"))
	}
	d.body.WriteString("</section>\n")
}

func kindWords(k detect.Kind) string {
	switch k {
	case detect.ProcessAnomaly:
		return "anomaly"
	case detect.LimitExceeded:
		return "limit"
	}
	return string(k)
}

// channelTable holds every channel's figures here and in learning.
func (r *Recording) channelTable(d *document) {
	d.body.WriteString("<section class=\"card\"><h2>Channels</h2>\n")
	d.table("channels", "channel", "unit", "#lowest", "#highest", "#learnt from", "#to", "#rows outside", "#missing", "#part of alarms")
	alarming := total(r.alarming)
	for j, ch := range r.schema.Channels {
		low, high, ok := r.cols.Range(j)
		if !ok {
			low, high = math.NaN(), math.NaN()
		}
		d.body.WriteString("<tr>")
		d.named(ch.Name)
		d.text(ch.Unit)
		for _, v := range []float64{low, high, r.low[j], r.high[j]} {
			d.number(chart.Number(v))
		}
		d.number(count(r.outside[j], ""))
		d.number(count(r.missing[j], ""))
		d.number(percentOf(part(r.alarming[j], alarming), alarming))
		d.body.WriteString("</tr>\n")
	}
	d.endTable()
	d.body.WriteString("</section>\n")
}
