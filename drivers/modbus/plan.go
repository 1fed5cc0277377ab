package modbus

import (
	"cmp"
	"fmt"
	"slices"
)

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

// plan joins registers into requests: neighbours of one table, at most gap
// elements between them (16 times as many bits), at most limit registers.
func plan(regs []Register, gap, limit int) []*request {
	items := make([]int, len(regs))
	for i := range items {
		items[i] = i
	}
	slices.SortStableFunc(items, func(a, b int) int {
		return cmp.Or(cmp.Compare(regs[a].Table, regs[b].Table), cmp.Compare(regs[a].Address, regs[b].Address))
	})
	return join(regs, items, gap, limit)
}

// join is plan for items already sorted.
func join(regs []Register, items []int, gap, limit int) []*request {
	var out []*request
	for _, i := range items {
		r := regs[i]
		if len(out) > 0 && out[len(out)-1].extend(r, i, gap, limit) {
			continue
		}
		out = append(out, &request{table: r.Table, at: int(r.Address), n: r.Type.size(), items: []int{i}})
	}
	return out
}

// extend takes r into the request if it fits.
func (q *request) extend(r Register, item, gap, limit int) bool {
	if r.Table.bits() {
		gap, limit = 16*gap, r.Table.limit()
	}
	n := max(q.n, r.end()-q.at)
	if r.Table != q.table || int(r.Address) > q.at+q.n+gap || n > limit {
		return false
	}
	q.n = n
	q.items = append(q.items, item)
	return true
}

// split cuts a refused request into smaller ones: at its gaps if there are any,
// else in halves. A request of one register cannot be cut.
func (q *request) split(regs []Register) []*request {
	if len(q.items) < 2 {
		return nil
	}
	if exact := join(regs, q.items, 0, q.table.limit()); len(exact) > 1 {
		return exact
	}
	half := len(q.items) / 2
	limit := q.table.limit()
	return append(join(regs, q.items[:half], 0, limit), join(regs, q.items[half:], 0, limit)...)
}
