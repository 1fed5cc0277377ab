package model

import "math"

// uStill bounds (1) of a channel that never moved while learning: that it moves is worth
// an event, by how much says nothing.
const uStill = 20

// uMax bounds (1). Beyond a million spreads every value is equally impossible, and
// its square still fits float32 with room for sums.
const uMax = 1e6

// A Scorer turns rows into scores. Rows must come in time order, one per period;
// the caller fills a gap in time with rows of NaN or calls Reset. It is not safe
// for concurrent use, but any number of Scorers may share a Model. Push never
// allocates.
type Scorer struct {
	p    *Parameters
	c    int
	gate *Gate
	net  network

	last      []float64   // (C) last value seen
	age       []int       // (C) rows since then
	behaviour []Behaviour // (C)
	row       []float32   // (C) newest row in units of Spread, masked cells imputed
	now       []float32   // (C) as row, NaN = masked
	repeats   bool        // the newest row repeats an older value
	expected  []float32   // (C) the network's output for the newest row
	newest    []float32   // (C) residual of the newest row, NaN = masked
	residual  ring        // (Mean, C) residuals, masked cells imputed
	level     ring        // (Mean, C) rows, the same
	smooth    [Terms]ring // (Smooth or SmoothFast, 1); none for Sensor
	causes    ring        // (Smooth, C) squared terms by channel
	peers     *PeerState  // nil = none
	z         []float32   // (C) scratch of peers

	lastAhead []float64 // (C) as last and age, of the rows passed to Ahead
	ageAhead  []int

	limits  [Terms]float32 // Parameters.Limits plus the margins of missing channels
	raised  bool           // limits are above Parameters.Limits
	present []int          // (C) rows since the channel was masked, up to FillRows

	rows  int // running rows since the last reset, up to FillRows
	idle  bool
	blind bool

	meanR, meanL, fresh, pulled, hung []float32 // (C) scratch

	terms [Terms]float32 // (5) to (8), (14), (15)
	score Score
}

// NewScorer returns a Scorer with an empty window.
func NewScorer(m *Model) *Scorer {
	p := &m.p
	c := len(p.Schema.Channels)
	s := &Scorer{p: p, c: c, gate: NewGate(p.Schema), net: m.runner(m.net, p.Layers, p.Clip, p.Window),
		last: make([]float64, c), age: make([]int, c), behaviour: make([]Behaviour, c),
		present: make([]int, c), row: make([]float32, c), now: make([]float32, c), expected: make([]float32, c),
		newest: make([]float32, c), residual: newRing(p.Mean, c), level: newRing(p.Mean, c), causes: newRing(p.Smooth, c),
		meanR: make([]float32, c), meanL: make([]float32, c), fresh: make([]float32, c), pulled: make([]float32, c), hung: make([]float32, c),
		score: Score{Shares: make([]float32, c), Values: make([]float64, c), Expected: make([]float64, c)},
	}
	if p.Peers != nil {
		s.peers, s.z = NewPeerState(p.Peers), make([]float32, c)
	}
	s.smooth = [Terms]ring{Relation: newRing(p.Smooth, 1), Level: newRing(p.Smooth, 1), Jump: newRing(p.SmoothFast, 1)}
	s.Reset()
	return s
}

// Reset forgets every row, as after a gap in time, but not what has lasted (13).
func (s *Scorer) Reset() {
	s.gate.Reset()
	s.Restart()
	s.idle = s.gate.channel >= 0
}

// Restart empties the window, as after a fault of the bus, but remembers whether
// the machine runs.
func (s *Scorer) Restart() {
	s.rows, s.blind = 0, false
	if s.peers != nil {
		s.peers.Restart()
	}
	for i := range s.age {
		s.age[i] = math.MaxInt32
	}
	clear(s.behaviour)
	clear(s.present)
	copy(s.limits[:], s.p.Limits)
	s.raised = false
	s.net.reset()
}

// Idle tells whether the last row was outside the operating condition.
func (s *Scorer) Idle() bool { return s.idle }

