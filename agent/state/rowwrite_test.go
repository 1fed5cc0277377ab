package state

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// hang makes the syncs of o hang until the channel is closed; began says that one does.
func hang(o *RowLogOptions) (began, thaw chan struct{}) {
	began, thaw = make(chan struct{}, 1000), make(chan struct{})
	o.BeforeSync = func() { began <- struct{}{}; <-thaw }
	return began, thaw
}

// TestPushWaitsForNoDisk: the order stays, whatever is in memory, being written or
// written, and Load knows all of it.
func TestPushWaitsForNoDisk(t *testing.T) {
	o := options(t)
	o.FlushEvery = time.Nanosecond
	began, thaw := hang(&o)
	r := mustOpen(t, o)
	var want []float64
	for i := range 50 {
		push(t, r, float64(i), true)
		want = append(want, float64(i))
	}
	<-began
	if idle, err := r.Poll(); idle || err != nil || r.Kept() {
		t.Errorf("idle %v, error %v, kept %v while the sync hangs", idle, err, r.Kept())
	}
	close(thaw)
	if got := firsts(t, r); !equal(got, want) {
		t.Errorf("rows %v, want %v", got, want)
	}
	if err := r.Flush(); err != nil || !r.Kept() {
		t.Error(err, "or not kept")
	}
	if again := mustOpen(t, o); !equal(firsts(t, again), want) || again.Lost() != 0 {
		t.Errorf("on disk: %v", firsts(t, again))
	}
}

// TestSlowDiskCostsTheOldestRows: what does not fit into the memory while the disk hangs
// is counted, and every other row is written.
func TestSlowDiskCostsTheOldestRows(t *testing.T) {
	o := options(t)
	o.Want, o.MaxMemory = 10_000, 100*16
	_, thaw := hang(&o)
	r := mustOpen(t, o)
	for i := range 50 {
		push(t, r, float64(i), true)
	}
	r.begin()
	for i := range 1000 {
		push(t, r, float64(50+i), true)
		if n := len(r.fresh) + r.job.waiting(); n > 100*2 && len(r.fresh) >= 4*gapMost*2 {
			t.Fatalf("%d values in memory", n)
		}
	}
	if r.Lost() == 0 || r.Have()+r.Lost() != 1050 {
		t.Errorf("%d rows, %d lost, want 1050 in all", r.Have(), r.Lost())
	}
	close(thaw)
	if err := r.Flush(); err != nil {
		t.Fatal(err)
	}
	if again := mustOpen(t, o); again.Have() != r.Have() {
		t.Errorf("%d rows on disk, want %d", again.Have(), r.Have())
	}
	if got := firsts(t, r); got[49] != 49 || got[len(got)-1] != 1049 {
		t.Errorf("rows %v", got)
	}
}

// TestRefusedBlockKeepsItsPlace: rows that came while a block was refused are behind it.
func TestRefusedBlockKeepsItsPlace(t *testing.T) {
	o := options(t)
	folder := filepath.Dir(o.Path)
	r := mustOpen(t, o)
	if err := os.Remove(folder); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(folder, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	push(t, r, 1, true)
	r.begin()
	<-r.job.ended
	if err := r.Push([]float64{2, -2}, true); err == nil || r.Kept() {
		t.Error("nobody is told that the disk refuses the rows")
	}
	if err := os.Remove(folder); err != nil {
		t.Fatal(err)
	}
	if err := r.Flush(); err != nil || !equal(firsts(t, r), []float64{1, 2}) || r.Lost() != 0 {
		t.Errorf("rows %v, %d lost, %v", firsts(t, r), r.Lost(), err)
	}
}

// TestDiscardWhileABlockIsWritten: the file is removed after the block, and what comes
// then is a new one.
func TestDiscardWhileABlockIsWritten(t *testing.T) {
	o := options(t)
	began, thaw := hang(&o)
	r := mustOpen(t, o)
	push(t, r, 1, true)
	r.begin()
	<-began
	r.Discard()
	push(t, r, 2, true)
	close(thaw)
	if err := r.Flush(); err != nil || r.Have() != 1 || r.Lost() != 0 {
		t.Errorf("%d rows, %d lost, %v", r.Have(), r.Lost(), err)
	}
	if again := mustOpen(t, o); !equal(firsts(t, again), []float64{2}) {
		t.Errorf("on disk: %v", firsts(t, again))
	}
}
