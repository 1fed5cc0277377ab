package review

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"iot-edge-anomaly/agent/history"
	"iot-edge-anomaly/agent/htmlreport"
	"iot-edge-anomaly/agent/status"
)

// fill tells what the week and the month have in common.
func (r *review) fill(s *sheet) {
	t := r.now
	if t.Begin > r.period.From {
		s.say("The record begins on %s.", t.Begin)
	}
	if len(t.Missing) > 0 {
		s.warn("no record of %s: the gateway was off, or its clock was wrong", strings.Join(t.Missing, ", "))
	}
	for _, d := range r.Damaged {
		s.warn("the record is damaged, and what it held is missing here: %s", d)
	}
	if t.Crashes > 0 {
		s.warn("it was started %s after a crash, a kill or a power cut, each of which costs up to a quarter of an hour of the record", times(t.Crashes))
	}
	s.say("The gateway ran %s of %s (%s), and was started %s. Days are UTC.", span(t.Up), span(t.Span), share(t.Up, t.Span), times(t.Starts))
	if r.Live == nil {
		s.warn("no agent runs: what it knows of the moment is missing, and up to a quarter of an hour of the record")
	}
	r.alarms(s)
	r.machines(s)
	r.sensors(s)
	r.errors(s)
	r.resources(s)
	r.certificates(s)
}

// times is how often something was.
func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// head is that of a table with the period before beside it.
func (r *review) head(heads ...string) []string {
	if r.before != nil {
		heads = append(heads, "#month before")
	}
	return heads
}

// row adds what the period before had.
func (r *review) row(of func(t *history.Total) string, cells ...string) []string {
	cells = append(cells, of(r.now))
	if r.before != nil {
		cells = append(cells, of(r.before))
	}
	return cells
}

func (r *review) alarms(s *sheet) {
	var rows [][]string
	all := sorted(r.now)
	if r.before != nil {
		for _, b := range sorted(r.before) {
			if !slices.ContainsFunc(all, func(a history.Alarm) bool { return sameSort(a, b) }) {
				all = append(all, b)
			}
		}
	}
	for _, a := range all {
		machine := a.Machine
		if machine == "" {
			machine = "gateway"
		}
		rows = append(rows, r.row(func(t *history.Total) string {
			for _, b := range t.Opened() {
				if sameSort(a, b) {
					return fmt.Sprint(b.N)
				}
			}
			return "0"
		}, machine, a.Kind, a.Severity, a.Cause))
	}
	if len(r.now.Alarms) == 0 {
		s.say("No event opened.")
	}
	s.table("Events by machine and cause", "Each with the severity it opened with and the first channel to blame, the faulty sensor or bus, or the alert.", r.head("machine", "kind", "severity", "cause", "#opened"), rows)
}

func sameSort(a, b history.Alarm) bool {
	a.N, b.N = 0, 0
	return a == b
}

func (r *review) machines(s *sheet) {
	var rows [][]string
	for _, name := range slices.Sorted(maps.Keys(r.now.Machine)) {
		m := r.now.Machine[name]
		all := m.Watched + m.Idle + m.Learning + m.Blind
		learnt, now := "-", "-"
		if r.Live != nil {
			f := r.Live.Figures.Models[name]
			if learnt = f.Learnt.String(); f.Drift != nil {
				now = fmt.Sprintf("%.2f", *f.Drift)
			}
		}
		row := []string{name, share(m.Watched, all), share(m.Idle, all), share(m.Learning, all), share(m.Blind, all), fmt.Sprintf("%.2f", m.Drift), now, m.Quantiles().String(), learnt}
		if r.before != nil {
			last := "-"
			if b := r.before.Machine[name]; b != nil {
				last = b.Quantiles().String()
			}
			row = append(row, last)
		}
		rows = append(rows, row)
		if m.Blind > all/100 {
			s.warn("machine %s was not watched for %s", name, span(m.Blind))
		}
	}
	s.table("Machines", "Watched: its rows were judged. Drift: 0 to 1, an event from 0.7 on. Scores: p50, p95 and p99, where 1 is the threshold.",
		r.head("machine", "#watched", "#idle", "#learning", "#blind", "#most drift", "#now", "#scores", "#when learnt"), rows)
}

func (r *review) sensors(s *sheet) {
	var rows [][]string
	for _, name := range slices.Sorted(maps.Keys(r.now.Sensors)) {
		failed := func(t *history.Total) string {
			if p := t.Sensors[name]; p != nil {
				return share(float64(p.Errors), float64(p.Reads))
			}
			return "–"
		}
		p := r.now.Sensors[name]
		rows = append(rows, r.row(failed, name, fmt.Sprint(p.Reads), fmt.Sprint(p.Errors)))
	}
	s.table("Sensors", "", r.head("sensor", "#readings", "#without a value", "#part"), rows)
}