// Lost tells whether the machine counts as idle only because the channel of its
// operating condition has been missing for too long.
func (s *Scorer) Lost() bool { return s.idle && s.gate.Lost() }

// Still tells whether the last row itself shows that the machine stands still or
// has just started.
func (s *Scorer) Still() bool { return s.idle && s.gate.Known() }

// Filling tells whether the machine runs but too few rows have been seen since it
// started.
func (s *Scorer) Filling() bool {
	return !s.idle && !s.blind && s.rows < s.p.fillRows()
}

// Blind tells whether the last row could not be scored because every channel has
// been missing for longer than the fill limit. The window is then empty.
func (s *Scorer) Blind() bool { return !s.idle && s.blind }

// Terms returns the terms of the last score, each divided by its limit; the
// largest is the score.
func (s *Scorer) Terms() [Terms]float32 {
	var t [Terms]float32
	for i := range t {
		t[i] = s.terms[i] / s.limits[i]
	}
	return t
}

// Residual returns (2) for the newest row, (C) in units of Spread, NaN where the
// channel is masked; ok is false while no window is complete. The slice belongs to
// the Scorer until the next Push.
func (s *Scorer) Residual() (e []float32, ok bool) {
	return s.newest, !s.idle && s.rows >= s.p.Window
}

// Push takes the next row, (C) in physical units with NaN for missing values. It
// reports false while the machine is idle, while the window fills, if every channel
// is missing, and for a row of another length. The Score's slices belong to the
// Scorer until its next Push.
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

// Newest is the Score that the last successful Push returned; its slices belong to
// the Scorer until the next Push.
func (s *Scorer) Newest() Score { return s.score }

// take scales the row, gives it to the network and returns how many channels are
// not masked.
func (s *Scorer) take(row []float64) (seen int) {
	u, cycleAgo := s.row, s.level.next() // the ring's oldest row is overwritten below
	s.repeats = false
	for i, x := range row {
		if s.p.Spread[i] != Unlearnt {
			if math.IsInf(x, 0) {
				x = math.NaN()
			}
			s.behaviour[i].Push(x, s.p.Step[i])
		}
		var ok bool
		u[i], ok = s.scale(i, x, &s.last[i], &s.age[i])
		if ok {
			if s.age[i] > 0 && s.p.cyclic() && s.present[i] >= s.p.Mean {
				u[i] = cycleAgo[i]
			}
			s.now[i] = u[i]
			s.repeats = s.repeats || s.age[i] > 0
			s.present[i] = min(s.present[i]+1, s.p.fillRows())
			seen++
		} else {
			s.now[i] = float32(math.NaN())
			s.present[i] = 0
		}
	}
	if seen > 0 && seen < s.c {
		s.impute(u, s.age, s.p.Fill)
	}
	if seen < s.c || s.raised {
		s.raiseLimits()
	}
	copy(cycleAgo, u)
	s.net.push(u)
	return seen
}

// scale returns (1) for channel i and updates its last value and the rows since
// then. A missing value repeats the last one; after Fill rows the channel is
// masked: u is 0 and ok false.
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
	v := (x - s.p.Center[i]) / s.p.Spread[i]             // (1)
	if s.p.Drift[i] == s.p.Drift[len(s.p.Drift)-s.c+i] { // it never moved
		v = clamp(v, uStill)
	}
	return float32(clamp(v, uMax)), true
}

// compare computes (2) and (10) to (15) for the newest row.
func (s *Scorer) compare() {
	e := s.residual.next()
	for i, x := range s.expected {
		e[i] = s.row[i] - x
		s.newest[i] = s.now[i] - x // NaN stays NaN
	}
	if s.peers != nil {
		s.p.Peers.Scale(s.z, s.row)
		s.peers.Push(s.p.Peers, s.z, s.age, s.p.Fill)
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

// expectation returns the expected value of channel i in units of Spread: that of its
// peers, which a fault in the channel itself does not move; without any, the network's.
func (s *Scorer) expectation(i int) float32 {
	if s.peers == nil || s.p.Peers.Role[i] != Target {
		return s.expected[i]
	}
	return s.peers.expected[i] / s.p.Peers.Gain[i]
}
