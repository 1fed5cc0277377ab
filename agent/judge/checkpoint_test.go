package judge

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"iot-edge-anomaly/agent/detect"
	"iot-edge-anomaly/model"
	"iot-edge-anomaly/model/train"
	"iot-edge-anomaly/quant"
)

// failing is what tests and properties share.
type failing interface {
	Helper()
	Fatal(...any)
}

func golden(t failing) *model.Model {
	t.Helper()
	m, err := model.Load(filepath.Join("..", "..", "model", "testdata", "golden.model"))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// using is a Judge with a model.
func using(t failing, m *model.Model, o Options) *Judge {
	t.Helper()
	j, err := New(o)
	if err == nil {
		err = j.Use(m)
	}
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// restarted is j after its state went through bytes.
func restarted(t failing, j *Judge) *Judge {
	t.Helper()
	next := using(t, j.scoring.model, j.o)
	if err := next.Restore(j.Save(nil), time.Time{}); err != nil {
		t.Fatal(err)
	}
	return next
}

// exact writes a verdict with every bit that a caller can see.
func exact(v Verdict) string {
	bits := func(v []float32) (b []uint32) {
		for _, x := range v {
			b = append(b, math.Float32bits(x))
		}
		return b
	}
	bits64 := func(v []float64) (b []uint64) {
		for _, x := range v {
			b = append(b, math.Float64bits(x))
		}
		return b
	}
	s := fmt.Sprintf("%v %x %x %x %x %x %q %q %v %x", v.Scored, math.Float32bits(v.Score.Value), bits(v.Score.Shares), bits(v.Score.Terms[:]), bits64(v.Score.Expected), math.Float32bits(v.Seen),
		v.State, v.Note, v.Looked, math.Float64bits(v.Percent))
	for _, ev := range v.Events {
		s += fmt.Sprintf("\n%+v", ev)
	}
	return s
}

// scratch are fields that the next row computes anew before anything reads them.
var scratch = map[string]bool{
	"Scorer.meanR": true, "Scorer.meanL": true, "Scorer.fresh": true, "Scorer.pulled": true, "Scorer.lastAhead": true, "Scorer.ageAhead": true,
	"Scorer.z": true, "PeerState.feature": true, "PeerState.distance": true, "PeerState.part": true, "PeerState.usual": true, "int8Net.foreseen": true, "int8Net.answers": true, "int8Net.left": true, "int8Net.hit": true,
	"Drift.counts": true, "Drift.below": true, "Drift.sorted": true, "Detector.again": true,
	"Judge.events": true, "Judge.add": true, "Judge.emit": true, "Judge.told": true, "Judge.o": true,
}

// dump writes every field of a value, whatever package it is of, so that what a
// checkpoint forgets is seen whether it matters in a test's rows or not. Networks are
// not part of the state.
func dump(b *strings.Builder, path string, v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() || strings.HasSuffix(v.Type().String(), "quant.Network") || v.Type() == reflect.TypeFor[*model.Model]() {
			fmt.Fprintf(b, "%s %v\n", path, v.IsNil())
			return
		}
		dump(b, path, v.Elem())
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			fmt.Fprintf(b, "%s %v\n", path, v)
			return
		}
		if v.Type() == reflect.TypeFor[model.Parameters]() {
			return
		}
		for i := range v.NumField() {
			if name := v.Type().Name() + "." + v.Type().Field(i).Name; !scratch[name] {
				dump(b, path+"/"+name, v.Field(i))
			}
		}
	case reflect.Slice, reflect.Array:
		fmt.Fprintf(b, "%s has %d\n", path, v.Len())
		for i := range v.Len() {
			dump(b, fmt.Sprint(path, "[", i, "]"), v.Index(i))
		}
	case reflect.Float32, reflect.Float64:
		fmt.Fprintf(b, "%s %x\n", path, math.Float64bits(v.Float()))
	case reflect.Func:
	default:
		fmt.Fprintf(b, "%s %v\n", path, v)
	}
}

