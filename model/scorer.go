package model

import "math"

// uMax bounds (1): beyond a million spreads every value is equally impossible,
// and its square still fits float32 with room for sums.
const uMax = 1e6

// A Scorer turns rows into scores. Rows must come in time order, one per
// period; a gap in time is for the caller to fill with rows of NaN or to answer
// with Reset. It is not safe for concurrent use, but any number of Scorers may
// share a Model. Push never allocates.
type Scorer struct {
	p    *Parameters
	net  network
	gate *Gate
	c    int

	last      []float64   // (C) last value seen
	age       []int       // (C) rows since then
	behaviour []Behaviour // (C)
	row       []float32   // (C) newest row in units of Spread, masked cells guessed
	now       []float32   // (C) the same, NaN = masked
	expected  []float32   // (C) what the network makes of it

	lastAhead []float64 // (C) as last and age, of the rows that Ahead was told
	ageAhead  []int

	newest   []float32       // (C) residual of the newest row, NaN = masked
	residual ring            // (Mean, C) masked cells guessed
	level    ring            // (Mean, C) the same
	smooth   [Terms - 1]ring // of r, l, s and p
	causes   ring            // (Smooth, C) squared terms by channel

	peers     network   // nil = none
	gained    []float32 // (C) newest row in the units of peers
	apart     []float32 // (C) (10) of the newest row
	apartness ring      // (Mean, C) (10)
	steady    int       // rows since other channels were masked than now, or one was beyond its range, up to FillRows

	limit   float32 // of term r
	limitP  float32 // of term p
	raised  bool    // above their Limits
	present []int   // (C) rows since the channel was masked, up to FillRows

	rows  int // running rows since the last reset, up to FillRows
	idle  bool
	blind bool

	stale bool // a value of the newest row is repeated

	meanR, meanL, meanP, fresh, pulled, hung []float32 // (C) scratch

	terms [Terms]float32 // (5) to (8), (12)
	score Score
}

// NewScorer returns a Scorer with an empty window.
func NewScorer(m *Model) *Scorer {
	p := &m.p
	c := len(p.Schema.Channels)
	s := &Scorer{p: p, net: m.runner(m.net, p.Layers, p.Clip, p.Window), gate: NewGate(p.Schema), c: c,
		last: make([]float64, c), age: make([]int, c), behaviour: make([]Behaviour, c),
		present: make([]int, c), row: make([]float32, c), now: make([]float32, c), expected: make([]float32, c),
		newest: make([]float32, c), residual: newRing(p.Mean, c), level: newRing(p.Mean, c), causes: newRing(p.Smooth, c),
		meanR: make([]float32, c), meanL: make([]float32, c), fresh: make([]float32, c), pulled: make([]float32, c), hung: make([]float32, c),
		score: Score{Shares: make([]float32, c), Values: make([]float64, c), Expected: make([]float64, c)},
	}
	s.smooth = [...]ring{newRing(p.Smooth, 1), newRing(p.Smooth, 1), newRing(p.SmoothFast, 1), newRing(p.Smooth, 1)}
	s.watchPeers(m)
	s.Reset()
	return s
}

// Reset forgets every row, as after a gap in time.
func (s *Scorer) Reset() {
	s.gate.Reset()
	s.Restart()
	s.idle = s.gate.channel >= 0
}

// Lost tells whether the machine counts as idle only because the channel of its
// operating condition has been missing for too long.
func (s *Scorer) Lost() bool { return s.idle && s.gate.Lost() }

// Still tells whether the last row itself says that the machine stands still, or
// has just started.
func (s *Scorer) Still() bool { return s.idle && s.gate.Known() }

// Restart empties the window, as after a fault of the bus; whether the machine
// runs is still known.
func (s *Scorer) Restart() {
	s.rows, s.blind, s.steady = 0, false, s.p.fillRows()
	for i := range s.age {
		s.age[i] = math.MaxInt32
	}
	clear(s.behaviour)
	clear(s.present)
	s.limit, s.limitP, s.raised = s.p.Limits[0], s.p.Limits[Cross], false
	s.net.reset()
}

// Idle tells whether the last row was outside the operating condition.
func (s *Scorer) Idle() bool { return s.idle }

// Filling tells whether the machine runs but too few rows have been seen since
// it started.
func (s *Scorer) Filling() bool {
	return !s.idle && !s.blind && s.rows < s.p.fillRows()
}

// Blind tells whether the last row could not be scored because every channel
// has been missing for longer than the fill limit. The window then starts anew.
func (s *Scorer) Blind() bool { return !s.idle && s.blind }

// Terms returns the terms r, l, s, h and p of the last score, each divided by
// its limit; the largest is the score.
func (s *Scorer) Terms() [Terms]float32 {
	var t [Terms]float32
	for i := range t {
		t[i] = s.terms[i] / s.p.Limits[i]
	}
	t[0] = s.terms[0] / s.limit
	t[Cross] = s.terms[Cross] / s.limitP
	return t
}

