package main

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/detect"
	"iot-edge-anomaly/agent/gateway"
	"iot-edge-anomaly/agent/offline"
	"iot-edge-anomaly/model/train"
)

// alarm is a process anomaly from its opening to its close.
type alarm struct {
	from, to float64 // seconds; to is +Inf if it never closed
	cause    string  // the channel with the largest share as it opened
}

// watching is what a detector makes of a recording: a score for each row, NaN = none,
// and the alarms under the default policy.
type watching struct {
	score  []float64
	alarms []alarm
	report *train.Report // nil = not ours
}

// shippedOn learns and scores r by what the verbs train and score do.
func (b *bench) shippedOn(r *recording, seed uint64) (w watching, err error) {
	dir, err := os.MkdirTemp(b.tmp, "field")
	if err != nil {
		return w, err
	}
	defer os.RemoveAll(dir)
	rows := filepath.Join(dir, "rows.csv")
	if err := r.write(rows); err != nil {
		return w, err
	}
	m, err := r.machine()
	if err != nil {
		return w, err
	}
	path := filepath.Join(dir, "model")
	learnt, err := offline.Train(context.Background(), offline.TrainOptions{CSV: []string{rows}, Rows: len(r.train) / len(r.schema.Channels),
		Out: path, Machine: m, Seed: seed, Warnings: io.Discard})
	if err != nil {
		return w, fmt.Errorf("%s: %w", r.name, err)
	}
	if b.verbose != nil {
		fmt.Fprintf(b.verbose, "%s: %s", r.name, learnt.Report)
	}
	w.report = &learnt.Report
	scores, events := filepath.Join(dir, "scores.csv"), filepath.Join(dir, "events")
	if err := offline.Score(context.Background(), offline.ScoreOptions{Model: path, CSV: rows, Out: scores, Events: events, Machine: m,
		Warnings: io.Discard, Clock: gateway.Clock}); err != nil {
		return w, fmt.Errorf("%s: %w", r.name, err)
	}
	if w.score, err = readScores(scores, len(r.times)); err != nil {
		return w, err
	}
	w.alarms, err = readAlarms(events)
	return w, err
}

// machine is the configuration of r's machine: the default, with its channels and
// the condition under which it runs. It is nil where the default is all.
func (r *recording) machine() (*config.Machine, error) {
	w := r.schema.RunWhen
	if w == nil {
		return nil, nil
	}
	c, problems := config.Parse("accuracy.yaml", []byte("sensors: [{name: m, driver: fixed}]\n"),
		map[string]config.DriverInfo{"fixed": {Channels: []config.ChannelInfo{{Name: "a"}}}})
	if err := problems.Err(); err != nil {
		return nil, err
	}
	m := c.Machines[0]
	m.Period, m.Resolved = r.schema.Period, nil
	for _, ch := range r.schema.Channels {
		m.Resolved = append(m.Resolved, config.ChannelRef{Channel: ch.Name})
	}
	m.RunWhen = &config.RunWhen{Channel: w.Channel, Above: w.Above, Below: w.Below, Settle: w.Settle}
	return &m, nil
}

// write puts the rows into a CSV.
func (r *recording) write(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	b := bufio.NewWriter(f)
	b.WriteString("timestamp")
	for _, ch := range r.schema.Channels {
		b.WriteString("," + ch.Name)
	}
	c := len(r.schema.Channels)
	for i, v := range r.rows {
		if i%c == 0 {
			b.WriteString("\n" + r.times[i/c])
		}
		b.WriteByte(',')
		if !math.IsNaN(v) {
			b.Write(strconv.AppendFloat(b.AvailableBuffer(), v, 'g', -1, 64))
		}
	}
	b.WriteByte('\n')
	return errors.Join(b.Flush(), f.Close())
}

// readScores reads what score wrote of n rows.
func readScores(path string, n int) (out []float64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	all, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return nil, err
	}
	if len(all) != n+1 {
		return nil, fmt.Errorf("%d lines of scores for %d rows", len(all), n)
	}
	for _, line := range all[1:] {
		v := math.NaN()
		if line[1] != "" {
			if v, err = strconv.ParseFloat(line[1], 64); err != nil {
				return nil, err
			}
		}
		out = append(out, v)
	}
	return out, nil
}

// readAlarms reads the process anomalies among events in JSON lines.
func readAlarms(path string) (out []alarm, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	index := map[string]int{}
	for d := json.NewDecoder(f); ; {
		var ev struct {
			Kind, State, Event string
			Time               time.Time
			Causes             []struct{ Channel string }
		}
		if err := d.Decode(&ev); errors.Is(err, io.EOF) {
			return out, nil
		} else if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if ev.Kind != string(detect.ProcessAnomaly) {
			continue
		}
		at := float64(ev.Time.UnixMilli()) / 1000
		switch ev.State {
		case string(detect.Open):
			a := alarm{at, math.Inf(1), ""}
			if len(ev.Causes) > 0 {
				a.cause = ev.Causes[0].Channel
			}
			index[ev.Event] = len(out)
			out = append(out, a)
		case string(detect.Close):
			if i, ok := index[ev.Event]; ok {
				out[i].to = at
			}
		}
	}
}
