package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"iot-edge-anomaly/agent/htmlreport"
	"iot-edge-anomaly/agent/pipeline"
	"iot-edge-anomaly/drivers/replay"
	"iot-edge-anomaly/model"
	"iot-edge-anomaly/model/train"
)

// pageFile is an HTML file that takes its place when it is whole: what was there
// before stays until then.
type pageFile struct {
	f    *os.File
	path string
}

// createPage tells at once, before hours of scoring, whether path can be written.
func createPage(path string) (*pageFile, error) {
	if st, err := os.Stat(path); err == nil && !st.Mode().IsRegular() {
		return nil, fmt.Errorf("--report %s: not a regular file", path)
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if pe := (*fs.PathError)(nil); errors.As(err, &pe) {
		return nil, fmt.Errorf("--report %s: %w", path, pe.Err) // not the passing name
	} else if err != nil {
		return nil, fmt.Errorf("--report %s: %w", path, err)
	}
	return &pageFile{f, path}, nil
}

// write fills the file and puts it in its place.
func (p *pageFile) write(page func(io.Writer) error) error {
	w := bufio.NewWriterSize(p.f, 1<<16)
	if err := errors.Join(page(w), w.Flush(), p.f.Chmod(0o644), p.f.Close()); err != nil {
		return errors.Join(fmt.Errorf("--report %s: %w", p.path, err), os.Remove(p.f.Name()))
	}
	if err := os.Rename(p.f.Name(), p.path); err != nil {
		return errors.Join(fmt.Errorf("--report: %w", err), os.Remove(p.f.Name()))
	}
	return nil
}

// drop leaves things as they were; nil has nothing to leave.
func (p *pageFile) drop() error {
	if p == nil {
		return nil
	}
	return errors.Join(p.f.Close(), os.Remove(p.f.Name()))
}

// about names a page's subject as the user did, without the folders.
func about(csvs, path string, m *model.Model) htmlreport.About {
	var files []string
	for _, f := range strings.Split(csvs, ",") {
		if f == "-" {
			f = "stdin"
		}
		files = append(files, filepath.Base(f))
	}
	name := strings.Join(files, ", ")
	if len(files) > 3 {
		name = fmt.Sprintf("%s to %s (%d files)", files[0], files[len(files)-1], len(files))
	}
	return htmlreport.About{Recording: name, Model: filepath.Base(path), Version: m.Version(), SHA256: m.SHA256()}
}

// runDrawn is run with a page of it, also of what there was before an error or
// Ctrl-C.
func (s *scoring) runDrawn(ctx context.Context, r *replay.Reader, page *pageFile, a htmlreport.About) error {
	parts := s.model.Parameters()
	s.drawn = htmlreport.NewRecording(&parts)
	err := s.run(ctx, r)
	return errors.Join(err, page.write(func(w io.Writer) error { return htmlreport.WriteScore(w, s.drawn, a) }))
}

// draw takes a row and its verdict to the page.
func (s *scoring) draw(at time.Time, row []float64, v pipeline.Verdict) {
	r := htmlreport.Row{Time: at, Values: row, Score: math.NaN(), State: htmlreport.Filling}
	switch {
	case v.Scored:
		r.State, r.Score, r.Expected, r.Shares = htmlreport.Scored, float64(v.Score.Value), v.Score.Expected, v.Score.Shares
	case v.State == pipeline.Idle:
		r.State = htmlreport.Idle
	case v.State == pipeline.Blind:
		r.State = htmlreport.Blind
	}
	s.drawn.Push(r)
}

// drawn takes the learning rows to a page: with the scores that set the
// threshold, and with what m expects of them.
func (t *table) drawn(m *model.Model, report train.Report, d *train.Details) *htmlreport.Recording {
	parts := m.Parameters()
	out, scorer := htmlreport.NewRecording(&parts), model.NewScorer(m)
	c := len(t.names)
	for i, stamp := range t.times {
		row := t.rows[i*c : (i+1)*c]
		score, ok := scorer.Push(row)
		if stamp == noTime && empty(row) {
			continue // a gap: the times around it tell
		}
		var at time.Time
		if stamp != noTime {
			at = time.Unix(0, stamp)
		}
		r := htmlreport.Row{Time: at, Values: row, Score: float64(d.Scores[i]), State: htmlreport.Filling}
		switch {
		case ok && i >= report.Start:
			r.State, r.Shares = htmlreport.Scored, score.Shares
		case scorer.Idle():
			r.State = htmlreport.Idle
		case scorer.Blind():
			r.State = htmlreport.Blind
		}
		if ok {
			r.Expected = score.Expected
		}
		out.Push(r)
	}
	return out
}

// empty tells a row without any value.
func empty(row []float64) bool {
	for _, v := range row {
		if v == v {
			return false
		}
	}
	return true
}
