package detect

import (
	"math"
	"time"
)

// The rule by which a changed score becomes the new level.
const (
	shiftParts  = 8   // of the time it must last
	shiftLoud   = 0.9 // share of a part's rows that must not be quiet; or that must be, to be as learnt
	shiftBand   = 0.2 // by how much of the mean each part's mean may differ from it
	shiftMargin = 1.5 // the new base is this many times the usual highest score of a part
	shiftFall   = 0.5 // a part whose highest score stays below this brings the base down
	shiftTrend  = 16  // by which pairs of parts that rise may outnumber those that fall; chance alone exceeds it 3 times in 100 (Kendall)
	shiftRows   = 5   // scores that a part must hold
	shiftMost   = 1e6 // higher scores count as this
)

// part is an eighth of the time a level must last.
type part struct {
	at   time.Time // of its first row
	n    int
	loud int     // rows that are not quiet, and not because a sensor hangs
	calm int     // rows that are quiet from the learnt level too
	sum  float64 // of the scores
	most float64 // highest score
}

// shift finds scores that have stayed high but steady, and holds the base by which
// later scores are divided. The scores that it takes are divided already. Only rows
// with a score count, so a machine that stops and starts is judged as well.
type shift struct {
	each  time.Duration // a part; 0 = no level ever becomes the new one
	quiet float64       // a score below is quiet
	base  float64       // at least 1
	parts [shiftParts]part
	have  int // complete ones, the oldest first
	under part
	ran   time.Duration // of the part under way
}

func newShift(after time.Duration, quiet float64) shift {
	return shift{each: max(after, 0) / shiftParts, quiet: quiet, base: 1}
}

// push takes a score, divided by base, and the time that it stands for. hangs tells
// that a hanging sensor causes the score, not the machine.
func (s *shift) push(t time.Time, step time.Duration, score float64, hangs bool) {
	if s.each == 0 {
		return
	}
	p := &s.under
	if p.n == 0 {
		p.at, p.most = t, 0
	}
	s.ran = grow(s.ran, step)
	score = min(max(score, 0), shiftMost)
	p.n++
	p.sum += score
	p.most = max(p.most, score)
	if score >= s.quiet && !hangs {
		p.loud++
	}
	if float64(score*s.base) < s.quiet {
		p.calm++
	}
	if s.ran < s.each || p.n < shiftRows {
		return
	}
	if s.have == shiftParts {
		copy(s.parts[:], s.parts[1:])
		s.have--
	}
	s.parts[s.have] = *p
	s.have++
	most, calm := p.most, float64(p.calm) >= float64(shiftLoud*float64(p.n))
	s.under, s.ran = part{}, 0
	switch {
	case s.base > 1 && calm:
		// The machine is as it was learnt. By its highest scores alone the base would not
		// come down to 1: those of a normal machine reach the threshold now and then.
		s.base = 1
		s.forget()
	case s.base > 1 && most < shiftFall:
		s.base = max(1, float64(s.base*float64(shiftMargin*most)))
		s.forget() // they were in units of another base
	}
}

// steady tells whether all parts are complete, high, and at one level.
func (s *shift) steady() bool {
	if s.each == 0 || s.have < shiftParts {
		return false
	}
	var sum float64
	for i := range s.parts {
		p := &s.parts[i]
		mean := p.sum / float64(p.n)
		if float64(p.loud) < float64(shiftLoud*float64(p.n)) || !(mean > 1) {
			return false
		}
		sum += mean
	}
	mean := float64(sum / shiftParts)
	for i := range s.parts {
		if math.Abs(s.parts[i].sum/float64(s.parts[i].n)-mean) > float64(shiftBand*mean) {
			return false
		}
	}
	return s.base == 1 || !s.rises()
}

// rises tells whether the level is still growing. The first time, that is reported as
// drift. A machine that keeps getting worse after that has not settled: without this
// test each further growth by half would be reported again.
func (s *shift) rises() bool {
	up := 0
	for i := range s.parts {
		a := s.parts[i].sum / float64(s.parts[i].n)
		for j := i + 1; j < shiftParts; j++ {
			switch b := s.parts[j].sum / float64(s.parts[j].n); {
			case b > a:
				up++
			case b < a:
				up--
			}
		}
	}
	return up > shiftTrend
}

// since is when the steady level began.
func (s *shift) since() time.Time { return s.parts[0].at }

// accept makes the steady level the base of later scores: a machine that stays there
// is quiet, one that changes again is not.
func (s *shift) accept() {
	var most [shiftParts]float64
	for i := range s.parts {
		v := s.parts[i].most
		k := i
		for ; k > 0 && most[k-1] > v; k-- {
			most[k] = most[k-1]
		}
		most[k] = v
	}
	median := float64(most[shiftParts/2-1]+most[shiftParts/2]) / 2
	s.base = max(1, float64(s.base*float64(shiftMargin*median)))
	s.forget()
}

// forget discards the parts; the base stays.
func (s *shift) forget() { s.have, s.under, s.ran = 0, part{}, 0 }
