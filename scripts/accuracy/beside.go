package main

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"iot-edge-anomaly/model"
)

// beside holds the measurements that need no labels, or other ones.
type beside struct {
	names   []string  // of the simulated machines
	alarms  []float64 // false alarms of a month each, mean over seeds
	plants  []string  // names of the machines with injected faults
	byPlant []injected
	kept    []rate
	blind   []costs // costs of a missing channel
	lame    []lamed // the same on healthy machines
	storms  []storm // false alarms under weather
}

// seedsBeside is how many seeds the slower measurements take.
func (b *bench) seedsBeside() int { return min(b.seeds, 2) }

func (b *bench) months() error {
	fmt.Fprintln(b.w, "30 virtual days of healthy machines: false alarms by seed")
	for seed := range b.seeds {
		names, alarms, err := month(uint64(seed + 1))
		if err != nil {
			return err
		}
		if b.names == nil {
			b.names, b.alarms = names, make([]float64, len(names))
		}
		for i, n := range alarms {
			b.alarms[i] += float64(n) / float64(b.seeds)
		}
		text := fmt.Sprintf("  seed %d ", seed+1)
		for i, n := range names {
			text += fmt.Sprintf("  %s %d", n, alarms[i])
		}
		fmt.Fprintln(b.w, text)
	}
	return nil
}

// plant is a machine into whose rows faults are injected.
type plant struct {
	name        string
	schema      model.Schema
	learn, rows []float64
	begin       int
}

func (b *bench) machinery() ([]plant, error) {
	var out []plant
	normal, err := load(b.data, "skab_normal")
	if err != nil {
		return nil, err
	}
	f := normal.files[0]
	c, n := len(f.schema.Channels), len(f.train)
	out = append(out, plant{"skab_normal", f.schema, f.train, f.rows[n : n+900*c], 300})
	tep, err := load(b.data, "tep")
	if err != nil {
		return nil, err
	}
	f = tep.files[0]
	c = len(f.schema.Channels)
	out = append(out, plant{"tep " + strings.TrimSuffix(f.name, ".csv"), f.schema, f.train, f.rows[:600*c], 200})
	for _, v := range machines() {
		out = append(out, plant{v.name, v.schema, v.rows(0, v.learn, 1), v.rows(v.days(50), 3000, 1), 1000})
	}
	return out, nil
}

func (b *bench) faults() error {
	plants, err := b.machinery()
	if err != nil {
		return err
	}
	fmt.Fprintf(b.w, "faults of %g standard deviations in every channel: %% found, %% of these blamed on the right channel\n  %-14s", sigmas, "machine")
	for _, k := range kinds {
		fmt.Fprintf(b.w, "  %9s", k)
	}
	fmt.Fprintf(b.w, "  %9s\n", "all")
	for _, p := range plants {
		in := newInjected()
		for seed := range b.seedsBeside() {
			if err := inject(p.schema, p.learn, p.rows, p.begin, uint64(seed+1), in); err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
		}
		b.plants, b.byPlant = append(b.plants, p.name), append(b.byPlant, in)
		fmt.Fprintf(b.w, "  %-14s", p.name)
		for _, k := range append(kinds[:len(kinds):len(kinds)], "") {
			found, right := in.share(k)
			fmt.Fprintf(b.w, "  %4.0f %4.0f", 100*found, 100*right)
		}
		fmt.Fprintln(b.w)
	}
	return nil
}

func (b *bench) rates() error {
	fmt.Fprintln(b.w, "false alarms on normal rows: wanted in 30 days, expected in the recording, seen by seed")
	for _, name := range []string{"tep", "gecco", "nab"} {
		s, err := load(b.data, name)
		if errors.Is(err, fs.ErrNotExist) {
			fmt.Fprintf(b.w, "  %-5s left out: %v\n", name, err)
			continue
		}
		if err != nil {
			return err
		}
		f := s.files[0] // of tep: d00
		marked, err := truthOf(s.dir, f)
		if err != nil {
			return err
		}
		for _, wanted := range []float64{1, 10} {
			sum, text := 0.0, ""
			var r rate
			for seed := range b.seeds {
				if r, err = promise(f, marked.anomalous, wanted, uint64(seed+1)); err != nil {
					return err
				}
				sum += r.seen
				text += fmt.Sprintf(" %3.0f", r.seen)
			}
			r.name, r.seen = name, sum/float64(b.seeds)
			b.kept = append(b.kept, r)
			fmt.Fprintf(b.w, "  %-5s %4g %6.2f  %s   mean %.1f\n", name, r.wanted, r.expected, text, r.seen)
		}
	}
	return nil
}
