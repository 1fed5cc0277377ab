package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/htmlreport"
	"iot-edge-anomaly/agent/settings"
	"iot-edge-anomaly/model"
	"iot-edge-anomaly/model/train"
)

func trainVerb(ctx context.Context, e env, args []string) error {
	fs := flags("train")
	csvs := fs.String("csv", "", "recordings, separated by commas; `FILE` - is stdin")
	rows := fs.Int("rows", 0, "learn from the first `N` rows (0 = all)")
	seed := fs.Uint64("seed", 1, "seed of the random numbers: the same seed and rows give the same weights")
	out := fs.String("out", "", "model `FILE` to write")
	configPath := fs.String("config", "", "take units, period and run_when from this configuration `FILE`")
	machine := fs.String("machine", "", "machine of the configuration (default: the only one)")
	asJSON := fs.Bool("json", false, "print the report as JSON")
	reportPath := fs.String("report", "", "HTML `FILE` to write: what was learnt, drawn")
	if err := parse(e, fs, args, 0); err != nil {
		return err
	}
	if *csvs == "" || *out == "" || *rows < 0 {
		return usagef("--csv and --out are needed, --rows is not negative")
	}
	if *out == "-" {
		return usagef("--out - is not possible: a model is written atomically, to a file")
	}
	if *reportPath == "-" {
		return usagef("--report - is not possible: a report is a file")
	}
	if err := keepInputs(strings.Split(*csvs, ","), []string{*out, *reportPath}); err != nil {
		return usagef("%w", err)
	}
	if err := canHold(*out); err != nil {
		return err
	}
	t, err := readTable(ctx, e, strings.Split(*csvs, ","), *rows, *configPath != "")
	if err != nil {
		return &exitError{exitFailed, err}
	}
	s, err := t.schema(*configPath, *machine)
	if err != nil {
		return err
	}
	o := train.Options{Seed: *seed, Version: trainedVersion(), Coverage: t.seen(s), Gaps: t.gaps}
	if err := learnPolicy(&o, *configPath, *machine); err != nil {
		return err
	}
	if *reportPath == "" {
		m, report, err := learnTable(ctx, e, s, t, o, *out)
		if err != nil {
			return err
		}
		return tellTraining(e, *asJSON, *out, m, report)
	}
	page, err := createPage(*reportPath)
	if err != nil {
		return err
	}
	o.Details = &train.Details{}
	m, report, err := learnTable(ctx, e, s, t, o, *out)
	if err != nil {
		return errors.Join(err, page.drop())
	}
	err = page.write(func(w io.Writer) error {
		return htmlreport.WriteTrain(w, t.drawn(m, report, o.Details), &report, o.Details, about(*csvs, *out, m))
	})
	return errors.Join(err, tellTraining(e, *asJSON, *out, m, report))
}

// canHold tells at once, before hours of learning, whether a model can be written
// to path.
func canHold(path string) error {
	if st, err := os.Stat(path); err == nil && !st.Mode().IsRegular() {
		return fmt.Errorf("--out %s: not a regular file", path)
	}
	if err := unix.Access(filepath.Dir(path), unix.W_OK|unix.X_OK); err != nil {
		return fmt.Errorf("--out %s: its folder: %w", path, err)
	}
	return nil
}

// learnTable learns and writes the model.
func learnTable(ctx context.Context, e env, s model.Schema, t *table, o train.Options, out string) (*model.Model, train.Report, error) {
	bar := newBar(e.stderr)
	o.Progress = bar.training
	m, report, err := train.Train(ctx, s, t.rows, o)
	bar.done()
	if err != nil {
		return nil, report, err
	}
	return m, report, m.Save(out)
}

// tellTraining prints what was learnt.
func tellTraining(e env, asJSON bool, out string, m *model.Model, report train.Report) error {
	if asJSON {
		return json.NewEncoder(e.stdout).Encode(struct {
			Model   string `json:"model"`
			Version string `json:"version"`
			SHA256  string `json:"sha256"`
			train.Report
			Alarms alarms `json:"false_alarms"` // in place of the report's
		}{out, m.Version(), m.SHA256(), report, alarms(report.Alarms)})
	}
	_, err := fmt.Fprintf(e.stdout, "%s\nmodel %s, version %s, sha256 %s\n", strings.TrimRight(report.String(), "\n"), out, m.Version(), m.SHA256())
	return err
}

// alarms are model.Alarms for a script, which would take the 0 of a rate that
// nobody knows for a promise: it is left out.
type alarms struct {
	Wanted float64 `json:"wanted"`
	Rate   float64 `json:"rate,omitzero"`
	Low    float64 `json:"low,omitzero"`
	High   float64 `json:"high,omitzero"`
	Beyond float64 `json:"beyond,omitzero"`
}

// learnPolicy takes over the alarm policy of a configuration's machine, which
// the threshold is set for.
func learnPolicy(o *train.Options, path, machine string) error {
	if path == "" {
		return nil
	}
	c, err := loadConfig(path)
	if err != nil {
		return err
	}
	m, err := pickMachine(c, machine)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	o.FalseAlarms, o.N, o.M = m.Detect.FalseAlarms, m.Detect.N, m.Detect.M
	return nil
}

func trainedVersion() string { return time.Now().UTC().Format("2006-01-02T15:04:05Z") + "-1" }

// schema is what the columns mean: from the machine of a configuration where
// one is given, else only their names and the recording's period.
func (t *table) schema(path, machine string) (model.Schema, error) {
	if path == "" {
		s := model.Schema{Period: t.period}
		for _, n := range t.names {
			s.Channels = append(s.Channels, model.Channel{Name: n})
		}
		return s, nil
	}
	c, err := loadConfig(path)
	if err != nil {
		return model.Schema{}, err
	}
	m, err := pickMachine(c, machine)
	if err != nil {
		return model.Schema{}, &exitError{exitUsage, err}
	}
	s := settings.Schema(m)
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

func pickMachine(c *config.Config, name string) (config.Machine, error) {
	if name == "" && len(c.Machines) == 1 {
		return c.Machines[0], nil
	}
	var have []string
	for _, m := range c.Machines {
		if m.Name == name {
			return m, nil
		}
		have = append(have, m.Name)
	}
	if name == "" {
		return config.Machine{}, errors.New("--machine is needed, one of " + strings.Join(have, ", "))
	}
	return config.Machine{}, fmt.Errorf("--machine %s: unknown, want one of %s", name, strings.Join(have, ", "))
}
