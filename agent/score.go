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
	"strconv"
	"strings"
	"time"

	"iot-edge-anomaly/agent/detect"
	"iot-edge-anomaly/agent/htmlreport"
	"iot-edge-anomaly/agent/pipeline"
	"iot-edge-anomaly/agent/report"
	"iot-edge-anomaly/agent/settings"
	"iot-edge-anomaly/drivers/replay"
	"iot-edge-anomaly/model"
)

func scoreVerb(ctx context.Context, e env, args []string) error {
	fs := flags("score")
	modelPath := fs.String("model", "", "model `FILE`")
	csvPath := fs.String("csv", "", "recording; `FILE` - is stdin")
	out := fs.String("out", "-", "scores; `FILE` - is stdout")
	rearm := fs.Bool("rearm", false, "raise the threshold after a lasting change, so that the next one is heard")
	percentile := fs.Bool("percentile", false, "add a column: how many of the scores of learning were lower, in per cent")
	events := fs.String("events", "", "events as JSON lines; `FILE` - is stdout")
	reportPath := fs.String("report", "", "HTML `FILE` to write: scores, events and causes, drawn")
	configPath := fs.String("config", "", "take alarm policy and limits of the events from this configuration `FILE`")
	machine := fs.String("machine", "", "machine of the configuration (default: the only one)")
	if err := parse(e, fs, args, 0); err != nil {
		return err
	}
	if *modelPath == "" || *csvPath == "" {
		return usagef("--model and --csv are needed")
	}
	if *out == "-" && *events == "-" {
		return usagef("--out and --events cannot both be stdout")
	}
	if *reportPath == "-" {
		return usagef("--report - is not possible: a report is a file")
	}
	if err := keepInputs([]string{*modelPath, *csvPath}, []string{*out, *events, *reportPath}); err != nil {
		return usagef("%w", err)
	}
	m, err := model.Load(*modelPath)
	if err != nil {
		return &exitError{exitConfig, err}
	}
	r, c, err := openCSV(ctx, e, *csvPath)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := sameColumns(m, r.Header(), *csvPath); err != nil {
		return &exitError{exitConfig, err}
	}
	policy, limits, err := scorePolicy(e.stderr, m, *configPath, *machine)
	if err != nil {
		return err
	}
	policy.Rearm = *rearm
	judge, err := pipeline.NewWatch(m, policy)
	if err != nil {
		return err
	}
	var page *pageFile // made first: a report that cannot be written leaves the other files as they were
	if *reportPath != "" {
		if page, err = createPage(*reportPath); err != nil {
			return err
		}
	}
	s := &scoring{model: m, names: fields(m.Schema().Channels), percentile: *percentile, judge: judge, limits: limits, latch: detect.NewLatch(policy), live: !isFile(*csvPath), doubts: rowDoubts{w: e.stderr}}
	closeAll, err := s.open(e, *out, *events)
	if err != nil {
		return errors.Join(err, page.drop())
	}
	if page == nil {
		return closing(s.run(ctx, r), closeAll)
	}
	return closing(s.runDrawn(ctx, r, page, about(*csvPath, *modelPath, m)), closeAll)
}

// closing closes what was written and adds what goes wrong with it, unless err
// ends with the same: a full disk fails the flush again.
func closing(err error, closeAll func() error) error {
	more := closeAll()
	if err != nil && more != nil && strings.HasSuffix(err.Error(), more.Error()) {
		return err
	}
	return errors.Join(err, more)
}

// open makes the files of scores and, unless its name is empty, events; the
// function returned flushes and closes them.
func (s *scoring) open(e env, out, events string) (func() error, error) {
	scores, closeScores, err := createText(e, out)
	if err != nil {
		return nil, err
	}
	s.out = scores
	if events == "" {
		return closeScores, nil
	}
	w, closeEvents, err := createText(e, events)
	if err != nil {
		return nil, errors.Join(err, closeScores())
	}
	closeAll := func() error { return errors.Join(closeScores(), closeEvents()) }
	if err := s.report(w); err != nil {
		return nil, errors.Join(err, closeAll())
	}
	return closeAll, nil
}

