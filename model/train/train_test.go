package train

import (
	"bytes"
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"time"

	"iot-edge-anomaly/model"
)

// plant returns n rows of a small machine: load drives current and flow, a
// temperature follows slowly, a voltage only has noise.
func plant(n int, seed uint64) (model.Schema, []float64) {
	rng := rand.New(rand.NewPCG(seed, 1))
	s := model.Schema{Period: time.Second, Channels: []model.Channel{
		{Name: "pump.current", Unit: "A"}, {Name: "pump.flow", Unit: "l/min"}, {Name: "pump.temp", Unit: "°C"}, {Name: "pump.voltage", Unit: "V"}}}
	rows := make([]float64, 0, n*4)
	load, temp := 0.0, 60.0
	for range n {
		load = 0.95*load + 0.3*rng.NormFloat64()
		temp += 0.02 * (60 + 2*load - temp)
		rows = append(rows, 3+0.4*load+0.05*rng.NormFloat64(), 120+9*load+rng.NormFloat64(),
			temp+0.1*rng.NormFloat64(), 230+2*rng.NormFloat64())
	}
	return s, rows
}

func learn(t *testing.T, s model.Schema, rows []float64, o Options) (*model.Model, Report) {
	t.Helper()
	m, r, err := Train(context.Background(), s, rows, o)
	if err != nil {
		t.Fatal(err)
	}
	return m, r
}

func TestTrain_sameBytesForAnyWorkers(t *testing.T) {
	for _, n := range []int{600, longRows} { // by the rules for few rows and for many
		sameBytes(t, n)
	}
}

func sameBytes(t *testing.T, n int) {
	t.Helper()
	s, rows := plant(n, 1)
	var want []byte
	for _, workers := range []int{1, 2, 4, 1} {
		m, _ := learn(t, s, rows, Options{Seed: 7, Workers: workers, Version: "v", Epochs: 3})
		got, err := m.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if want == nil {
			want = got
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%d rows, %d workers: another file than with 1", n, workers)
		}
	}
	m, _ := learn(t, s, rows, Options{Seed: 8, Epochs: 3, Version: "v"})
	if other, err := model.Decode(want); err != nil || other.SHA256() == m.SHA256() {
		t.Errorf("seed 8 gives the file of seed 7 (err %v)", err)
	}
}

func TestTrain_refuses(t *testing.T) {
	s, rows := plant(600, 1)
	nan := math.NaN()
	stopped := s
	stopped.RunWhen = &model.Condition{Channel: "pump.current", Above: 100, Below: nan}
	for _, c := range []struct {
		name string
		s    model.Schema
		rows []float64
		want string
	}{
		{"short", s, rows[:4*99], "99 rows with values, want at least 100"},
		{"ragged", s, rows[:4*200+1], "801 values for 4 channels"},
		{"no channel", model.Schema{}, rows, "2400 values for 0 channels"},
		{"never runs", stopped, rows, "0 of 600 rows run"},
		{"in pieces", s, pieces(rows), "in sequence"},
	} {
		_, _, err := Train(context.Background(), c.s, c.rows, Options{Epochs: 1})
		if !errors.Is(err, ErrRows) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want ErrRows with %q", c.name, err, c.want)
		}
	}
}

// A channel without any value in the learning rows is masked for good; the others are
// scored as if it were not there.
func TestTrain_deadChannel(t *testing.T) {
	s, rows := plant(2400, 3)
	for i := 1; i < len(rows); i += 4 {
		rows[i] = math.NaN()
	}
	m, report, err := Train(context.Background(), s, rows[:4*1600], Options{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(report.String(), s.Channels[1].Name+" had no value at all") {
		t.Errorf("no warning of the dead channel:\n%s", report.String())
	}
	if got := m.Parameters().Spread[1]; got != model.Unlearnt {
		t.Errorf("spread %v, want Unlearnt", got)
	}
	scorer := model.NewScorer(m)
	scored, above := 0, 0
	for i := 1600; i < 2400; i++ {
		row := append([]float64(nil), rows[4*i:4*i+4]...)
		row[1] = float64(i) * 1000 // it comes back with values that were never learnt
		v, ok := scorer.Push(row)
		if !ok {
			continue
		}
		scored++
		if v.Value > 1 {
			above++
		}
		if v.Shares[1] != 0 || !math.IsNaN(v.Expected[1]) {
			t.Fatalf("row %d: share %v, expected %v of a channel that was never learnt", i, v.Shares[1], v.Expected[1])
		}
	}
	if scored < 500 || above > scored/50 {
		t.Errorf("%d of %d rows above the threshold", above, scored)
	}
}

// pieces leaves runs of twelve rows, each followed by ten rows without values.
func pieces(rows []float64) []float64 {
	out := append([]float64(nil), rows...)
	for i := range out {
		if (i/4)%22 >= 12 {
			out[i] = math.NaN()
		}
	}
	return out
}

// cpu returns the CPU time of this process so far.
func cpu(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func TestTrain_stopsSoon(t *testing.T) {
	s, rows := plant(5000, 1)
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	start := cpu(t)
	_, _, err := Train(ctx, s, rows, Options{Epochs: 1000})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("err %v, want deadline exceeded", err)
	}
	if d := cpu(t) - start; d > 2*time.Second {
		t.Errorf("computed for %s, want to return soon after 50ms", d)
	}
}
