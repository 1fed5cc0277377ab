package state

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"iot-edge-anomaly/model"
)

func options(t *testing.T) RowLogOptions {
	return RowLogOptions{Path: filepath.Join(t.TempDir(), "state", "pump1.rows"), Schema: "abc", Channels: 2, Want: 100, SettleRows: 2}
}

func mustOpen(t *testing.T, o RowLogOptions) *RowLog {
	t.Helper()
	r, err := OpenRowLog(o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func push(t *testing.T, r *RowLog, v float64, running bool) {
	t.Helper()
	if err := r.Push([]float64{v, -v}, running); err != nil {
		t.Fatal(err)
	}
}

func loaded(t *testing.T, r *RowLog) []float64 {
	t.Helper()
	rows, err := r.Load()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func firsts(t *testing.T, r *RowLog) (out []float64) {
	t.Helper()
	rows := loaded(t, r)
	for i := 0; i < len(rows); i += 2 {
		out = append(out, rows[i])
	}
	return out
}

func equal(a, b []float64) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] && !(math.IsNaN(a[i]) && math.IsNaN(b[i])) {
			return false
		}
	}
	return true
}

func TestRowsSurviveARestart(t *testing.T) {
	o := options(t)
	r := mustOpen(t, o)
	for i := range 10 {
		push(t, r, float64(i), true)
	}
	if err := r.Flush(); err != nil {
		t.Fatal(err)
	}
	push(t, r, 99, true) // lost: never flushed
	r = mustOpen(t, o)
	if r.Have() != 10 {
		t.Fatalf("%d rows after the restart, want 10", r.Have())
	}
	push(t, r, 10, true)
	want := []float64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}
	for range model.GateHold + 1 {
		want = append(want, math.NaN())
	}
	want = append(want, 10)
	if got := firsts(t, r); !equal(got, want) {
		t.Errorf("rows %v, want %v with a gap", got, want)
	}
}

func TestIdleRowsBeforeAStartAreKept(t *testing.T) {
	r := mustOpen(t, options(t))
	push(t, r, 1, true)
	for i := range 50 {
		push(t, r, float64(100+i), false)
	}
	push(t, r, 2, true)
	if got := firsts(t, r); !equal(got, []float64{1, 147, 148, 149, 2}) || r.Have() != 2 {
		t.Errorf("rows %v (%d running), want the three idle rows before the start", got, r.Have())
	}
}

func TestFlushesRarely(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options(t)
		o.Want = 86400
		r := mustOpen(t, o)
		for i := range 86400 {
			push(t, r, float64(i), true)
			time.Sleep(time.Second)
		}
		if !r.Full() {
			t.Errorf("have %d of %d", r.Have(), r.Want())
		}
		if per := float64(r.Written()) / 86400; per > 17 {
			t.Errorf("%.1f bytes a row of two values, want at most 17", per)
		}
	})
}

