package commission

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/devices"
	"iot-edge-anomaly/agent/sampler"
	"iot-edge-anomaly/drivers"
)

// readout is one channel as Read shows it.
type readout struct {
	Sensor    string     `json:"sensor"`
	Channel   string     `json:"channel"`         // sensor.channel, as everywhere
	Value     *float64   `json:"value"`           // as read, whatever its quality; null = there is none
	State     string     `json:"state,omitempty"` // the name that the configuration gives to the value
	Text      string     `json:"text,omitempty"`  // of a text, which has no value
	Unit      string     `json:"unit"`
	Count     *float64   `json:"count,omitempty"` // what a counter shows; Value is its rate
	CountUnit string     `json:"count_unit,omitempty"`
	Quality   string     `json:"quality"` // good, suspect, bad, stale, missing
	Time      *time.Time `json:"time"`    // when the reading ended; null = it has not
	LatencyMS float64    `json:"latency_ms"`
	Error     string     `json:"error,omitempty"`
}

// ReadOptions say what Read reads and how it shows it.
type ReadOptions struct {
	Sensor string // name of the only sensor to read; empty = all
	Watch  bool   // read again every second, or in the sensor's own period, until ctx is done
	JSON   bool   // show an array of readouts a pass, in place of a table

	Out      io.Writer // receives the readouts
	Terminal *os.File  // Out, where it is a terminal that understands ECMA-48; nil = it is none
	Hints    io.Writer // receives what to try where something does not read right

	Host devices.Host
}

// Read reads the sensors of a configuration once, or until ctx is done with Watch,
// and shows what came. The error of a single pass names the sensors that did not
// read right.
func Read(ctx context.Context, c *config.Config, o ReadOptions) error {
	buses := devices.Open(c.Buses, o.Host)
	defer buses.Close()
	sensors, err := devices.Sensors(c, buses)
	if err != nil {
		return err
	}
	defer devices.CloseSensors(sensors)
	buses.Listen(ctx)
	awaitHeard(ctx, needed(c, sensors, o.Sensor))
	defer tellHeard(o.Hints, buses)
	r := &reader{cfg: c, buses: buses, sensors: sensors, only: o.Sensor, hints: o.Hints,
		show: &readView{w: o.Out, tty: o.Terminal, json: o.JSON, watch: o.Watch}}
	if o.Watch {
		r.every = time.Second
		return r.watch(ctx)
	}
	return r.once(ctx)
}

// needed are the sensors whose values are shown, or computed with.
func needed(c *config.Config, sensors []drivers.Sensor, only string) (out []drivers.Sensor) {
	for i, s := range c.Sensors {
		if only == "" || s.Name == only {
			out = append(out, sensors[i])
			for _, input := range devices.Inputs(c, i) {
				out = append(out, sensors[input])
			}
		}
	}
	return out
}

// reader reads sensors as the agent does, all buses at the same time, so that a
// device that does not answer holds up only its own bus.
type reader struct {
	cfg     *config.Config
	buses   *devices.Buses
	sensors []drivers.Sensor
	texts   map[string][]readout // by sensor, read once
	only    string
	every   time.Duration // 0 = once
	show    *readView
	hints   io.Writer // what to try where something does not read right
}

// start runs a sampler without machines until stop is called, which waits for its
// end.
func (r *reader) start(ctx context.Context) (g *sampler.Group, stop func(), err error) {
	periods := make([]time.Duration, len(r.cfg.Sensors))
	for i, s := range r.cfg.Sensors {
		if r.shows(s.Name) {
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
		for range g.Faults() { // the table shows them
		}
	})
	return g, func() { cancel(); wg.Wait() }, nil
}

