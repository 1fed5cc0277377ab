package train

import (
	"strings"
	"time"
)

// doubtSpan tells which times and states of the machine were not learnt.
func (r *Report) doubtSpan(t *table, seen *Coverage) {
	ran, all := time.Duration(t.used)*t.schema.Period, time.Duration(t.n)*t.schema.Period
	switch {
	case ran > 0 && ran < 8*time.Hour:
		r.doubt("%s of running time is less than a shift: what the machine does at other hours and on other days is not learnt", span(ran.Round(time.Second)))
	case seen != nil:
		for _, d := range seen.doubts() {
			r.doubt("%s", d)
		}
	case ran == 0:
	case all < 7*24*time.Hour:
		r.doubt("%s is less than a week: what the machine does on other days is not learnt", span(all.Round(time.Minute)))
	}
	if t.schema.RunWhen == nil {
		r.doubtStops(t)
		return
	}
	switch starts := t.startups(); {
	case starts == 0:
		r.doubt("the machine was never seen to start: if its first minutes after run_when's settle look like a fault, raise settle")
	case starts == 1:
		r.doubt("only one start of the machine was seen: raise run_when's settle where a start looks like a fault")
	case starts < 3:
		r.doubt("only %d starts of the machine were seen: raise run_when's settle where a start looks like a fault", starts)
	}
}

const (
	oddLeast = 10   // rows above the threshold that are worth a word
	oddPart  = 0.05 // of the recording that nine tenths of them lie in
)

// doubtOdd tells of a stretch of the learning rows that scores above the threshold
// as little else does: maintenance, or a fault that was learnt as normal. scores
// are those of the rows l.scored.
func (l *learner) doubtOdd(scores []float32) {
	var above []int32
	for i, v := range scores {
		if v > 1 {
			above = append(above, l.scored[i])
		}
	}
	n := len(above)
	if n < oddLeast {
		return
	}
	most := float64(l.t.n) * oddPart
	first, last := above[n/20], above[n-1-n/20]
	if float64(last-first) < most {
		l.report.doubt("%d of %d rows above the threshold lie between rows %d and %d: if something was wrong then, as maintenance or a fault, leave them out",
			n-2*(n/20), n, first, last)
	}
}

// span writes d as the configuration does, without the units that are 0: 25h, not
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

// startups counts how often the machine was seen to stand still and then to run.
func (t *table) startups() (n int) {
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

// stopRows is how long a channel must stay at 0 to look like a machine that was
// stopped, and stopPart the part of the rows where it is so from which it is
// worth a word, and to which it is.
const (
	stopRows = 10
	stopPart = 0.05
)

// doubtStops tells of a channel that is at 0 for a while, again and again, as
// the speed of a machine that is switched off.
func (r *Report) doubtStops(t *table) {
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
			r.doubt("%s is 0 in %.0f %% of the rows: if the machine stands still then, say so by run_when and it is neither learnt nor scored", ch.Name, 100*part)
			return // one such channel says it for the machine
		}
	}
}
