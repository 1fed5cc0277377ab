package derive

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
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
	nan := math.NaN()
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
		"pump.flow / (pump.pressure - 3)":                                 nan,
		"(pump.pressure - 3) / (pump.pressure - 3)":                       nan,
		"0 * pump.flow / (pump.pressure - 3)":                             nan,
		"min(0, pump.flow / (pump.pressure - 3))":                         nan,
		"1 / (pump.flow / (pump.pressure - 3))":                           nan,
		"1 / (1e308 * pump.flow)":                                         nan,
		"0 * (1e308 + 1e308 * pump.flow)":                                 nan,
		"mean(pump.flow / (pump.pressure - 3), 3)":                        nan,
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

func TestScaled(t *testing.T) {
	e, err := Parse("pump.flow + 1")
	if err != nil {
		t.Fatal(err)
	}
	f := e.Scaled(0.5, -2).Compile(func(string) int { return 0 })
	if got := f.Row([]float64{9}, true); got != 3 {
		t.Errorf("got %v, want 3", got)
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
	e, err := Parse("`m-1.a` + pump.flow * (pump.flow - b.c)")
	if err != nil {
		t.Fatal(err)
	}
	want := []Ref{{"m-1.a", 1}, {"pump.flow", 11}, {"b.c", 36}}
	if got := e.Refs(); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestParse_refuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                                 "character 1 of the expression: want a number or a channel, got the end",
		"1 + 2":                            "character 1 of the expression: it uses no channel: name a channel with its sensor, as in pump.flow",
		"pump.flow +":                      "character 12 of the expression: want a number or a channel, got the end",
		"pump.flow * (a.b":                 "character 17 of the expression: want ), got the end",
		"pump.flow)":                       "character 10 of the expression: want an operator, got )",
		"pump.flow ^ 2":                    "character 11 of the expression: want an operator, got ^: " + allowed,
		"pump.flow % 2":                    "character 11 of the expression: want an operator, got %",
		"pump.flow > 2":                    "want an operator, got >",
		"!pump.flow":                       "character 1 of the expression: want a number or a channel, got !",
		"pump.flow // 2":                   "character 12 of the expression: want a number or a channel, got /",
		"pump.flow /* x */":                "character 12 of the expression: want a number or a channel, got *",
		"pump.flow ** 2":                   "character 12 of the expression: want a number or a channel, got *",
		"pump.flow 2":                      "character 11 of the expression: want an operator, got 2",
		"pump.flow * 0,5":                  "character 14 of the expression: want an operator, got ,",
		"flow * 2":                         "character 1 of the expression: flow is neither a channel nor a number: a channel has its sensor's name and its own",
		"pump-a.flow":                      "character 1 of the expression: pump is neither a channel nor a number",
		"pump-1.flow":                      "character 1 of the expression: pump is neither a channel nor a number: " + named + "; " + quoted,
		"a.b - 1.flow":                     "character 7 of the expression: 1.flow is not a decimal number: write it like 12, 0.5 or 1e-3; " + quoted,
		"pump.flow.max":                    "character 1 of the expression: pump.flow.max is not the name of a channel: " + named,
		"pump. flow":                       "pump. is not the name of a channel",
		"sqrt(pump.flow)":                  "character 1 of the expression: there is no function sqrt",
		"abs(pump.flow, 2)":                "character 1 of the expression: abs has 2 arguments: write abs(a)",
		"abs()":                            "character 5 of the expression: want a number or a channel, got )",
		"min(pump.flow)":                   "min has 1 arguments: write min(a, b)",
		"min(a.b c.d)":                     "character 9 of the expression: want ), got c.d",
		"mean(pump.flow)":                  "mean has 1 arguments: write mean(a, 60)",
		"mean(pump.flow, 1)":               "character 17 of the expression: mean is over a number of rows: use a whole number from 2 to 3600, as in mean(a, 60)",
		"mean(pump.flow, 1e9)":             "mean is over a number of rows",
		"mean(pump.flow, 2.5)":             "mean is over a number of rows",
		"mean(pump.flow, a.n)":             "mean is over a number of rows",
		"pump.flow * 0x10":                 "character 13 of the expression: 0x10 is not a decimal number",
		"pump.flow * 010":                  "010 is not a decimal number",
		"pump.flow * 1i":                   "1i is not a decimal number",
		"pump.flow * 1e999":                "1e999 is not a decimal number",
		"pump.flow * 1_000":                "1_000 is not a decimal number",
		"pump.flow * 'a'":                  "want a number or a channel, got '",
		`"pump.flow" * 2`:                  `want a number or a channel, got "`,
		"`flow` * 2":                       "flow is not the name of a channel",
		"a.2nd * 2":                        "character 1 of the expression: a.2nd has a digit behind the dot: write `a.2nd`",
		"a.b + `ä.b`":                      "character 7 of the expression: ä.b is not the name of a channel",
		"`pump.flow":                       "character 1 of the expression: the second ` of a name is missing",
		"pump.flow[0]":                     "character 10 of the expression: want an operator, got [",
		"pump.flow; pump.flow":             "want an operator, got ;",
		"°C * pump.flow":                   "character 1 of the expression: want a number or a channel, got °",
		"`b.b` · 2":                        "character 7 of the expression: want an operator, got ·",
		strings.Repeat("a.b+", 40) + "a.b": "more than 64 numbers, channels, operators and functions: split it into several channels",
		strings.Repeat("-", 70) + "a.b":    "more than 64 numbers",
		strings.Repeat("a.b+", 300):        "1200 bytes, want at most 1000",
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

// goValue computes an expression as Go's own parser understands it, and tells
// whether it is one of this package's. What is not finite is NaN.
func goValue(e ast.Expr, row map[string]float64) (float64, bool) {
	x, ok := goNode(e, row)
	if math.IsInf(x, 0) {
		x = math.NaN()
	}
	return x, ok
}

func goNode(e ast.Expr, row map[string]float64) (float64, bool) {
	switch e := e.(type) {
	case *ast.ParenExpr:
		return goValue(e.X, row)
	case *ast.BasicLit:
		if e.Kind == token.STRING && e.Value[0] == '`' {
			x, has := row[strings.Trim(e.Value, "`")]
			return x, has
		}
		x, err := strconv.ParseFloat(e.Value, 64)
		octal := len(e.Value) > 1 && e.Value[0] == '0' && isDigit(e.Value[1])
		return x, err == nil && !octal && strings.Trim(e.Value, "0123456789.eE+-") == ""
	case *ast.SelectorExpr:
		if sensor, is := e.X.(*ast.Ident); is {
			x, has := row[sensor.Name+"."+e.Sel.Name]
			return x, has
		}
	case *ast.UnaryExpr:
		x, ok := goValue(e.X, row)
		return map[token.Token]float64{token.ADD: x, token.SUB: -x}[e.Op], ok && (e.Op == token.ADD || e.Op == token.SUB)
	case *ast.BinaryExpr:
		a, ok := goValue(e.X, row)
		b, okToo := goValue(e.Y, row)
		x, has := map[token.Token]float64{token.ADD: a + b, token.SUB: a - b, token.MUL: a * b, token.QUO: a / b}[e.Op]
		return x, ok && okToo && has
	case *ast.CallExpr:
		return goCall(e, row)
	}
	return 0, false
}

func goCall(e *ast.CallExpr, row map[string]float64) (float64, bool) {
	name, is := e.Fun.(*ast.Ident)
	var args []float64
	for _, a := range e.Args {
		x, ok := goValue(a, row)
		args, is = append(args, x), is && ok
	}
	switch n := len(args); {
	case !is || n == 0 || e.Ellipsis.IsValid():
	case name.Name == "min" && n > 1:
		return slices.Min(args), true // NaN where one of them is
	case name.Name == "max" && n > 1:
		return slices.Max(args), true
	case name.Name == "abs" && n == 1:
		return math.Abs(args[0]), true
	case name.Name == "mean" && n == 2:
		return args[0], true // of the first row
	}
	return 0, false
}

// FuzzParse holds that whatever is read can be computed, that Go's parser
// understands it in the same way, and that the result is NaN where an input is.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"pump.flow * pump.pressure / drive.power", "mean(min(`a-1.b`, 2), 60) - abs(-c.d)", "1", "a.b[0]", "func(){}", "max(a.b,\nc.d)", "a.b // c", "((((a.b",
		"2 - -a.b / .5e-1 * (a.b - 3 - 1)", "mean(a.b, (3))", "a.b+\t1."} {
		f.Add(s, 1.5)
	}
	f.Fuzz(func(t *testing.T, text string, x float64) {
		e, err := Parse(text)
		if err != nil {
			var fault *Error
			if !errors.As(err, &fault) || fault.At < 1 || fault.At > utf8.RuneCountInString(text)+1 || fault.Message == "" {
				t.Fatalf("%q: %#v", text, err)
			}
			return
		}
		refs := e.Refs()
		if len(refs) == 0 || len(refs) > MaxNodes {
			t.Fatalf("%q: %d channels", text, len(refs))
		}
		if math.IsInf(x, 0) {
			return // a driver gives none as good
		}
		formula := e.Compile(func(channel string) int {
			return slices.IndexFunc(refs, func(r Ref) bool { return r.Channel == channel })
		})
		row, named := make([]float64, len(refs)), map[string]float64{}
		for i := range row {
			row[i] = x + float64(i)
			named[refs[i].Channel] = row[i]
		}
		got := formula.Row(row, true)
		goText := strings.NewReplacer("\n", " ", "\r", " ").Replace(text)
		for _, sign := range []string{"+", "-"} { // two of them are an operator of Go
			for strings.Contains(goText, sign+sign) {
				goText = strings.ReplaceAll(goText, sign+sign, sign+" "+sign)
			}
		}
		tree, err := parser.ParseExpr(goText)
		if err != nil {
			t.Fatalf("%q is read, and Go says %v", text, err)
		}
		if want, ok := goValue(tree, named); !ok || got != want && !(math.IsNaN(got) && math.IsNaN(want)) {
			t.Fatalf("%q is %v, Go says %v, %v", text, got, want, ok)
		}
		for i := range row {
			was := row[i]
			row[i] = math.NaN()
			if got := formula.Row(row, true); !math.IsNaN(got) {
				t.Fatalf("%q with %s missing: %v", text, refs[i].Channel, got)
			}
			row[i] = was
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
