package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"text/tabwriter"
	"time"

	"iot-edge-anomaly/agent/store"
	"iot-edge-anomaly/model"
	"iot-edge-anomaly/quant/speed"
)

// timing is one line of bench --json.
type timing struct {
	Network     string   `json:"network"`
	Kernel      string   `json:"kernel"`
	NS          float64  `json:"ns"`
	MACPerCycle *float64 `json:"mac_per_cycle"` // null = the cycle is unknown
	Allocs      float64  `json:"allocs"`
	NSOfFour    float64  `json:"ns_of_four,omitempty"` // a window, four at once
	OfStream    float64  `json:"of_stream,omitempty"`  // shares of this CPU's limits, 1 = all
	OfPeak      float64  `json:"of_peak,omitempty"`
}

// activeNetwork is what bench calls the networks of a configuration.
const activeNetwork = "active"

func benchVerb(_ context.Context, e env, args []string) error {
	fs := flags("bench")
	path := fs.String("config", "", "configuration `FILE`: its machines' models are timed too")
	spell := fs.Duration("time", 200*time.Millisecond, "how long to measure a figure")
	asJSON := fs.Bool("json", false, "print a JSON array")
	if err := parse(e, fs, args, 0); err != nil {
		return err
	}
	if *spell <= 0 || *spell > time.Minute {
		return usagef("--time %v: want more than 0, at most 1m", *spell)
	}
	results, err := speed.Reference(*spell)
	if err != nil {
		return err
	}
	if *path != "" {
		more, err := benchModels(e, *path, *spell)
		if err != nil {
			return err
		}
		results = append(results, more...)
	}
	if *asJSON {
		return printTimings(e.stdout, results)
	}
	return printBench(e.stdout, results)
}

// benchModels times the models that the configuration's machines would run.
func benchModels(e env, path string, spell time.Duration) (out []speed.Result, err error) {
	c, err := loadConfig(path)
	if err != nil {
		return nil, err
	}
	for _, m := range c.Machines {
		loaded, err := store.Open(m.Model.Path).Active(schemaOf(m))
		switch {
		case errors.Is(err, store.ErrNone):
			fmt.Fprintf(e.stderr, "machine %s has no model yet\n", m.Name)
			continue
		case loaded == nil:
			return nil, &exitError{exitConfig, fmt.Errorf("machine %s: %w", m.Name, err)}
		}
		name := activeNetwork
		if len(c.Machines) > 1 {
			name += ":" + m.Name
		}
		rs, err := speed.Kernels(netOf(name, loaded), spell)
		if err != nil {
			return nil, err
		}
		out = append(out, rs...)
	}
	return out, nil
}

// netOf is the network that the model's scorers run: the last layer gives the
// newest row only.
func netOf(name string, m *model.Model) speed.Net {
	p := m.Parts()
	n := speed.Net{Name: name, Input: p.GoldenIn[:p.Layers[0].In], Out: len(p.Schema.Channels), Make: p.Newest}
	last := len(p.Layers) - 1
	for _, l := range p.Layers[:last] {
		n.MAC += l.In * l.Out
	}
	n.MAC += p.Layers[last].In * n.Out
	return n
}

func printTimings(w io.Writer, rs []speed.Result) error {
	out := []timing{}
	for _, r := range rs {
		t := timing{Network: r.Network, Kernel: r.Kernel, NS: round(r.NS, 4), Allocs: r.Allocs,
			NSOfFour: round(r.Four, 4), OfStream: round(r.Stream, 3), OfPeak: round(r.Peak, 3)}
		if v := r.MACPerCycle(); !math.IsNaN(v) {
			v = round(v, 4)
			t.MACPerCycle = &v
		}
		out = append(out, t)
	}
	return json.NewEncoder(w).Encode(out)
}

// round keeps so many digits: more are noise.
func round(v float64, digits int) float64 {
	if v == 0 {
		return 0
	}
	m := math.Pow(10, float64(digits-1)-math.Floor(math.Log10(math.Abs(v))))
	return math.Round(v*m) / m
}

// printBench prints a table a network: each kernel beside the naive loop.
func printBench(w io.Writer, rs []speed.Result) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(tw, "network\tMAC\tkernel\tns\ttimes naive\tMAC/cycle\tof stream\tof peak\tns of 4\tallocs\t")
	naive := map[string]float64{}
	for _, r := range rs {
		if r.Kernel == "naive" {
			naive[r.Network] = r.NS
		}
		fmt.Fprintf(tw, "%s\t%d\t%s\t%.0f\t%s\t%s\t%s\t%s\t%s\t%g\t\n", r.Network, r.MAC, r.Kernel, r.NS,
			figure(naive[r.Network]/r.NS, "%.1f"), figure(r.MACPerCycle(), "%.2f"), share(r.Stream), share(r.Peak), figure(r.Four, "%.0f"), r.Allocs)
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprint(w, "\nshortest of many runs, one core; stream: reading the weights alone; peak: multiplying registers alone;\nns of 4: a window, four at once\n")
	return err
}

func figure(v float64, format string) string {
	if v == 0 || math.IsNaN(v) || math.IsInf(v, 0) {
		return "-"
	}
	return fmt.Sprintf(format, v)
}

func share(v float64) string { return figure(100*v, "%.0f %%") }
