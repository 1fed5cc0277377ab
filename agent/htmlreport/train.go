package htmlreport

import (
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"iot-edge-anomaly/agent/chart"
	"iot-edge-anomaly/model"
	"iot-edge-anomaly/model/train"
)

// WriteTrain writes the page of a training. r holds the learning rows with their
// scores of the calibration and the values that the learnt model expects. It returns
// the error of w.
func WriteTrain(w io.Writer, r *Recording, rep *train.Report, det *train.Details, a About) error {
	d := &document{title: "Learnt: " + a.Recording, badge: "no warnings", tone: "good"}
	if n := len(rep.Warnings); n > 0 {
		d.badge, d.tone = count(n, "warning"), "warn"
	}
	trainWords(d, rep)
	trainFacts(d, rep, a)
	order := r.order()
	worst := append([]int(nil), order...)
	r.byShare(worst)
	drawLoss(d, det.Loss)
	d.figure("Scores of the learning rows", "The threshold was set from them. "+foldWords(rep))
	d.drawScore(r, "calibration scores over time", fmt.Sprintf("Highest %s; %s of %s above the threshold.", score(r.peak), count(rep.Above, "row"), count(rep.Scored, "")))
	d.key(append([]string{"score", "score", "limit", "threshold"}, r.keySpans("sets no limit: window not full, or warm-up")...)...)
	d.endFigure()
	d.figure("Distribution of the scores", "The share of learning rows with at least that score. The farther the end of the line is to the left of the threshold, the larger is the margin to a false alarm.")
	d.drawDistribution(r, nil, "")
	d.endFigure()
	drawResiduals(d, rep, det)
	d.figure("Who makes the score", "Each channel's part of the scores of the learning rows. A channel that makes most of them is noisy, or the other channels do not explain it.")
	d.drawShares(r, worst)
	d.endFigure()
	d.figure("Value against expected", "The learning rows, and what the learnt model expects of them. Look for what was not normal: a fault that was learnt is never reported. Times in UTC.")
	r.panels(d, order)
	d.endFigure()
	learntTable(d, rep)
	return d.writeTo(w)
}

// trainWords writes the verdict and the warnings.
func trainWords(d *document, rep *train.Report) {
	d.card("In words")
	lead := fmt.Sprintf("Learnt from %s of %s rows", count(rep.Used, ""), count(rep.Rows, ""))
	if rep.Step > 0 {
		lead += fmt.Sprintf(": %s, one row each %s", chart.Span(time.Duration(rep.Used)*rep.Step), chart.Span(rep.Step))
	}
	fmt.Fprintf(&d.words, "<p class=\"lead\">%s.</p>\n", chart.Escape(lead))
	var left []string
	if rep.Idle > 0 {
		left = append(left, fmt.Sprintf("%s left out: the machine did not run or had just started (run_when)", count(rep.Idle, "row")))
	}
	if rep.Empty > 0 {
		left = append(left, fmt.Sprintf("%s left out: no value in any channel", count(rep.Empty, "row")))
	}
	if rep.Start > 0 {
		left = append(left, fmt.Sprintf("the first %s were learnt but set no limit: a warm-up to which the machine never returned", count(rep.Start, "row")))
	}
	d.list("", left)
	d.say("%s of %s learning rows score above the threshold.%s", count(rep.Above, ""), count(rep.Scored, ""), alarmWords(&rep.Alarms))
	if len(rep.Warnings) == 0 {
		d.say("No warnings about these rows.")
	} else {
		d.say("Warnings:")
		d.list("warnings", rep.Warnings)
	}
	d.endCard()
}

// alarmWords tells how many false alarms to expect.
func alarmWords(a *model.Alarms) string {
	if a.Rate == 0 {
		return " How many false alarms to expect is not known: too few rows."
	}
	return fmt.Sprintf(" False alarms to be expected in 30 days of running time: %s (%s to %s); wanted: %.3g.", rough(a.Rate), rough(a.Low), rough(a.High), a.Wanted)
}

// foldWords tells whether the networks that scored the rows had seen them.
func foldWords(rep *train.Report) string {
	if rep.Alarms.Rate > 0 {
		return "Each row was scored by a network that had not seen it."
	}
	return "The rows are too few to set some aside: the network had seen them, so new ones will score somewhat higher."
}

