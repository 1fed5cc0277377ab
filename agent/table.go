package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"time"

	"iot-edge-anomaly/agent/pipeline"
	"iot-edge-anomaly/drivers/replay"
	"iot-edge-anomaly/model"
	"iot-edge-anomaly/model/train"
)

// table is a recording read whole, for training.
type table struct {
	names  []string
	rows   []float64     // (n, C), NaN = missing
	n      int           // rows of the recordings; those that stand for a gap come on top
	period time.Duration // median distance of two rows, 0 where unknown
	gap    int           // rows of NaN that stand for a gap
	gaps   []int         // which rows stand for a gap
	times  []int64       // of the rows, nanoseconds since 1970; noTime = none
}

// openCSV opens a file, or stdin for "-". What waits for whoever writes, a pipe
// or a terminal, ends with ctx.
func openCSV(ctx context.Context, e env, path string) (*replay.Reader, io.Closer, error) {
	if path == "-" {
		r, err := replay.NewReader(bufio.NewReader(endingWith(ctx, e.stdin)), "stdin")
		return r, io.NopCloser(nil), err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	var rows io.Reader = f
	if !isFile(path) {
		rows = endingWith(ctx, f)
	}
	r, err := replay.NewReader(bufio.NewReaderSize(rows, 1<<16), path)
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return r, f, nil
}

// endingWith reads r, which may block for ever, until ctx is done.
func endingWith(ctx context.Context, r io.Reader) io.Reader {
	out, in := io.Pipe()
	go func() {
		_, err := io.Copy(in, r)
		in.CloseWithError(err)
	}()
	context.AfterFunc(ctx, func() { in.CloseWithError(ctx.Err()) })
	return out
}

// readTable reads at most limit rows (0 = all) of the files, which must have
// the same columns. Between two files stands a gap: a row of NaN or, where the
// machine may have been started anew, as many as make a model.Gate forget that it
// ran.
func readTable(ctx context.Context, e env, paths []string, limit int, starts bool) (*table, error) {
	t := &table{gap: 1}
	if starts {
		t.gap = model.GateHold + 1
	}
	var steps []time.Duration
	for _, p := range paths {
		if limit > 0 && t.n >= limit {
			break
		}
		s, err := t.add(ctx, e, p, limit)
		if err != nil {
			return nil, err
		}
		steps = append(steps, s...)
	}
	if len(steps) > 0 {
		slices.Sort(steps)
		t.period = steps[len(steps)/2]
	}
	return t, nil
}

func (t *table) add(ctx context.Context, e env, path string, limit int) (steps []time.Duration, err error) {
	r, c, err := openCSV(ctx, e, path)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	switch {
	case t.names == nil:
		t.names = slices.Clone(r.Header())
	case !slices.Equal(t.names, r.Header()):
		return nil, fmt.Errorf("%s: columns %s, the first file has %s", path, strings.Join(r.Header(), ","), strings.Join(t.names, ","))
	default:
		t.pause()
	}
	doubts := rowDoubts{w: e.stderr}
	var before time.Time
	for limit == 0 || t.n < limit {
		text, at, row, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if !doubts.tolerate(err) {
			return nil, err
		}
		if doubts.repeats(text, at, row) {
			continue
		}
		if step := at.Sub(before); !before.IsZero() && step > 0 {
			steps = append(steps, step)
			if t.hole(step, steps) {
				doubts.hole(text)
			}
		}
		if !at.IsZero() {
			before = at
		}
		t.rows, t.times = append(t.rows, row...), append(t.times, stamp(at))
		t.n++
	}
	doubts.summary()
	return steps, nil
}

const noTime = math.MinInt64

// stamp is t in nanoseconds; noTime where there is none, or it is beyond what fits.
func stamp(t time.Time) int64 {
	if y := t.Year(); y < 1700 || y > 2200 {
		return noTime
	}
	return t.UnixNano()
}

// pause puts a gap.
func (t *table) pause() {
	for range t.gap {
		t.gaps = append(t.gaps, len(t.times))
		t.times = append(t.times, noTime)
		for range t.names {
			t.rows = append(t.rows, math.NaN())
		}
	}
}

// seen is when the machine ran; nil where the recording does not say.
func (t *table) seen(s model.Schema) *train.Coverage {
	var w train.Coverage
	gate, c := model.NewGate(s), len(t.names)
	for i, at := range t.times {
		row := t.rows[i*c : (i+1)*c]
		if gate.Running(row) && slices.ContainsFunc(row, func(v float64) bool { return !math.IsNaN(v) }) && !w.Mark(time.Unix(0, at)) {
			return nil
		}
	}
	return &w
}

// hole puts a gap where far more time than usual has passed, and tells whether
// it did: the rows around it are no neighbours.
func (t *table) hole(step time.Duration, steps []time.Duration) bool {
	first := steps[0]
	if step <= pipeline.GapRows*first || step <= pipeline.GapRows*steps[len(steps)/2] {
		return false
	}
	t.pause()
	return true
}
