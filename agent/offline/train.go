package offline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/detect"
	"iot-edge-anomaly/agent/htmlreport"
	"iot-edge-anomaly/agent/judge"
	"iot-edge-anomaly/agent/settings"
	"iot-edge-anomaly/agent/state"
	"iot-edge-anomaly/model"
	"iot-edge-anomaly/model/train"
)

// TrainOptions say what to learn from and where the model goes.
type TrainOptions struct {
	CSV     []string        // recordings with the same columns; "-" is Stdin
	Rows    int             // learn from so many rows only; 0 = all
	Out     string          // model file to write
	Report  string          // HTML file to write; "" = none
	Machine *config.Machine // gives units, period, run_when and alarm policy; nil = the recording's names and period
	Seed    uint64          // the same seed and rows give the same weights

	Stdin    io.Reader
	Warnings io.Writer            // takes what is wrong with the recordings
	Progress func(train.Progress) // may be nil
}

// Trained is a model that was learnt and saved.
type Trained struct {
	Model  *model.Model
	Report train.Report
}

// Train learns a model from recordings and saves it, with a report if one is wanted.
// It checks first that model and report can be written. If only the report could
// not be written in the end, it returns both the model and an error.
func Train(ctx context.Context, o TrainOptions) (*Trained, error) {
	if err := canHold(o.Out); err != nil {
		return nil, err
	}
	set, err := readTrainingSet(ctx, inputs{o.Stdin, o.Warnings}, o.CSV, o.Rows, o.Machine != nil)
	if err != nil {
		return nil, err
	}
	s, err := set.schema(o.Machine)
	if err != nil {
		return nil, err
	}
	to := o.training(set, s)
	if o.Report == "" {
		return learn(ctx, s, set, to, o.Out)
	}
	file, err := createReport(o.Report)
	if err != nil {
		return nil, err
	}
	to.Details = &train.Details{}
	trained, err := learn(ctx, s, set, to, o.Out)
	if err != nil {
		return nil, errors.Join(err, file.drop())
	}
	return trained, file.write(func(w io.Writer) error {
		m, report := trained.Model, &trained.Report
		return htmlreport.WriteTrain(w, set.recording(m, *report, to.Details), report, to.Details, about(o.CSV, o.Out, m))
	})
}

// training are the options for package train. The threshold is set for the machine's
// alarm policy if there is one.
func (o *TrainOptions) training(set *trainingSet, s model.Schema) train.Options {
	policy := detect.DefaultPolicy("main", s.Channels)
	if o.Machine != nil {
		policy = settings.Policy(*o.Machine)
	}
	to := judge.TrainOptions(policy, judge.TrainingSet{Rows: set.rows, Gaps: set.gaps, Coverage: set.coverage(s)}, time.Now())
	to.Seed, to.Progress = o.Seed, o.Progress
	return to
}

// canHold fails at once, before hours of learning, if no model can be written to
// path.
func canHold(path string) error {
	if st, err := os.Stat(path); err == nil && !st.Mode().IsRegular() {
		return fmt.Errorf("--out %s: not a regular file", path)
	}
	if err := unix.Access(filepath.Dir(path), unix.W_OK|unix.X_OK); err != nil {
		return fmt.Errorf("--out %s: its folder: %w", path, err)
	}
	return nil
}

// learn learns and saves the model.
func learn(ctx context.Context, s model.Schema, set *trainingSet, o train.Options, out string) (*Trained, error) {
	m, report, err := train.Train(ctx, s, set.rows, o)
	if err != nil {
		return nil, err
	}
	if err := state.SaveModel(out, m); err != nil {
		return nil, err
	}
	return &Trained{m, report}, nil
}
