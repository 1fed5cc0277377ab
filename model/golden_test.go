package model_test

import (
	"bufio"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"iot-edge-anomaly/model"
)

var update = flag.Bool("update", false, "write testdata/*.model and *.scores anew")

// goldenRows returns 400 rows with everything that a Scorer treats specially: a fault, an
// outlier beyond float32, a short and a long gap of one channel, and a gap of all.
func goldenRows() []float64 {
	rows := stream(400, 77)
	nan := math.NaN()
	for i := 120; i < 160; i++ {
		rows[3*i+1] -= 30
	}
	rows[3*180] = 1e200
	for i := 200; i < 203; i++ {
		rows[3*i+2] = nan
	}
	for i := 230; i < 280; i++ {
		rows[3*i+1] = nan
	}
	for i := 300; i < 310; i++ {
		rows[3*i], rows[3*i+1], rows[3*i+2] = nan, math.Inf(-1), nan
	}
	return rows
}

// lines scores the golden rows and returns the bits of score, terms, shares and expected
// values of each row.
func lines(m *model.Model) []string {
	s, rows := model.NewScorer(m), goldenRows()
	var out []string
	for i := 0; i < len(rows); i += 3 {
		v, ok := s.Push(rows[i : i+3])
		if !ok {
			out = append(out, fmt.Sprintf("%d -", i/3))
			continue
		}
		line := strconv.Itoa(i/3) + fmt.Sprintf(" %08x", math.Float32bits(v.Value))
		terms := s.Terms()
		for _, x := range terms {
			line += fmt.Sprintf(" %08x", math.Float32bits(x))
		}
		for j := range 3 {
			line += fmt.Sprintf(" %08x %016x", math.Float32bits(v.Shares[j]), math.Float64bits(v.Expected[j]))
		}
		out = append(out, line)
	}
	return out
}

// TestGolden holds that stored model files give the same bits on every CPU and with
// every version of the program. Their origin: learnt on amd64 by this package's tests
// from rows of stream with seed 1, golden from 400 rows, peers from 2,000. golden has
// missing margins of 0. `go test ./model -run TestGolden -update` writes new ones.
func TestGolden(t *testing.T) {
	testGolden(t, "golden", machine)
	testGolden(t, "peers", peersMachine)
}

func testGolden(t *testing.T, name string, learnt func(testing.TB) *model.Model) {
	t.Helper()
	file, list := filepath.Join("testdata", name+".model"), filepath.Join("testdata", name+".scores")
	if *update {
		if err := os.WriteFile(file, encoded(t, learnt(t)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	m, err := model.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	got := lines(m)
	if *update {
		text := ""
		for _, l := range got {
			text += l + "\n"
		}
		if err := os.WriteFile(list, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.Open(list)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n, scored := 0, 0
	for sc := bufio.NewScanner(f); sc.Scan(); n++ {
		if n >= len(got) || sc.Text() != got[n] {
			t.Fatalf("row %d: got %s, want %s", n, got[min(n, len(got)-1)], sc.Text())
		}
		if len(sc.Text()) > 20 {
			scored++
		}
	}
	if n != len(got) || scored < 250 {
		t.Errorf("%d lines, %d of them scores, want %d", n, scored, len(got))
	}
}
