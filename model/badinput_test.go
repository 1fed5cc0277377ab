package model_test

import (
	"math"
	"testing"

	"iot-edge-anomaly/model"
)

// TestScorer_badInput holds that for any rows a score is a finite number of at least 0,
// shares sum to 1 or are all 0, and rows with too few values get no score. See
// docs/detect.md.
func TestScorer_badInput(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	all := func(x float64) func(int, []float64) {
		return func(_ int, row []float64) { row[0], row[1], row[2] = x, x, x }
	}
	var hung []float64
	for _, c := range []struct {
		name   string
		change func(i int, row []float64) // rows from 200 on
		scored [2]int                     // of 300 rows from 200 on, at least and at most
		above  bool                       // the newest score is above 1
		blind  bool
	}{
		{"healthy", func(int, []float64) {}, [2]int{300, 300}, false, false},
		{"every channel constant", func(i int, row []float64) {
			if i == 200 {
				hung = append(hung[:0], row...)
			}
			copy(row, hung)
		}, [2]int{300, 300}, true, false},
		{"all missing", all(nan), [2]int{0, 10}, false, true},
		{"all infinite", all(inf), [2]int{0, 10}, false, true},
		{"infinities here and there", func(i int, row []float64) {
			if i%7 == 0 {
				row[i%3] = -inf
			}
		}, [2]int{300, 300}, false, false},
		{"one channel missing", func(_ int, row []float64) { row[2] = nan }, [2]int{300, 300}, false, false},
		{"gap of all", func(i int, row []float64) {
			if i >= 300 && i < 350 {
				row[0], row[1], row[2] = nan, nan, nan
			}
		}, [2]int{200, 250}, false, false},
		{"tenfold jump", func(_ int, row []float64) { row[0], row[1], row[2] = 10*row[0], 10*row[1], 10*row[2] }, [2]int{300, 300}, true, false},
		{"tenfold jump of one channel", func(_ int, row []float64) { row[1] *= 10 }, [2]int{300, 300}, true, false},
		{"beyond all bounds", all(math.MaxFloat64), [2]int{300, 300}, true, false},
		{"tiny", all(math.SmallestNonzeroFloat64), [2]int{300, 300}, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, rows := model.NewScorer(machine(t)), stream(500, 9)
			scored := 0
			var last model.Score
			for i := range 500 {
				row := rows[3*i : 3*i+3]
				if i >= 200 {
					c.change(i, row)
				}
				v, ok := s.Push(row)
				if !ok {
					continue
				}
				last = v
				if i >= 200 {
					scored++
				}
				if x := float64(v.Value); !(x >= 0) || math.IsInf(x, 0) {
					t.Fatalf("row %d: score %v", i, x)
				}
				var sum float32
				for k, share := range v.Shares {
					sum += share
					if !(share >= 0 && share <= 1) || math.IsInf(v.Values[k], 0) || math.IsInf(v.Expected[k], 0) {
						t.Fatalf("row %d: shares %v, values %v, expected %v", i, v.Shares, v.Values, v.Expected)
					}
				}
				if sum != 0 && math.Abs(float64(sum)-1) > 1e-4 {
					t.Fatalf("row %d: shares sum to %v", i, sum)
				}
			}
			if scored < c.scored[0] || scored > c.scored[1] || s.Blind() != c.blind || (last.Value > 1) != c.above && scored > 10 {
				t.Errorf("%d rows scored, blind %v, newest score %v", scored, s.Blind(), last.Value)
			}
		})
	}
}