func trainFacts(d *document, rep *train.Report, a About) {
	d.card("What was learnt")
	cycle := "none found"
	if rep.Period > 0 {
		cycle = count(rep.Period, "row")
	}
	facts := [][2]string{{"cycle", cycle}, {"window", count(rep.Window, "row")},
		{"one score sees", count(rep.Window+rep.Mean+rep.Smooth-2, "row")},
		{"network", strings.ReplaceAll(strings.Trim(fmt.Sprint(rep.Network), "[]"), " ", "-") + ", int8"},
		{"trained on", fmt.Sprintf("%s, %s, seed %d", count(rep.Windows, "window"), count(rep.Epochs, "epoch"), rep.Seed)},
		{"error", fmt.Sprintf("%.4f (mean squared, with noise)", rep.Loss)},
		{"int8 differs from float32 by", fmt.Sprintf("%.4f of a channel's spread", rep.Int8Gap)},
		{"threshold", rep.Threshold()},
		{"slow movement allowed for", count(rep.Horizon, "row")}}
	d.facts(facts)
	d.identity(a)
	d.endCard()
}

func drawLoss(d *document, loss []float64) {
	d.figure("Error by epoch", "How far the output of the network was from the rows, with noise added to its inputs. If the line still falls at the end, there were too few epochs; if it never falls, nothing was found to learn.")
	most, points := 0.0, make([][2]float64, len(loss))
	for i, v := range loss {
		most, points[i] = max(most, v), [2]float64{float64(i), v}
	}
	s := chart.Linear(0, most)
	desc := "No epoch."
	if n := len(loss); n > 0 {
		desc = fmt.Sprintf("From %s after the first epoch to %s after the last of %d.", chart.Number(loss[0]), chart.Number(loss[n-1]), n)
	}
	b := &chart.Box{Title: "mean squared error by epoch", Desc: desc, Width: max(len(loss), 1), Tall: 170}
	b.Y(s)
	b.Count()
	b.Path("value", chart.Curve(points, s))
	d.draw(b)
	d.endFigure()
}

// drawResiduals writes a table of channels with the spread of value - expected.
func drawResiduals(d *document, rep *train.Report, det *train.Details) {
	d.figure("Residuals", "Value minus expected in the learning rows: bar 25 to 75 %, thin line 0.1 to 99.9 %, in units of each channel's standard deviation, all on one axis. A short bar means that the other channels explain this one well; with ±3 they do not explain it at all.")
	most := 0.5
	for j, q := range det.Residuals {
		if sd := rep.Channels[j].SD; sd > 0 && q[0] == q[0] {
			most = max(most, min(math.Abs(q[0])/sd, 5), min(math.Abs(q[4])/sd, 5))
		}
	}
	d.table("residuals by channel", "channel", fmt.Sprintf("residuals, ±%.2g standard deviations", most), "unit", "#median", "#0.1 %", "#99.9 %")
	for j, q := range det.Residuals {
		ch := &rep.Channels[j]
		d.body.WriteString("<tr>")
		d.named(ch.Name)
		d.body.WriteString(`<td class="wide">`)
		if ch.SD > 0 && q[0] == q[0] {
			x := func(v float64) float64 { return 500 + 500*min(max(v/ch.SD/most, -1), 1) }
			d.bar(fmt.Sprintf(`<path class="zero" d="M500 0v100"/><rect class="weak" x="%.1f" y="42" width="%.1f" height="16"/><rect class="strong" x="%.1f" y="20" width="%.1f" height="60"/><path class="middle" d="M%.1f 10v80"/>`,
				x(q[0]), x(q[4])-x(q[0]), x(q[1]), x(q[3])-x(q[1]), x(q[2])))
		}
		d.body.WriteString("</td>")
		d.text(ch.Unit)
		for _, k := range []int{2, 0, 4} {
			d.number(chart.Number(q[k]))
		}
		d.body.WriteString("</tr>\n")
	}
	d.endTable()
	d.endFigure()
}

func learntTable(d *document, rep *train.Report) {
	d.body.WriteString("<section class=\"card\"><h2>Channels</h2>\n")
	d.table("channels", "channel", "unit", "#0.1 % below", "#median", "#99.9 % below", "#standard deviation", "#missing", "room for slow drift")
	for i := range rep.Channels {
		ch := &rep.Channels[i]
		d.body.WriteString("<tr>")
		d.named(ch.Name)
		d.text(ch.Unit)
		for _, v := range []float64{ch.Low, ch.Median, ch.High, ch.SD} {
			d.number(chart.Number(v))
		}
		d.number(count(ch.Missing, ""))
		drift := fmt.Sprintf("x %.1f", ch.Stretch)
		if ch.Bounded {
			drift += ", bounded by its range"
		}
		d.text(drift)
		d.body.WriteString("</tr>\n")
	}
	d.endTable()
	d.body.WriteString("</section>\n")
}
