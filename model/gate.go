package model

import (
	"math"
	"time"
)

// GateHold is the number of rows for which a machine whose condition channel is
// missing keeps its last state. After that it counts as idle, because whether it
// runs is unknown.
const GateHold = 10

// A Gate decides row by row whether the machine runs. Learning and scoring use
// the same Gate. It is not safe for concurrent use.
//
// After a start the machine counts as idle until the condition's settle time is
// over. The first row ever seen counts as a start, because it is unknown how long
// the machine has been running. A missing condition value keeps the last state for
// GateHold rows; then the machine is idle, and the value's return is a start.
type Gate struct {
	channel      int // index of the condition's channel; -1 = always running
	above, below float64
	settle       int // rows of a start that count as idle

	on      bool // the condition held at the last known row
	rows    int  // rows since the start, up to settle
	unknown int  // missing rows in sequence
}

// NewGate returns a gate for the schema's condition. Without a condition every
// row runs. A condition on a channel the schema does not have never runs.
func NewGate(s Schema) *Gate {
	g := &Gate{channel: -1}
	if s.RunWhen == nil {
		return g
	}
	g.channel = s.index(s.RunWhen.Channel)
	if g.channel < 0 {
		g.channel = math.MaxInt
	}
	g.above, g.below = s.RunWhen.Above, s.RunWhen.Below
	if s.Period > 0 && s.RunWhen.Settle > 0 {
		rows := (s.RunWhen.Settle + s.Period - 1) / s.Period
		g.settle = int(min(rows, time.Duration(math.MaxInt32)))
	}
	return g
}

// Running takes the next row, in physical units, and reports whether it is to be
// learnt or scored. It does not allocate.
func (g *Gate) Running(row []float64) bool {
	if g.channel < 0 {
		return true
	}
	if g.channel >= len(row) {
		return false
	}
	v := row[g.channel]
	if math.IsNaN(v) {
		g.unknown = min(g.unknown+1, GateHold+1)
		if g.unknown > GateHold {
			g.on = false
		}
	} else {
		g.unknown = 0
		on := !(v <= g.above) && !(v >= g.below)
		if on && !g.on {
			g.rows = 0
		}
		g.on = on
	}
	if !g.on {
		return false
	}
	if g.rows < g.settle {
		g.rows++
		return false
	}
	return true
}

// Lost reports whether the condition channel has been missing for so long that it is
// unknown whether the machine runs.
func (g *Gate) Lost() bool { return g.unknown > GateHold }

// Known reports whether the newest row has a value of the condition channel.
func (g *Gate) Known() bool { return g.unknown == 0 }

// Reset forgets all rows.
func (g *Gate) Reset() {
	g.on, g.rows, g.unknown = false, 0, 0
}
