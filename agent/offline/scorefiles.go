package offline

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/detect"
	"iot-edge-anomaly/agent/htmlreport"
	"iot-edge-anomaly/agent/judge"
	"iot-edge-anomaly/agent/report"
	"iot-edge-anomaly/agent/settings"
	"iot-edge-anomaly/drivers/replay"
	"iot-edge-anomaly/model"
)

// ScoreOptions say what to score and where the results go.
type ScoreOptions struct {
	Model      string          // file
	CSV        string          // recording with the model's channels; "-" is Stdin
	Out        string          // scores, one row for each row of the recording; "-" is Stdout
	Events     string          // JSON lines; "-" is Stdout, "" = none
	Report     string          // HTML file; "" = none
	Machine    *config.Machine // gives alarm policy and limits; nil = the default policy, no limits
	Percentile bool            // add a column: how many scores of learning were lower, in per cent
	Sweep      bool            // write to Stdout what several alarm policies would have told, and nothing else
	JSON       bool            // of Sweep: an object in place of a table

	Stdin    io.Reader
	Stdout   io.Writer
	Warnings io.Writer           // takes what is wrong with the recording
	Clock    func() report.Clock // of this computer; events are timed by the rows
}

// Check tells what is wrong with the options together, as flags of the command line.
func (o *ScoreOptions) Check() error {
	switch {
	case o.Model == "" || o.CSV == "":
		return errors.New("--model and --csv are needed")
	case o.Sweep && (o.Out != "-" || o.Events != "" || o.Report != "" || o.Percentile):
		return errors.New("--sweep writes a table and no scores: leave --out, --events, --report and --percentile out")
	case o.JSON && !o.Sweep:
		return errors.New("--json is of --sweep; --events has JSON lines")
	case o.Out == "-" && o.Events == "-":
		return errors.New("--out and --events cannot both be stdout")
	case o.Report == "-":
		return errors.New("--report - is not possible: a report is a file")
	}
	return KeepInputs([]string{o.Model, o.CSV}, []string{o.Out, o.Events, o.Report})
}

// sweep writes what several alarm policies would have told.
func (o *ScoreOptions) sweep(ctx context.Context, r *replay.Reader, m *model.Model, j *judge.Judge, now detect.Policy) error {
	w := csvWarnings{w: o.Warnings}
	s, err := sweep(ctx, r, m, j, now, &w)
	if err != nil {
		return err
	}
	if w.summary(); o.JSON {
		return s.JSON(o.Stdout)
	}
	return s.Print(o.Stdout)
}

// Score scores a recording. It ends with an error of ctx when ctx is done; what was
// scored until then is written.
func Score(ctx context.Context, o ScoreOptions) error {
	m, err := model.Load(o.Model)
	if err != nil {
		return config.Refuse(err)
	}
	r, c, err := openRecording(ctx, o.Stdin, o.CSV)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := sameColumns(m, r.Header(), o.CSV); err != nil {
		return config.Refuse(err)
	}
	policy, err := scorePolicy(o.Warnings, m, o.Machine)
	if err != nil {
		return err
	}
	j, err := judge.New(policy)
	if err != nil {
		return err
	}
	if err := j.Use(m); err != nil {
		return err
	}
	if o.Sweep {
		return o.sweep(ctx, r, m, j, policy.Policy)
	}
	var file *reportFile // made first: a report that cannot be written leaves the other files as they were
	if o.Report != "" {
		if file, err = createReport(o.Report); err != nil {
			return err
		}
	}
	s := &scoring{model: m, names: fields(m.Schema().Channels), percentile: o.Percentile, judge: j, live: !isFile(o.CSV), warnings: csvWarnings{w: o.Warnings}}
	closeAll, err := s.open(o)
	if err != nil {
		return errors.Join(err, file.drop())
	}
	if file == nil {
		return closing(s.run(ctx, r), closeAll)
	}
	return closing(s.runWithReport(ctx, r, file, about([]string{o.CSV}, o.Model, m)), closeAll)
}

// runWithReport is run with a report, which is also written after an error or an
// interrupt.
func (s *scoring) runWithReport(ctx context.Context, r *replay.Reader, file *reportFile, a htmlreport.About) error {
	parameters := s.model.Parameters()
	s.page = htmlreport.NewRecording(&parameters)
	err := s.run(ctx, r)
	return errors.Join(err, file.write(func(w io.Writer) error { return htmlreport.WriteScore(w, s.page, a) }))
}

// closing closes the outputs and joins their error to err. A full disk fails the
// flush with the same text once more: that is not repeated.
func closing(err error, closeAll func() error) error {
	more := closeAll()
	if err != nil && more != nil && strings.HasSuffix(err.Error(), more.Error()) {
		return err
	}
	return errors.Join(err, more)
}

// open creates the files of the scores and, if wanted, of the events. The returned
// function flushes and closes them.
func (s *scoring) open(o ScoreOptions) (func() error, error) {
	scores, closeScores, err := Create(o.Stdout, o.Out)
	if err != nil {
		return nil, err
	}
	s.out = scores
	if o.Events == "" {
		return closeScores, nil
	}
	w, closeEvents, err := Create(o.Stdout, o.Events)
	if err != nil {
		return nil, errors.Join(err, closeScores())
	}
	closeAll := func() error { return errors.Join(closeScores(), closeEvents()) }
	if err := s.report(w, o.Clock); err != nil {
		return nil, errors.Join(err, closeAll())
	}
	return closeAll, nil
}

// report turns events on. They are written as the agent would publish them, timed by
// the rows.
func (s *scoring) report(w *bufio.Writer, clock func() report.Clock) (err error) {
	s.ref = report.ModelRef{Version: s.model.Version(), SHA256: s.model.SHA256()}
	s.eventsOut = w
	s.events, err = report.New(report.Device{Device: "score", Boot: "csv"}, report.Lines(w), clock)
	return err
}

// sameColumns fails unless the recording's columns are the model's channels.
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

// scorePolicy returns the alarm policy and the limits of a configured machine, or
// the default policy without one. Rows are judged by the model's own period and
// run_when; a warning goes to w if the running agent would refuse the model.
func scorePolicy(w io.Writer, m *model.Model, machine *config.Machine) (judge.Options, error) {
	if machine == nil {
		return judge.Options{Policy: detect.DefaultPolicy("main", m.Schema().Channels)}, nil
	}
	mc := *machine
	s := settings.Schema(mc)
	if got, want := names(m.Schema()), names(s); !slices.Equal(got, want) {
		return judge.Options{}, config.Refuse(fmt.Errorf("machine %s has the channels %s, the model %s",
			mc.Name, strings.Join(want, ","), strings.Join(got, ",")))
	}
	if err := m.CheckSchema(s); err != nil {
		fmt.Fprintf(w, "warning: run would refuse this model: %v: train it with --config\n", err)
	}
	return judge.Options{Policy: settings.Policy(mc), Limits: settings.Limits(mc)}, nil
}
