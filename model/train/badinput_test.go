package train

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestTrain_badInput holds that rows from which nothing can be learnt are refused with
// the reason, and that other bad rows give a warning. See docs/detect.md.
func TestTrain_badInput(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	set := func(ch int, f func(i int, x float64) float64) func([]float64) []float64 {
		return func(rows []float64) []float64 {
			for i := ch; i < len(rows); i += 4 {
				rows[i] = f(i/4, rows[i])
			}
			return rows
		}
	}
	every := func(f func(x float64) float64) func([]float64) []float64 {
		return func(rows []float64) []float64 {
			for i, x := range rows {
				rows[i] = f(x)
			}
			return rows
		}
	}
	for _, c := range []struct {
		name    string
		change  func([]float64) []float64
		refuse  string // part of the error
		warning string // part of a warning
	}{
		{"every channel constant", every(func(float64) float64 { return 7 }), "no channel ever changed in 600 rows", ""},
		{"a constant channel", set(3, func(int, float64) float64 { return 24 }), "", "pump.voltage never changed"},
		{"a channel far below its unit", set(3, func(_ int, x float64) float64 { return x * 1e-9 }), "", "pump.voltage varies by"},
		{"a counter", set(3, func(i int, x float64) float64 { return 1000 + float64((i*7+i*i%5)/3) }), "", "pump.voltage only ever rises, by 1398 in 600 rows, like a counter"},
		{"a counter that begins again", set(3, func(i int, x float64) float64 { return float64((i*7 + i*i%5) % 2000) }), "", "pump.voltage only ever rises, by "},
		{"a clock", set(3, func(i int, x float64) float64 { return 1.7e9 + float64(i) }), "", "pump.voltage advances evenly, like a clock"},
		{"one row", func(rows []float64) []float64 { return rows[:4] }, "1 row with values, want at least 100", ""},
		{"no row", func([]float64) []float64 { return nil }, "0 rows with values", ""},
		{"all missing", every(func(float64) float64 { return nan }), "0 rows with values", ""},
		{"a missing channel", set(1, func(int, float64) float64 { return nan }), "", "pump.flow had no value at all"},
		{"all infinite", every(func(float64) float64 { return inf }), "0 rows with values", ""},
		{"infinities here and there", set(0, func(i int, x float64) float64 {
			if i%40 == 0 {
				return -inf
			}
			return x
		}), "", ""},
		{"values beyond all bounds", set(2, func(i int, x float64) float64 {
			if i == 311 {
				return 1e200
			}
			return x
		}), "pump.temp is 1e+200 in row 312", ""},
		{"gaps", emptied(func(i int) bool { return i >= 200 && i < 260 }), "", "60 rows have no value in any channel"},
		{"gaps of a row", emptied(func(i int) bool { return i%20 == 0 }), "", "30 rows have no value in any channel"},
		{"gaps everywhere", emptied(func(i int) bool { return i%30 < 10 }), "longest run", ""},
		{"duplicated rows", func(rows []float64) []float64 {
			var out []float64
			for i := 0; i < len(rows); i += 4 {
				out = append(append(out, rows[i:i+4]...), rows[i:i+4]...)
			}
			return out
		}, "", ""},
		{"a tenfold jump of one channel", set(1, func(i int, x float64) float64 {
			if i >= 300 {
				return 10 * x
			}
			return x
		}), "", "pump.flow changed its level near row 300"},
		{"a tenfold jump at the end", set(1, func(i int, x float64) float64 {
			if i >= 560 {
				return 10 * x
			}
			return x
		}), "", "pump.flow ended where it had not been before"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, rows := plant(600, 1)
			rows = c.change(rows)
			m, r, err := Train(context.Background(), s, rows, Options{Seed: 1, Epochs: 3})
			if c.refuse != "" {
				if !errors.Is(err, ErrRows) || !strings.Contains(err.Error(), c.refuse) {
					t.Errorf("got %v, want %q", err, c.refuse)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range m.Parameters().Limits {
				if !(l > 0) || math.IsInf(float64(l), 0) {
					t.Errorf("limits %v", m.Parameters().Limits)
				}
			}
			if c.warning != "" && !slices.ContainsFunc(r.Warnings, func(w string) bool { return strings.Contains(w, c.warning) }) {
				t.Errorf("warnings %q, want %q", r.Warnings, c.warning)
			}
			if s.Period == time.Second && !slices.ContainsFunc(r.Warnings, func(w string) bool { return strings.Contains(w, "less than a shift") }) {
				t.Errorf("no warning of ten minutes: %q", r.Warnings)
			}
		})
	}
}

// emptied removes all values of the rows for which gone is true.
func emptied(gone func(i int) bool) func([]float64) []float64 {
	return func(rows []float64) []float64 {
		for i := range rows {
			if gone(i / 4) {
				rows[i] = math.NaN()
			}
		}
		return rows
	}
}
