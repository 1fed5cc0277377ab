package commission

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/devices"
	"iot-edge-anomaly/agent/sampler"
)

// RecordOptions say where Record writes.
type RecordOptions struct {
	Out    io.Writer // receives the rows
	Live   bool      // pass on each row at once, not every few seconds
	Faults io.Writer // receives a line for each sensor or bus that fails or returns
}

// Recording is what Record wrote.
type Recording struct {
	Rows    int
	leftOut []sampler.Flags
}

// Record writes a machine's rows as CSV, a header first, until ctx is done. Only
// good values are written; other cells stay empty.
func Record(ctx context.Context, c *config.Config, m config.Machine, o RecordOptions) (Recording, error) {
	buses := devices.Open(c.Buses, devices.Host{})
	defer buses.Close()
	sensors, err := devices.Sensors(c, buses)
	if err != nil {
		return Recording{}, err
	}
	defer devices.CloseSensors(sensors)
	g, err := devices.Group(c, []config.Machine{m}, sensors)
	if err != nil {
		return Recording{}, err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var running sync.WaitGroup
	running.Go(func() {
		for f := range g.Faults() {
			tellFault(o.Faults, f)
		}
	})
	buses.Listen(ctx)
	running.Go(func() { g.Run(ctx) })
	rows, err := recordRows(bufio.NewWriter(o.Out), m, g.Sampler(m.Name), o.Live)
	stop()
	running.Wait() // from here on nobody writes to o.Faults or reads a sensor
	return Recording{Rows: rows, leftOut: g.Sampler(m.Name).Flags()}, err
}

// tellFault writes one line about a fault that opens or closes.
func tellFault(w io.Writer, f sampler.Fault) {
	where, state := f.Bus, "delivers again"
	if f.Sensor != "" {
		where += "." + f.Sensor
	}
	if f.Open {
		state = f.Reason
	}
	fmt.Fprintf(w, "%s %s: %s\n", f.Time.UTC().Format(time.RFC3339), where, state)
}

// LeftOut says which cells of a recording are empty and why: a line for each
// sensor, each with a newline before it. It is empty where nothing was left out.
func (r Recording) LeftOut() string {
	var b strings.Builder
	for _, f := range r.leftOut {
		if f.Quality != sampler.Good && f.N > 0 {
			fmt.Fprintf(&b, "\n  %s: %s left out as %v", f.Sensor, Plural(int(f.N), "value", "values"), f.Quality)
		}
	}
	return b.String()
}

// recordDigits is enough for a 32-bit counter and for the resolution of any sensor,
// and hides the rounding errors of a decimal scale.
const recordDigits = 10

// recordRows writes a header, and a row for each tick until the sampler stops. A
// recording may be read while it grows: w is flushed every few seconds, or with each
// row if live, and at the end.
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
	if err := w.Flush(); err != nil {
		return rows, fmt.Errorf("write recording: %w", err)
	}
	return rows, nil
}
