package detect

import (
	"math"
	"time"
)

// When a changed score has become the new level.
const (
	shiftParts  = 8   // of the time it must last
	shiftLoud   = 0.9 // of a part's rows are not quiet
	shiftBand   = 0.2 // of the mean score that each part's mean may be off it
	shiftMargin = 1.5 // times a part's usual highest score: above, the machine has changed again
	shiftFall   = 0.5 // a part whose highest score stays below brings the base down
	shiftTrend  = 16  // by which pairs of parts that rise may outnumber those that fall; chance alone exceeds it 3 times in 100 (Kendall)
	shiftRows   = 5   // scores that a part must hold
	shiftMost   = 1e6 // a score counts no more than this
)

// part is an eighth of the time a level must last.
type part struct {
	at   time.Time // of its first row
	n    int
	loud int     // rows that are not quiet, and not because a sensor hangs
	sum  float64 // of the scores
	most float64 // highest score
}

// shift finds scores that have stayed high but steady, and holds the base that
// later scores are seen from. Its scores are in units of that base. Only rows
// with a score count, so that a machine that stops and starts counts as well.
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

// push takes a score in units of base and the time that it stands for; hangs tells
// that a sensor makes the score, not the machine.
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
	if s.ran < s.each || p.n < shiftRows {
		return
	}
	if s.have == shiftParts {
		copy(s.parts[:], s.parts[1:])
		s.have--
	}
	s.parts[s.have] = *p
	s.have++
	most := p.most
	s.under, s.ran = part{}, 0
	if s.base > 1 && most < shiftFall {
		s.base = max(1, float64(s.base*float64(shiftMargin*most)))
		s.forget() // they were in units of another base
	}
}

// steady tells whether a whole time's scores were high and one level.
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

// rises tells whether the level still grows. Once that is told as drift; what then
// goes on to get worse by the hour has not settled, however little that is of what it
// has become, and would be told again at each half more.
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

// since is when the steady level was seen first.
func (s *shift) since() time.Time { return s.parts[0].at }

// accept makes the steady level the base that later scores are seen from: a
// machine that stays there is quiet, one that changes again is not.
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

// forget starts the time anew; the base stays.
func (s *shift) forget() { s.have, s.under, s.ran = 0, part{}, 0 }
