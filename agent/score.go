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
	"iot-edge-anomaly/agent/report"
	"iot-edge-anomaly/drivers/replay"
	"iot-edge-anomaly/model"
)

func scoreVerb(ctx context.Context, e env, args []string) error {
	fs := flags("score")
	modelPath := fs.String("model", "", "model `FILE`")
	csvPath := fs.String("csv", "", "recording; `FILE` - is stdin")
	out := fs.String("out", "-", "scores; `FILE` - is stdout")
	events := fs.String("events", "", "events as JSON lines; `FILE` - is stdout")
	if err := parse(e, fs, args, 0); err != nil {
		return err
	}
	if *modelPath == "" || *csvPath == "" {
		return usagef("--model and --csv are needed")
	}
	if *out == "-" && *events == "-" {
		return usagef("--out and --events cannot both be stdout")
	}
	m, err := model.Load(*modelPath)
	if err != nil {
		return &exitError{exitConfig, err}
	}
	r, c, err := openCSV(e, *csvPath)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := sameColumns(m, r.Header(), *csvPath); err != nil {
		return &exitError{exitConfig, err}
	}
	scores, closeScores, err := createText(e, *out)
	if err != nil {
		return err
	}
	s := &scoring{model: m, scorer: model.NewScorer(m), out: scores, doubts: rowDoubts{w: e.stderr}}
	if *events != "" {
		w, closeEvents, err := createText(e, *events)
		if err != nil {
			return errors.Join(err, closeScores())
		}
		if err := s.detect(w); err != nil {
			return errors.Join(err, closeScores(), closeEvents())
		}
		return errors.Join(s.run(ctx, r), closeScores(), closeEvents())
	}
	return errors.Join(s.run(ctx, r), closeScores())
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
	model    *model.Model
	scorer   *model.Scorer
	detector *detect.Detector // nil = no events wanted
	events   *report.Reporter
	ref      report.ModelRef
	out      *bufio.Writer
	doubts   rowDoubts
	buf      []byte
	n        int
}

// detect switches events on, with the policy's defaults. They are written as
// run would publish them, timed by the rows.
func (s *scoring) detect(w io.Writer) error {
	d, err := detect.New(detect.Options{Machine: "main", Channels: s.model.Schema().Channels, N: 3, M: 5,
		CloseBelow: 0.8, Hold: 30 * time.Second, Update: time.Minute})
	if err != nil {
		return err
	}
	s.detector = d
	s.ref = report.ModelRef{Version: s.model.Version(), SHA256: s.model.SHA256()}
	s.events, err = report.New(report.Device{Device: "score", Boot: "score"}, report.Lines(w), wallClock)
	return err
}

func (s *scoring) run(ctx context.Context, r *replay.Reader) error {
	if _, err := s.out.WriteString("timestamp,score,flag,top,share\n"); err != nil {
		return err
	}
	for ctx.Err() == nil {
		text, at, row, err := r.Next()
		if errors.Is(err, io.EOF) {
			s.doubts.summary()
			return nil
		}
		if !s.doubts.tolerate(err) {
			return err
		}
		sc, ok := s.scorer.Push(row)
		s.buf = appendScore(s.buf[:0], text, sc, ok, s.model.Schema().Channels)
		if _, err := s.out.Write(s.buf); err != nil {
			return err
		}
		if err := s.event(at, sc, ok); err != nil {
			return err
		}
		if s.n++; s.n%256 == 0 {
			if err := s.out.Flush(); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

// appendScore is one output row: timestamp,score,flag,top,share.
func appendScore(b []byte, text string, sc model.Score, ok bool, channels []model.Channel) []byte {
	b = append(b, text...)
	if !ok {
		return append(b, ",,0,,\n"...)
	}
	b = strconv.AppendFloat(append(b, ','), float64(sc.Value), 'g', 6, 32)
	flag := byte('0')
	if sc.Value > 1 {
		flag = '1'
	}
	b = append(b, ',', flag, ',')
	top := -1
	for i, v := range sc.Shares {
		if top < 0 || v > sc.Shares[top] {
			top = i
		}
	}
	if top >= 0 && !math.IsNaN(float64(sc.Shares[top])) {
		b = append(b, channels[top].Name...)
		b = strconv.AppendFloat(append(b, ','), float64(sc.Shares[top]), 'g', 3, 32)
		return append(b, '\n')
	}
	return append(b, ",\n"...)
}

// event writes what the detector makes of the row.
func (s *scoring) event(at time.Time, sc model.Score, ok bool) error {
	if s.detector == nil {
		return nil
	}
	var ev detect.Event
	var changed bool
	switch {
	case ok:
		ev, changed = s.detector.Push(at, sc)
	case s.scorer.Idle():
		ev, changed = s.detector.Idle(at)
	default:
		s.detector.Gap(at)
	}
	if !changed {
		return nil
	}
	return s.events.Event(ev, s.ref)
}
