package model

import (
	"math"

	"iot-edge-anomaly/model/checkpoint"
)

// Checkpoint saves or restores everything that later scores depend on. A state fits a Scorer
// of the same model only; the caller must know which model a state belongs to. After an
// error of the Coder the Scorer must be Reset.
func (s *Scorer) Checkpoint(c *checkpoint.Coder) {
	fill := s.p.fillRows()
	s.gate.checkpoint(c)
	c.Float64s(s.last)
	c.Ints(s.age, 0, math.MaxInt32)
	for i := range s.behaviour {
		s.behaviour[i].checkpoint(c)
	}
	for _, v := range [][]float32{s.row, s.now, s.expected, s.newest} {
		c.Float32s(v)
	}
	for _, r := range []*ring{&s.residual, &s.level, &s.causes} {
		r.checkpoint(c)
	}
	for i := range s.smooth {
		if s.smooth[i].n > 0 {
			s.smooth[i].checkpoint(c)
		}
	}
	s.net.checkpoint(c)
	if s.peers != nil {
		s.peers.checkpoint(c)
	}
	c.Float32s(s.limits[:])
	c.Bool(&s.raised)
	c.Ints(s.present, 0, fill)
	c.Int(&s.rows, 0, fill)
	c.Bool(&s.idle)
	c.Bool(&s.blind)
	c.Bool(&s.repeats)
	c.Float32s(s.terms[:])
	c.Float32s(s.hung)
	s.score.checkpoint(c)
}

func (s *PeerState) checkpoint(c *checkpoint.Coder) {
	c.Float64s(s.base)
	c.Float64s(s.strays)
	for _, v := range [][]float32{s.expected, s.spread, s.fast, s.slow, s.soon, s.Stray, s.Slow} {
		c.Float32s(v)
	}
	c.Float32(&s.Far)
	for i, v := range s.base {
		if !(math.Abs(v) <= mostStray) || !(s.strays[i] >= 0 && s.strays[i] <= 1) {
			c.Fail()
			s.base[i], s.strays[i] = 0, 0
		}
	}
}

func (s *Score) checkpoint(c *checkpoint.Coder) {
	c.Float32(&s.Value)
	c.Float32s(s.Shares)
	c.Float64s(s.Values)
	c.Float64s(s.Expected)
	c.Float32s(s.Terms[:])
	c.Bool(&s.Flickers)
}

func (g *Gate) checkpoint(c *checkpoint.Coder) {
	c.Bool(&g.on)
	c.Int(&g.rows, 0, g.settle)
	c.Int(&g.unknown, 0, GateHold+1)
}

func (b *Behaviour) checkpoint(c *checkpoint.Coder) {
	c.Float64(&b.last)
	c.Bool(&b.known)
	c.Int(&b.same, 0, math.MaxInt32)
	c.Bytes8(b.steps[:])
	c.Int(&b.at, 0, roughRows-1)
	b.sum = 0
	for _, d := range b.steps {
		b.sum += int32(d)
	}
}

func (r *ring) checkpoint(c *checkpoint.Coder) {
	c.Int(&r.at, 0, r.n-1)
	c.Float32s(r.v)
}

func (n *int8Net) checkpoint(c *checkpoint.Coder) {
	if c.Reading() {
		n.reset()
	}
	c.Int8s(n.window)
}

func (n *floatNet) checkpoint(c *checkpoint.Coder) { c.Float32s(n.window) }

func (noNet) checkpoint(*checkpoint.Coder) {}

// Checkpoint saves or restores the newest state and everything that later states depend on.
// It fits a Drift of the same model only.
func (d *Drift) Checkpoint(c *checkpoint.Coder) {
	size := DriftBlocks * d.perBlock
	c.Int(&d.kept, 0, size)
	c.Int(&d.next, 0, size-1)
	c.Int(&d.skip, 0, max(0, d.stride-1))
	c.Int(&d.fresh, 0, d.perBlock-1)
	c.Int(&d.rising, 0, math.MaxInt32)
	c.Float64(&d.page)
	rows := d.rows[:d.c*min(size, d.kept+d.fresh)]
	c.Float32s(rows)
	for i, v := range rows {
		if v < -uMax || v > uMax { // NaN is a missing value
			c.Fail()
			rows[i] = 0
		}
	}
	if !d.sound(size) {
		c.Fail()
		d.kept, d.next, d.fresh, d.page = 0, 0, 0, 0
	}
	d.state.checkpoint(c)
}

// sound tells whether the counts of a ring of so many rows are consistent.
func (d *Drift) sound(size int) bool {
	filled := d.next == d.kept+d.fresh // not full yet
	if d.kept == size {
		filled = d.next%d.perBlock == d.fresh
	}
	return filled && d.kept%d.perBlock == 0 && d.page >= 0 && d.page <= 2*pageLimit
}

func (s *DriftState) checkpoint(c *checkpoint.Coder) {
	c.Float64(&s.Score)
	c.Float64(&s.Relation)
	c.Int(&s.Rising, 0, math.MaxInt32)
	for i := range s.Channels {
		ch := &s.Channels[i]
		c.Float64(&ch.Score)
		c.Float64(&ch.Distance)
		c.Int(&ch.Blocks, 0, DriftBlocks)
		c.Float64(&ch.Now.Low)
		c.Float64(&ch.Now.Median)
		c.Float64(&ch.Now.High)
	}
}