// sameState tells the first field in which two Judges differ.
func sameState(x, y *Judge) string {
	var a, b strings.Builder
	dump(&a, "", reflect.ValueOf(x))
	dump(&b, "", reflect.ValueOf(y))
	as, bs := strings.Split(a.String(), "\n"), strings.Split(b.String(), "\n")
	for i := range min(len(as), len(bs)) {
		if as[i] != bs[i] {
			return as[i] + ", restored as " + bs[i]
		}
	}
	if len(as) != len(bs) {
		return fmt.Sprintf("%d fields, restored as %d", len(as), len(bs))
	}
	return ""
}

// twice are two ways that have to say the same: a Judge that goes on, and one that
// is saved and restored at the rows of restarts.
func twice(t *testing.T, m *model.Model, o Options, restarts []int, n int, row func(i int) []float64, at func(i int) time.Time) (events map[detect.Kind]int) {
	t.Helper()
	a, b := using(t, m, o), using(t, m, o)
	events = map[detect.Kind]int{}
	var last []float64
	for i := range n {
		if slices.Contains(restarts, i) {
			b = restarted(t, b)
			if i%61 == 0 {
				if differs := sameState(a, b); differs != "" {
					t.Fatalf("row %d: %s", i, differs)
				}
			}
		}
		if i > 0 && slices.Contains(restarts, i) { // the row before once more
			if got, want := exact(b.Push(at(i-1), last)), exact(a.Push(at(i-1), last)); got != want {
				t.Fatalf("row %d once more after a restart:\n got %s\nwant %s", i-1, got, want)
			}
		}
		r := row(i)
		last = r
		v := a.Push(at(i), r)
		want := exact(v)
		for _, ev := range v.Events {
			events[ev.Kind]++
		}
		if got := exact(b.Push(at(i), r)); got != want {
			t.Fatalf("row %d after a restart:\n got %s\nwant %s", i, got, want)
		}
		if i%97 == 0 { // the same row once more
			if got, want := exact(b.Push(at(i), r)), exact(a.Push(at(i), r)); got != want {
				t.Fatalf("row %d once more:\n got %s\nwant %s", i, got, want)
			}
		}
	}
	if x, y := fmt.Sprintf("%+v", a.Drift()), fmt.Sprintf("%+v", b.Drift()); x != y {
		t.Errorf("drift %s, want %s", y, x)
	}
	return events
}

// TestRestore_byteIdentical: a restart at any row changes no bit of what follows,
// under each kernel.
func TestRestore_byteIdentical(t *testing.T) {
	before := quant.Kernel()
	t.Cleanup(func() {
		if err := quant.Use(before); err != nil {
			t.Error(err)
		}
	})
	m := golden(t)
	o := goldenOptions(m)
	o.Policy.DriftAfter, o.Policy.Repeats = time.Minute, time.Minute
	begin := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	for _, k := range quant.Kernels() {
		if err := quant.Use(k); err != nil {
			t.Fatal(err)
		}
		for first := range 23 {
			g := goldenRow{state: 7}
			var restarts []int
			for i := first; i < 3400; i += 23 {
				restarts = append(restarts, i)
			}
			got := twice(t, m, o, restarts, 3400, g.next, func(i int) time.Time { return begin.Add(time.Duration(i) * time.Second) })
			if got[detect.ProcessAnomaly] < 5 || got[detect.LimitExceeded] < 3 || got[detect.Drift] == 0 {
				t.Fatalf("events %v: too few to hold anything", got)
			}
		}
	}
}

// pumpRow is row i of a pump that stands still now and then, loses sensors, hangs,
// and breaks.
func pumpRow(rnd *rand.Rand, i int) []float64 {
	if i%1300 < 30 {
		return []float64{0, 0, 0.1, 20}
	}
	speed := 40 + 2*math.Sin(float64(i)/3.1) + 2*math.Sin(float64(i)/5.3) + 0.1*rnd.NormFloat64()
	row := []float64{speed, 0.5*speed + 0.1*rnd.NormFloat64(), 0.2*speed + 0.05*rnd.NormFloat64(), 60 + 0.2*rnd.NormFloat64()}
	switch {
	case i < 2600: // learnt
	case i%400 > 100 && i%400 < 160:
		row[1] -= 4
	case i%400 > 200 && i%400 < 230:
		row[3] = math.NaN()
	case i%400 > 260 && i%400 < 275:
		row[0] = math.NaN()
	case i%400 > 300 && i%400 < 360:
		row[2] = 8
	case i%400 > 380:
		row[1], row[2], row[3] = math.NaN(), math.NaN(), math.NaN()
	}
	return row
}

