package config

import (
	"strconv"
	"strings"
)

// Mute is a daily window in local time in which nothing opens; minutes since
// midnight. From > To spans midnight.
type Mute struct {
	Pos
	From, To int
	Days     [7]bool // by time.Weekday
}

var weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"} // by time.Weekday

// mute reads "22:00-06:00", "sat 00:00-24:00", "mon-fri 12:00-13:00" or
// "sat,sun 00:00-24:00".
func (v value) mute(d *Detect) {
	s, ok := v.text()
	if !ok {
		return
	}
	m := Mute{Pos: v.pos}
	words := strings.Fields(strings.ToLower(s))
	switch len(words) {
	case 1:
		m.Days = [7]bool{true, true, true, true, true, true, true}
	case 2:
		if !v.days(&m.Days, words[0]) {
			return
		}
		words = words[1:]
	default:
		v.fail(`write it like "22:00-06:00" or "sat 00:00-24:00"`, "%q is not a time window", quoteShort(s))
		return
	}
	from, to, found := strings.Cut(words[0], "-")
	var okFrom, okTo bool
	m.From, okFrom = clock(from)
	m.To, okTo = clock(to)
	if !found || !okFrom || !okTo || m.From == 24*60 {
		v.fail(`write it like "22:00-06:00" or "sat 00:00-24:00"`, "%q is not a time window", quoteShort(s))
		return
	}
	if m.From == m.To {
		v.fail("write 00:00-24:00 for a whole day", "%q begins when it ends", quoteShort(s))
		return
	}
	d.Mute = append(d.Mute, m)
}

// days reads "sat", "mon-fri" or "sat,sun". A span may pass the end of the week.
func (v value) days(dst *[7]bool, s string) bool {
	for _, part := range strings.Split(s, ",") {
		from, to, isSpan := strings.Cut(part, "-")
		a, okA := v.weekday(from)
		b, okB := a, okA
		if isSpan {
			b, okB = v.weekday(to)
		}
		if !okA || !okB {
			return false
		}
		for day := a; ; day = (day + 1) % 7 {
			dst[day] = true
			if day == b {
				break
			}
		}
	}
	return true
}

func (v value) weekday(s string) (int, bool) {
	for i, name := range weekdays {
		if s == name {
			return i, true
		}
	}
	hint := didYouMean(s, weekdays)
	for _, name := range weekdays {
		if strings.HasPrefix(s, name) {
			hint = `did you mean "` + name + `"?`
		}
	}
	return 0, v.fail(hint, "unknown day %q", quoteShort(s))
}

// clock reads 06:30 as minutes since midnight; 24:00 is the end of the day.
func clock(s string) (int, bool) {
	hour, minute, found := strings.Cut(s, ":")
	if !found || len(hour) < 1 || len(hour) > 2 || len(minute) != 2 {
		return 0, false
	}
	h, errH := strconv.ParseUint(hour, 10, 8)
	m, errM := strconv.ParseUint(minute, 10, 8)
	t := int(h)*60 + int(m)
	if errH != nil || errM != nil || m > 59 || t > 24*60 {
		return 0, false
	}
	return t, true
}
