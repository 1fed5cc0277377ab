package history

import (
	"fmt"
	"time"

	"iot-edge-anomaly/agent/status"
)

// Period is a stretch of whole days, UTC.
type Period struct{ From, To string } // 2026-11-01 to 2026-11-30

// Total is what the days of a period came to together.
type Total struct {
	Part
	Days    map[string]*Part // those with a record
	Begin   string           // the first day of the period of which there can be a record; empty = of none
	Missing []string         // days without one, as stretches
	Span    float64          // seconds of which there can be a record
}

// Total adds the days up. now is the present moment: what comes later is left out.
func (r *Record) Total(p Period, now time.Time) *Total {
	t := &Total{Days: map[string]*Part{}}
	today, known := now.UTC().Format(time.DateOnly), ""
	for _, q := range r.Parts {
		if known == "" || q.Day < known {
			known = q.Day
		}
		if q.Day < p.From || q.Day > p.To || q.Day > today {
			continue
		}
		q.full()
		if t.Days[q.Day] == nil {
			t.Days[q.Day] = newPart(q.Day, q.From)
		}
		t.Days[q.Day].add(q)
		t.add(q)
	}
	t.span(max(p.From, known), min(p.To, today), known, now.UTC())
	return t
}

// span looks for days without a record between the first that can have one and the last.
func (t *Total) span(from, to, known string, now time.Time) {
	day, err := time.Parse(time.DateOnly, from)
	if err != nil || from > to {
		return
	}
	t.Begin = from
	gap := ""
	for ; ; day = day.AddDate(0, 0, 1) {
		name := day.Format(time.DateOnly)
		p := t.Days[name]
		if gap != "" && (p != nil || name > to) {
			before := day.AddDate(0, 0, -1).Format(time.DateOnly)
			if before != gap {
				gap = fmt.Sprintf("%s to %s", gap, before)
			}
			t.Missing = append(t.Missing, gap)
			gap = ""
		}
		if name > to {
			return
		}
		if p == nil && gap == "" {
			gap = name
		}
		seconds := float64(daySeconds)
		if now.Before(day.AddDate(0, 0, 1)) {
			seconds = now.Sub(day).Seconds()
		}
		if name == known && p != nil {
			seconds -= float64(p.From)
		}
		t.Span += max(0, seconds)
	}
}

// Quantiles are those of the scores of a machine; nil where there are none.
func (m *MachinePart) Quantiles() *status.Quantiles {
	return status.QuantilesOf(m.scores.Count(), m.scores.Quantile)
}

// LatencyQuantiles are those of the rows, in milliseconds; nil where there are none.
func (p *Part) LatencyQuantiles() *status.Quantiles {
	var d status.Durations
	copy(d[:], p.Latency)
	return d.Quantiles()
}
