package detect

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// watch follows the limits of one channel.
type watch struct {
	Limit
	rows      [limitM]beyond // ring of the last readings
	next      int
	open      bool
	since     time.Time
	severity  Severity
	value     float64 // newest
	score     float64
	peak      float64
	crossed   float64 // the outermost limit crossed at the newest crossing
	direction string
	calm      bool
	calmFor   time.Duration
	calmAt    time.Time
	lost      bool // open, and its value has been missing for the hold time
	lostFor   time.Duration
	rest      time.Duration // what is left of the cooldown
	rested    Severity      // of the event that began it
	silent    bool          // open, and not told because of the Shelf
	waits     time.Time     // since when an event waits for its end; zero = none does
}

// beyond is one reading: how far it went.
type beyond struct {
	at    time.Time
	level int // 0 inside, 1 beyond warn, 2 beyond alarm
	score float64
}

// push takes the newest reading and tells what became of it.
func (w *watch) push(t time.Time, step time.Duration, v float64) (State, bool) {
	level, inner, outer, dir := w.place(v)
	w.value, w.score = v, w.scoreOf(v, inner)
	w.rows[w.next] = beyond{at: t, level: level, score: w.score}
	w.next = (w.next + 1) % limitM
	if level > 0 {
		w.crossed, w.direction = outer, dir
	}
	if w.calm {
		w.calmFor = grow(w.calmFor, step)
	}
	w.rest -= min(w.rest, step)
	returned := w.lost
	w.lost, w.lostFor = false, 0
	warn, alarm := w.count(1), w.count(2)
	if !w.open {
		return Open, w.opens(t, v, warn, alarm)
	}
	w.peak = max(w.peak, w.score)
	if alarm >= limitN && w.severity.Rank() < Critical.Rank() {
		w.severity, w.calm = Critical, false
		return Update, true
	}
	state, ok := w.settle(t, v)
	if !ok && returned {
		return Update, true
	}
	return state, ok
}

// opens tells whether an event begins. During the cooldown only a more severe event
// begins; any other waits for its end and begins then if the value is still beyond.
func (w *watch) opens(t time.Time, v float64, warn, alarm int) bool {
	if w.back(v) {
		w.waits = time.Time{}
	}
	if warn < limitN {
		return false
	}
	severity := Warning
	if alarm >= limitN {
		severity = Critical
	}
	since := w.waits
	if w.rest > 0 && severity.Rank() <= w.rested.Rank() {
		if since.IsZero() {
			w.waits = t
		}
		return false
	}
	w.begin()
	if w.severity, w.waits = severity, (time.Time{}); !since.IsZero() {
		w.since = since
	}
	return true
}

// blank takes a missing reading. It counts as one of the last three, so two wild
// readings with an hour of silence between them open nothing. An open event stays
// open, because nobody can tell whether the value has recovered. Once the value has
// been missing for the hold time, an Update says so.
func (w *watch) blank(t time.Time, step time.Duration) (State, bool) {
	w.rows[w.next] = beyond{at: t}
	w.next = (w.next + 1) % limitM
	w.calm = false
	w.rest -= min(w.rest, step)
	if !w.open || w.lost {
		return "", false
	}
	if w.lostFor = grow(w.lostFor, step); w.lostFor < w.Hold {
		return "", false
	}
	w.lost, w.value, w.score = true, math.NaN(), math.NaN()
	return Update, true
}

// settle closes the event once the value has been back for the hold time.
func (w *watch) settle(t time.Time, v float64) (State, bool) {
	if !w.back(v) {
		w.calm = false
		return "", false
	}
	if !w.calm {
		w.calm, w.calmFor, w.calmAt = true, 0, t
	}
	if w.calmFor < w.Hold {
		return "", false
	}
	w.open, w.calm = false, false
	w.rest, w.rested, w.waits = w.Cooldown, w.severity, time.Time{}
	w.rows = [limitM]beyond{}
	return Close, true
}

// begin starts an event at the first reading beyond among the last.
func (w *watch) begin() {
	w.open, w.calm, w.lost, w.since, w.peak = true, false, false, time.Time{}, 0
	for i := range limitM {
		r := w.rows[(w.next+i)%limitM]
		if r.level == 0 {
			continue
		}
		if w.since.IsZero() {
			w.since = r.at
		}
		w.peak = max(w.peak, r.score)
	}
}

func (w *watch) count(level int) (n int) {
	for i := range w.rows {
		if w.rows[i].level >= level {
			n++
		}
	}
	return n
}

