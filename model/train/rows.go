package train

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"iot-edge-anomaly/model"
)

// MinRows is the smallest number of running rows that Train accepts.
const MinRows = 100

// ErrRows marks rows from which nothing can be learnt.
var ErrRows = errors.New("rows cannot be learnt")

// trainingSet holds the caller's rows and which of them run.
type trainingSet struct {
	schema model.Schema
	c, n   int
	rows   []float64 // (n, c) the caller's, never written
	run    []bool    // (n)
	used   int       // rows that run and have at least one value
	dead   []int     // channels without any value in a running row; rows has 0 for them
}

func newTrainingSet(s model.Schema, rows []float64) (*trainingSet, error) {
	c := len(s.Channels)
	if c == 0 || len(rows)%c != 0 {
		return nil, fmt.Errorf("%d values for %d channels: %w", len(rows), c, ErrRows)
	}
	t := &trainingSet{schema: s, c: c, n: len(rows) / c, rows: rows}
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

// valueMost bounds the values: the squares of larger ones overflow.
const valueMost = 1e100

// learnable checks that no value is out of bounds and that at least one channel
// changes. If none does, the machine was off or its sensors hang, and a model would
// report everything it does later as an anomaly.
func (t *trainingSet) learnable() error {
	changes := false
	for j := range t.c {
		first := math.NaN()
		for i := range t.run {
			x := t.rows[i*t.c+j]
			if !t.run[i] || !finite(x) {
				continue
			}
			if math.Abs(x) > valueMost {
				return fmt.Errorf("%s is %g in row %d, beyond %g: configure a range or a scale: %w", t.schema.Channels[j].Name, x, i+1, valueMost, ErrRows)
			}
			if math.IsNaN(first) {
				first = x
			}
			changes = changes || x != first
		}
	}
	if !changes {
		return fmt.Errorf("no channel ever changed in %d rows: the machine was off, or its sensors hang: %w", t.used, ErrRows)
	}
	return nil
}

// fillDead makes the channels that never had a value constant, so that a sensor that
// is broken during learning does not prevent learning the others. The model masks
// these channels (model.Unlearnt).
func (t *trainingSet) fillDead() {
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

func (t *trainingSet) row(i int) []float64 { return t.rows[i*t.c : (i+1)*t.c] }

// count returns how many running rows have a value of channel j.
func (t *trainingSet) count(j int) int {
	n := 0
	for i := range t.run {
		if t.run[i] && finite(t.rows[i*t.c+j]) {
			n++
		}
	}
	return n
}

// column returns the values of channel j in the running rows, without the missing
// ones.
func (t *trainingSet) column(j int) []float64 {
	v := make([]float64, 0, t.used)
	for i := range t.run {
		if x := t.rows[i*t.c+j]; t.run[i] && finite(x) {
			v = append(v, x)
		}
	}
	return v
}

// still tells whether channel j had one value in all running rows.
func (t *trainingSet) still(j int) bool {
	v := t.column(j)
	return len(v) > 0 && slices.Min(v) == slices.Max(v)
}

// scaled returns z of (1), (n, c). A missing cell repeats the last value for fill
// rows and is NaN from then on. Rows that do not run are NaN.
func (t *trainingSet) scaled(center, spread []float64, fill int) []float32 {
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

// starts returns the first rows of windows of w running rows, evenly thinned to at
// most limit. A window must have a value in at least half of its cells.
func (t *trainingSet) starts(z []float32, w, limit int) []int {
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

// thin returns at most limit elements of all at even distances.
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

// settle returns the number of rows after a start that are left out.
func (t *trainingSet) settle() int {
	if r := t.schema.RunWhen; r != nil && t.schema.Period > 0 {
		return int(min((r.Settle+t.schema.Period-1)/t.schema.Period, time.Duration(t.n)))
	}
	return 0
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// quantile returns the q quantile of sorted v, interpolated linearly between ranks.
func quantile[T float32 | float64](v []T, q float64) T {
	at := q * float64(len(v)-1)
	i := min(int(at), len(v)-1)
	j := min(i+1, len(v)-1)
	return v[i] + T(at-float64(i))*(v[j]-v[i])
}

// spreadOf returns the mean and standard deviation of v.
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
