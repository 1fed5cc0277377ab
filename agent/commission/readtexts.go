package commission

import (
	"context"
	"errors"
	"os"
	"time"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/sampler"
	"iot-edge-anomaly/drivers"
)

// readTexts reads the texts of the sensors that are shown, of those that answered.
func (r *reader) readTexts(ctx context.Context, rs []sampler.Reading) {
	r.texts = map[string][]readout{}
	answered := map[string]bool{}
	for _, x := range rs {
		answered[x.Sensor] = !x.At.IsZero() && !errors.Is(x.Err, os.ErrDeadlineExceeded) && !errors.Is(x.Err, drivers.ErrBus)
	}
	for _, s := range r.cfg.Sensors {
		if !r.shows(s.Name) {
			continue
		}
		for _, x := range s.Texts {
			r.texts[s.Name] = append(r.texts[s.Name], r.text(ctx, s, x, answered[s.Name]))
		}
	}
}

// text reads one text. A device that does not answer is not asked for more.
func (r *reader) text(ctx context.Context, s config.Sensor, x config.TextRegister, ask bool) readout {
	o := readout{Sensor: s.Name, Channel: s.Name + "." + x.Name, Quality: sampler.Missing.String(), Error: "not asked for: the device did not answer"}
	if !ask {
		return o
	}
	start := time.Now()
	text, err := r.buses.Text(ctx, s, x)
	end := time.Now().UTC()
	o.LatencyMS, o.Time, o.Error = float64(end.Sub(start).Microseconds())/1000, &end, ""
	switch {
	case err != nil:
		o.Error = err.Error()
	case text == "":
		o.Error = "the registers hold no text"
	default:
		o.Text, o.Quality = text, sampler.Good.String()
	}
	return o
}
