package commission

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/devices"
	"iot-edge-anomaly/drivers"
)

// Answer is what a sensor has answered.
type Answer struct {
	Sensor string
	Bus    string
	Good   bool
	Text   string // how many values, or what is wrong
	Advice string // what to try; empty = nothing is known
}

// Answers reads every sensor of a configuration once, as Read does.
func Answers(ctx context.Context, c *config.Config, host devices.Host) (out []Answer, err error) {
	buses := devices.Open(c.Buses, host)
	defer buses.Close()
	sensors, err := devices.Sensors(c, buses)
	if err != nil {
		return nil, err
	}
	defer devices.CloseSensors(sensors)
	buses.Listen(ctx)
	awaitHeard(ctx, needed(c, sensors, ""))
	var hints bytes.Buffer
	r := &reader{cfg: c, buses: buses, sensors: sensors, hints: &hints, show: &readView{w: io.Discard}}
	g, stop, err := r.start(ctx)
	if err != nil {
		return nil, err
	}
	defer stop()
	r.wait(ctx, g)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	rs := g.Readings()
	r.advise(rs)
	for _, x := range rs {
		a := Answer{Sensor: x.Sensor, Bus: x.Bus, Good: true, Text: fmt.Sprintf("%s in %v", Plural(len(x.Values), "value", "values"), x.Latency.Round(100*time.Microsecond))}
		err := x.Err
		if x.At.IsZero() {
			err = errNotYet
		}
		if err != nil && !drivers.OnlyLater(err) {
			a.Good, a.Text = false, strings.ReplaceAll(err.Error(), "\n", "; ")
		}
		for line := range strings.Lines(hints.String()) {
			if of, text, ok := strings.Cut(strings.TrimSpace(line), ": "); ok && strings.Contains(", "+of+",", ", "+x.Sensor+",") {
				a.Advice = text
			}
		}
		out = append(out, a)
	}
	return out, nil
}
