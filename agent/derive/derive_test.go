package derive

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// columns are the channels of the rows in these tests.
var columns = []string{"pump.flow", "pump.pressure", "drive.power", "pump-1.flow", "tank.2nd"}

func compile(t testing.TB, text string) *Formula {
	t.Helper()
	e, err := Parse(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return e.Compile(func(channel string) int {
		i := slices.Index(columns, channel)
		if i < 0 {
			t.Fatalf("%s: asks for channel %q", text, channel)
		}
		return i
	})
}

func TestRow(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	row := []float64{12, 3, 4, 7, -5}
	for text, want := range map[string]float64{
		"pump.flow": 12,
		"pump.flow * pump.pressure / drive.power":                         9,
		"pump.flow - pump.pressure - drive.power":                         5,
		"pump.flow - (pump.pressure - drive.power)":                       13,
		"pump.flow + pump.pressure * drive.power":                         24,
		"(pump.flow + pump.pressure) * drive.power":                       60,
		"-pump.flow + +1.5":                                               -10.5,
		"2 * -pump.pressure":                                              -6,
		"`pump-1.flow` - `tank.2nd`":                                      12,
		"min(pump.flow, 5, drive.power)":                                  4,
		"max(pump.flow,\n  drive.power)":                                  12,
		"abs(`tank.2nd`)":                                                 5,
		"mean(pump.flow, 60)":                                             12,
		"1e-3 * pump.flow":                                                0.012,
		".5*pump.flow":                                                    6,
		"pump.flow / (pump.pressure - 3)":                                 inf,
		"(pump.pressure - 3) / (pump.pressure - 3)":                       nan,
		"0 * pump.flow / (pump.pressure - 3)":                             nan,
		"min(0, pump.flow / (pump.pressure - 3))":                         0,
		"mean(pump.flow / (pump.pressure - 3), 3)":                        inf,
		"((((pump.flow))))":                                               12,
		strings.Repeat("pump.flow+", 31) + "pump.flow":                    12 * 32,
		strings.Repeat("(", 400) + "pump.flow" + strings.Repeat(")", 400): 12,
	} {
		f := compile(t, text)
		if got := f.Row(row, true); got != want && !(math.IsNaN(got) && math.IsNaN(want)) {
			t.Errorf("%s = %v, want %v", text, got, want)
		}
	}
}

// Whatever an expression is, a missing input makes the result missing.
func TestRow_missing(t *testing.T) {
	for _, text := range []string{"pump.flow+1", "pump.flow*0", "0/pump.flow", "min(1, pump.flow)", "max(pump.flow, 1)", "abs(pump.flow)", "mean(pump.flow, 5)", "-pump.flow", "mean(pump.pressure, 5) - pump.flow"} {
		f := compile(t, text)
		for range 7 {
			f.Row([]float64{1, 1, 1, 1, 1}, true)
		}
		if got := f.Row([]float64{math.NaN(), 1, 1, 1, 1}, true); !math.IsNaN(got) {
			t.Errorf("%s of a missing value is %v", text, got)
		}
		if got := f.Row([]float64{1, 1, 1, 1, 1}, true); math.IsNaN(got) {
			t.Errorf("%s stays missing after one missing value", text)
		}
	}
}

// TestMean holds the mean against a plain one, with gaps and values that must not
// be kept, over many rounds of its ring.
func TestMean(t *testing.T) {
	const n = 7
	f := compile(t, fmt.Sprintf("mean(pump.flow, %d)", n))
	rng := rand.New(rand.NewPCG(1, 2))
	var kept []float64 // of the rows so far, NaN = not kept
	for i := range 10_000 {
		x, keep := 1e6+rng.Float64(), rng.IntN(10) > 0
		if rng.IntN(10) == 0 {
			x = math.NaN()
		}
		got := f.Row([]float64{x}, keep)
		if kept = append(kept, x); !keep {
			kept[i] = math.NaN()
		}
		sum, count := 0.0, 0
		for _, v := range kept[max(0, i-n+1):] {
			if !math.IsNaN(v) {
				sum, count = sum+v, count+1
			}
		}
		if !keep {
			sum, count = sum+x, count+1
		}
		if want := sum / float64(count); math.IsNaN(x) != math.IsNaN(got) || !math.IsNaN(x) && math.Abs(got-want) > 1e-6 {
			t.Fatalf("row %d: got %v, want %v", i, got, want)
		}
	}
}

// A mean forgets a value that was too large to be added up.
func TestMean_overflow(t *testing.T) {
	f := compile(t, "mean(pump.flow, 4)")
	for _, x := range []float64{math.MaxFloat64, math.MaxFloat64, math.Inf(1)} {
		f.Row([]float64{x}, true)
	}
	got := 0.0
	for range 9 {
		got = f.Row([]float64{5}, true)
	}
	if got != 5 {
		t.Errorf("got %v, want 5", got)
	}
}

func TestParse_refs(t *testing.T) {
	e, err := Parse("`µ-1.a` + pump.flow * (pump.flow - b.c)")
	if err != nil {
		t.Fatal(err)
	}
	want := []Ref{{"µ-1.a", 1}, {"pump.flow", 11}, {"b.c", 36}}
	if got := e.Refs(); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestParse_refuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                                      "character 1 of the expression: expected operand",
		"1 + 2":                                 "character 1 of the expression: it uses no channel",
		"pump.flow +":                           "character 12 of the expression: expected operand",
		"pump.flow * (a.b":                      "character 17 of the expression: expected ')'",
		"pump.flow ^ 2":                         "character 11 of the expression: ^ is not an operator",
		"pump.flow % 2":                         "character 11 of the expression: % is not an operator",
		"pump.flow > 2":                         "character 11 of the expression: > is not an operator",
		"!pump.flow":                            "character 1 of the expression: ! is not an operator",
		"pump.flow // 2":                        "character 11 of the expression: // is not an operator",
		"pump.flow /* x */":                     "character 11 of the expression: /* is not an operator",
		"flow * 2":                              "character 1 of the expression: flow is neither a channel nor a number: a channel has its sensor's name before it",
		"pump-a.flow":                           "character 1 of the expression: pump is neither a channel nor a number",
		"pump-1.flow":                           "expected the end, found flow: an expression has numbers, channels, + - * /, parentheses, min, max, abs and mean; a name with a hyphen or a digit in front stands in backticks",
		"pump.flow.max":                         "character 1 of the expression: not the name of a channel",
		"sqrt(pump.flow)":                       "character 1 of the expression: there is no function sqrt",
		"abs(pump.flow, 2)":                     "character 1 of the expression: abs has 2 arguments: write abs(a)",
		"min(pump.flow)":                        "min has 1 arguments",
		"mean(pump.flow)":                       "mean has 1 arguments: write mean(a, 60)",
		"mean(pump.flow, 1)":                    "character 17 of the expression: mean over 1 rows: use 2 to 3600",
		"mean(pump.flow, 99999999999999999999)": "use 2 to 3600",
		"mean(pump.flow, 2.5)":                  "the rows of mean are a whole number",
		"mean(pump.flow, a.n)":                  "the rows of mean are a whole number",
		"pump.flow * 0x10":                      "character 13 of the expression: 0x10 is not a decimal number",
		"pump.flow * 010":                       "010 is not a decimal number",
		"pump.flow * 1i":                        "1i is not a decimal number",
		"pump.flow * 1e999":                     "1e999 is not a decimal number",
		"pump.flow * 'a'":                       "'a' is not a decimal number",
		`"pump.flow" * 2`:                       `"pump.flow" is not a decimal number`,
		"`flow` * 2":                            `"flow" is not the name of a channel`,
		"pump.flow[0]":                          "not allowed",
		"func() {}":                             "not allowed",
		"pump.flow.(int)":                       "not allowed",
		"min(pump.flow...)":                     "... is not allowed",
		"pump.min(1, 2)":                        "not a function",
		"pump.flow; pump.flow":                  "expected",
		"°C * pump.flow":                        "character 1",
		"pump.flow · 2":                         "character 11",
		strings.Repeat("a.b+", 40) + "a.b":      "more than 64 numbers, channels and operators",
		"--pump.flow":                           "character 1",
		strings.Repeat("a.b+", 300):             "1200 bytes, want at most 1000",
	} {
		_, err := Parse(text)
		var fault *Error
		if !errors.As(err, &fault) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

func TestRow_allocs(t *testing.T) {
	f := compile(t, "mean(pump.flow * pump.pressure, 60) / max(drive.power, 1, abs(pump.flow))")
	row := []float64{1, 2, 3, 4, 5}
	if n := testing.AllocsPerRun(100, func() { f.Row(row, true) }); n != 0 {
		t.Errorf("%v allocations a row", n)
	}
}

// FuzzParse holds that whatever is read can be computed, uses only channels that
// it names, and gives NaN where one of them is missing.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"pump.flow * pump.pressure / drive.power", "mean(min(`a-1.b`, 2), 60) - abs(-c.d)", "1", "a.b[0]", "func(){}", "max(a.b,\nc.d)", "a.b // c", "((((a.b"} {
		f.Add(s, 1.5)
	}
	f.Fuzz(func(t *testing.T, text string, x float64) {
		e, err := Parse(text)
		if err != nil {
			var fault *Error
			if !errors.As(err, &fault) || fault.At < 1 || fault.At > len(text)+2 || fault.Message == "" {
				t.Fatalf("%q: %#v", text, err)
			}
			return
		}
		refs := e.Refs()
		if len(refs) == 0 || len(refs) > MaxNodes {
			t.Fatalf("%q: %d channels", text, len(refs))
		}
		formula := e.Compile(func(channel string) int {
			return slices.IndexFunc(refs, func(r Ref) bool { return r.Channel == channel })
		})
		row := make([]float64, len(refs))
		for i := range row {
			row[i] = x
		}
		formula.Row(row, true)
		for i := range row {
			row[i] = math.NaN()
			if got := formula.Row(row, true); !math.IsNaN(got) {
				t.Fatalf("%q with %s missing: %v", text, refs[i].Channel, got)
			}
			row[i] = x
		}
	})
}

func BenchmarkRow(b *testing.B) {
	row := []float64{12, 3, 4, 7, -5}
	for name, text := range map[string]string{
		"efficiency": "pump.flow * pump.pressure / drive.power",
		"mean":       "mean(pump.flow, 60)",
		"64nodes":    strings.Repeat("pump.flow+", 31) + "abs(pump.flow)",
	} {
		f := compile(b, text)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f.Row(row, true)
			}
		})
	}
}
