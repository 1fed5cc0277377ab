package train

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"iot-edge-anomaly/model"
)

// MinRows is the smallest number of running rows that is learnt at all.
const MinRows = 100

// ErrRows marks rows that nothing can be learnt from.
var ErrRows = errors.New("rows cannot be learnt")

// table is the learning set: the caller's rows, and which of them run.
type table struct {
	schema model.Schema
	c, n   int
	rows   []float64 // (n, c) the caller's, never written
	run    []bool    // (n)
	used   int       // rows that run and hold at least one value
	dead   []int     // channels without any value in a running row; 0 stands in rows for them
}

func newTable(s model.Schema, rows []float64) (*table, error) {
	c := len(s.Channels)
	if c == 0 || len(rows)%c != 0 {
		return nil, fmt.Errorf("%d values for %d channels: %w", len(rows), c, ErrRows)
	}
	t := &table{schema: s, c: c, n: len(rows) / c, rows: rows}
	t.run = make([]bool, t.n)
	gate := model.NewGate(s)
	for i := range t.run {
		row := t.row(i)
		t.run[i] = gate.Running(row)
		if t.run[i] && slices.ContainsFunc(row, finite) {
			t.used++
		}
	}
	if t.used < MinRows {
		if s.RunWhen != nil && t.n >= MinRows {
			return nil, fmt.Errorf("%d of %d rows run, want at least %d: %w", t.used, t.n, MinRows, ErrRows)
		}
		return nil, fmt.Errorf("%s with values, want at least %d: %w", countRows(t.used), MinRows, ErrRows)
	}
	for j := range c {
		if t.count(j) == 0 {
			t.dead = append(t.dead, j)
		}
	}
	if err := t.learnable(); err != nil {
		return nil, err
	}
	t.fillDead()
	return t, nil
}

// valueMost bounds what can be learnt from: the square of a larger value is no
// number any more.
const valueMost = 1e100

// learnable tells whether anything can be learnt: values are not beyond all bounds,
// and at least one channel moves. Where none does, the machine was off or its
// sensors hang, and whatever it does later would be called an anomaly.
func (t *table) learnable() error {
	moved := false
	for j := range t.c {
		first := math.NaN()
		for i := range t.run {
			x := t.rows[i*t.c+j]
			if !t.run[i] || !finite(x) {
				continue
			}
			if math.Abs(x) > valueMost {
				return fmt.Errorf("%s is %g in row %d, beyond %g: give it a range or a scale: %w", t.schema.Channels[j].Name, x, i+1, valueMost, ErrRows)
			}
			if math.IsNaN(first) {
				first = x
			}
			moved = moved || x != first
		}
	}
	if !moved {
		return fmt.Errorf("no channel ever moved in %d rows: the machine was off, or its sensors hang: %w", t.used, ErrRows)
	}
	return nil
}

// fillDead makes the channels that never had a value constant: a sensor that is
// broken while the machine is learnt must not keep the others from being
// watched. The model masks them (model.Unlearnt).
func (t *table) fillDead() {
	if len(t.dead) == 0 {
		return
	}
	t.rows = slices.Clone(t.rows)
	for i := range t.n {
		if !slices.ContainsFunc(t.row(i), finite) {
			continue // a gap stays a gap
		}
		for _, j := range t.dead {
			t.rows[i*t.c+j] = 0
		}
	}
}

func (t *table) row(i int) []float64 { return t.rows[i*t.c : (i+1)*t.c] }

// count returns how many running rows hold a value of channel j.
func (t *table) count(j int) int {
	n := 0
	for i := range t.run {
		if t.run[i] && finite(t.rows[i*t.c+j]) {
			n++
		}
	}
	return n
}

// column returns the values of channel j in the running rows, missing ones left
// out.
func (t *table) column(j int) []float64 {
	v := make([]float64, 0, t.used)
	for i := range t.run {
		if x := t.rows[i*t.c+j]; t.run[i] && finite(x) {
			v = append(v, x)
		}
	}
	return v
}

// scaled returns (1): z of every cell, with missing cells repeated for fill rows
// and NaN from then on, and NaN in rows that do not run.
func (t *table) scaled(center, spread []float64, fill int) []float32 {
	z := make([]float32, len(t.rows))
	nan := float32(math.NaN())
	for j := range t.c {
		last, age := nan, math.MaxInt32
		for i := range t.n {
			k := i*t.c + j
			switch x := t.rows[k]; {
			case !t.run[i]:
				last, age = nan, math.MaxInt32
			case finite(x):
				last, age = float32(min(max((x-center[j])/spread[j], -1e6), 1e6)), 0
			case age < math.MaxInt32:
				age++
			}
			if z[k] = last; age > fill {
				z[k] = nan
			}
		}
	}
	return z
}

// starts returns the first rows of windows of w running rows, at most limit of
// them, evenly taken. A window needs a value in at least half of its cells.
func (t *table) starts(z []float32, w, limit int) []int {
	var all []int
	streak, good := 0, 0
	cells := func(i int) int {
		n := 0
		for _, v := range z[i*t.c : (i+1)*t.c] {
			if v == v {
				n++
			}
		}
		return n
	}
	for i := range t.n {
		if !t.run[i] {
			streak, good = 0, 0
			continue
		}
		streak++
		good += cells(i)
		if streak > w {
			good -= cells(i - w)
		}
		if streak >= w && 2*good >= w*t.c {
			all = append(all, i-w+1)
		}
	}
	return thin(all, limit)
}

// thin returns at most limit of all, evenly taken.
func thin(all []int, limit int) []int {
	if len(all) <= limit {
		return all
	}
	some := make([]int, limit)
	for i := range some {
		some[i] = all[i*len(all)/limit]
	}
	return some
}

// settle returns the rows after a start that do not count.
func (t *table) settle() int {
	if r := t.schema.RunWhen; r != nil && t.schema.Period > 0 {
		return int(min((r.Settle+t.schema.Period-1)/t.schema.Period, time.Duration(t.n)))
	}
	return 0
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// quantile returns the q quantile of sorted v, linear between ranks.
func quantile[T float32 | float64](v []T, q float64) T {
	at := q * float64(len(v)-1)
	i := min(int(at), len(v)-1)
	j := min(i+1, len(v)-1)
	return v[i] + T(at-float64(i))*(v[j]-v[i])
}

// spreadOf returns mean and standard deviation.
func spreadOf(v []float64) (mean, sd float64) {
	if len(v) == 0 {
		return 0, 0
	}
	for _, x := range v {
		mean += x
	}
	mean /= float64(len(v))
	for _, x := range v {
		sd += (x - mean) * (x - mean)
	}
	return mean, math.Sqrt(sd / float64(len(v)))
}
