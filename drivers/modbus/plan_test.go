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
			if got := names(plan(tt.regs, tt.gap, tt.limit)); got != tt.want {
				t.Errorf("plan %s, want %s", got, tt.want)
			}
		})
	}
}

func TestRequest_split(t *testing.T) {
	regs := []Register{reg(Input, 0, U16), reg(Input, 1, U16), reg(Input, 4, F32), reg(Input, 6, U16)}
	whole := plan(regs, 8, 125)[0]
	exact := whole.split(regs)
	if got := names(exact); got != "input 0-1, input 4-6" {
		t.Errorf("cut at gaps: %s", got)
	}
	if got := names(exact[1].split(regs)); got != "input 4-5, input 6" {
		t.Errorf("cut in halves: %s", got)
	}
	if got := exact[0].split(regs)[0].split(regs); got != nil {
		t.Errorf("cut of a single register: %s", names(got))
	}
}

// Whatever the registers, a plan and every way of cutting it up read each of
// them once, whole, and within the limits.
func TestPlan_complete(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		regs := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Register {
			table := Table(rapid.IntRange(1, 4).Draw(t, "table"))
			typ := Bit
			if !table.bits() {
				typ = Type(rapid.IntRange(int(U16), int(F32)).Draw(t, "type"))
			}
			return reg(table, rapid.IntRange(0, 400).Draw(t, "at"), typ)
		}), 1, 40).Draw(t, "regs")
		limit := rapid.IntRange(2, 125).Draw(t, "limit")
		qs := plan(regs, rapid.IntRange(0, 20).Draw(t, "gap"), limit)
		for range 8 {
			complete(t, regs, qs, limit)
			var parts []*request
			for _, q := range qs {
				if cut := q.split(regs); cut != nil {
					parts = append(parts, cut...)
				} else {
					parts = append(parts, q)
				}
			}
			qs = parts
		}
		if len(qs) != len(regs) {
			t.Errorf("%d requests for %d registers when nothing can be cut further", len(qs), len(regs))
		}
	})
}

func complete(t *rapid.T, regs []Register, qs []*request, limit int) {
	var seen []int
	for _, q := range qs {
		if q.n > limit && !q.table.bits() || q.n > 2000 {
			t.Errorf("%v: more than %d", q, limit)
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
