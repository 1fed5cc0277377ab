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
	MaxBytes   int64         // of rows on disk; default 16 MiB
	MaxMemory  int64         // bytes of rows that wait for a disk that is slow or refuses them; default MaxBytes
	BeforeSync func()        // called before each sync by the goroutine that writes, for tests; may be nil
}

// RowLog collects the rows that a model will be learnt from, and keeps them on disk:
// in memory are those since the last flush only. It is for one goroutine; what it writes
// while rows are pushed, another writes beside it, one block at a time.
type RowLog struct {
	o       RowLogOptions
	fresh   []float64 // (n, C), with idle rows and gaps, that are not on disk yet
	stored  int       // rows on disk, with idle rows and gaps
	have    int       // running rows, of all
	size    int64     // of the file up to its last good block
	last    time.Time // of the last flush
	refused bool      // it failed
	job     *rowJob   // under way; nil = none
	gap     int       // rows that are missing before the next one, up to model.GateHold + 1
	idle    [][]float64
	written uint64          // bytes
	week    *train.Coverage // when running rows were seen; nil = unknown
	skip    int             // thinning: see keep
	seen    int
	lost    int // running rows
}

// flushBytes of rows are flushed before it is time: many machines learn at once.
const flushBytes = 128 << 10

// OpenRowLog checks what an earlier run collected, or starts anew. Of a damaged file
// every whole block is kept, and Lost tells of the rest. A file of other channels is
// reported by ErrDiscarded beside a usable, empty collection.
func OpenRowLog(o RowLogOptions) (*RowLog, error) {
	if o.FlushEvery == 0 {
		o.FlushEvery = 5 * time.Minute
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = 16 << 20
	}
	if o.MaxMemory == 0 {
		o.MaxMemory = o.MaxBytes
	}
	r := &RowLog{o: o, last: time.Now(), skip: thinning(o)}
	if err := os.MkdirAll(filepath.Dir(o.Path), 0o700); err != nil {
		return r, fmt.Errorf("keep learning rows: %w", err)
	}
	err := r.load()
	if r.stored > 0 {
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

// Lost is how many running rows, about, were collected and cannot be used: damaged or
// removed on disk, or too many for the memory while the disk refused them. They count
// since OpenRowLog, and are collected again.
func (r *RowLog) Lost() int { return r.lost }

// lose counts rows that are gone and returns how many running rows they stood for.
func (r *RowLog) lose(rows int) int {
	rows = min(rows*max(1, r.skip), max(r.o.Want, 1))
	r.lost += rows
	return rows
}

// forget counts rows that are gone and had been counted before.
func (r *RowLog) forget(rows int) {
	r.have = max(0, r.have-r.lose(rows))
	r.seen = r.have
}

// Gaps are the rows, ascending, that mark a gap in time, of rows that Load has returned.
func (r *RowLog) Gaps(rows []float64) (gaps []int) {
	c := r.o.Channels
	for i := 0; i < len(rows)/c; i++ {
		if isGap(rows[i*c : (i+1)*c]) {
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

// Kept tells that the disk takes rows: the newest flush has worked.
func (r *RowLog) Kept() bool { return r.stored > 0 && !r.refused }

// Coverage tells when the rows were seen; nil where it is not known of all of them.
func (r *RowLog) Coverage() *train.Coverage { return r.week }

// Push takes one row, of a running or an idle machine, and has a block written when
// it is time. It never waits for the disk. An error tells of an earlier block: its rows
// are in memory only.
func (r *RowLog) Push(row []float64, running bool) error {
	_, err := r.Poll()
	if !running {
		r.pushIdle(row)
		return err
	}
	r.have++
	if !r.keep() {
		return err
	}
	if r.stored > 0 || len(r.fresh) > 0 || r.job.waiting() > 0 {
		r.fresh = appendGap(r.fresh, r.gap*len(row))
	}
	r.gap = 0
	for _, i := range r.idle {
		r.fresh = append(r.fresh, i...)
	}
	r.idle = r.idle[:0]
	r.fresh = append(r.fresh, row...)
	if r.job == nil && (time.Since(r.last) >= r.o.FlushEvery || !r.refused && 8*len(r.fresh) >= flushBytes) {
		r.begin()
	}
	r.shorten()
	return err
}

// appendGap appends n cells without a value.
func appendGap(rows []float64, n int) []float64 {
	for range n {
		rows = append(rows, math.NaN())
	}
	return rows
}

// shorten gives up the oldest quarter of the rows in memory that are not being written,
// where there are too many.
func (r *RowLog) shorten() {
	c := r.o.Channels
	if int64(8*(len(r.fresh)+r.job.waiting())) <= r.o.MaxMemory || len(r.fresh) < 4*gapMost*c {
		return
	}
	gone := r.fresh[:len(r.fresh)/c/4*c]
	rows := countRows(gone, c)
	appendGap(gone[:0], gapMost*c)
	r.fresh = append(r.fresh[:gapMost*c], r.fresh[len(gone):]...)
	r.forget(rows)
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

// Discard forgets the rows, which have become a model, and has the file removed. It does
// not wait for that: Flush does, and Poll tells.
func (r *RowLog) Discard() {
	job := &rowJob{o: r.o, after: r.job, remove: true, ended: make(chan struct{})}
	*r = RowLog{o: r.o, last: time.Now(), written: r.written, skip: r.skip, lost: r.lost, job: job}
	go job.run()
}
