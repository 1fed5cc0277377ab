package offline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"sort"
	"strings"
	"time"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/judge"
	"iot-edge-anomaly/agent/settings"
	"iot-edge-anomaly/model"
	"iot-edge-anomaly/model/train"
)

// trainingSet is what is learnt from: the rows of one or more recordings, in
// memory.
type trainingSet struct {
	names   []string
	rows    []float64     // (rows and gaps, C), NaN = missing
	n       int           // rows of the recordings, without those that stand for a gap
	period  time.Duration // median time between two rows, 0 = unknown
	gapRows int           // rows of NaN that stand for one gap
	gaps    []int         // indices of the rows that stand for a gap
	times   []int64       // of the rows, nanoseconds since 1970; noTime = none
}

// readTrainingSet reads at most limit rows (0 = all) of the files, which must have
// the same columns. A gap, between two files or within one, becomes a row of NaN.
// With restarts it becomes as many rows as make a model.Gate forget that the
// machine ran, for the machine may have been started anew.
func readTrainingSet(ctx context.Context, in inputs, paths []string, limit int, restarts bool) (*trainingSet, error) {
	t := &trainingSet{gapRows: 1}
	if restarts {
		t.gapRows = model.GateHold + 1
	}
	var steps []time.Duration
	for _, p := range paths {
		if limit > 0 && t.n >= limit {
			break
		}
		s, err := t.add(ctx, in, p, limit)
		if err != nil {
			return nil, err
		}
		steps = append(steps, s...)
	}
	if len(steps) > 0 {
		sort.Slice(steps, func(i, j int) bool { return steps[i] < steps[j] })
		t.period = steps[len(steps)/2]
	}
	return t, nil
}

// inputs is where recordings come from and where their warnings go.
type inputs struct {
	stdin    io.Reader
	warnings io.Writer
}

// add appends a file, up to limit rows altogether, and returns the times between its
// rows.
func (t *trainingSet) add(ctx context.Context, in inputs, path string, limit int) (steps []time.Duration, err error) {
	r, c, err := openRecording(ctx, in.stdin, path)
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
		t.gap()
	}
	warnings := csvWarnings{w: in.warnings}
	var before time.Time
	for limit == 0 || t.n < limit {
		text, at, row, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if !warnings.tolerate(err) {
			return nil, err
		}
		if warnings.repeats(text, at, row) {
			continue
		}
		if step := at.Sub(before); !before.IsZero() && step > 0 {
			steps = append(steps, step)
			if isHole(step, steps) {
				t.gap()
				warnings.hole(text)
			}
		}
		if !at.IsZero() {
			before = at
		}
		t.rows, t.times = append(t.rows, row...), append(t.times, stamp(at))
		t.n++
	}
	warnings.summary()
	return steps, nil
}

const noTime = math.MinInt64

// stamp is t in nanoseconds, or noTime if t is zero or out of range.
func stamp(t time.Time) int64 {
	if y := t.Year(); y < 1700 || y > 2200 {
		return noTime
	}
	return t.UnixNano()
}

// gap appends the rows of a gap.
func (t *trainingSet) gap() {
	for range t.gapRows {
		t.gaps = append(t.gaps, len(t.times))
		t.times = append(t.times, noTime)
		for range t.names {
			t.rows = append(t.rows, math.NaN())
		}
	}
}

// isHole tells whether the newest step, the last of steps, is far longer than usual,
// so that the rows around it are no neighbours. "Usual" is both the first step and
// the one in the middle of the file so far.
func isHole(step time.Duration, steps []time.Duration) bool {
	return step > judge.GapRows*steps[0] && step > judge.GapRows*steps[len(steps)/2]
}

// coverage tells at which hours of the week the machine ran; nil if the recording
// does not say.
func (t *trainingSet) coverage(s model.Schema) *train.Coverage {
	var w train.Coverage
	gate, c := model.NewGate(s), len(t.names)
	for i, at := range t.times {
		row := t.rows[i*c : (i+1)*c]
		if gate.Running(row) && !empty(row) && !w.Mark(time.Unix(0, at)) {
			return nil
		}
	}
	return &w
}

// schema is what the columns mean: what the configured machine says or, without
// one, their names and the recording's period.
func (t *trainingSet) schema(m *config.Machine) (model.Schema, error) {
	if m == nil {
		s := model.Schema{Period: t.period}
		for _, n := range t.names {
			s.Channels = append(s.Channels, model.Channel{Name: n})
		}
		return s, nil
	}
	s := settings.Schema(*m)
	if got, want := strings.Join(t.names, ","), strings.Join(names(s), ","); got != want {
		return s, fmt.Errorf("machine %s has the channels %s, the recording %s", m.Name, want, got)
	}
	return s, nil
}

func names(s model.Schema) (out []string) {
	for _, c := range s.Channels {
		out = append(out, c.Name)
	}
	return out
}

// empty tells whether a row holds no value.
func empty(row []float64) bool {
	return !slices.ContainsFunc(row, func(v float64) bool { return !math.IsNaN(v) })
}
