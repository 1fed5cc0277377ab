package state

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"iot-edge-anomaly/agent/diskwait"
	"iot-edge-anomaly/model/train"
)

// rowJob is what another goroutine does with the file of a RowLog: it writes a block, or
// removes the file. Nobody else touches it until it has ended.
type rowJob struct {
	o      RowLogOptions
	after  *rowJob // ends first; nil = none
	remove bool
	rows   []float64
	week   *train.Coverage
	size   int64 // of the file up to its last good block
	ended  chan struct{}

	// From then on:
	anew  bool // the file had been removed or cut: its rows are lost
	bytes int  // written
	err   error
}

// run does the job.
func (j *rowJob) run() {
	if j.after != nil {
		<-j.after.ended
		j.after = nil
	}
	op := diskwait.Begin()
	if j.remove {
		if err := os.Remove(j.o.Path); err != nil && !os.IsNotExist(err) {
			j.err = fmt.Errorf("remove learning rows: %w", err)
		}
	} else if err := j.append(); err != nil {
		j.err = fmt.Errorf("keep learning rows: %w", err)
	}
	op.End()
	close(j.ended)
}

// append puts the rows behind the last good block and cuts off what a failed write may
// have left there. A file that was removed or cut is begun anew.
func (j *rowJob) append() error {
	if err := os.MkdirAll(filepath.Dir(j.o.Path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(j.o.Path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if st, err := f.Stat(); err == nil && st.Size() < j.size {
		j.anew, j.size = true, 0
	}
	var b []byte
	if j.size == 0 {
		b = append(b, j.o.header()...)
	}
	b = appendBlock(b, j.rows, j.o.Channels, j.week)
	err = f.Truncate(j.size)
	if err == nil {
		wrote(j.size, len(b))
		_, err = f.WriteAt(b, j.size)
	}
	if err == nil {
		if j.o.BeforeSync != nil {
			j.o.BeforeSync()
		}
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		j.bytes = len(b)
	}
	return err
}

// waiting is how many values are being written; a nil rowJob has none.
func (j *rowJob) waiting() int {
	if j == nil {
		return 0
	}
	return len(j.rows)
}

// begin has the rows in memory written as one block. Nothing else may be under way.
func (r *RowLog) begin() {
	r.last = time.Now()
	if len(r.fresh) == 0 {
		return
	}
	r.job = &rowJob{o: r.o, rows: r.fresh, size: r.size, ended: make(chan struct{})}
	if r.week != nil {
		week := *r.week // the RowLog goes on marking
		r.job.week = &week
	}
	r.fresh = nil
	go r.job.run()
}

// Poll tells whether nothing is under way on the disk, without waiting, and once the
// error of what has ended.
func (r *RowLog) Poll() (idle bool, err error) {
	if r.job == nil {
		return true, nil
	}
	select {
	case <-r.job.ended:
		return true, r.join()
	default:
		return false, nil
	}
}

// join waits for what is under way, if anything is. Rows that could not be written are
// in memory again, in their order.
func (r *RowLog) join() error {
	j := r.job
	if j == nil {
		return nil
	}
	<-j.ended
	r.job = nil
	if j.remove {
		return j.err
	}
	if j.anew {
		r.forget(r.stored)
		r.size, r.stored = 0, 0
	}
	if r.refused = j.err != nil; r.refused {
		r.fresh = slices.Concat(j.rows, r.fresh)
		return j.err
	}
	r.size += int64(j.bytes)
	r.written += uint64(j.bytes)
	r.stored += len(j.rows) / r.o.Channels
	return nil
}

// Flush writes the rows collected since the last flush and syncs them. It waits for the
// disk. A failure leaves them in memory for the next try.
func (r *RowLog) Flush() error {
	err := r.join()
	r.begin()
	if r.job == nil {
		return err
	}
	return r.join() // what the first could not write, too
}
