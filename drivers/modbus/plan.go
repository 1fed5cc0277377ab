package modbus

import (
	"cmp"
	"fmt"
	"slices"
)

// Range is a range of consecutive registers or bits of one table, both ends
// included.
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
	at     int        // first register or bit
	n      int        // registers or bits
	items  []int      // indices of Dev.regs, by address
	parts  []*request // what it was cut into in this cycle
	quiet  breaker    // opens if this range stays silent
	refuse breaker    // opens if cutting the request yielded no values
}

// String names the range, "input 16-19".
func (q *request) String() string {
	if q.n == 1 {
		return fmt.Sprintf("%v %d", q.table, q.at)
	}
	return fmt.Sprintf("%v %d-%d", q.table, q.at, q.at+q.n-1)
}

// rules constrain every request of a plan.
type rules struct {
	gap   int     // most unwanted registers between two wanted ones; 16 times as many bits
	limit int     // registers in a request; bits: as many as Modbus allows
	never []Range // are in no request
	alone bool    // no request for more than one wanted range
}

// plan joins registers of a table that lie close together into requests, as far
// as the rules allow.
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

// join is plan for items that are sorted.
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

// extend adds r to the request if the rules allow it, and reports whether they do.
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

// split cuts a request in two. If the device refused it as too long, it is cut in
// the middle. Otherwise the device does not have some of the registers, most
// likely unwanted ones in a gap, so the request is cut at its widest gap. Channels
// from the same registers, such as bits, stay together. Nil means that it cannot
// be cut.
func (q *request) split(regs []Register, tooLong bool) []*request {
	best, cut := -1, 0
	end := 0 // first address after the items before the cut
	for i := 1; i < len(q.items); i++ {
		before, r := &regs[q.items[i-1]], &regs[q.items[i]]
		end = max(end, before.end())
		if before.Address == r.Address && before.end() == r.end() {
			continue
		}
		score := min(end-q.at, q.at+q.n-int(r.Address)) // registers in the smaller part
		switch gap := int(r.Address) - end; {
		case gap < 0:
			score = 0 // the parts overlap and a register is read twice: the last resort
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

// sample is a request for the first channel of q, nil if that is all of q.
func (q *request) sample(regs []Register) *request {
	if regs[q.items[0]].Type.Registers() == q.n {
		return nil
	}
	return q.part(regs, q.items[:1])
}