func TestTornTailIsCut(t *testing.T) {
	o := options(t)
	r := mustOpen(t, o)
	for i := range 3 {
		push(t, r, float64(i), true)
		if err := r.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	whole, err := os.ReadFile(o.Path)
	if err != nil {
		t.Fatal(err)
	}
	head := len(r.header())
	size := (len(whole) - head) / 3
	for n := head; n <= len(whole); n++ {
		if err := os.WriteFile(o.Path, whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		r := mustOpen(t, o)
		if want := (n - head) / size; r.Have() != want {
			t.Fatalf("cut at %d: %d rows, want %d", n, r.Have(), want)
		}
		push(t, r, 7, true)
		if err := r.Flush(); err != nil {
			t.Fatal(err)
		}
		if again := mustOpen(t, o); again.Have() != (n-head)/size+1 {
			t.Fatalf("cut at %d: %d rows after one more", n, again.Have())
		}
	}
}

// TestFullDiskLosesNothingThatIsWrittenLater: a flush that fails halfway is
// repeated in its place.
func TestFullDiskLosesNothingThatIsWrittenLater(t *testing.T) {
	o := options(t)
	r := mustOpen(t, o)
	push(t, r, 1, true)
	if err := r.Flush(); err != nil {
		t.Fatal(err)
	}
	// What a write that ran out of space leaves behind.
	f, err := os.OpenFile(o.Path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(appendBlock(nil, []float64{2, -2, 3, -3}, 2, nil)[:20]); err != nil {
		t.Fatal(err)
	}
	f.Close()
	push(t, r, 2, true)
	push(t, r, 3, true)
	if err := r.Flush(); err != nil {
		t.Fatal(err)
	}
	if again := mustOpen(t, o); again.Have() != 3 {
		t.Errorf("%d rows after the restart, want 3", again.Have())
	}
}

func TestFlippedByteLosesNoEarlierRow(t *testing.T) {
	o := options(t)
	r := mustOpen(t, o)
	push(t, r, 1, true)
	if err := r.Flush(); err != nil {
		t.Fatal(err)
	}
	whole, _ := os.ReadFile(o.Path)
	for i := range whole {
		bad := append([]byte(nil), whole...)
		bad[i] ^= 0x10
		if err := os.WriteFile(o.Path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if r, _ := OpenRowLog(o); r.Have() != 0 {
			t.Fatalf("byte %d flipped: damaged row accepted", i)
		}
	}
}

func TestOtherSchemaIsDiscarded(t *testing.T) {
	o := options(t)
	r := mustOpen(t, o)
	push(t, r, 1, true)
	if err := r.Flush(); err != nil {
		t.Fatal(err)
	}
	o.Schema = "abd"
	r, err := OpenRowLog(o)
	if !errors.Is(err, ErrDiscarded) || r.Have() != 0 {
		t.Fatalf("have %d, error %v, want an empty collection and ErrDiscarded", r.Have(), err)
	}
	push(t, r, 2, true)
	if err := r.Flush(); err != nil {
		t.Fatal(err)
	}
	if r := mustOpen(t, o); r.Have() != 1 {
		t.Errorf("%d rows, want the new one", r.Have())
	}
}

func TestUnwritableFolderKeepsRowsInMemory(t *testing.T) {
	o := options(t)
	if err := os.WriteFile(filepath.Dir(o.Path), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := OpenRowLog(o)
	if err == nil {
		t.Fatal("a file where the folder should be was accepted")
	}
	push(t, r, 1, true)
	if err := r.Flush(); err == nil || r.Have() != 1 || len(loaded(t, r)) != 2 {
		t.Errorf("flush error %v, %d rows in memory, want an error and the row", err, r.Have())
	}
}

func TestTooManyRowsAreThinnedInBlocks(t *testing.T) {
	o := options(t)
	o.Want, o.MaxBytes, o.MaxMemory = 100_000, 400_000, 1<<20 // they come faster than a disk writes
	r := mustOpen(t, o)
	for i := range o.Want {
		push(t, r, float64(i), true)
	}
	if err := r.Flush(); err != nil {
		t.Fatal(err)
	}
	if again := mustOpen(t, o); again.Have() < o.Want*9/10 || again.Have() > o.Want*11/10 {
		t.Errorf("%d rows after a restart, want about %d", again.Have(), o.Want)
	}
	if n := int64(len(loaded(t, r)) * 8); !r.Full() || n > o.MaxBytes*11/10 || n < o.MaxBytes/2 {
		t.Errorf("%d of %d rows seen, %d bytes kept, want about %d", r.Have(), r.Want(), n, o.MaxBytes)
	}
}

func FuzzParseBlock(f *testing.F) {
	f.Add(appendBlock(nil, []float64{1, 2, 3, math.NaN()}, 2, nil), 2)
	f.Fuzz(func(t *testing.T, b []byte, channels int) {
		values, _, n := parseBlock(b, channels)
		if n > len(b) || (n > 0 && len(values)%channels != 0) {
			t.Fatalf("%d values in %d of %d bytes", len(values), n, len(b))
		}
	})
}

// TestWeekSurvivesARestart: when rows were seen is kept beside them, and unknown
// once some were seen before the clock was set.
func TestWeekSurvivesARestart(t *testing.T) {
	o := options(t)
	r := mustOpen(t, o)
	at := time.Date(2026, 11, 23, 8, 0, 0, 0, time.Local)
	for i := range 10 {
		r.Seen(at.Add(time.Duration(i) * time.Hour))
		push(t, r, float64(i), true)
	}
	if err := r.Flush(); err != nil {
		t.Fatal(err)
	}
	want := *r.Coverage()
	again := mustOpen(t, o)
	if again.Coverage() == nil || *again.Coverage() != want || again.Have() != 10 {
		t.Fatalf("%v of %d rows, want %v of 10", again.Coverage(), again.Have(), want)
	}
	again.Seen(time.Unix(5, 0))
	push(t, again, 10, true)
	again.Seen(at)
	if again.Coverage() != nil {
		t.Error("rows of an unset clock are taken for known")
	}
	if err := again.Flush(); err != nil {
		t.Fatal(err)
	}
	if third := mustOpen(t, o); third.Coverage() != nil || third.Have() != 11 {
		t.Errorf("%v of %d rows after the third start", third.Coverage(), third.Have())
	}
}
