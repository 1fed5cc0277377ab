package detect

import "time"

// habit is how many events of one cause must have gone before in sequence for the
// next to be one that comes and goes. Whoever tries a fault two or three times, or
// has mended it in vain, is told of each.
const habit = 4

// repeats knows which channels caused the events of late. It is told of each that
// ends, and says how long the next must be quiet to be over.
type repeats struct {
	within time.Duration   // a pause longer than this ends a sequence; 0 = there is none
	ended  []time.Duration // (C) of the newest event that a channel caused, in the Detector's time
	times  []int           // (C) of them in sequence
	pause  []time.Duration // (C) before the newest
}

func newRepeats(within time.Duration, channels int) repeats {
	return repeats{within, make([]time.Duration, channels), make([]int, channels), make([]time.Duration, channels)}
}

// hold is how long an event that opens now must be quiet to close: twice the
// longer of the pauses before it and before the one that went before; 0 where that
// is no habit. sum, (C), is what is known of its causes.
func (r *repeats) hold(sum []float64, now time.Duration) time.Duration {
	top := largest(sum)
	if top < 0 || r.times[top] < habit || now-r.ended[top] > r.within {
		return 0
	}
	return min(2*max(now-r.ended[top], r.pause[top]), r.within)
}

// note takes an event that has ended. The channels that had a fifth of it have all
// caused it: a fault between two of them is blamed now on the one, now on the other.
func (r *repeats) note(sum []float64, began, ended time.Duration) {
	top := largest(sum)
	for c := range sum {
		if !caused(sum, c, top) {
			continue
		}
		pause := began - r.ended[c]
		if r.times[c] == 0 || pause > r.within {
			r.times[c], pause = 0, 0
		}
		r.times[c], r.pause[c], r.ended[c] = r.times[c]+1, pause, ended
	}
}

// largest is the index of the largest of sum; -1 where all are 0.
func largest(sum []float64) int {
	best := -1
	for i, v := range sum {
		if v > 0 && (best < 0 || v > sum[best]) {
			best = i
		}
	}
	return best
}

// caused tells whether channel c caused what sum, (C), says, and top the most.
func caused(sum []float64, c, top int) bool {
	var total float64
	for _, v := range sum {
		total += v
	}
	return c == top || sum[c] > 0 && sum[c] >= float64(groupShare*total)
}

// rest lets an event that comes and goes wait for its end, quiet: told open, but
// taking nothing in. It reports false when something is under way again that the
// event is to be told of, by this row.
func (d *Detector) rest(t time.Time) (Event, bool) {
	if d.history.loud < d.o.N {
		return d.over(t)
	}
	sum := d.again
	clear(sum)
	d.history.each(func(_ past, parts []float64) {
		for i, v := range parts {
			sum[i] += v
		}
	})
	if !caused(d.episode.sum, largest(sum), largest(d.episode.sum)) { // another: that one is over
		ev, ok := d.close(t, d.restReason)
		d.episode.begin(&d.history)
		return ev, ok
	}
	d.resting, d.calm = false, false
	d.history.each(func(p past, parts []float64) { d.episode.add(p.score, parts) })
	return d.announce(t)
}

// over ends an event that rests once it has for long enough.
func (d *Detector) over(t time.Time) (Event, bool) {
	if d.calmFor < d.hold {
		return Event{}, false
	}
	return d.end(t, d.restReason)
}

// Resting tells that the open event is one that comes and goes, and is quiet at
// the moment.
func (d *Detector) Resting() bool { return d.resting }
