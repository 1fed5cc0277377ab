package model_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"iot-edge-anomaly/model"
	"iot-edge-anomaly/quant"
)

// scores pushes rows (n, 3) and returns everything that a Scorer tells about each. Before
// each row it calls ahead, and Reset if reset is true for it.
func scores(m *model.Model, rows []float64, reset func(i int) bool, ahead func(s *model.Scorer, i int)) []string {
	s := model.NewScorer(m)
	var out []string
	for i := 0; i < len(rows); i += 3 {
		if reset(i / 3) {
			s.Reset()
		}
		ahead(s, i/3)
		sc, ok := s.Push(rows[i : i+3])
		e, known := s.Residual()
		out = append(out, fmt.Sprint(ok, math.Float32bits(sc.Value), sc.Shares, sc.Expected, e, known, s.Terms(), s.Idle(), s.Blind()))
	}
	return out
}

// TestAhead holds that scores do not depend on calls of Ahead, whether the rows that were
// told come or not.
func TestAhead(t *testing.T) {
	before := quant.Kernel()
	t.Cleanup(func() {
		if err := quant.Use(before); err != nil {
			t.Error(err)
		}
	})
	for _, k := range quant.Kernels() {
		t.Run(k, func(t *testing.T) {
			if err := quant.Use(k); err != nil {
				t.Fatal(err)
			}
			testAhead(t, reload(t, machine(t)))
			testAhead(t, reload(t, peersMachine(t)))
		})
	}
}

// reload returns the model built for the kernel in use.
func reload(t *testing.T, m *model.Model) *model.Model {
	t.Helper()
	n, err := model.New(m.Parameters())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func testAhead(t *testing.T, m *model.Model) {
	const n = 1200
	rows := stream(n, 11)
	r := rand.New(rand.NewPCG(4, 2))
	for i := range rows { // cells, and whole stretches, are missing
		if r.IntN(20) == 0 || i/3%400 > 380 || i%3 == 1 && i/3%300 > 200 {
			rows[i] = []float64{math.NaN(), math.Inf(1), math.Inf(-1)}[r.IntN(3)]
		}
	}
	never := func(int) bool { return false }
	at := func(i int) []float64 { return rows[3*i : 3*i+3] }
	four := func(s *model.Scorer, i int) {
		if i+quant.Windows <= n {
			s.Ahead(at(i), at(i+1), at(i+2), at(i+3))
		}
	}
	none := func(*model.Scorer, int) {}
	for name, c := range map[string]struct {
		reset func(int) bool
		ahead func(*model.Scorer, int)
	}{
		"kept": {never, func(s *model.Scorer, i int) {
			if i%quant.Windows == 0 {
				four(s, i)
			}
		}},
		"before each row": {never, four},
		"resets between": {func(i int) bool { return i%97 == 50 || i%203 == 202 }, func(s *model.Scorer, i int) {
			if i%quant.Windows == 0 {
				four(s, i)
			}
		}},
		"other rows come": {never, func(s *model.Scorer, i int) {
			if j := r.IntN(n - 4); i%5 != 0 {
				s.Ahead(at(j), at(j+1), at(j+2), at(j+3))
			} else if i+4 < n { // right, then wrong
				s.Ahead(at(i), at(i+1), at(j), at(i+3))
			}
		}},
		"wrong, then right but refused": {never, func(s *model.Scorer, i int) {
			if j := r.IntN(n); i%quant.Windows == 0 {
				s.Ahead(at(i), at(j), at(j), at(j))
			} else {
				s.Ahead(at(j), at(i), at(i), at(j)[:2])
			}
		}},
		"too few, too many": {never, func(s *model.Scorer, i int) {
			s.Ahead()
			s.Ahead(at(i), at(i))
			s.Ahead(at(i), at(i), at(i), at(i)[:2])
			s.Ahead(at(i), at(i), at(i), at(i), at(i))
		}},
	} {
		want, got := scores(m, rows, c.reset, none), scores(m, rows, c.reset, c.ahead)
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("%s: row %d\ngot  %s\nwant %s", name, i, got[i], want[i])
			}
		}
		if scored := slices.ContainsFunc(want, func(s string) bool { return s[:4] == "true" }); !scored {
			t.Errorf("%s: no row was scored", name)
		}
	}
}

func TestAhead_allocs(t *testing.T) {
	s, rows := model.NewScorer(machine(t)), stream(512, 2)
	i := 0
	pass := func() {
		at := func(k int) []float64 { return rows[3*(i+k) : 3*(i+k)+3] }
		s.Ahead(at(0), at(1), at(2), at(3))
		for k := range quant.Windows {
			s.Push(at(k))
		}
		i = (i + quant.Windows) % 512
	}
	for range 100 {
		pass()
	}
	if a := testing.AllocsPerRun(200, pass); a != 0 {
		t.Errorf("%v allocations for four rows", a)
	}
}
