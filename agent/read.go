package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/devices"
	"iot-edge-anomaly/agent/sampler"
	"iot-edge-anomaly/agent/status/page"
	"iot-edge-anomaly/drivers"
	"iot-edge-anomaly/drivers/modbus"
)

// readout is one channel as read prints it.
type readout struct {
	Sensor    string     `json:"sensor"`
	Channel   string     `json:"channel"`         // sensor.channel, as everywhere
	Value     *float64   `json:"value"`           // as read, whatever its quality; null = there is none
	State     string     `json:"state,omitempty"` // the name that the configuration gives to the value
	Unit      string     `json:"unit"`
	Quality   string     `json:"quality"` // good, suspect, bad, stale, missing
	Time      *time.Time `json:"time"`    // when the reading ended; null = it has not
	LatencyMS float64    `json:"latency_ms"`
	Error     string     `json:"error,omitempty"`
}

func readVerb(ctx context.Context, e env, args []string) error {
	fs := flags("read")
	path := fs.String("config", "", "configuration `FILE`")
	only := fs.String("sensor", "", "read only the sensor `NAME`")
	watch := fs.Bool("watch", false, "read again every second until interrupted, or in the sensor's own period")
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
	if *only != "" && !slices.Contains(sensorNames(c), *only) {
		return usagef("--sensor %s: the configuration has no such sensor: %s", *only, strings.Join(sensorNames(c), ", "))
	}
	l := devices.Open(c.Buses, host)
	defer l.Close()
	sensors, err := devices.Sensors(c, l)
	if err != nil {
		return err
	}
	defer devices.CloseSensors(sensors)
	l.Listen(ctx)
	awaitHeard(ctx, sensors)
	defer tellHeard(e.stderr, l)
	r := &reader{cfg: c, sensors: sensors, only: *only, show: newReadView(e.stdout, *asJSON), hints: e.stderr}
	if *watch {
		r.every, r.show.watch = time.Second, true
		return r.watch(ctx)
	}
	return r.once(ctx)
}

func sensorNames(c *config.Config) (names []string) {
	for _, s := range c.Sensors {
		names = append(names, s.Name)
	}
	return names
}

// reader reads sensors as the agent does, bus by bus at the same time, so that
// a device that does not answer holds up its own bus only.
type reader struct {
	cfg     *config.Config
	sensors []drivers.Sensor
	only    string
	every   time.Duration // 0 = once
	show    *readView
	hints   io.Writer // what to try where something does not read right
}

// start lets a sampler without machines read the sensors until stop, which
// waits for it.
func (r *reader) start(ctx context.Context) (g *sampler.Group, stop func(), err error) {
	periods := make([]time.Duration, len(r.cfg.Sensors))
	for i, s := range r.cfg.Sensors {
		if r.only == "" || s.Name == r.only {
			periods[i] = r.period(s)
		}
	}
	if g, err = devices.Readings(r.cfg, r.sensors, periods); err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { g.Run(ctx) })
	wg.Go(func() {
		for range g.Faults() { // the table tells them
		}
	})
	return g, func() { cancel(); wg.Wait() }, nil
}

func (r *reader) period(s config.Sensor) time.Duration {
	if r.every == 0 {
		return 365 * 24 * time.Hour
	}
	return max(r.every, s.Period)
}

// once reads every sensor once; its error names those that did not read right.
func (r *reader) once(ctx context.Context) error {
	g, stop, err := r.start(ctx)
	if err != nil {
		return err
	}
	defer stop()
	r.wait(ctx, g)
	if ctx.Err() != nil {
		return ctx.Err() // nobody waits for the table; a script must not take nothing for an answer
	}
	rs := g.Readings()
	if err := r.show.print(r.readouts(rs, time.Now())); err != nil {
		return err
	}
	r.advise(rs)
	var failed []string
	for _, x := range rs {
		if x.Err != nil || x.At.IsZero() {
			failed = append(failed, x.Sensor)
		}
	}
	if len(failed) > 0 {
		return fmt.Errorf("%d of %d sensors did not read right: %s", len(failed), len(rs), strings.Join(failed, ", "))
	}
	return nil
}

