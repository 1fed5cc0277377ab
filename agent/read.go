package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"text/tabwriter"
	"time"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/board"
	"iot-edge-anomaly/drivers"
)

// readout is one channel as read prints it.
type readout struct {
	Sensor    string   `json:"sensor"`
	Channel   string   `json:"channel"`
	Value     *float64 `json:"value"`           // null = missing
	State     string   `json:"state,omitempty"` // the name that the configuration gives to the value
	Unit      string   `json:"unit"`
	Quality   string   `json:"quality"` // good, suspect, bad, missing
	LatencyMS float64  `json:"latency_ms"`
	Error     string   `json:"error,omitempty"`
}

func readVerb(ctx context.Context, e env, args []string) error {
	fs := flags("read")
	path := fs.String("config", "", "configuration `FILE`")
	only := fs.String("sensor", "", "read only the sensor `NAME`")
	watch := fs.Bool("watch", false, "read again every second until interrupted")
	asJSON := fs.Bool("json", false, "print JSON, one array a pass")
	if err := parse(e, fs, args, 0); err != nil {
		return err
	}
	if *path == "" {
		return usagef("--config is needed")
	}
	c, err := loadConfig(*path)
	if err != nil {
		return err
	}
	if *only != "" && !hasSensor(c, *only) {
		return usagef("--sensor %s: the configuration has no such sensor", *only)
	}
	l := newLines(c.Buses, board.OpenI2C)
	defer l.Close()
	sensors, err := makeSensors(c, l)
	if err != nil {
		return &exitError{exitConfig, err}
	}
	defer closeSensors(sensors)
	for {
		var out []readout
		failed := 0
		for i, s := range sensors {
			if *only == "" || c.Sensors[i].Name == *only {
				rs, err := readSensor(ctx, c, i, s)
				out = append(out, rs...)
				if err != nil {
					failed++
				}
			}
		}
		if err := printReadouts(e, out, *asJSON); err != nil {
			return err
		}
		if !*watch {
			return readResult(failed)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Second):
		}
	}
}

func readResult(failed int) error {
	if failed > 0 {
		return fmt.Errorf("%d sensor(s) did not read right", failed)
	}
	return nil
}

func hasSensor(c *config.Config, name string) bool {
	for _, s := range c.Sensors {
		if s.Name == name {
			return true
		}
	}
	return false
}

// readTimeout bounds one sensor: a table must come within seconds even where
// every device is dead.
const readTimeout = 3 * time.Second

func readSensor(ctx context.Context, c *config.Config, i int, s drivers.Sensor) ([]readout, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	cs := s.Channels()
	values := make([]float64, len(cs))
	start := time.Now()
	err := s.Read(ctx, values)
	latency := float64(time.Since(start).Microseconds()) / 1000
	var out []readout
	for j, ch := range cs {
		r := readout{Sensor: c.Sensors[i].Name, Channel: ch.Name, Unit: ch.Quantity.Unit, LatencyMS: latency}
		r.Value, r.Quality = judge(c, i, j, values[j])
		if regs := c.Sensors[i].Registers; r.Value != nil && j < len(regs) {
			r.State = regs[j].State(*r.Value)
		}
		if err != nil && r.Quality == "missing" {
			r.Error = causeOf(err, ch.Name).Error()
		}
		out = append(out, r)
	}
	return out, err
}

// causeOf is the part of a sensor's error that tells of one channel alone, or
// the whole.
func causeOf(err error, channel string) error {
	var v *drivers.ValueError
	if errors.As(err, &v) && v.Channel == channel {
		return v
	}
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range many.Unwrap() {
			if errors.As(e, &v) && v.Channel == channel {
				return v
			}
		}
	}
	return err
}

// judge flags a value as the sampler would.
func judge(c *config.Config, sensor, cell int, v float64) (*float64, string) {
	switch {
	case math.IsNaN(v):
		return nil, "missing"
	case math.IsInf(v, 0):
		return nil, "bad"
	}
	for _, m := range c.Machines {
		for _, r := range m.Resolved {
			if r.Sensor == sensor && r.Cell == cell && r.Range != nil && (v < r.Range.Min || v > r.Range.Max) {
				return &v, "suspect"
			}
		}
	}
	return &v, "good"
}

func printReadouts(e env, rs []readout, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(e.stdout).Encode(rs)
	}
	w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "CHANNEL\tVALUE\tUNIT\tQUALITY\tLATENCY\tERROR")
	for _, r := range rs {
		value := "-"
		if r.Value != nil {
			value = fmt.Sprintf("%.6g", *r.Value)
		}
		if r.State != "" {
			value += " " + r.State
		}
		fmt.Fprintf(w, "%s.%s\t%s\t%s\t%s\t%.1f ms\t%s\n", r.Sensor, r.Channel, value, r.Unit, r.Quality, r.LatencyMS, strings.ReplaceAll(r.Error, "\n", "; "))
	}
	return w.Flush()
}
