package derive

import "math"

// Formula is an expression compiled for the rows of one machine. It remembers the
// rows that its means are over, so each machine needs its own. It is for one
// goroutine.
type Formula struct {
	eval  func(row []float64) float64
	means []*mean
}

// Compile makes a formula for rows in which the channel of that name is element
// index(name). It calls index once for each use of a channel.
func (e *Expr) Compile(index func(channel string) int) *Formula {
	f := &Formula{}
	f.eval = f.compile(e.root, index)
	return f
}

// Row computes the expression from the values of the next row; NaN = missing. keep
// tells whether the row may enter the means of later rows: it must not where one of
// its values is in doubt. The result is NaN if it, or anything that it is computed
// from, is not finite: 1 / (x / 0) is not 0. Row allocates nothing.
func (f *Formula) Row(row []float64, keep bool) float64 {
	for _, m := range f.means {
		m.keep = keep
	}
	return f.eval(row)
}

// compile makes the closure of a node. Each product is rounded by itself, so that
// every processor gives the same bits.
func (f *Formula) compile(n *node, index func(string) int) func([]float64) float64 {
	switch n.op {
	case opNumber:
		x := n.number
		return func([]float64) float64 { return x }
	case opChannel:
		i := index(n.channel)
		return func(row []float64) float64 { return row[i] }
	}
	a := f.compile(n.args[0], index)
	switch n.op {
	case opNegate:
		return func(row []float64) float64 { return -a(row) }
	case opAbs:
		return func(row []float64) float64 { return math.Abs(a(row)) }
	case opMean:
		m := &mean{ring: make([]float64, n.rows)}
		f.means = append(f.means, m)
		return func(row []float64) float64 { return finite(m.next(a(row))) }
	case opMin, opMax:
		return f.extreme(n, index, a)
	}
	b := f.compile(n.args[1], index)
	switch n.op {
	case opAdd:
		return func(row []float64) float64 { return finite(a(row) + b(row)) }
	case opSubtract:
		return func(row []float64) float64 { return finite(a(row) - b(row)) }
	case opMultiply:
		return func(row []float64) float64 { return finite(float64(a(row) * b(row))) }
	}
	return func(row []float64) float64 { return finite(a(row) / b(row)) }
}

// finite is x, or NaN if x is infinite.
func finite(x float64) float64 {
	if x-x != 0 {
		return math.NaN()
	}
	return x
}

// extreme is min or max, which are NaN where one of their arguments is.
func (f *Formula) extreme(n *node, index func(string) int, acc func([]float64) float64) func([]float64) float64 {
	for _, arg := range n.args[1:] {
		a, b := acc, f.compile(arg, index)
		if n.op == opMin {
			acc = func(row []float64) float64 { return min(a(row), b(row)) }
		} else {
			acc = func(row []float64) float64 { return max(a(row), b(row)) }
		}
	}
	return acc
}

// mean is the mean of the values of the last rows, as many as ring has elements.
type mean struct {
	ring []float64 // NaN where the row had no value; of rows not yet seen, 0 and not counted
	at   int       // the oldest row
	seen int       // rows in ring
	n    int       // of them with a value
	sum  float64   // of these
	keep bool
}

// next takes the value of the next row and gives the mean. A value that is not to
// be kept counts only now.
func (m *mean) next(x float64) float64 {
	stored := x
	if !m.keep || math.IsInf(x, 0) {
		stored = math.NaN()
	}
	if m.seen == len(m.ring) {
		if old := m.ring[m.at]; !math.IsNaN(old) {
			m.n, m.sum = m.n-1, m.sum-old
		}
	} else {
		m.seen++
	}
	m.ring[m.at] = stored
	if !math.IsNaN(stored) {
		m.n, m.sum = m.n+1, m.sum+stored
	}
	if m.at++; m.at == len(m.ring) {
		m.at = 0
		m.recount()
	}
	if math.IsNaN(stored) {
		return (m.sum + x) / float64(m.n+1)
	}
	return m.sum / float64(m.n)
}

// recount adds up the values once a round, so that rounding errors do not grow.
func (m *mean) recount() {
	m.n, m.sum = 0, 0
	for _, x := range m.ring {
		if !math.IsNaN(x) {
			m.n, m.sum = m.n+1, m.sum+x
		}
	}
}