func (r *review) errors(s *sheet) {
	classes := map[string]bool{}
	for class := range r.now.Errors {
		classes[class] = true
	}
	if r.before != nil {
		for class := range r.before.Errors {
			classes[class] = true
		}
	}
	var rows [][]string
	for _, class := range slices.Sorted(maps.Keys(classes)) {
		rows = append(rows, r.row(func(t *history.Total) string { return fmt.Sprint(t.Errors[class]) }, class))
	}
	if len(rows) == 0 {
		s.say("There was no error.")
	}
	s.table("Errors by class", "", r.head("class", "#number"), rows)
}

func (r *review) resources(s *sheet) {
	var rows [][]string
	add := func(name string, of func(t *history.Total) string) { rows = append(rows, r.row(of, name)) }
	add("memory, most", func(t *history.Total) string { return ofLimit(t) })
	add("CPU of the gateway, mean", func(t *history.Total) string { return share(t.Busy, t.Up) })
	add("CPU of the gateway, most", func(t *history.Total) string { return fmt.Sprintf("%.0f %%", t.CPU) })
	add("fullest disk", func(t *history.Total) string { return fmt.Sprintf("%.0f %%", t.Disk) })
	add("written to the disk", func(t *history.Total) string { return bytes(float64(t.Written) * 1024) })
	add("written in a day of running", func(t *history.Total) string { return bytes(perDay(t)) })
	add("most messages in the queue", func(t *history.Total) string { return fmt.Sprint(t.Queue) })
	add("without the broker", func(t *history.Total) string { return span(t.Offline) })
	add("latency of a row, p50 p95 p99", func(t *history.Total) string { return t.LatencyQuantiles().String() + " ms" })
	for _, name := range slices.Sorted(maps.Keys(r.now.Buses)) {
		add("bus "+name+" busy, mean", func(t *history.Total) string { return busyOf(t, name) })
	}
	if r.Live != nil && r.Live.Figures.Queue != nil {
		q := r.Live.Figures.Queue
		s.say("Messages in the queue now: %d, %s of %s.", q.Messages, bytes(float64(q.Bytes)), bytes(float64(q.MaxBytes)))
	}
	s.table("Resources", "", r.head("what", "#this time"), rows)
}

func ofLimit(t *history.Total) string {
	text := bytes(float64(t.Memory) * 1024)
	if t.Limit > 0 {
		text += fmt.Sprintf(" of %s", bytes(float64(t.Limit)*1024))
	}
	return text
}

func busyOf(t *history.Total, name string) string {
	if b := t.Buses[name]; b != nil {
		return share(b.Busy, t.Up)
	}
	return "–"
}

// perDay is how many bytes a day of running writes; NaN where it has not run for a while.
func perDay(t *history.Total) float64 {
	if t.Up < 6*3600 {
		return math.NaN()
	}
	return float64(t.Written) * 1024 * 86400 / t.Up
}

func bytes(n float64) string {
	if math.IsNaN(n) {
		return "–"
	}
	for _, unit := range []string{"B", "kB", "MB", "GB"} {
		if n < 1000 {
			return fmt.Sprintf("%.3g %s", n, unit)
		}
		n /= 1000
	}
	return fmt.Sprintf("%.3g TB", n)
}

func (r *review) certificates(s *sheet) {
	if r.Live == nil {
		return
	}
	var rows [][]string
	for _, c := range r.Live.Figures.Certificates {
		days := c.Expires.Sub(r.Now).Hours() / 24
		rows = append(rows, []string{c.Of, c.Expires.UTC().Format(time.DateOnly), fmt.Sprintf("%.0f", math.Floor(days))})
		if days < 30 {
			s.warn("the certificate of %s expires on %s", c.Of, c.Expires.UTC().Format(time.DateOnly))
		}
	}
	s.table("Certificates", "http: that of the page and the metrics; mqtt: the client's; broker: the one that the broker showed last.", []string{"of", "expires", "#days left"}, rows)
}

// month is 30 days, in seconds: that of the setting false_alarms.
const month = 30 * 86400

