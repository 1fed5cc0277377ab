package chart

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

var start = time.Date(2026, 3, 1, 6, 0, 0, 0, time.UTC)

// TestColumns_month: of 2.6 million rows no spike, no missing value and no row is lost,
// and they take no more memory than a few rows.
func TestColumns_month(t *testing.T) {
	const rows = 30 * 86400
	c := New(time.Second, 1600, 1, 2)
	rng := rand.New(rand.NewPCG(1, 2))
	spike, dip, lost := 1_234_567, 2_222_222, 999_999
	ranges, sums := make([]float64, 1), make([]float64, 2)
	for i := range rows {
		ranges[0], sums[0], sums[1] = rng.Float64(), 1, 0
		switch i {
		case spike:
			ranges[0] = 9
		case dip:
			ranges[0] = -7
		case lost:
			ranges[0], sums[1] = math.NaN(), 1
		}
		c.Push(start.Add(time.Duration(i)*time.Second), ranges, sums)
	}
	used := c.Used()
	if used > 1600 || used < 800 || len(c.low) != 1600 {
		t.Fatalf("%d columns used of %d", used, len(c.low))
	}
	if low, high, ok := c.Range(0); !ok || low != -7 || high != 9 {
		t.Errorf("range %v to %v, want -7 to 9", low, high)
	}
	n, gone := 0.0, 0.0
	for i := range used {
		sum, rows := c.Sum(i, 0)
		if int(sum) != rows {
			t.Fatalf("column %d: sum %v of %d rows", i, sum, rows)
		}
		n += sum
		s, _ := c.Sum(i, 1)
		gone += s
	}
	if n != rows || gone != 1 {
		t.Errorf("%v rows and %v missing, want %d and 1", n, gone, rows)
	}
	if at := c.high[spike*used/rows]; at != 9 {
		t.Errorf("the spike is not where it was: %v", at)
	}
	if n := testing.AllocsPerRun(100, func() { c.Push(c.last.Add(time.Second), ranges, sums) }); n != 0 {
		t.Errorf("%v allocations a row", n)
	}
	if d := c.Trace(0, Linear(-7, 9)); len(d) > 1600*14 {
		t.Errorf("the line takes %d bytes", len(d))
	}
}

// TestColumns_anyOrder: bounds and sums are right for rows at any times.
func TestColumns_anyOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for n := range 200 {
		c := New(time.Duration(rng.IntN(3))*time.Second, 2+rng.IntN(40), 1, 1)
		at, rows := start, 1+rng.IntN(500)
		for range rows {
			switch rng.IntN(20) {
			case 0:
				at = at.AddDate(rng.IntN(80), 0, 0)
			case 1:
				at = at.AddDate(-rng.IntN(80), 0, 0)
			case 2:
				c.Push(time.Time{}, []float64{5}, []float64{1})
				continue
			}
			at = at.Add(time.Duration(rng.Int64N(3e9)))
			c.Push(at, []float64{rng.Float64()}, []float64{1})
		}
		total := 0.0
		for i := range c.Used() {
			sum, _ := c.Sum(i, 0)
			total += sum
		}
		if int(total) != rows || c.Rows() != rows || c.Used() > c.most {
			t.Fatalf("run %d: %v of %d rows in %d columns", n, total, rows, c.Used())
		}
		b := &Box{Width: c.Used()}
		c.Times(b)
		for _, x := range b.x {
			if x.at < 0 || x.at > 1 {
				t.Fatalf("run %d: label at %v", n, x.at)
			}
		}
	}
}

// TestColumns_gaps: no line crosses a gap or a missing value, but a line does cross
// columns in which no row was due.
func TestColumns_gaps(t *testing.T) {
	line := func(seconds []int, missing int) string {
		c := New(time.Second, 100, 1, 1)
		for i, s := range seconds {
			v := []float64{1}
			if i == missing {
				v[0] = math.NaN()
			}
			c.Push(start.Add(time.Duration(s)*time.Second), v, []float64{0})
		}
		return c.Trace(0, Linear(0, 2))
	}
	for _, tt := range []struct {
		name    string
		seconds []int
		missing int
		lines   int
	}{
		{"steady", []int{0, 1, 2, 3, 4, 5}, -1, 1},
		{"a missing value", []int{0, 1, 2, 3, 4, 5}, 3, 2},
		{"a gap", []int{0, 1, 2, 12, 13}, -1, 2},
		{"a row left out", []int{0, 1, 3, 4}, -1, 1},
		{"slower than the model's rows", []int{0, 10, 20, 30, 40}, -1, 1},
		{"one row", []int{0}, -1, 1},
		{"backward", []int{0, 1, 2, 1, 2, 3}, -1, 2},
	} {
		if d := line(tt.seconds, tt.missing); strings.Count(d, "M") != tt.lines {
			t.Errorf("%s: %s, want %d lines", tt.name, d, tt.lines)
		}
	}
}

// TestColumns_clockJumps: a clock that is set does not squeeze a recording, and the gap
// is reported.
func TestColumns_clockJumps(t *testing.T) {
	c := New(time.Second, 1000, 1, 1)
	for i := range 1000 {
		at := time.Unix(int64(i), 0)
		if i >= 400 {
			at = start.Add(time.Duration(i) * time.Second)
		}
		c.Push(at, []float64{1}, []float64{1})
	}
	if used := c.Used(); used < 500 || used > 1000 {
		t.Errorf("%d columns used", used)
	}
	filled := 0
	for i := range c.Used() {
		if _, rows := c.Sum(i, 0); rows > 0 {
			filled++
		}
	}
	if filled < 350 {
		t.Errorf("%d columns hold rows", filled)
	}
	gaps, more := c.Gaps()
	if len(gaps) != 1 || more != 0 || gaps[0].To.Sub(gaps[0].From) < 50*365*24*time.Hour {
		t.Errorf("gaps %v", gaps)
	}
	if d := c.GapSpans(); strings.Count(d, "M") != 1 {
		t.Errorf("gaps drawn as %s", d)
	}
}

// TestColumns_backward: the rows without a usable time are counted, and only those.
func TestColumns_backward(t *testing.T) {
	for _, tt := range []struct {
		seconds []int // -1 = no time
		want    int
	}{
		{[]int{0, 1, 2, 3}, 0},
		{[]int{0, 0, 1, 1}, 0},
		{[]int{-1, 0, 1}, 1},
		{[]int{0, -1, -1, 3}, 2},
		{[]int{5, 6, 2, 3, 4}, 1},
		{[]int{-1, -1}, 2},
	} {
		c := New(time.Second, 10, 1, 1)
		for _, s := range tt.seconds {
			at := start.Add(time.Duration(s) * time.Second)
			if s < 0 {
				at = time.Time{}
			}
			c.Push(at, []float64{1}, []float64{0})
		}
		if c.Backward() != tt.want {
			t.Errorf("%v: %d, want %d", tt.seconds, c.Backward(), tt.want)
		}
	}
}