// Residual returns (2) for the newest row, (C) in units of Spread, NaN where the
// channel is masked; ok is false while no window is complete. The slice belongs
// to the Scorer until the next Push.
func (s *Scorer) Residual() (e []float32, ok bool) {
	return s.newest, !s.idle && s.rows >= s.p.Window
}

// Push takes the next row, (C) in physical units with NaN for missing values.
// It returns false while the machine is idle, the window fills, or every channel
// is missing. The Score's slices belong to the Scorer until its next Push. A row
// of another length returns false.
func (s *Scorer) Push(row []float64) (Score, bool) {
	if len(row) != s.c {
		return Score{}, false
	}
	if s.idle = !s.gate.Running(row); s.idle {
		s.Restart()
		return Score{}, false
	}
	if s.blind = s.take(row) == 0; s.blind {
		s.Restart()
		s.blind = true
		return Score{}, false
	}
	if s.rows < s.p.fillRows() {
		s.rows++
	}
	if s.rows < s.p.Window {
		return Score{}, false
	}
	s.net.expect(s.expected)
	s.compare()
	if s.rows < s.p.Window+s.p.Mean-1 {
		return Score{}, false
	}
	s.weigh()
	if s.rows < s.p.fillRows() {
		return Score{}, false
	}
	s.finish(row)
	return s.score, true
}

// cyclic tells that means are those of whole cycles. There a missing value is the
// one a cycle ago rather than the last: the mean of a cycle is so steady that a
// value in the wrong place of it would count.
func (p *Parameters) cyclic() bool { return p.Mean > p.Fill }

// take scales the row, hands it to the network and returns how many channels
// are not masked.
func (s *Scorer) take(row []float64) (seen int) {
	u, before := s.row, s.level.next()
	s.stale = false
	s.steady = min(s.steady+1, s.p.fillRows())
	for i, x := range row {
		if s.p.Spread[i] != Unlearnt {
			if math.IsInf(x, 0) {
				x = math.NaN()
			}
			s.behaviour[i].Push(x, s.p.Step[i])
		}
		var ok bool
		u[i], ok = s.scale(i, x, &s.last[i], &s.age[i])
		if was := s.now[i] == s.now[i]; s.rows > 0 && ok != was || s.beyond(i, x) {
			s.steady = 0
		}
		if ok {
			if s.age[i] > 0 && s.p.cyclic() && s.present[i] >= s.p.Mean {
				u[i] = before[i]
			}
			s.now[i] = u[i]
			s.stale = s.stale || s.age[i] > 0
			s.present[i] = min(s.present[i]+1, s.p.fillRows())
			seen++
		} else {
			s.now[i] = float32(math.NaN())
			s.present[i] = 0
		}
	}
	if seen > 0 && seen < s.c {
		s.guess(u, s.age, s.p.Fill)
	}
	if seen < s.c || s.raised {
		s.raise()
	}
	copy(before, u)
	s.net.push(u)
	return seen
}

// scale is (1) for channel i, whose last value is so many rows old. It is false,
// and u is 0, where the channel is masked.
func (s *Scorer) scale(i int, x float64, last *float64, age *int) (u float32, ok bool) {
	if s.p.Spread[i] == Unlearnt {
		return 0, false
	}
	if math.IsNaN(x) || math.IsInf(x, 0) {
		if *age < math.MaxInt32 {
			*age++
		}
		x = *last
	} else {
		*last, *age = x, 0
	}
	if *age > s.p.Fill {
		return 0, false
	}
	v := (x - s.p.Center[i]) / s.p.Spread[i] // (1)
	return float32(clamp(v, uMax)), true
}

// compare computes (2) and (10) for the newest row.
func (s *Scorer) compare() {
	e := s.residual.next()
	for i, x := range s.expected {
		e[i] = s.row[i] - x
		s.newest[i] = s.now[i] - x // NaN stays NaN
	}
	if s.peers != nil {
		s.ask()
	}
}

// finish fills the score from the terms and the causes.
func (s *Scorer) finish(row []float64) {
	s.score.Value, s.score.Terms = 0, s.Terms()
	for _, t := range s.score.Terms {
		s.score.Value = max(s.score.Value, t) // (9)
	}
	s.share()
	for i, x := range row {
		s.score.Values[i] = x
		if math.IsInf(x, 0) {
			s.score.Values[i] = math.NaN()
		}
		if s.p.Spread[i] == Unlearnt {
			s.score.Expected[i] = math.NaN()
			continue
		}
		s.score.Expected[i] = s.p.Center[i] + float64(float64(s.expectation(i))*s.p.Spread[i])
	}
}
