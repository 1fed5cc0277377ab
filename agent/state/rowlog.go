package state

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"iot-edge-anomaly/model"
	"iot-edge-anomaly/model/train"
)

// RowLogOptions say what a RowLog collects and where.
type RowLogOptions struct {
	Path       string // the file; its folder is made when missing
	Schema     string // model.Schema.Hash() of the machine
	Channels   int
	Want       int           // running rows to collect
	SettleRows int           // rows kept before a start
	FlushEvery time.Duration // how much may be lost by a power cut; default 5 min
	MaxBytes   int64         // of rows in memory and on disk; default 16 MiB
}

// RowLog collects the rows that a model will be learnt from, and keeps them across
// restarts. It is for one goroutine.
type RowLog struct {
	o       RowLogOptions
	data    []float64 // (n, C), with idle rows and gaps
	have    int       // running rows among them
	flushed int       // floats of data that are on disk
	size    int64     // of the file up to its last good block
	last    time.Time // of the last flush
	gap     int       // rows that are missing before the next one, up to model.GateHold + 1
	idle    [][]float64
	written uint64          // bytes
	week    *train.Coverage // when running rows were seen; nil = unknown
	skip    int             // thinning: see keep
	seen    int
}

// OpenRowLog reads what an earlier run collected, or starts anew. A damaged or
// foreign file is reported by the error beside a usable, empty collection.
func OpenRowLog(o RowLogOptions) (*RowLog, error) {
	if o.FlushEvery == 0 {
		o.FlushEvery = 5 * time.Minute
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = 16 << 20
	}
	r := &RowLog{o: o, last: time.Now(), skip: thinning(o)}
	if err := os.MkdirAll(filepath.Dir(o.Path), 0o700); err != nil {
		return r, fmt.Errorf("keep learning rows: %w", err)
	}
	err := r.load()
	if len(r.data) > 0 {
		r.gap = gapMost
	}
	return r, err
}

// thinBlock is how many neighbouring rows are kept or skipped at once when not
// all rows fit: whole windows, not single rows.
const thinBlock = 1024

// thinning is k where one of k blocks is kept.
func thinning(o RowLogOptions) int {
	bytes := int64(o.Want) * int64(o.Channels) * 8
	return int((bytes + o.MaxBytes - 1) / o.MaxBytes)
}

// Have is how many running rows have been seen; Want is the goal.
func (r *RowLog) Have() int { return r.have }

// Want is how many running rows are to be collected.
func (r *RowLog) Want() int { return r.o.Want }

// Full tells that enough has been collected.
func (r *RowLog) Full() bool { return r.have >= r.o.Want }

// Data returns the rows, (n, C) row-major, NaN = missing; a row of NaN is a
// gap. The slice stays valid and must not be written to.
func (r *RowLog) Data() []float64 { return r.data }

// Gaps are the rows of Data, ascending, that mark a gap in time.
func (r *RowLog) Gaps() (gaps []int) {
	c := r.o.Channels
	for i := 0; i < len(r.data)/c; i++ {
		if isGap(r.data[i*c : (i+1)*c]) {
			gaps = append(gaps, i)
		}
	}
	return gaps
}

// isGap tells a row without any value: a measured one has at least one.
func isGap(row []float64) bool {
	return !slices.ContainsFunc(row, func(v float64) bool { return !math.IsNaN(v) })
}

// Written counts the bytes written to disk.
func (r *RowLog) Written() uint64 { return r.written }

// Seen notes that the machine ran at t. Where the clock had not been set, nothing
// is known from then on.
func (r *RowLog) Seen(t time.Time) {
	if r.week == nil && r.have == 0 {
		r.week = new(train.Coverage)
	}
	if r.week != nil && !r.week.Mark(t) {
		r.week = nil
	}
}

// Coverage tells when the rows were seen; nil where it is not known of all of them.
func (r *RowLog) Coverage() *train.Coverage { return r.week }

// Push takes one row, of a running or an idle machine, and writes a block when
// it is time. An error means that the rows are in memory only.
func (r *RowLog) Push(row []float64, running bool) error {
	if !running {
		r.pushIdle(row)
		return nil
	}
	r.have++
	if !r.keep() {
		return nil
	}
	if len(r.data) > 0 {
		for range r.gap * len(row) {
			r.data = append(r.data, math.NaN())
		}
	}
	r.gap = 0
	for _, i := range r.idle {
		r.data = append(r.data, i...)
	}
	r.idle = r.idle[:0]
	r.data = append(r.data, row...)
	if time.Since(r.last) >= r.o.FlushEvery {
		return r.Flush()
	}
	return nil
}

// keep tells whether the row is stored: all of them where they fit, else one
// block of rows in every skip blocks.
func (r *RowLog) keep() bool {
	n := r.seen
	r.seen++
	if r.skip <= 1 || n/thinBlock%r.skip == 0 {
		return true
	}
	r.gap = max(r.gap, 1)
	return false
}

// pushIdle remembers the newest idle rows, SettleRows + 1 of them.
func (r *RowLog) pushIdle(row []float64) {
	keep := r.o.SettleRows + 1
	if len(r.idle) < keep {
		r.idle = append(r.idle, append([]float64(nil), row...))
		return
	}
	oldest := r.idle[0]
	copy(r.idle, r.idle[1:])
	copy(oldest, row)
	r.idle[keep-1] = oldest
}

// gapMost rows without a value make a model.Gate forget whether the machine ran:
// what follows is a start, and settles.
const gapMost = model.GateHold + 1

// Gap tells that one row had nothing to learn from.
func (r *RowLog) Gap() { r.gap = min(r.gap+1, gapMost); r.idle = r.idle[:0] }

// Discard removes the file and forgets the rows: they have become a model.
func (r *RowLog) Discard() error {
	*r = RowLog{o: r.o, last: time.Now(), written: r.written, skip: r.skip}
	if err := os.Remove(r.o.Path); err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("remove learning rows: %w", err)
	}
	return nil
}