// TestRestore_learnt is the same with a model that was really learnt, with a condition
// and peers.
func TestRestore_learnt(t *testing.T) {
	s := model.Schema{Period: time.Second, RunWhen: &model.Condition{Channel: "p.speed", Above: 5, Below: math.NaN(), Settle: 3 * time.Second}}
	for _, n := range []string{"p.speed", "p.flow", "p.current", "p.temp"} {
		s.Channels = append(s.Channels, model.Channel{Name: n})
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	var rows [][]float64
	var flat []float64
	for i := range 4200 {
		rows = append(rows, pumpRow(rnd, i))
		if i < 2600 {
			flat = append(flat, rows[i]...)
		}
	}
	o := Options{Policy: detect.DefaultPolicy("p", s.Channels)}
	o.Policy.Hold, o.Policy.DriftAfter = 20*time.Second, 10*time.Minute
	to := TrainOptions(o.Policy, TrainingSet{Rows: flat}, time.Unix(1e9, 0))
	to.Epochs = 3
	m, _, err := train.Train(t.Context(), s, flat, to)
	if err != nil {
		t.Fatal(err)
	}
	if m.Parameters().Peers == nil {
		t.Fatal("no peers were learnt")
	}
	begin := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	for first := range 7 {
		var restarts []int
		for i := first; i < len(rows); i += 7 {
			restarts = append(restarts, i)
		}
		got := twice(t, m, o, restarts, len(rows), func(i int) []float64 { return rows[i] }, func(i int) time.Time { return begin.Add(time.Duration(i) * time.Second) })
		if got[detect.ProcessAnomaly] < 4 {
			t.Fatalf("events %v: too few to hold anything", got)
		}
	}
}

// TestRestore_refuses: a state of another model is told apart from a damaged one,
// and neither changes the Judge.
func TestRestore_refuses(t *testing.T) {
	m := golden(t)
	o := goldenOptions(m)
	j := using(t, m, o)
	at := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	g := goldenRow{state: 7}
	for i := range 700 {
		j.Push(at.Add(time.Duration(i)*time.Second), g.next(i))
	}
	state := j.Save(nil)
	fresh := using(t, m, o)
	as := string(fresh.Save(nil))
	for i := 0; i < len(state); i += 61 {
		bad := slices.Clone(state)
		bad[i] ^= 4
		if err := fresh.Restore(bad, time.Time{}); !errors.Is(err, ErrDamaged) {
			t.Fatalf("a flipped bit in byte %d: %v", i, err)
		}
	}
	for _, n := range []int{0, 5, headSize, len(state) / 2, len(state) - 1} {
		if err := fresh.Restore(state[:n], time.Time{}); !errors.Is(err, ErrDamaged) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	limitsOnly, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := limitsOnly.Restore(state, time.Time{}); !errors.Is(err, ErrOtherModel) {
		t.Errorf("without the model: %v", err)
	}
	if string(fresh.Save(nil)) != as {
		t.Error("what was refused has changed the Judge")
	}
}

// TestRestore_otherPolicy: under another policy scores go on, and an open event is
// left to Resume, after which Settle keeps it.
func TestRestore_otherPolicy(t *testing.T) {
	m := golden(t)
	o := goldenOptions(m)
	j := using(t, m, o)
	at := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	g := goldenRow{state: 7}
	var open detect.Event
	var last []float64
	for i := range 350 {
		last = slices.Clone(g.next(i))
		for _, ev := range j.Push(at.Add(time.Duration(i)*time.Second), last).Events {
			if ev.Kind == detect.ProcessAnomaly {
				open = ev
			}
		}
	}
	if open.State == "" || open.State == detect.Close {
		t.Fatalf("no event is open: %+v", open)
	}
	o.Policy.N, o.Policy.M = 4, 7
	next := using(t, m, o)
	if err := next.Restore(j.Save(nil), time.Time{}); err != nil {
		t.Fatal(err)
	}
	if _, is := next.scoring.detector.Open(); is {
		t.Error("the event of another policy is open")
	}
	if !next.Resume(open) {
		t.Error("the event is not continued")
	}
	next.Settle()
	again := at.Add(349 * time.Second)
	if a, b := j.Push(again, last), next.Push(again, last); !b.Scored || a.Score.Value != b.Score.Value || b.State != a.State {
		t.Errorf("the newest row once more: score %v in state %q, want %v in %q", b.Score.Value, b.State, a.Score.Value, a.State)
	}
	now, row := at.Add(350*time.Second), g.next(350)
	if a, b := j.Push(now, row), next.Push(now, row); !b.Scored || a.Score.Value != b.Score.Value || b.State != Anomaly {
		t.Errorf("score %v in state %s, want %v", b.Score.Value, b.State, a.Score.Value)
	}
}

// TestSettle: what a restored state has open and nobody has been told of is
// dropped, silently.
func TestSettle(t *testing.T) {
	m := golden(t)
	o := goldenOptions(m)
	o.Policy.Latch = false
	j := using(t, m, o)
	at := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	g := goldenRow{state: 7}
	i := 0
	push := func(j *Judge) Verdict {
		i++
		return j.Push(at.Add(time.Duration(i)*time.Second), g.next(i))
	}
	for i < 700 {
		push(j)
	}
	if j.OpenLimits() == 0 {
		t.Fatal("no limit event is open")
	}
	next := restarted(t, j)
	next.Settle()
	if next.OpenLimits() != 0 {
		t.Error("a limit event that nobody knows is still open")
	}
	if _, open := next.scoring.detector.Open(); open {
		t.Error("an anomaly that nobody knows is still open")
	}
	told := false
	for i < 760 {
		for _, ev := range push(next).Events {
			told = told || ev.Kind == detect.LimitExceeded && ev.State == detect.Open
		}
	}
	if !told {
		t.Error("a limit that is still exceeded is not told again")
	}
}

// TestRestore_unsetClock: moments of a clock that nobody had set are unknown.
func TestRestore_unsetClock(t *testing.T) {
	m := golden(t)
	j := using(t, m, goldenOptions(m))
	g := goldenRow{state: 7}
	for i := range 700 {
		j.Push(time.Unix(int64(i), 0), g.next(i))
	}
	next := using(t, m, j.o)
	if err := next.Restore(j.Save(nil), time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)); err != nil {
		t.Fatal(err)
	}
	if !next.scoring.last.IsZero() {
		t.Errorf("the row before was at %v", next.scoring.last)
	}
	if v := next.Push(time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC), g.next(700)); !v.Scored {
		t.Errorf("the window starts anew because the clock was set: %+v", v)
	}
}

// FuzzRestore holds that no state makes a Judge stumble, its checksum put right or
// not.
func FuzzRestore(f *testing.F) {
	m := golden(f)
	o := goldenOptions(m)
	at := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	play := func(j *Judge, n int) {
		g := goldenRow{state: 7}
		for i := range n {
			at = at.Add(time.Second)
			j.Push(at, g.next(i))
		}
	}
	for _, n := range []int{0, 340, 700} {
		j := using(f, m, o)
		play(j, n)
		f.Add(j.Save(nil))
	}
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, b []byte) {
		j := using(t, m, o)
		_ = j.Restore(b, time.Time{})
		if len(b) >= headSize {
			b = append([]byte(magic), b[len(magic):]...)
			binary.LittleEndian.PutUint32(b[len(magic):], crc32.Checksum(b[headSize:], castagnoli))
			_ = j.Restore(b, time.Time{})
		}
		j.Settle()
		play(j, 60)
	})
}
