package detect

import "time"

// habit is the number of events of one cause in sequence after which the next one
// counts as one that comes and goes. Somebody who provokes a fault two or three
// times, or whose repair did not help, still gets an event each time.
const habit = 4

// repeats remembers which channels caused recent events. It is told of each event
// that ends, and says for how long the next one must be quiet to close.
type repeats struct {
	within time.Duration   // a pause longer than this ends a sequence; 0 = there is none
	ended  []time.Duration // (C) of the newest event that a channel caused, in the Detector's time
	times  []int           // (C) of them in sequence
	pause  []time.Duration // (C) before the newest
}

func newRepeats(within time.Duration, channels int) repeats {
	return repeats{within, make([]time.Duration, channels), make([]int, channels), make([]time.Duration, channels)}
}

// hold is for how long an event that opens now must be quiet to close: twice the
// longer of the two newest pauses, or 0 if its cause has not recurred often enough.
// sum, (C), holds what is known of its causes.
func (r *repeats) hold(sum []float64, now time.Duration) time.Duration {
	top := largest(sum)
	if top < 0 || r.times[top] < habit || now-r.ended[top] > r.within {
		return 0
	}
	return min(2*max(now-r.ended[top], r.pause[top]), r.within)
}

// note takes an event that has ended. Every channel with a fifth of the causes has
// caused it: a fault between two channels blames now one, now the other.
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

// caused tells whether channel c is among those that caused an event with the causes
// sum, (C), of which top is the largest.
func caused(sum []float64, c, top int) bool {
	var total float64
	for _, v := range sum {
		total += v
	}
	return c == top || sum[c] > 0 && sum[c] >= float64(groupShare*total)
}

// rest handles a row while the open event is in one of its pauses: the event stays
// open and takes nothing in. If N of M scores exceed 1 again, the event continues,
// or closes if another channel is the cause.
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
	if !caused(d.episode.sum, largest(sum), largest(d.episode.sum)) { // another cause: the event is over
		ev, ok := d.close(t, d.restReason)
		d.episode.begin(&d.history)
		return ev, ok
	}
	d.resting, d.calm = false, false
	d.history.each(func(p past, parts []float64) { d.episode.add(p.score, parts) })
	return d.announce(t)
}

// over ends a resting event once it was quiet for long enough.
func (d *Detector) over(t time.Time) (Event, bool) {
	if d.calmFor < d.hold {
		return Event{}, false
	}
	return d.end(t, d.restReason)
}

// Resting tells whether the open event is one that comes and goes and is in one of
// its pauses.
func (d *Detector) Resting() bool { return d.resting }
