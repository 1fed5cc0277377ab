package devices

import (
	"context"
	"errors"
	"slices"
	"strings"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/derive"
	"iot-edge-anomaly/agent/sampler"
	"iot-edge-anomaly/drivers"
)

var derivedKeys = []config.Key{
	{Name: "channels", Kind: config.ByName, Need: true, Max: "64", Example: `{hydraulic: {expr: "pump.flow * pump.pressure / drive.power"}}`,
		Help: "The channels that are computed, each from channels of the same machine.",
		Keys: []config.Key{
			{Name: "expr", Kind: config.Text, Need: true, Max: "1000", Example: `"pump.flow * pump.pressure / drive.power"`,
				Help: "Numbers, channels, `+ - * /`, parentheses, `min`, `max`, `abs` and `mean(x, N)`, the mean of N rows; see [sensors.md](sensors.md#derived-channels)."},
		}},
}

// referDerived finds the channels that an expression uses.
func referDerived(m config.Measurand, channels []string) ([]config.Reference, *config.Fault) {
	text := config.Get[string](m.Own, "expr")
	e, err := derive.Parse(text)
	if err != nil {
		f := &config.Fault{Key: "expr", Message: err.Error()}
		var at *derive.Error
		if errors.As(err, &at) {
			f.Hint = at.Hint
			at.Hint = ""
			f.Message = at.Error()
		}
		if name := unquoted(text, channels); name != "" {
			f.Hint = "write `" + name + "`, in backticks"
		}
		return nil, f
	}
	var out []config.Reference
	for _, r := range e.Refs() {
		out = append(out, config.Reference{Channel: r.Channel, At: r.At})
	}
	return out, nil
}

// unquoted is a channel whose name needs backticks and stands in the text without
// them; empty = there is none.
func unquoted(text string, channels []string) string {
	for i, part := range strings.Split(text, "`") {
		if i%2 == 1 {
			continue // in backticks
		}
		for _, c := range channels {
			if strings.Contains(part, c) && !plain(c) {
				return c
			}
		}
	}
	return ""
}

// plain tells whether an expression may use the name of a channel as it is.
func plain(channel string) bool {
	e, err := derive.Parse(channel)
	if err != nil {
		return false
	}
	refs := e.Refs()
	return len(refs) == 1 && refs[0].Channel == channel
}

// derivedSensor stands for derived channels among the sensors of a configuration.
// It is never read: the sampler computes its channels with the row.
type derivedSensor struct {
	channels []drivers.Channel
	exprs    []*derive.Expr
}

func makeDerived(c config.Sensor, _ bus) (drivers.Sensor, error) {
	d := &derivedSensor{}
	for _, m := range config.Get[[]config.Measurand](c.Own, "channels") {
		e, err := derive.Parse(config.Get[string](m.Own, "expr"))
		if err != nil {
			return nil, err
		}
		d.channels = append(d.channels, drivers.Channel{Name: m.Name, Quantity: drivers.Quantity{Unit: m.UnitOf}})
		d.exprs = append(d.exprs, e.Scaled(m.Scale, m.Offset))
	}
	return d, nil
}

// Channels are those of the configuration.
func (d *derivedSensor) Channels() []drivers.Channel { return d.channels }

// Read always fails.
func (d *derivedSensor) Read(_ context.Context, dst []float64) error {
	drivers.Missing(dst)
	return errors.New("derived channels are computed with the row")
}

// Close does nothing.
func (d *derivedSensor) Close() error { return nil }

// spec is what the sampler computes.
func (d *derivedSensor) spec(name string, channels []config.ChannelRef) sampler.DerivedSpec {
	out := sampler.DerivedSpec{Name: name}
	checks := checks(channels)
	for i, ch := range d.channels {
		out.Channels = append(out.Channels, sampler.DerivedChannel{Channel: ch, Expr: d.exprs[i], Check: checks[i]})
	}
	return out
}

// Inputs are the sensors whose channels those of one sensor are computed from, by
// their index in the configuration, also over several derived ones. It is empty
// where the sensor is measured.
func Inputs(c *config.Config, sensor int) (out []int) {
	for _, ch := range c.Channels[sensor] {
		for _, input := range ch.Inputs {
			name, _, _ := strings.Cut(input, ".")
			i := slices.IndexFunc(c.Sensors, func(s config.Sensor) bool { return s.Name == name })
			if i >= 0 && i != sensor && !slices.Contains(out, i) {
				out = append(append(out, i), Inputs(c, i)...)
			}
		}
	}
	return out
}