// watch shows the newest readings every second until ctx is done.
func (r *reader) watch(ctx context.Context) error {
	g, stop, err := r.start(ctx)
	if err != nil {
		return err
	}
	defer stop()
	const after = 200 * time.Millisecond // the sensors were read, so that what is shown is fresh
	r.wait(ctx, g)
	for next := time.Now(); ctx.Err() == nil; next = next.Add(r.every) {
		if err := r.show.print(r.readouts(g.Readings(), time.Now())); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Until(next.Add(r.every + after))):
		}
	}
	return nil
}

// wait returns when every sensor has been read, or has had the time.
func (r *reader) wait(ctx context.Context, g *sampler.Group) {
	budget := map[string]time.Duration{}
	longest := time.Duration(0)
	for _, x := range g.Readings() {
		budget[x.Bus] += devices.Patience(r.cfg, x.Bus)
		longest = max(longest, budget[x.Bus])
	}
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for end := time.After(longest); ; {
		select {
		case <-ctx.Done():
			return
		case <-end:
			return
		case <-poll.C:
		}
		done := true
		for _, x := range g.Readings() {
			done = done && !x.At.IsZero()
		}
		if done {
			return
		}
	}
}

// errNotYet stands for a read that has not ended in time.
var errNotYet = errors.New("no answer yet: the read has not ended")

// staleAfter is how many periods a reading is shown before its bus counts as
// held up.
const staleAfter = 3

// readouts are the readings channel by channel, in the configuration's order.
func (r *reader) readouts(rs []sampler.Reading, now time.Time) (out []readout) {
	byName := map[string]sampler.Reading{}
	for _, x := range rs {
		byName[x.Sensor] = x
	}
	for i, s := range r.cfg.Sensors {
		x, read := byName[s.Name]
		if !read {
			continue
		}
		if x.At.IsZero() {
			x.Err = errNotYet
		}
		late := !x.At.IsZero() && now.Sub(x.At) > staleAfter*r.period(s)
		for j, ch := range r.sensors[i].Channels() {
			o := readoutOf(s, x, j, ch)
			if late {
				o.Value, o.State, o.Quality, o.Error = nil, "", sampler.Stale.String(), errNotYet.Error()
			}
			out = append(out, o)
		}
	}
	return out
}

// readoutOf is the sensor's channel j.
func readoutOf(s config.Sensor, x sampler.Reading, j int, ch drivers.Channel) readout {
	o := readout{Sensor: s.Name, Channel: s.Name + "." + ch.Name, Value: page.Number(x.Values[j]), Unit: ch.Quantity.Unit, Quality: x.Quality[j].String(),
		LatencyMS: float64(x.Latency.Microseconds()) / 1000}
	if at := x.At.UTC(); !x.At.IsZero() {
		o.Time = &at
	}
	if j < len(s.Registers) && o.Value != nil {
		o.State = s.Registers[j].State(*o.Value)
	}
	o.Error = x.Cause(j, x.Quality[j])
	return o
}

// hearTimeout is how long read waits for another master to ask for what it is
// to show.
const hearTimeout = 3200 * time.Millisecond

// awaitHeard waits until everything that sensors can only overhear was heard.
func awaitHeard(ctx context.Context, sensors []drivers.Sensor) {
	ctx, cancel := context.WithTimeout(ctx, hearTimeout)
	defer cancel()
	for _, s := range sensors {
		if o, ok := s.(*modbus.Overheard); ok {
			o.Wait(ctx)
		}
	}
}

// tellHeard says how much of the traffic was understood.
func tellHeard(w io.Writer, l *devices.Buses) {
	for _, s := range l.Heard() {
		if s.Bytes == 0 {
			fmt.Fprintf(w, "%s: overheard nothing\n", s.Bus)
			continue
		}
		fmt.Fprintf(w, "%s: understood %.1f %% of %d bytes overheard: %d reads, %d refused, %d unanswered, %d in doubt; %d writes, %d other frames, %d bursts of noise\n",
			s.Bus, 100*s.Share(), s.Bytes, s.Exchanges, s.Exceptions, s.Unanswered, s.Unpaired+s.Ambiguous, s.Writes, s.Foreign, s.Bursts)
	}
}
