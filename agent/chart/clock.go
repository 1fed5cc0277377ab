package chart

import (
	"fmt"
	"time"
)

const mostTimes = 6 // labels on a time axis, at most

var timeSteps = [...]time.Duration{time.Millisecond, 10 * time.Millisecond, 100 * time.Millisecond,
	time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second, 30 * time.Second,
	time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour,
	day, 2 * day, 5 * day, 10 * day, 30 * day, 90 * day, 365 * day, 3650 * day}

const day = 24 * time.Hour

// Times writes times at the bottom of b, each where its column begins.
func (c *Columns) Times(b *Box) {
	used := c.Used()
	step := timeSteps[len(timeSteps)-1]
	for _, s := range timeSteps {
		if c.width*time.Duration(used) <= s*mostTimes {
			step = s
			break
		}
	}
	last, previous, shown := -used, time.Time{}, time.Time{}
	for i := range used {
		col := &c.columns[i]
		if col.rows == 0 || col.start.IsZero() {
			continue
		}
		t := col.start.UTC()
		round := t.Truncate(step)
		// After a gap, the round time itself may not be on the drawing.
		near := t.Sub(round) <= max(2*c.width, step/20)
		if !previous.IsZero() && !round.Equal(previous.Truncate(step)) && near && i-last >= used/(mostTimes+4) {
			b.x = append(b.x, c.time(i, round, &shown, step))
			last = i
		}
		previous = t
	}
	if len(b.x) == 0 && c.rows > 0 && !c.columns[0].start.IsZero() {
		b.x = append(b.x, c.time(0, c.columns[0].start.UTC(), &shown, 0))
	}
}

// time returns the label of t in column i. It includes the day if that differs from
// shown, the day of the label before.
func (c *Columns) time(i int, t time.Time, shown *time.Time, step time.Duration) tick {
	k := tick{at: (float64(i) + 0.5) / float64(c.Used()), text: t.Format("15:04")}
	if step < time.Minute {
		k.text = t.Format("15:04:05.999")
	}
	date := Date(t)
	if step >= day {
		k.text = date
		return k
	}
	if date != Date(*shown) || shown.IsZero() {
		k.more = date
	}
	*shown = t
	return k
}

// Date formats the day of t. For a recording whose times count from its start, that
// is "day 1" and so on.
func Date(t time.Time) string {
	if counted(t) {
		return fmt.Sprintf("day %d", t.Unix()/86400+1)
	}
	return t.UTC().Format("2006-01-02")
}

// Time formats t to the second, in UTC; the zero time is –.
func Time(t time.Time) string {
	switch {
	case t.IsZero():
		return "–"
	case counted(t):
		return Date(t) + " " + t.UTC().Format("15:04:05")
	}
	return t.UTC().Format("2006-01-02 15:04:05")
}

// counted reports whether t counts from the start of a recording.
func counted(t time.Time) bool { return t.Unix() >= 0 && t.Unix() < 365*86400 }

// Span formats a duration for people.
func Span(d time.Duration) string {
	s := d.Seconds()
	switch {
	case s < 0:
		return "–"
	case s < 10:
		return fmt.Sprintf("%.2g s", s)
	case s < 120:
		return fmt.Sprintf("%.0f s", s)
	case s < 7200:
		return fmt.Sprintf("%.0f min", s/60)
	case s < 2*86400:
		return fmt.Sprintf("%.3g h", s/3600)
	}
	return fmt.Sprintf("%.3g d", s/86400)
}
