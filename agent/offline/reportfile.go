package offline

import (
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strings"
	"time"

	"iot-edge-anomaly/agent/htmlreport"
	"iot-edge-anomaly/agent/judge"
	"iot-edge-anomaly/agent/state"
	"iot-edge-anomaly/model"
	"iot-edge-anomaly/model/train"
)

// reportFile is an HTML file that replaces the one at its path once it is complete.
type reportFile struct {
	*state.File
	path string
}

// createReport fails at once, before hours of work, if path cannot be written.
func createReport(path string) (*reportFile, error) {
	f, err := state.Create(path, 0o644)
	if err != nil {
		return nil, fmt.Errorf("--report %s: %w", path, err)
	}
	return &reportFile{f, path}, nil
}

// write fills the file and moves it to its path.
func (p *reportFile) write(page func(io.Writer) error) error {
	if err := page(p); err != nil {
		return errors.Join(fmt.Errorf("--report %s: %w", p.path, err), p.Drop())
	}
	if err := p.Commit(); err != nil {
		return fmt.Errorf("--report %s: %w", p.path, err)
	}
	return nil
}

// drop leaves what is at its path as it was. It does nothing if p is nil.
func (p *reportFile) drop() error {
	if p == nil {
		return nil
	}
	return p.Drop()
}

// about names recordings and model as the user did, without their folders.
func about(recordings []string, path string, m *model.Model) htmlreport.About {
	var files []string
	for _, f := range recordings {
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

// scoredRow is a row and its verdict as the report takes them.
func scoredRow(at time.Time, row []float64, v judge.Verdict) htmlreport.Row {
	r := htmlreport.Row{Time: at, Values: row, Score: math.NaN(), State: htmlreport.Filling}
	switch {
	case v.Scored:
		r.State, r.Score, r.Expected, r.Shares = htmlreport.Scored, float64(v.Score.Value), v.Score.Expected, v.Score.Shares
	case v.State == judge.Idle:
		r.State = htmlreport.Idle
	case v.State == judge.Blind:
		r.State = htmlreport.Blind
	}
	return r
}

// recording takes the learning rows to a report: with the scores of the calibration,
// which set the threshold, and the values that m expects.
func (t *trainingSet) recording(m *model.Model, report train.Report, d *train.Details) *htmlreport.Recording {
	parameters := m.Parameters()
	out, scorer := htmlreport.NewRecording(&parameters), model.NewScorer(m)
	c := len(t.names)
	for i, stamp := range t.times {
		row := t.rows[i*c : (i+1)*c]
		score, ok := scorer.Push(row)
		if stamp == noTime && empty(row) {
			continue // a gap: the report sees it by the times around it
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