// outlook tells what the monthly review asks for beside what has happened.
func (r *review) outlook(s *sheet) {
	var rows [][]string
	for _, name := range slices.Sorted(maps.Keys(r.now.Machine)) {
		seen := func(t *history.Total) string {
			m := t.Machine[name]
			if m == nil || m.Watched < 86400 {
				return "–"
			}
			return fmt.Sprintf("%.2g", float64(anomalies(t, name))*month/m.Watched)
		}
		wanted := "–"
		if w, ok := r.Wanted[name]; ok {
			wanted = fmt.Sprintf("%.2g", w)
		}
		rows = append(rows, r.row(seen, name, wanted, fmt.Sprint(anomalies(r.now, name))))
		if m := r.now.Machine[name]; m.Watched >= 86400 && r.Wanted[name] > 0 && float64(anomalies(r.now, name))*month/m.Watched > 3*max(r.Wanted[name], 1) {
			s.warn("machine %s alarms far more often than false_alarms asks for: either it has faults, or its operation is not what it was when it was learnt", name)
		}
	}
	s.table("Alarms wanted and seen", "Wanted: false alarms that detect.false_alarms tolerates in 30 days of running time. Seen: anomalies of the process, true and false alike, in 30 days of time watched; unknown below a day.",
		r.head("machine", "#wanted", "#anomalies", "#in 30 days"), rows)
	s.say("Accuracy is not known: it needs labels of events, and there are none. Which of the events did nobody act on?")
	r.headroom(s)
}

// anomalies are those of a machine that opened.
func anomalies(t *history.Total, machine string) (n uint64) {
	for _, a := range t.Opened() {
		if a.Machine == machine && a.Kind == "process_anomaly" {
			n += a.N
		}
	}
	return n
}

func (r *review) headroom(s *sheet) {
	var rows [][]string
	t := r.now
	for _, name := range slices.Sorted(maps.Keys(t.Buses)) {
		b := t.Buses[name]
		rows = append(rows, []string{"time of bus " + name, fmt.Sprintf("%.0f %% at the most", b.Most), fmt.Sprintf("%.0f %%", max(0, 100-b.Most))})
	}
	if t.Limit > 0 {
		rows = append(rows, []string{"memory", ofLimit(t) + " at the most", share(float64(t.Limit)-float64(t.Memory), float64(t.Limit))})
	}
	card := "the kernel does not tell how worn it is"
	left := "unknown"
	switch w := r.Wear; {
	case w.Device == "":
		card = "not known which it is"
	case w.Percent >= 0:
		card, left = fmt.Sprintf("%s says that up to %d %% of its life is used", w.Device, w.Percent), fmt.Sprintf("%d %%", max(0, 100-w.Percent))
		if w.Urgent || w.Percent >= 80 {
			s.warn("%s wears out: make a backup and replace it", w.Device)
		}
	}
	rows = append(rows, []string{"life of the card", card, left})
	if d := perDay(t); d > 0 {
		rows = append(rows, []string{"at this rate in ten years", bytes(3652*d) + " written by the agent", ""})
	}
	s.table("Headroom", "", []string{"of what", "used", "#left"}, rows)
}

// curves draw the month by its days.
func (r *review) curves(s *sheet) {
	first, err := time.Parse(time.DateOnly, r.period.From)
	if err != nil {
		return
	}
	draw := func(title, explained string, of func(p *history.Part) float64) {
		c := htmlreport.Curve{Title: title, Explained: explained, Desc: title + ", a number for each day."}
		for day := first; day.Format(time.DateOnly) <= r.period.To; day = day.AddDate(0, 0, 1) {
			v := math.NaN()
			if p := r.now.Days[day.Format(time.DateOnly)]; p != nil {
				v = of(p)
			}
			c.Days = append(c.Days, v)
		}
		s.Curves = append(s.Curves, c)
	}
	draw("Events by day", "That opened, of machines and of the gateway. Days without a record are left out.", func(p *history.Part) (n float64) {
		for _, c := range p.Alarms {
			n += float64(c)
		}
		return n
	})
	draw("Hours of running by day", "Below 24 where the gateway was off.", func(p *history.Part) float64 { return p.Up / 3600 })
	for _, name := range slices.Sorted(maps.Keys(r.now.Machine)) {
		if len(s.Curves) > mostCurves {
			s.say("More machines than %d are not drawn.", mostCurves-1)
			break
		}
		draw("Scores of "+name+" by day", "The 95 % quantile; 1 is the threshold. One that rises over weeks is a machine that changes.", func(p *history.Part) float64 {
			if m := p.Machine[name]; m != nil {
				return p95(m.Quantiles())
			}
			return math.NaN()
		})
	}
}

// mostCurves bounds the size of a page.
const mostCurves = 40

func p95(q *status.Quantiles) float64 {
	if q == nil {
		return math.NaN()
	}
	return q.P95
}
