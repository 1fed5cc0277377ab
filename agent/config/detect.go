package config

import (
	"strconv"
	"strings"
	"time"
)

func (v value) detect(d *Detect) {
	var unlatch value
	ok := v.object(map[string]string{"rearm": "write latch: true, and unlatch_after", "debounce": "write open: 3 of 5, and hold"},
		key("open", func(v value) { v.nOfM(d) }),
		key("close_below", func(v value) { v.numberIn(&d.CloseBelow, 0.01, 1) }),
		key("hold", func(v value) { v.duration(&d.Hold, 0, 24*time.Hour) }),
		key("cooldown", func(v value) { v.duration(&d.Cooldown, 0, 7*24*time.Hour) }),
		key("repeats", func(v value) { v.duration(&d.Repeats, 0, 7*24*time.Hour) }),
		key("update", func(v value) { v.duration(&d.Update, 0, 24*time.Hour) }),
		key("latch", func(v value) { v.boolean(&d.Latch) }),
		key("unlatch_after", func(v value) { unlatch = v; v.duration(&d.UnlatchAfter, time.Second, 366*24*time.Hour) }),
		key("false_alarms", func(v value) { v.falseAlarms(d) }),
		key("high", func(v value) { v.numberIn(&d.High, 1, 1000) }),
		key("critical", func(v value) { v.numberIn(&d.Critical, 1, 1000) }),
		key("mute", func(v value) {
			v.list(func(_ int, v value) { v.mute(d) })
		}),
	)
	if ok && d.UnlatchAfter > 0 && !d.Latch {
		unlatch.fail("write latch: true beside it", "unlatch_after says when a latch lets go, but nothing is latched")
	}
	if ok && d.High >= d.Critical {
		v.fail("the order is 1, high, critical", "high %g is not below critical %g", d.High, d.Critical)
	}
}

// nOfM reads "3 of 5".
func (v value) nOfM(d *Detect) {
	words := strings.Fields(v.node.Value)
	if len(words) == 3 && words[1] == "of" {
		n, errN := strconv.Atoi(words[0])
		m, errM := strconv.Atoi(words[2])
		if errN == nil && errM == nil {
			if n < 1 || n > m || m > 1000 {
				v.fail("the second is how many scores are looked at, at most 1000", "%d of %d cannot be", n, m)
				return
			}
			d.N, d.M = n, m
			return
		}
	}
	v.fail(`write such as "3 of 5"`, "want a count, got %s", v.kind())
}

// perMonth is how many such spans 30 days hold.
var perMonth = map[string]float64{"day": 30, "week": 30.0 / 7, "month": 1, "year": 30.0 / 365}

// falseAlarms reads "1 per month".
func (v value) falseAlarms(d *Detect) {
	words := strings.Fields(v.node.Value)
	if len(words) == 3 && words[1] == "per" {
		spans := []string{"day", "week", "month", "year"}
		n, err := strconv.ParseFloat(words[0], 64)
		span, known := perMonth[words[2]]
		switch {
		case err != nil || !(n > 0 && n <= 1000):
			v.fail(`write such as "1 per month"`, "want a number above 0 and up to 1000, got %q", quoteShort(words[0]))
		case !known:
			v.fail(didYouMean(words[2], spans), "unknown span %q", quoteShort(words[2]))
		default:
			d.FalseAlarms = n * span
		}
		return
	}
	v.fail(`write such as "1 per month"`, "want a rate, got %s", v.kind())
}
