package chart

import (
	"bytes"
	"fmt"
	"strconv"
	"time"
)

// Trace returns the line of value k on s, as path data. It passes through the least
// and the largest value of every column, and is broken at a gap and at a column whose
// rows have no value.
func (c *Columns) Trace(k int, s Scale) string {
	p := pen{}
	connected := false
	for i := range c.Used() {
		col := &c.columns[i]
		if col.rows == 0 {
			continue
		}
		low, high := c.low[i*c.ranges+k], c.high[i*c.ranges+k]
		if low != low {
			connected = false
			continue
		}
		a, b := s.y(low), s.y(high)
		if connected && !col.broken {
			if far(p.y, a) > far(p.y, b) {
				a, b = b, a
			}
			p.line(i, a)
		} else {
			p.move(i, a)
		}
		p.line(i, b)
		connected = true
	}
	return p.d.String()
}

// Curve returns the line through points (column, value), as path data. Points with
// NaN are left out.
func Curve(points [][2]float64, s Scale) string {
	p := pen{}
	for _, q := range points {
		switch {
		case q[0] != q[0] || q[1] != q[1]:
		case p.d.Len() == 0:
			p.move(int(q[0]), s.y(q[1]))
		default:
			p.line(int(q[0]), s.y(q[1]))
		}
	}
	return p.d.String()
}

func far(a, b int) int { return max(a-b, b-a) }

// pen writes path data in whole units relative to the point before. That is short, and
// no rounding error accumulates.
type pen struct {
	d    bytes.Buffer
	x, y int
}

// move begins a line; h0 makes a line that goes nowhere a dot.
func (p *pen) move(x, y int) {
	fmt.Fprintf(&p.d, "M%d %dh0", x, y)
	p.x, p.y = x, y
}

func (p *pen) line(x, y int) {
	dx, dy := x-p.x, y-p.y
	p.x, p.y = x, y
	switch {
	case dx == 0 && dy == 0:
		return
	case dx == 0:
		p.d.WriteByte('v')
		p.d.WriteString(strconv.Itoa(dy))
		return
	case dy == 0:
		p.d.WriteByte('h')
		p.d.WriteString(strconv.Itoa(dx))
		return
	}
	p.d.WriteByte('l')
	p.d.WriteString(strconv.Itoa(dx))
	if dy > 0 {
		p.d.WriteByte(' ')
	}
	p.d.WriteString(strconv.Itoa(dy))
}

// Spans returns rectangles from top to bottom (0 to 1000) over the columns in which
// sum k is at least the share part of the rows; with part 0, above zero.
func (c *Columns) Spans(k int, part float64, top, bottom int) string {
	return c.rectangles(top, bottom, func(i int) bool {
		sum, rows := c.Sum(i, k)
		return sum > 0 && sum >= part*float64(rows)
	})
}

// Level returns rectangles over the columns in which sum k divided by sum n is at
// least low and below high.
func (c *Columns) Level(k, n int, low, high float64, top, bottom int) string {
	return c.rectangles(top, bottom, func(i int) bool {
		sum, _ := c.Sum(i, k)
		rows, _ := c.Sum(i, n)
		return rows > 0 && sum/rows >= low && sum/rows < high
	})
}

// rectangles returns rectangles over the columns for which in is true, and over empty
// columns between two of them.
func (c *Columns) rectangles(top, bottom int, in func(int) bool) string {
	var d bytes.Buffer
	from, to := -1, -1
	flush := func() {
		if from >= 0 {
			fmt.Fprintf(&d, "M%s %dh%dv%dh%dz", edge(from), top, to-from, bottom-top, from-to)
		}
		from = -1
	}
	for i := range c.Used() {
		switch {
		case c.columns[i].rows == 0:
			continue
		case !in(i):
			flush()
			continue
		case from < 0 || c.columns[i].broken:
			flush()
			from = i
		}
		to = i + 1
	}
	flush()
	return d.String()
}

// edge is the left edge of a column.
func edge(i int) string { return strconv.FormatFloat(float64(i)-0.5, 'f', 1, 64) }

// Span returns a rectangle between two positions that At returned, at least one
// column wide.
func (c *Columns) Span(from, to time.Duration) string {
	a := min(c.index(max(from, 0)), c.Used()-1)
	b := min(max(c.index(to), a), c.Used()-1)
	return fmt.Sprintf("M%s 0h%dv%dh%dz", edge(a), b-a+1, tall, a-b-1)
}

// Column returns the column of a position that At returned.
func (c *Columns) Column(at time.Duration) int { return min(c.index(max(at, 0)), c.Used()-1) }

// GapSpans returns rectangles over the gaps.
func (c *Columns) GapSpans() string {
	var d bytes.Buffer
	for _, g := range c.gaps {
		// The columns of the rows before and after it have values.
		if a, b := c.index(g.at)+1, min(c.index(g.end), c.Used()); b > a {
			fmt.Fprintf(&d, "M%s 0h%dv%dh%dz", edge(a), b-a, tall, a-b)
		} else {
			fmt.Fprintf(&d, "M%s 0h.2v%dh-.2z", edge(min(a, c.Used())), tall)
		}
	}
	return d.String()
}
