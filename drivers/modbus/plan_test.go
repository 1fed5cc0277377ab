package modbus

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func reg(t Table, at int, typ Type) Register {
	return Register{Name: fmt.Sprintf("%v%d%v", t, at, typ), Table: t, Address: uint16(at), Type: typ, Scale: 1}
}

func names(qs []*request) string {
	var out []string
	for _, q := range qs {
		out = append(out, q.String())
	}
	return strings.Join(out, ", ")
}

func TestPlan(t *testing.T) {
	tests := []struct {
		name       string
		regs       []Register
		gap, limit int
		want       string
	}{
		{"one", []Register{reg(Input, 16, U16)}, 8, 125, "input 16"},
		{"unsorted neighbours", []Register{reg(Input, 12, F32), reg(Input, 10, F32), reg(Input, 14, U16)}, 8, 125, "input 10-14"},
		{"tables apart", []Register{reg(Holding, 1, U16), reg(Input, 2, U16), reg(Coil, 3, Bit)}, 8, 125, "coil 3, holding 1, input 2"},
		{"gap of 8", []Register{reg(Input, 0, U16), reg(Input, 9, U16)}, 8, 125, "input 0-9"},
		{"gap of 9", []Register{reg(Input, 0, U16), reg(Input, 10, U16)}, 8, 125, "input 0, input 10"},
		{"no gap", []Register{reg(Input, 0, U16), reg(Input, 2, U16)}, 0, 125, "input 0, input 2"},
		{"overlap", []Register{reg(Input, 0, F32), reg(Input, 1, U16), reg(Input, 1, F32)}, 0, 125, "input 0-2"},
		{"inside", []Register{reg(Input, 0, F32), reg(Input, 0, U16)}, 0, 125, "input 0-1"},
		{"limit", []Register{reg(Input, 0, F32), reg(Input, 2, F32), reg(Input, 4, F32)}, 8, 5, "input 0-3, input 4-5"},
		{"bits", []Register{reg(Coil, 0, Bit), reg(Coil, 100, Bit), reg(Coil, 300, Bit)}, 8, 10, "coil 0-100, coil 300"},
		{"end", []Register{reg(Input, 65535, U16)}, 8, 125, "input 65535"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := names(rules{gap: tt.gap, limit: tt.limit}.plan(tt.regs)); got != tt.want {
				t.Errorf("plan %s, want %s", got, tt.want)
			}
		})
	}
}

func TestRequest_split(t *testing.T) {
	regs := []Register{reg(Input, 0, U16), reg(Input, 1, U16), reg(Input, 3, U16), reg(Input, 7, F32), reg(Input, 9, U16), reg(Input, 11, U16)}
	whole := rules{gap: 8, limit: 125}.plan(regs)[0]
	parts := whole.split(regs, false)
	if got := names(parts); got != "input 0-3, input 7-11" {
		t.Errorf("cut at the widest gap: %s", got)
	}
	if got := names(whole.split(regs, true)); got != "input 0-3, input 7-11" {
		t.Errorf("cut in the middle: %s", got)
	}
	if got := names(parts[1].split(regs, true)); got != "input 7-8, input 9-11" {
		t.Errorf("cut in the middle: %s", got)
	}
	if got := names(parts[1].split(regs, false)); got != "input 7-9, input 11" {
		t.Errorf("cut at the gap: %s", got)
	}
	pair := parts[0].split(regs, false)
	if got := names(pair); got != "input 0-1, input 3" {
		t.Errorf("cut at the gap: %s", got)
	}
	if got := names(pair[0].split(regs, false)); got != "input 0, input 1" {
		t.Errorf("cut without a gap: %s", got)
	}
	if got := pair[1].split(regs, true); got != nil {
		t.Errorf("cut of a single register: %s", names(got))
	}
}

func TestPlan_rules(t *testing.T) {
	bit := func(at int, n uint8) Register {
		r := reg(Holding, at, Bit)
		r.Bit = n
		return r
	}
	tests := []struct {
		name  string
		regs  []Register
		rules rules
		want  string
	}{
		{"never between", []Register{reg(Input, 0, U16), reg(Input, 4, U16)}, rules{never: []Range{{Input, 2, 2}}}, "input 0, input 4"},
		{"never beside", []Register{reg(Input, 0, U16), reg(Input, 4, U16)}, rules{never: []Range{{Input, 5, 90}}}, "input 0-4"},
		{"never in another table", []Register{reg(Input, 0, U16), reg(Input, 4, U16)}, rules{never: []Range{{Holding, 2, 2}}}, "input 0-4"},
		{"never bits", []Register{reg(Coil, 0, Bit), reg(Coil, 9, Bit)}, rules{never: []Range{{Coil, 3, 3}}}, "coil 0, coil 9"},
		{"alone", []Register{reg(Input, 0, F32), reg(Input, 2, F32), reg(Input, 2, U32), reg(Input, 2, U16)}, rules{alone: true}, "input 0-1, input 2, input 2-3"},
		{"alone bits", []Register{reg(Coil, 0, Bit), reg(Coil, 1, Bit)}, rules{alone: true}, "coil 0, coil 1"},
		{"bits of one register", []Register{bit(7, 0), bit(7, 15), reg(Holding, 7, U8H)}, rules{alone: true}, "holding 7"},
		{"wide", []Register{reg(Input, 4, F64), reg(Input, 0, U64)}, rules{}, "input 0-7"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.rules.gap, tt.rules.limit = 8, 125
			if got := names(tt.rules.plan(tt.regs)); got != tt.want {
				t.Errorf("plan %s, want %s", got, tt.want)
			}
		})
	}
}

