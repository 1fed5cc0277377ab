package offline

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	"iot-edge-anomaly/agent/detect"
	"iot-edge-anomaly/agent/htmlreport"
	"iot-edge-anomaly/agent/judge"
	"iot-edge-anomaly/agent/report"
	"iot-edge-anomaly/drivers/replay"
	"iot-edge-anomaly/model"
)

// scoring takes a recording through the objects that the running agent uses.
type scoring struct {
	model      *model.Model
	names      []string // of the channels, as fields of a CSV
	judge      *judge.Judge
	out        *bufio.Writer
	events     *report.Reporter // nil = no events wanted
	eventsOut  *bufio.Writer
	ref        report.ModelRef
	failed     error                 // of writing events
	page       *htmlreport.Recording // nil = no report wanted
	live       bool                  // write each row at once
	warnings   csvWarnings
	percentile bool // is a column
	rows       int
	scored     int
	blind      int // rows with too few values to be scored
	buf        []byte
}

// run writes one output row for each row of r.
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
	rows := batchReader{r: r}
	if !s.live {
		rows.tell = s.judge.Ahead
	}
	for ctx.Err() == nil {
		text, at, row, err := rows.Next()
		if errors.Is(err, io.EOF) {
			s.warnings.summary()
			s.summary()
			return nil
		}
		if !s.warnings.tolerate(err) {
			return err
		}
		s.warnings.repeats(text, at, row)
		v := s.judge.Push(at, row)
		s.count(&v)
		if s.page != nil {
			s.page.Push(scoredRow(at, row, v))
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
		for _, ev := range v.Events {
			s.write(ev)
		}
		if err := errors.Join(s.failed, s.flush()); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (s *scoring) count(v *judge.Verdict) {
	s.rows++
	switch {
	case v.Scored:
		s.scored++
	case v.State == judge.Blind:
		s.blind++
	}
}

// summary warns where the absence of events does not mean that all is well.
func (s *scoring) summary() {
	if s.blind > 0 {
		fmt.Fprintf(s.warnings.w, "warning: %d of %s too few values to be scored\n", s.blind, plural(s.rows, "row holds", "rows hold"))
	}
	if s.scored == 0 {
		fmt.Fprintf(s.warnings.w, "warning: none of %s was scored: the first score takes %d running rows in sequence\n", plural(s.rows, "row", "rows"), s.model.FillRows())
	}
}

// write passes an event to the report and to the file of events.
func (s *scoring) write(ev detect.Event) {
	if s.page != nil {
		s.page.Event(ev)
	}
	if s.events != nil && s.failed == nil {
		s.failed = s.events.Event(ev, s.ref)
	}
}

// flush passes on what has been written, if somebody waits for it.
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