// place tells where v lies: the level, the innermost limit of that side, the
// outermost limit crossed, and the side. Comparisons with NaN (no limit) are false.
func (w *watch) place(v float64) (level int, inner, outer float64, dir string) {
	high, low := innermost(w.Warn, w.Alarm), innermost(w.WarnLow, w.AlarmLow)
	switch {
	case v > w.Alarm:
		return 2, high, w.Alarm, "above"
	case v < w.AlarmLow:
		return 2, low, w.AlarmLow, "below"
	case v > w.Warn:
		return 1, high, w.Warn, "above"
	case v < w.WarnLow:
		return 1, low, w.WarnLow, "below"
	case math.IsNaN(low), math.Abs(v-high) < math.Abs(v-low):
		return 0, high, high, ""
	}
	return 0, low, low, ""
}

// scoreOf is 1 at limit and grows outwards by the distance over the limit's
// magnitude.
func (w *watch) scoreOf(v, limit float64) float64 {
	unit := math.Abs(limit)
	if unit == 0 {
		unit = w.span()
	}
	out := v - limit
	if limit == innermost(w.WarnLow, w.AlarmLow) {
		out = limit - v
	}
	return max(0, 1+out/unit)
}

// span is the distance between low and high limit; 1 where a side is missing.
func (w *watch) span() float64 {
	d := innermost(w.Warn, w.Alarm) - innermost(w.WarnLow, w.AlarmLow)
	if d > 0 {
		return d
	}
	return 1
}

// back tells whether v is inside every limit, by at least the band.
func (w *watch) back(v float64) bool {
	high, low := innermost(w.Warn, w.Alarm), innermost(w.WarnLow, w.AlarmLow)
	span := high - low // NaN where a side is missing
	if !math.IsNaN(high) && !(v <= high-band(high, span)) {
		return false
	}
	return math.IsNaN(low) || v >= low+band(low, span)
}

func band(limit, span float64) float64 {
	if math.IsNaN(span) {
		return float64(limitBand * math.Abs(limit))
	}
	return float64(limitBand * span)
}

func innermost(warn, alarm float64) float64 {
	if math.IsNaN(warn) {
		return alarm
	}
	return warn
}

func (w *watch) event(machine string, t time.Time, state State) Event {
	ev := Event{Machine: machine, Kind: LimitExceeded, Key: w.Channel, State: state, Time: t, Since: w.since,
		Severity: w.severity, Score: w.score, Peak: w.peak,
		Causes: []Cause{{Channel: w.Channel, Unit: w.Unit, Share: 1, Value: w.value, Expected: w.crossed, Direction: w.direction}}}
	switch {
	case state == Close:
		ev.Until, ev.Reason = notBefore(w.calmAt, w.since), ReasonNormal
	case w.lost:
		ev.Reason = "the value is missing; nobody can tell whether it is back"
	default:
		ev.Reason = w.why()
	}
	if w.lost {
		ev.Missing = []string{w.Channel}
	}
	return ev
}

// why says for people which limit is exceeded.
func (w *watch) why() string {
	name := "warn"
	switch w.crossed {
	case w.Alarm:
		name = "alarm"
	case w.AlarmLow:
		name = "alarm_low"
	case w.WarnLow:
		name = "warn_low"
	}
	text := strings.TrimRight(fmt.Sprintf("went %s the %s limit of %s %s", w.direction, name, limitText(w.crossed), w.Unit), " ")
	if w.direction == "" { // of an event that was resumed, nothing was read yet
		text = strings.TrimRight(fmt.Sprintf("went beyond the %s limit of %s %s", name, limitText(w.crossed), w.Unit), " ")
	}
	if w.Zones != "" && w.direction == "above" {
		text += ": " + w.zone() + " of " + w.Zones
	}
	return text
}

// limitText is a limit in seven digits, without an exponent where people write none.
func limitText(v float64) string {
	if size := math.Abs(v); size >= 1e6 && size < 1e13 {
		return strings.TrimSuffix(strings.TrimRight(strconv.FormatFloat(v, 'f', 2, 64), "0"), ".")
	}
	return strconv.FormatFloat(v, 'g', 7, 64)
}

// zone names the evaluation zone that the newest crossing reached; ISO 20816-1,
// 6.2.3: C is unsatisfactory for long-term operation, D damages the machine.
func (w *watch) zone() string {
	if w.crossed >= w.Alarm {
		return "zone D"
	}
	return "zone C"
}