// shows tells whether a sensor is to be shown. Others are read where it is computed
// from them.
func (r *reader) shows(sensor string) bool { return r.only == "" || sensor == r.only }

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
		return ctx.Err() // an empty table must not look like an answer
	}
	waiting := r.waiting(g.Readings())
	rs := slices.DeleteFunc(g.Readings(), func(x sampler.Reading) bool { return !r.shows(x.Sensor) })
	r.readTexts(ctx, rs)
	if err := r.show.print(r.readouts(rs, time.Now())); err != nil {
		return err
	}
	r.advise(rs)
	var failed []string
	for _, x := range rs {
		switch {
		case waiting[x.Sensor]:
			fmt.Fprintf(r.hints, "%s: waiting for values, which is no fault: --watch shows when they come\n", x.Sensor)
		case x.Err != nil || x.At.IsZero():
			failed = append(failed, x.Sensor)
		}
	}
	if len(failed) > 0 {
		return fmt.Errorf("%d of %d sensors did not read right: %s", len(failed), len(rs), strings.Join(failed, ", "))
	}
	return nil
}

// waits tells whether nothing is wrong but that channels have no value yet: they are read
// in the next cycle, or their first message has not come.
func waits(err error) bool {
	var some *drivers.PartError // else the sensor as a whole does not read, as without a connection
	return drivers.OnlyLater(err) && errors.As(err, &some)
}

// waiting are the sensors that wait, and those that are computed from them where nothing
// else that they are computed from is wrong.
func (r *reader) waiting(rs []sampler.Reading) map[string]bool {
	out, wrong := map[string]bool{}, map[string]bool{}
	for _, x := range rs {
		out[x.Sensor] = !x.At.IsZero() && waits(x.Err)
		wrong[x.Sensor] = x.At.IsZero() || x.Err != nil && !out[x.Sensor]
	}
	for i, s := range r.cfg.Sensors {
		some, bad := false, false
		for _, j := range devices.Inputs(r.cfg, i) {
			input := r.cfg.Sensors[j].Name
			some = some || out[input]
			bad = bad || wrong[input] && len(devices.Inputs(r.cfg, j)) == 0
		}
		out[s.Name] = out[s.Name] || wrong[s.Name] && some && !bad
	}
	return out
}

// watch shows the newest readings every second until ctx is done.
func (r *reader) watch(ctx context.Context) error {
	g, stop, err := r.start(ctx)
	if err != nil {
		return err
	}
	defer stop()
	const after = 200 * time.Millisecond // shown so long after the sensors are read, so that it is fresh
	r.wait(ctx, g)
	r.readTexts(ctx, g.Readings())
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

// wait returns when every sensor has been read, or has had the time for it.
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
		if !read || !r.shows(s.Name) {
			continue
		}
		if x.At.IsZero() {
			x.Err = errNotYet
		}
		late := !x.At.IsZero() && now.Sub(x.At) > staleAfter*r.period(s)
		for j, ch := range r.sensors[i].Channels() {
			o := readoutOf(s, x, j, ch)
			if late {
				o.Value, o.State, o.Count, o.Quality, o.Error = nil, "", nil, sampler.Stale.String(), errNotYet.Error()
			}
			out = append(out, o)
		}
		out = append(out, r.texts[s.Name]...)
	}
	return out
}

// readoutOf is channel j of the sensor.
func readoutOf(s config.Sensor, x sampler.Reading, j int, ch drivers.Channel) readout {
	o := readout{Sensor: s.Name, Channel: s.Name + "." + ch.Name, Unit: ch.Quantity.Unit, Quality: x.Quality[j].String(),
		LatencyMS: float64(x.Latency.Microseconds()) / 1000}
	if v := x.Values[j]; !math.IsNaN(v) && !math.IsInf(v, 0) {
		o.Value = &v
	}
	if at := x.At.UTC(); !x.At.IsZero() {
		o.Time = &at
	}
	if j < len(s.Registers) && o.Value != nil {
		o.State = s.Registers[j].State(*o.Value)
	}
	if j < len(s.Registers) && s.Registers[j].Counter != nil && !math.IsNaN(x.Counts[j]) {
		o.Count, o.CountUnit = &x.Counts[j], s.Registers[j].Counter.Unit
	}
	o.Error = x.Cause(j, x.Quality[j])
	return o
}
