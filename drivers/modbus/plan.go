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

// split cuts a request in two: where it is refused as too long, in the middle;
// else at its widest gap, for a device refuses what it does not have and that is
// rarely what is wanted of it. Channels out of the same registers, such as bits,
// stay together. Nil: there is nothing to cut.
func (q *request) split(regs []Register, tooLong bool) []*request {
	best, cut := -1, 0
	end := 0 // of the items before the cut
	for i := 1; i < len(q.items); i++ {
		before, r := &regs[q.items[i-1]], &regs[q.items[i]]
		end = max(end, before.end())
		if before.Address == r.Address && before.end() == r.end() {
			continue
		}
		score := min(end-q.at, q.at+q.n-int(r.Address)) // registers in the smaller part
		switch gap := int(r.Address) - end; {
		case gap < 0:
			score = 0 // a register would be read twice: only where nothing else is left
		case !tooLong:
			score += gap << 16
		}
		if score > best {
			best, cut = score, i
		}
	}
	if cut == 0 {
		return nil
	}
	return []*request{q.part(regs, q.items[:cut]), q.part(regs, q.items[cut:])}
}

// part is a request for some of q's items.
func (q *request) part(regs []Register, items []int) *request {
	p := &request{table: q.table, at: int(regs[items[0]].Address), items: items}
	for _, i := range items {
		p.n = max(p.n, regs[i].end()-p.at)
	}
	return p
}

// sample is a request for as few of q's registers as give a value, nil if that
// is q itself.
func (q *request) sample(regs []Register) *request {
	if regs[q.items[0]].Type.Registers() == q.n {
		return nil
	}
	return q.part(regs, q.items[:1])
}
