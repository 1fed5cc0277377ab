package config

import (
	"strconv"
	"strings"
	"time"
)

// Detect is the alarm policy.
type Detect struct {
	Tuning
	Mute []Mute
}

// Tuning has the same fields in the same order as detect.Tuning, which says what
// they mean, so that the one is converted to the other.
type Tuning struct {
	N, M         int
	CloseBelow   float64
	Hold         time.Duration
	Cooldown     time.Duration
	Repeats      time.Duration
	Update       time.Duration
	Latch        bool
	UnlatchAfter time.Duration
	FalseAlarms  float64 // per 30 days
	High         float64
	Critical     float64
}

var detectKeys = section[*Detect]{
	path:   "machines[].detect",
	help:   "The alarm policy: when an event opens, when it is sent again, when it closes. See [detect.md](detect.md).",
	others: map[string]string{"rearm": "write latch: true, and unlatch_after", "debounce": "write open: 3 of 5, and hold"},
	rows: []row[*Detect]{
		{Key: Key{Name: "open", Kind: kindCount, Max: "1000", Default: "3 of 5", Example: "3 of 5",
			Help: "An event opens when N of the last M scores are above 1."},
			read: func(v value, d *Detect) { d.readOpen(v) }},
		{Key: Key{Name: "close_below", Kind: Number, Unit: "of the threshold", Min: "0.01", Max: "1", Default: "0.8", Example: "0.8",
			Help: "A score below this is quiet; between this and 1 nothing opens and nothing closes."},
			into: func(d *Detect) any { return &d.CloseBelow }},
		{Key: Key{Name: "hold", Kind: Duration, Min: "0s", Max: "1d", Default: "30s", Example: "30s",
			Help: "An event closes when every score was quiet for this long; so does a limit event when the value was back for this long."},
			into: func(d *Detect) any { return &d.Hold }},
		{Key: Key{Name: "cooldown", Kind: Duration, Min: "0s", Max: "7d", Default: "0s", Example: "10m",
			Help: "After an event has closed, its sensors open no other for this long, unless that one is more severe."},
			into: func(d *Detect) any { return &d.Cooldown }},
		{Key: Key{Name: "repeats", Kind: Duration, Min: "0s", Max: "7d", Default: "1d", Example: "1d",
			Help: "From its fifth event on, a cause that comes back after pauses no longer than this is one event that stays open; 0s: each time is an event of its own."},
			into: func(d *Detect) any { return &d.Repeats }},
		{Key: Key{Name: "update", Kind: Duration, Min: "0s", Max: "1d", Default: "1m", Example: "5m",
			Help: "An open event is sent again after this long, then after twice as long, and so on up to an hour; 0s: only when it becomes more severe."},
			into: func(d *Detect) any { return &d.Update }},
		{Key: Key{Name: "latch", Kind: Boolean, Default: "false", Example: "true",
			Help: "Whether events stay open until somebody runs `unlatch`."},
			into: func(d *Detect) any { return &d.Latch }},
		{Key: Key{Name: "unlatch_after", Kind: Duration, Min: "1s", Max: "366d", Without: "never", Example: "8h",
			Help: "With latch: an event that has been over for this long closes by itself."},
			into: func(d *Detect) any { return &d.UnlatchAfter }},
		{Key: Key{Name: "false_alarms", Kind: kindRate, Above: "0", Max: "1000", Default: "1 per month", Example: "1 per month",
			Help: "False alarms that are tolerated in running time; sets the threshold when the machine is learnt, from 2,000 rows on."},
			read: func(v value, d *Detect) { d.readFalseAlarms(v) }},
		{Key: Key{Name: "high", Kind: Number, Min: "1", Max: "1000", Default: "1.5", Example: "2",
			Help: "Score from which the severity of an event is high."},
			into: func(d *Detect) any { return &d.High }},
		{Key: Key{Name: "critical", Kind: Number, Min: "1", Max: "1000", Default: "3", Example: "5",
			Help: "Score from which the severity of an event is critical; above high."},
			into: func(d *Detect) any { return &d.Critical }},
		{Key: Key{Name: "mute", Kind: List, Of: kindWindow, Without: "none", Example: `["22:00-06:00"]`,
			Help: "Daily windows, in the gateway's local time, in which no process anomaly opens."},
			read: func(v value, d *Detect) { v.list(func(_ int, v value) { v.mute(d) }) }},
	},
	check: func(v value, d *Detect, g given) {
		if at, has := g["unlatch_after"]; has && d.UnlatchAfter > 0 && !d.Latch {
			at.fail("write latch: true beside it", "unlatch_after says when a latched event closes, but nothing is latched")
		}
		if d.High >= d.Critical {
			v.fail("the order is 1, high, critical", "high %g is not below critical %g", d.High, d.Critical)
		}
	},
}

// readOpen reads "3 of 5".
func (d *Detect) readOpen(v value) {
	words := strings.Fields(v.node.Value)
	if len(words) == 3 && words[1] == "of" {
		n, errN := strconv.Atoi(words[0])
		m, errM := strconv.Atoi(words[2])
		if most, _ := strconv.Atoi(v.key.Max); errN == nil && errM == nil {
			if n < 1 || n > m || m > most {
				v.fail("the second number is how many scores are looked at, at most "+v.key.Max, "%d of %d is not possible", n, m)
				return
			}
			d.N, d.M = n, m
			return
		}
	}
	v.fail(`write it like "3 of 5"`, "want a count, got %s", v.kind())
}

// perMonth is how many such spans 30 days hold.
var perMonth = map[string]float64{"day": 30, "week": 30.0 / 7, "month": 1, "year": 30.0 / 365}

// readFalseAlarms reads "1 per month".
func (d *Detect) readFalseAlarms(v value) {
	const hint = `write it like "1 per month"`
	words := strings.Fields(v.node.Value)
	if len(words) != 3 || words[1] != "per" {
		v.fail(hint, "want a rate, got %s", v.kind())
		return
	}
	n, ok := parseNumber(words[0])
	most, _ := parseNumber(v.key.Max)
	span, known := perMonth[words[2]]
	switch {
	case !ok || n <= 0 || n > most:
		v.fail(hint, "want a number above 0 and up to %g, got %q", most, quoteShort(words[0]))
	case !known:
		v.fail(didYouMean(words[2], []string{"day", "week", "month", "year"}), "unknown span %q", quoteShort(words[2]))
	default:
		d.FalseAlarms = n * span
	}
}

// Drift is when an anomaly stops being one.
type Drift struct {
	After time.Duration // at one level for this long it becomes drift; 0 = never
}

var driftKeys = section[*Drift]{
	path:   "machines[].drift",
	help:   "When a lasting change stops being an anomaly. See [drift.md](drift.md).",
	others: map[string]string{"enabled": "drift is always judged; after: 0s keeps anomalies from becoming drift"},
	rows: []row[*Drift]{
		// Less than ten minutes, and nobody would see the alarm.
		{Key: Key{Name: "after", Kind: Duration, Or: "0s", Min: "10m", Max: "366d", Default: "1d", Example: "3d",
			Help: "An anomaly that stays at one level for this long closes as drift, and scores are seen from the new level; 0s: never."},
			into: func(d *Drift) any { return &d.After }},
	},
}
