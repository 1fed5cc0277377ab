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
	width  int        // bytes of each register in the answer
	apart  bool       // powers of ten that it could read are read by other requests
	at     int        // first register or bit
	n      int        // registers or bits
	items  []int      // indices of Dev.regs, by address
	parts  []*request // what it was cut into in this cycle
	quiet  breaker    // opens if this range stays silent
	refuse breaker    // opens if cutting the request yielded no values
	proven bool       // the device has answered it with data
	wider  breaker    // opens if canaries that hold this range are not answered with data
	tail   tail
}

// String names the range, "input 16-19".
func (q *request) String() string {
	if q.n == 1 {
		return fmt.Sprintf("%v %d", q.table, q.at)
	}
	return fmt.Sprintf("%v %d-%d", q.table, q.at, q.at+q.n-1)
}

// size is how many bytes of data the answer has.
func (q *request) size() int {
	if q.table.bits() {
		return (q.n + 7) / 8
	}
	return q.width * q.n
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
	return ru.join(regs, items, false)
}

// join is plan for some items. Apart, powers of ten are not read together with their
// values.
func (ru rules) join(regs []Register, items []int, apart bool) []*request {
	items = sorted(regs, items, apart)
	var out []*request
	for _, i := range items {
		if len(out) > 0 && ru.extend(out[len(out)-1], regs, i) {
			continue
		}
		out = append(out, newRequest(regs, []int{i}, apart))
	}
	return out
}

// sorted are items by table and address.
func sorted(regs []Register, items []int, apart bool) []int {
	return slices.SortedStableFunc(slices.Values(items), func(a, b int) int {
		r, s := &regs[a], &regs[b]
		first, end := r.extent(apart)
		other, after := s.extent(apart)
		return cmp.Or(cmp.Compare(r.Table, s.Table), cmp.Compare(r.width(), s.width()), cmp.Compare(first, other), cmp.Compare(end, after))
	})
}

// newRequest reads items of one table.
func newRequest(regs []Register, items []int, apart bool) *request {
	r := &regs[items[0]]
	first, end := r.extent(apart)
	for _, i := range items[1:] {
		at, after := regs[i].extent(apart)
		first, end = min(first, at), max(end, after)
	}
	return &request{table: r.Table, width: r.width(), apart: apart, at: first, n: end - first, items: items}
}

// extend adds an item to the request if the rules allow it, and reports whether they
// do.
func (ru rules) extend(q *request, regs []Register, item int) bool {
	r := &regs[item]
	first, end := r.extent(q.apart)
	gap, limit := ru.gap, min(ru.limit, r.Table.limit(r.width()))
	if r.Table.bits() {
		gap, limit = 16*gap, r.Table.limit(2)
	}
	n := max(q.n, end-q.at)
	switch {
	case r.Table != q.table || r.width() != q.width || first > q.at+q.n+gap || n > limit:
		return false
	case ru.alone && (first != q.at || n != q.n || end-first != n):
		return false
	case !sameFate(r, &regs[q.items[0]], q.apart):
		return false
	}
	if ru.forbid(q.table, q.at, q.at+n) {
		return false
	}
	q.n = n
	q.items = append(q.items, item)
	return true
}

// forbid tells whether registers must not be read.
func (ru rules) forbid(t Table, first, end int) bool {
	return slices.ContainsFunc(ru.never, func(never Range) bool { return never.overlaps(t, first, end) })
}

// joins tells whether one request may read a value together with its power of ten.
func (ru rules) joins(r *Register) bool {
	if r.Power == nil || r.Power.Table != r.Table || ru.alone {
		return false
	}
	first, end := min(int(r.Address), int(r.Power.Address)), max(r.end(), int(r.Power.Address)+1)
	return end-first <= ru.limit && !ru.forbid(r.Table, first, end)
}

// sameFate tells whether two values need the same further request for their power
// of ten, or none: otherwise a register that cannot be read would cost both.
func sameFate(a, b *Register, apart bool) bool {
	further := func(r *Register) Place {
		if r.Power == nil || r.joint && !apart {
			return Place{}
		}
		return *r.Power
	}
	return further(a) == further(b)
}

// split cuts a request in two. If the device refused it as too long, it is cut in
// the middle. Otherwise the device does not have some of the registers, most
// likely unwanted ones in a gap, so the request is cut at its widest gap. Channels
// from the same registers, such as bits, stay together. What cannot be cut is tried
// again without the registers up to those of its powers of ten. Nil means that
// nothing is left to try.
func (q *request) split(regs []Register, tooLong bool) []*request {
	best, cut := -1, 0
	end := 0 // first address after the items before the cut
	for i := 1; i < len(q.items); i++ {
		before, until := regs[q.items[i-1]].extent(q.apart)
		first, after := regs[q.items[i]].extent(q.apart)
		end = max(end, until)
		if before == first && until == after {
			continue
		}
		score := min(end-q.at, q.at+q.n-first) // registers in the smaller part
		switch gap := first - end; {
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
		if q.apart || !slices.ContainsFunc(q.items, func(i int) bool { return regs[i].joint }) {
			return nil
		}
		whole := rules{gap: 1 << 16, limit: 1 << 16}
		return whole.join(regs, q.items, true)
	}
	return []*request{newRequest(regs, q.items[:cut], q.apart), newRequest(regs, q.items[cut:], q.apart)}
}

// sample is a request for the first channel of q, nil if that is all of q.
func (q *request) sample(regs []Register) *request {
	if s := newRequest(regs, q.items[:1], q.apart); s.n != q.n {
		return s
	}
	return nil
}
