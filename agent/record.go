package main

import (
	"bufio"
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/devices"
	"iot-edge-anomaly/agent/offline"
	"iot-edge-anomaly/agent/sampler"
)

func recordVerb(ctx context.Context, e env, args []string) error {
	fs := flags("record")
	path := fs.String("config", "", "configuration `FILE`")
	machine := fs.String("machine", "", "machine to record (default: the only one)")
	out := fs.String("out", "", "CSV `FILE` to write; - is stdout")
	length := fs.Duration("for", 0, "how long (default: until interrupted)")
	if err := parse(e, fs, args, 0); err != nil {
		return err
	}
	if *path == "" || *out == "" || *length < 0 {
		return usagef("--config and --out are needed, --for is not negative")
	}
	c, err := loadConfig(*path)
	if err != nil {
		return err
	}
	m, err := pickMachine(c, *machine)
	if err != nil {
		return usagef("%w", err)
	}
	if *length > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, *length)
		defer cancel()
	}
	l := devices.Open(c.Buses, host)
	defer l.Close()
	sensors, err := devices.Sensors(c, l)
	if err != nil {
		return err
	}
	defer devices.CloseSensors(sensors)
	g, err := devices.Group(c, []config.Machine{m}, sensors)
	if err != nil {
		return err
	}
	w, closeOut, err := offline.Create(e.stdout, *out)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var running sync.WaitGroup
	running.Go(func() {
		for f := range g.Faults() {
			state := "delivers again"
			if f.Open {
				state = f.Reason
			}
			fmt.Fprintf(e.stderr, "%s %s%s: %s\n", f.Time.UTC().Format(time.RFC3339), f.Bus, dot(f.Sensor), state)
		}
	})
	l.Listen(ctx)
	running.Go(func() { g.Run(ctx) })
	rows, err := recordRows(w, m, g.Sampler(m.Name), *out == "-")
	stop()
	running.Wait() // nobody writes to stderr or reads a sensor any more
	if cerr := closeOut(); err == nil {
		err = cerr
	}
	where := ""
	if *out != "-" {
		where = " in " + *out
	}
	fmt.Fprintf(e.stderr, "%s%s%s\n", plural(rows, "row", "rows"), where, leftOut(g.Sampler(m.Name).Flags()))
	return err
}

// leftOut tells which cells of a recording are empty and why, sensor by sensor.
func leftOut(flags []sampler.Flags) string {
	var b strings.Builder
	for _, f := range flags {
		if f.Quality != sampler.Good && f.N > 0 {
			fmt.Fprintf(&b, "\n  %s: %d values left out as %v", f.Sensor, f.N, f.Quality)
		}
	}
	return b.String()
}

func dot(s string) string {
	if s == "" {
		return ""
	}
	return "." + s
}

// recordDigits are enough for a 32-bit counter and for what any sensor resolves,
// and hide the binary rest of a decimal scale.
const recordDigits = 10

// recordRows writes a header and a row a tick until the sampler stops. The
// writer is flushed every few seconds, for a recording is read while it grows, or
// live with each row.
func recordRows(w *bufio.Writer, m config.Machine, s *sampler.Sampler, live bool) (rows int, err error) {
	header := []string{"timestamp"}
	for _, c := range m.Resolved {
		header = append(header, c.Channel)
	}
	if _, err := w.WriteString(strings.Join(header, ",") + "\n"); err != nil {
		return 0, err
	}
	flushed := time.Now()
	var b []byte
	for f := range s.Frames() {
		b = f.Time.UTC().AppendFormat(b[:0], "2006-01-02T15:04:05.000Z")
		for _, v := range f.Values {
			b = append(b, ',')
			if !math.IsNaN(v) {
				b = strconv.AppendFloat(b, v, 'g', recordDigits, 64)
			}
		}
		s.Release(f)
		if _, err := w.Write(append(b, '\n')); err != nil {
			return rows, fmt.Errorf("write recording: %w", err)
		}
		rows++
		if live || time.Since(flushed) > 5*time.Second {
			flushed = time.Now()
			if err := w.Flush(); err != nil {
				return rows, fmt.Errorf("write recording: %w", err)
			}
		}
	}
	return rows, nil
}
