package detect

import (
	"fmt"
	"time"
)

// stepper gives the time between rows.
type stepper struct {
	last  time.Time
	begun bool
}

// step is the time since the previous row; never negative.
func (s *stepper) step(t time.Time) time.Duration {
	d := t.Sub(s.last)
	if !s.begun {
		d = 0
	}
	s.last, s.begun = t, true
	return max(d, 0)
}

// grow adds two intervals without overflow.
func grow(a, b time.Duration) time.Duration {
	if sum := a + b; sum >= a {
		return sum
	}
	return a
}

// notBefore is t, or since where the clock went back in between.
func notBefore(t, since time.Time) time.Time {
	if t.Before(since) {
		return since
	}
	return t
}

// MuteWindow is a daily span of local time in which nothing opens.
type MuteWindow struct {
	From, To int     // minutes since midnight, 0..1440; From > To spans midnight
	Days     [7]bool // by time.Weekday of its beginning; none set = every day
}

// firstYear is before any deployment of this program: an earlier wall clock has
// not been set, so no window can be told.
const firstYear = 2020

func (w MuteWindow) check() error {
	if w.From < 0 || w.From > 1440 || w.To < 0 || w.To > 1440 || w.From == w.To {
		return fmt.Errorf("mute window %d to %d min: want two different minutes of 0..1440", w.From, w.To)
	}
	return nil
}

// holds tells whether the local time t lies in the window.
func (w MuteWindow) holds(t time.Time) bool {
	hour, minute, _ := t.Clock()
	now, day := 60*hour+minute, t.Weekday()
	switch {
	case w.From < w.To:
		if now < w.From || now >= w.To {
			return false
		}
	case now >= w.From: // spans midnight, evening part
	case now < w.To:
		day = (day + 6) % 7 // morning part: it began yesterday
	default:
		return false
	}
	return w.Days == [7]bool{} || w.Days[day]
}

func muted(windows []MuteWindow, loc *time.Location, t time.Time) bool {
	if len(windows) == 0 {
		return false
	}
	if loc == nil {
		loc = time.Local
	}
	t = t.In(loc)
	if t.Year() < firstYear {
		return false
	}
	for _, w := range windows {
		if w.holds(t) {
			return true
		}
	}
	return false
}