// keepInputs refuses an output that would overwrite an input or another output.
func keepInputs(inputs, outputs []string) error {
	taken := map[string]os.FileInfo{}
	for _, in := range inputs {
		if st, err := os.Stat(in); err == nil && st.Mode().IsRegular() {
			taken[in] = st
		}
	}
	for i, out := range outputs {
		st, err := os.Stat(out)
		for in, other := range taken {
			if err == nil && os.SameFile(st, other) {
				return fmt.Errorf("%s would overwrite %s", out, in)
			}
		}
		device := err == nil && !st.Mode().IsRegular() // /dev/null takes any number
		if out != "" && out != "-" && !device && slices.Contains(outputs[:i], out) {
			return fmt.Errorf("%s is named for two outputs", out)
		}
	}
	return nil
}

// createText opens a file, or stdout for "-", buffered; the function returned
// flushes and closes it.
func createText(e env, path string) (*bufio.Writer, func() error, error) {
	if path == "-" {
		w := bufio.NewWriter(e.stdout)
		return w, w.Flush, nil
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, nil, err
	}
	w := bufio.NewWriter(f)
	return w, func() error { return errors.Join(w.Flush(), f.Close()) }, nil
}

func sameColumns(m *model.Model, header []string, path string) error {
	want := names(m.Schema())
	if slices.Equal(want, header) {
		return nil
	}
	for i := range max(len(want), len(header)) {
		switch {
		case i >= len(header):
			return fmt.Errorf("%s: column %q is missing: the model was learnt on %s", path, want[i], strings.Join(want, ","))
		case i >= len(want):
			return fmt.Errorf("%s: column %q is not in the model, which was learnt on %s", path, header[i], strings.Join(want, ","))
		case want[i] != header[i]:
			return fmt.Errorf("%s: column %d is %q, the model's is %q", path, i+2, header[i], want[i])
		}
	}
	return nil
}

// scoring takes a recording through the objects that run uses.
type scoring struct {
	model      *model.Model
	names      []string // of the channels, as fields of a CSV
	judge      *pipeline.Watch
	limits     *detect.Limits
	latch      *detect.Latch
	out        *bufio.Writer
	events     *report.Reporter // nil = no events wanted
	eventsOut  *bufio.Writer
	ref        report.ModelRef
	failed     error                 // of writing events
	drawn      *htmlreport.Recording // nil = no page wanted
	live       bool                  // write each row at once
	doubts     rowDoubts
	percentile bool // is a column
	rows       int
	scored     int
	blind      int // rows that held too little to be scored
	buf        []byte
}

// scorePolicy is the alarm policy and the limits of a configuration's machine,
// or the default policy where no configuration is given. Rows are judged by the
// model's own period and condition, so w is told where run would not take it.
func scorePolicy(w io.Writer, m *model.Model, path, machine string) (detect.Options, *detect.Limits, error) {
	if path == "" {
		limits, err := detect.NewLimits("main", nil)
		return detect.Options{Machine: "main", Channels: m.Schema().Channels, N: 3, M: 5,
			CloseBelow: 0.8, Hold: 30 * time.Second, Repeats: 24 * time.Hour, Update: time.Minute}, limits, err
	}
	c, err := loadConfig(path)
	if err != nil {
		return detect.Options{}, nil, err
	}
	mc, err := pickMachine(c, machine)
	if err != nil {
		return detect.Options{}, nil, &exitError{exitUsage, err}
	}
	s := settings.Schema(mc)
	if got, want := names(m.Schema()), names(s); !slices.Equal(got, want) {
		return detect.Options{}, nil, &exitError{exitConfig, fmt.Errorf("machine %s has the channels %s, the model %s",
			mc.Name, strings.Join(want, ","), strings.Join(got, ","))}
	}
	if err := m.CheckSchema(s); err != nil {
		fmt.Fprintf(w, "warning: run would refuse this model: %v: train it with --config\n", err)
	}
	limits, err := detect.NewLimits(mc.Name, settings.Limits(mc))
	return settings.Policy(mc), limits, err
}

// isFile tells a file, which may be read and answered in large pieces, from a
// pipe, at whose end somebody waits for each row.
func isFile(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.Mode().IsRegular()
}

// report switches events on. They are written as run would publish them, timed
// by the rows.
func (s *scoring) report(w *bufio.Writer) (err error) {
	s.ref = report.ModelRef{Version: s.model.Version(), SHA256: s.model.SHA256()}
	s.eventsOut = w
	s.events, err = report.New(report.Device{Device: "score", Boot: "csv"}, report.Lines(w), wallClock)
	return err
}

