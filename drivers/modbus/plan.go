package modbus

import (
	"cmp"
	"fmt"
	"slices"
)

// Range is consecutive elements of one table, both ends included.
type Range struct {
	Table       Table
	First, Last uint16
}

// String gives "holding 100-120".
func (r Range) String() string { return fmt.Sprintf("%v %d-%d", r.Table, r.First, r.Last) }

func (r Range) overlaps(t Table, first, end int) bool {
	return t == r.Table && first <= int(r.Last) && int(r.First) < end
}

// request is one read of consecutive registers (or bits) and the channels that
// it yields.
type request struct {
	table  Table
	at     int
	n      int
	items  []int      // indices of registers, by address
	parts  []*request // what it was cut into in this cycle
	quiet  breaker
	refuse breaker // of cutting it up in vain
}

// String names the range, "input 16-19".
func (r *request) String() string {
	if r.n == 1 {
		return fmt.Sprintf("%v %d", r.table, r.at)
	}
	return fmt.Sprintf("%v %d-%d", r.table, r.at, r.at+r.n-1)
}

// rules are what every request keeps to.
type rules struct {
	gap   int     // elements that nobody wants between two registers; 16 times as many bits
	limit int     // registers in a request; bits: as many as Modbus allows
	never []Range // in no request
	alone bool    // one request for each range of registers
}

// plan joins registers into requests: neighbours of one table as far as the
// rules allow.
func (ru rules) plan(regs []Register) []*request {
	items := make([]int, len(regs))
	for i := range items {
		items[i] = i
	}
	slices.SortStableFunc(items, func(a, b int) int {
		return cmp.Or(cmp.Compare(regs[a].Table, regs[b].Table), cmp.Compare(regs[a].Address, regs[b].Address),
			cmp.Compare(regs[a].end(), regs[b].end()))
	})
	return ru.join(regs, items)
}

// join is plan for items already sorted.
func (ru rules) join(regs []Register, items []int) []*request {
	var out []*request
	for _, i := range items {
		r := &regs[i]
		if len(out) > 0 && ru.extend(out[len(out)-1], r, i) {
			continue
		}
		out = append(out, &request{table: r.Table, at: int(r.Address), n: r.Type.Registers(), items: []int{i}})
	}
	return out
}

// extend takes r into the request if the rules allow it.
func (ru rules) extend(q *request, r *Register, item int) bool {
	gap, limit := ru.gap, ru.limit
	if r.Table.bits() {
		gap, limit = 16*gap, r.Table.limit()
	}
	n := max(q.n, r.end()-q.at)
	switch {
	case r.Table != q.table || int(r.Address) > q.at+q.n+gap || n > limit:
		return false
	case ru.alone && (int(r.Address) != q.at || n != q.n || r.Type.Registers() != n):
		return false
	}
	for _, never := range ru.never {
		if never.overlaps(q.table, q.at, q.at+n) {
			return false
		}
	}
	q.n = n
	q.items = append(q.items, item)
	return true
}

// split cuts a refused request into smaller ones without gaps: at its gaps if
// there are any, else in halves. Channels out of the same registers, such as
// bits, stay together. Nil: there is nothing to cut.
func (q *request) split(regs []Register) []*request {
	exact := rules{limit: q.table.limit()}
	if parts := exact.join(regs, q.items); len(parts) > 1 {
		return parts
	}
	half := q.middle(regs)
	if half == 0 {
		return nil
	}
	return append(exact.join(regs, q.items[:half]), exact.join(regs, q.items[half:])...)
}

// middle is the item nearest to the middle that has other registers than the
// one before it; 0 if there is none.
func (q *request) middle(regs []Register) int {
	half := len(q.items) / 2
	for d := range half + 1 {
		for _, i := range [2]int{half - d, half + d} {
			if i > 0 && i < len(q.items) {
				a, b := &regs[q.items[i-1]], &regs[q.items[i]]
				if a.Address != b.Address || a.end() != b.end() {
					return i
				}
			}
		}
	}
	return 0
}

// sample is a request for as few of q's registers as give a value, nil if that
// is q itself.
func (q *request) sample(regs []Register) *request {
	r := &regs[q.items[0]]
	if r.Type.Registers() == q.n {
		return nil
	}
	return rules{limit: q.table.limit()}.join(regs, q.items[:1])[0]
}
