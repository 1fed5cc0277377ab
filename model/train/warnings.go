package train

import (
	"strings"
	"time"
)

// warnCoverage warns of times and states of the machine that were not learnt.
func (r *Report) warnCoverage(t *trainingSet, seen *Coverage) {
	ran, all := time.Duration(t.used)*t.schema.Period, time.Duration(t.n)*t.schema.Period
	switch {
	case ran > 0 && ran < 8*time.Hour:
		r.warn("%s of running time is less than a shift: what the machine does at other hours and on other days is not learnt", span(ran.Round(time.Second)))
	case seen != nil:
		for _, d := range seen.warnings() {
			r.warn("%s", d)
		}
	case ran == 0:
	case all < 7*24*time.Hour:
		r.warn("%s is less than a week: what the machine does on other days is not learnt", span(all.Round(time.Minute)))
	}
	if t.schema.RunWhen == nil {
		r.warnStops(t)
		return
	}
	switch starts := t.startups(); {
	case starts == 0:
		r.warn("no start of the machine was seen: if a start is reported as an anomaly, raise run_when's settle")
	case starts == 1:
		r.warn("only one start of the machine was seen: if a start is reported as an anomaly, raise run_when's settle")
	case starts < 3:
		r.warn("only %d starts of the machine were seen: if a start is reported as an anomaly, raise run_when's settle", starts)
	}
}

const (
	clusterLeast = 10   // outliers below this number are not reported
	clusterPart  = 0.05 // part of the recording within which nine tenths of a cluster lie
)

// warnClustered warns of a short stretch of the learning rows that holds nearly all rows
// above the threshold: maintenance, or a fault that was learnt as normal. scores are those
// of the rows l.scored.
func (l *learner) warnClustered(scores []float32) {
	var above []int32
	for i, v := range scores {
		if v > 1 {
			above = append(above, l.scored[i])
		}
	}
	n := len(above)
	if n < clusterLeast {
		return
	}
	most := float64(l.set.n) * clusterPart
	first, last := above[n/20], above[n-1-n/20]
	if float64(last-first) < most {
		l.report.warn("%d of %d rows above the threshold lie between rows %d and %d: if there was maintenance or a fault then, leave these rows out",
			n-2*(n/20), n, first, last)
	}
}

// span writes d as the configuration does, without trailing units that are 0: 25h, not
// 25h0m0s.
func span(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// startups counts how often the machine stood still and then ran.
func (t *trainingSet) startups() (n int) {
	c, j, still := t.schema.RunWhen, 0, false
	for t.schema.Channels[j].Name != c.Channel {
		if j++; j == t.c {
			return 0
		}
	}
	for i, run := range t.run {
		switch v := t.rows[i*t.c+j]; {
		case run && still:
			n++
			still = false
		case v <= c.Above || v >= c.Below:
			still = true
		}
	}
	return n
}

const (
	stopRows = 10   // rows for which a channel must be 0 to look like a stopped machine
	stopPart = 0.05 // part of the rows where it is so, and where it is not, from which a warning is given
)

// warnStops warns of a channel that is 0 for a while again and again, like the speed of a
// machine that is switched off, if the schema has no condition.
func (r *Report) warnStops(t *trainingSet) {
	for j, ch := range t.schema.Channels {
		rows, stops, streak := 0, 0, 0
		for i := range t.run {
			if t.rows[i*t.c+j] != 0 {
				streak = 0
				continue
			}
			if streak++; streak == stopRows {
				stops++
				rows += stopRows
			} else if streak > stopRows {
				rows++
			}
		}
		if part := float64(rows) / float64(t.n); stops > 1 && part >= stopPart && part <= 1-stopPart {
			r.warn("%s is 0 in %.0f %% of the rows: if the machine stands still then, exclude these rows with run_when", ch.Name, 100*part)
			return // one such channel is enough
		}
	}
}
