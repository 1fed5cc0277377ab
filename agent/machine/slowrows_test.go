package machine

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"iot-edge-anomaly/agent/detect"
	"iot-edge-anomaly/agent/state"
)

// frozen is a disk whose syncs hang until it is thawed.
type frozen struct {
	began chan struct{} // one for each sync
	thaw  chan struct{} // closed = it answers
}

func freeze() *frozen {
	return &frozen{began: make(chan struct{}, 1000), thaw: make(chan struct{})}
}

func (f *frozen) sync() {
	f.began <- struct{}{}
	<-f.thaw
}

// TestLearningWaitsForNoDisk: while the sync of learning rows hangs, every row is dealt
// with, a limit is told with the row it is due at, the training waits, and then no row
// is missing.
func TestLearningWaitsForNoDisk(t *testing.T) {
	rep, disk := &collected{}, freeze()
	o := options(t, rep)
	o.Learn.Rows.FlushEvery, o.Learn.Rows.BeforeSync = time.Nanosecond, disk.sync // each row is due
	f := newFeeder(t, o)
	f.rows(10, true, 0)
	<-disk.began // it hangs from here on
	f.rows(200, true, 0)
	if have := f.m.Status().Learning.Have; have < 200 {
		t.Errorf("%d rows learnt, want all", have)
	}
	n, hot := len(rep.events), 0
	for ; len(rep.events) == n && hot < 20; hot++ {
		f.push([]float64{40, 20, 8, 95})
	}
	if hot > 2 || rep.events[n].Kind != detect.LimitExceeded {
		t.Fatalf("after %d rows: %+v, want the limit at once", hot, rep.events[n:])
	}
	for f.m.training == nil {
		f.rows(1, true, 0)
	}
	rows := f.m.Status().Rows
	f.rows(500, true, 0)
	if s := f.m.Status(); s.Rows != rows+500 || len(f.m.training) != 0 || s.RowsLost != 0 {
		t.Errorf("%d rows, %d lost, want %d; training has ended: %v", s.Rows, s.RowsLost, rows+500, len(f.m.training) != 0)
	}
	close(disk.thaw)
	<-f.m.flushed
	o.Learn.Rows.BeforeSync = nil
	log, err := state.OpenRowLog(o.Learn.Rows)
	if err != nil || log.Have() < 400 || log.Lost() != 0 {
		t.Errorf("on disk: %d rows, %d lost, %v; want 400", log.Have(), log.Lost(), err)
	}
	f.learnt()
	f.watching()
	if s := f.m.Status(); s.RowsLost != 0 || s.Unjudged != 0 {
		t.Errorf("%d rows lost, %d not judged", s.RowsLost, s.Unjudged)
	}
	if f.m.rows != nil && f.m.rows.Have() != 0 {
		t.Error("the rows are kept after they became a model")
	}
}

// TestStopWhileLearningRowsHang: the stop of the agent gives a hanging disk up in time
// and says so; that of one machine waits, and nothing is lost.
func TestStopWhileLearningRowsHang(t *testing.T) {
	disk := freeze()
	o := options(t, &collected{})
	o.Learn.Rows.FlushEvery, o.Learn.Rows.BeforeSync = time.Nanosecond, disk.sync
	f := newFeeder(t, o)
	f.rows(50, true, 0)
	<-disk.began
	ended := make(chan struct{})
	go func() { defer close(ended); f.m.keepAll(t.Context()) }()
	select {
	case <-ended:
		t.Error("did not wait for the rows of the machine")
	case <-time.After(50 * time.Millisecond):
	}
	close(disk.thaw)
	<-ended
	o.Learn.Rows.BeforeSync = nil
	if log, err := state.OpenRowLog(o.Learn.Rows); err != nil || log.Have() < f.m.Status().Learning.Have || log.Lost() != 0 {
		t.Errorf("on disk: %d rows, %d lost, %v; want %d", log.Have(), log.Lost(), err, f.m.Status().Learning.Have)
	}

	disk = freeze()
	o = options(t, &collected{})
	defer func() { // what was given up is written now, and the folder can be removed
		close(disk.thaw)
		for end := time.Now().Add(time.Minute); os.RemoveAll(filepath.Dir(filepath.Dir(o.Learn.Rows.Path))) != nil && time.Now().Before(end); {
			time.Sleep(time.Millisecond)
		}
	}()
	var log strings.Builder
	o.Log = slog.New(slog.NewTextHandler(&log, nil))
	o.Learn.Rows.FlushEvery, o.Learn.Rows.BeforeSync = time.Nanosecond, disk.sync
	f = newFeeder(t, o)
	f.rows(50, true, 0)
	<-disk.began
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	f.m.keepAll(ctx)
	if !strings.Contains(log.String(), "the disk does not answer") {
		t.Errorf("log %q", log.String())
	}
}

// TestRowsGoneBeforeTheLastAreWritten: that rows are gone is seen only when the last are
// written; the machine does not train with the rest, but collects as many again.
func TestRowsGoneBeforeTheLastAreWritten(t *testing.T) {
	rep := &collected{}
	o := options(t, rep)
	f := newFeeder(t, o)
	f.rows(200, true, 0)
	if err := f.m.rows.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(o.Learn.Rows.Path); err != nil {
		t.Fatal(err)
	}
	for f.m.training == nil {
		f.rows(1, true, 0)
	}
	f.await()
	f.rows(1, true, 0)
	if s := f.m.Status(); s.Learning.Phase != "collecting" || s.RowsLost < 197 || s.RowsLost > 200 || len(rep.alerts(lossKey)) != 1 {
		t.Fatalf("%+v, %d rows lost, told %+v", s.Learning, s.RowsLost, rep.alerts(lossKey))
	}
	f.learnt()
	f.watching()
	if s := f.m.Status(); s.RowsLost > 200 {
		t.Errorf("%d rows lost", s.RowsLost)
	}
}