// What a refused request can be cut into, and what its sample is.
func TestRequest_splitShared(t *testing.T) {
	low, high := reg(Holding, 7, Bit), reg(Holding, 7, Bit)
	high.Bit = 9
	regs := []Register{low, high, reg(Holding, 8, F32), reg(Holding, 8, U16)}
	whole := rules{limit: 125}.plan(regs)[0]
	parts := whole.split(regs, false)
	if got := names(parts); got != "holding 7, holding 8-9" || len(parts[0].items) != 2 {
		t.Errorf("cut into %s", got)
	}
	if got := parts[0].split(regs, false); got != nil {
		t.Errorf("two bits of one register cut into %s", names(got))
	}
	if got := names(parts[1].split(regs, false)); got != "holding 8, holding 8-9" {
		t.Errorf("a register and its first half cut into %s", got)
	}
	if got := whole.sample(regs).String(); got != "holding 7" {
		t.Errorf("sample %s", got)
	}
	if got := parts[0].sample(regs); got != nil {
		t.Errorf("sample %v of a single register", got)
	}
}

// Whatever the registers, a plan and every way of cutting it up read each of
// them once, whole, within the limits and without a range that is never read.
func TestPlan_complete(t *testing.T) {
	longest := 0 // registers of a type
	for _, typ := range Types() {
		longest = max(longest, typ.Registers)
	}
	rapid.Check(t, func(t *rapid.T) {
		regs := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Register {
			table := Table(rapid.IntRange(1, 4).Draw(t, "table"))
			typ := Bit
			if !table.bits() {
				typ = Bit + Type(rapid.IntRange(0, len(Types())-1).Draw(t, "type"))
			}
			return reg(table, rapid.IntRange(0, 400).Draw(t, "at"), typ)
		}), 1, 40).Draw(t, "regs")
		ru := rules{limit: rapid.IntRange(longest, 125).Draw(t, "limit"), gap: rapid.IntRange(0, 20).Draw(t, "gap"), alone: rapid.IntRange(0, 9).Draw(t, "alone") == 0}
		for range rapid.IntRange(0, 5).Draw(t, "never") {
			first := uint16(rapid.IntRange(0, 410).Draw(t, "first"))
			never := Range{Table(rapid.IntRange(1, 4).Draw(t, "never table")), first, first + uint16(rapid.IntRange(0, 9).Draw(t, "more"))}
			if !slices.ContainsFunc(regs, func(r Register) bool { return never.overlaps(r.Table, int(r.Address), r.end()) }) {
				ru.never = append(ru.never, never)
			}
		}
		qs := ru.plan(regs)
		for range 40 {
			complete(t, regs, qs, ru)
			var parts []*request
			for _, q := range qs {
				if cut := q.split(regs, len(q.items)%2 == 0); cut != nil {
					parts = append(parts, cut...)
				} else {
					parts = append(parts, q)
				}
			}
			qs = parts
		}
		for _, q := range qs {
			for _, i := range q.items {
				if regs[i].Type.Registers() != q.n {
					t.Errorf("%v of %v when nothing can be cut further", regs[i], q)
				}
			}
		}
	})
}

func complete(t *rapid.T, regs []Register, qs []*request, ru rules) {
	var seen []int
	for _, q := range qs {
		if q.n > ru.limit && !q.table.bits() || q.n > 2000 {
			t.Errorf("%v: more than %d", q, ru.limit)
		}
		for _, never := range ru.never {
			if never.overlaps(q.table, q.at, q.at+q.n) {
				t.Errorf("%v reads %v", q, never)
			}
		}
		for _, i := range q.items {
			r := regs[i]
			if r.Table != q.table || int(r.Address) < q.at || r.end() > q.at+q.n {
				t.Errorf("%v is not within %v", r, q)
			}
			seen = append(seen, i)
		}
	}
	slices.Sort(seen)
	for i := range regs {
		if len(seen) != len(regs) || seen[i] != i {
			t.Fatalf("registers read: %v of %d", seen, len(regs))
		}
	}
}