func (s *scoring) run(ctx context.Context, r *replay.Reader) error {
	head := "timestamp,score,flag,top,share"
	if s.percentile {
		head += ",percentile"
	}
	if _, err := s.out.WriteString(head + "\n"); err != nil {
		return err
	}
	if err := s.flush(); err != nil {
		return err
	}
	emit, write := s.emit, s.write
	rows := lookahead{r: r}
	if !s.live {
		rows.tell = s.judge.Ahead
	}
	for ctx.Err() == nil {
		text, at, row, err := rows.Next()
		if errors.Is(err, io.EOF) {
			s.doubts.summary()
			s.summary()
			return nil
		}
		if !s.doubts.tolerate(err) {
			return err
		}
		s.doubts.repeats(text, at, row)
		s.latch.Tick(at, write)
		s.limits.Push(at, row, emit)
		v := s.judge.Push(at, row)
		s.count(&v)
		if s.drawn != nil {
			s.draw(at, row, v)
		}
		s.buf = appendScore(s.buf[:0], text, v.Score, v.Scored, s.names)
		if s.percentile {
			s.buf = append(s.buf, ',')
			if v.Scored {
				s.buf = strconv.AppendFloat(s.buf, min(v.Percent, 99.9999), 'g', 6, 64)
			}
		}
		s.buf = append(s.buf, '\n')
		if _, err := s.out.Write(s.buf); err != nil {
			return err
		}
		if v.Changed {
			emit(v.Event)
		}
		if v.Drifted {
			emit(v.Drift)
		}
		if err := errors.Join(s.failed, s.flush()); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (s *scoring) count(v *pipeline.Verdict) {
	s.rows++
	switch {
	case v.Scored:
		s.scored++
	case v.State == pipeline.Blind:
		s.blind++
	}
}

// summary tells where silence does not mean that all is well.
func (s *scoring) summary() {
	if s.blind > 0 {
		fmt.Fprintf(s.doubts.w, "warning: %d of %s too few values to be scored\n", s.blind, plural(s.rows, "row holds", "rows hold"))
	}
	if s.scored == 0 {
		fmt.Fprintf(s.doubts.w, "warning: none of %s was scored: the first score takes %d running rows in sequence\n", plural(s.rows, "row", "rows"), s.model.FillRows())
	}
}

// emit writes an event, or what the latch makes of it.
func (s *scoring) emit(ev detect.Event) { s.write(s.latch.Take(ev)) }

func (s *scoring) write(ev detect.Event) {
	if s.drawn != nil {
		s.drawn.Event(ev)
	}
	if s.events != nil && s.failed == nil {
		s.failed = s.events.Event(ev, s.ref)
	}
}

// flush hands on what is written where somebody waits for it.
func (s *scoring) flush() error {
	if !s.live {
		return nil
	}
	if s.eventsOut != nil {
		if err := s.eventsOut.Flush(); err != nil {
			return err
		}
	}
	return s.out.Flush()
}

// field writes s as one field of a CSV (RFC 4180).
func field(s string) string {
	if !strings.ContainsAny(s, ",\"\r\n") {
		return s
	}
	return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
}

func fields(channels []model.Channel) (out []string) {
	for _, c := range channels {
		out = append(out, field(c.Name))
	}
	return out
}

// appendScore is one output row, without what ends it: timestamp,score,flag,top,share.
func appendScore(b []byte, text string, sc model.Score, ok bool, names []string) []byte {
	b = append(b, field(text)...)
	if !ok {
		return append(b, ",,0,,"...)
	}
	flag, digits := byte('0'), 6
	if sc.Value > 1 {
		flag = '1'
		if sc.Value < 1.00001 {
			digits = 9 // a row with a flag must not read as 1
		}
	}
	b = strconv.AppendFloat(append(b, ','), float64(sc.Value), 'g', digits, 32)
	b = append(b, ',', flag, ',')
	top := -1
	for i, v := range sc.Shares {
		if top < 0 || v > sc.Shares[top] {
			top = i
		}
	}
	if top >= 0 && !math.IsNaN(float64(sc.Shares[top])) {
		b = append(b, names[top]...)
		return strconv.AppendFloat(append(b, ','), float64(sc.Shares[top]), 'g', 3, 32)
	}
	return append(b, ',')
}
