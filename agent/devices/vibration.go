package devices

import (
	"fmt"
	"math"
	"math/bits"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/drivers"
	"iot-edge-anomaly/drivers/vibration"
)

var vibrationKeys = []config.Key{
	{Name: "rate", Kind: config.Number, Unit: "Hz", Min: "50", Max: "100000", Need: true, Example: "4000",
		Help: "Samples per second, one of the rates that the chip offers."},
	{Name: "axes", Kind: config.List, Of: config.Choice, Choices: []string{"x", "y", "z"}, Default: "[x, y, z]", Example: "[z]",
		Help: "The axes whose features are delivered."},
	{Name: "samples", Kind: config.Integer, Min: "64", Max: "131072", Without: "the power of two that lasts half a second to one", Example: "4096", Check: powerOfTwo,
		Help: "Length of a block of samples; a power of two that lasts 0.4 to 2 s."},
	{Name: "bands", Kind: config.List, Of: config.Interval, Unit: "Hz", Empty: "none", Without: "none", Example: "[[10, 200], [200, 800]]", Check: wholeHertz,
		Help: "Frequency bands whose effective acceleration is a channel; none ends above the rate divided by 2.56."},
}

// makeVibration makes a reader of a kernel buffer of acceleration.
func makeVibration(c config.Sensor, b bus) (drivers.Sensor, error) {
	return vibration.New(vibrationOptions(b.root, c))
}

// listVibration is the channels that the configured axes and bands give.
func listVibration(c config.Sensor) ([]config.ChannelInfo, error) {
	cs, err := vibration.Channels(vibrationOptions("", c))
	return channels(cs), err
}

func vibrationOptions(root string, c config.Sensor) vibration.Options {
	o := vibration.Options{Root: root, Device: c.Device, Axes: config.Get[[]string](c.Own, "axes"), Rate: config.Get[float64](c.Own, "rate"),
		Samples: config.Get[int](c.Own, "samples"), Channels: c.Channels}
	for _, b := range config.Get[[]config.Range](c.Own, "bands") {
		o.Bands = append(o.Bands, [2]float64{b.Min, b.Max})
	}
	return o
}

// powerOfTwo holds that the length of a block is one: the transform wants it.
func powerOfTwo(x any) []config.Fault {
	n := x.(int)
	if n&(n-1) == 0 {
		return nil
	}
	below := powerBelow(n)
	return []config.Fault{{Message: fmt.Sprintf("%d is not a power of two", n), Hint: fmt.Sprintf("take %d or %d", below, 2*below)}}
}

// powerBelow is the greatest power of two that is not above n.
func powerBelow(n int) int { return 1 << (bits.Len(uint(n)) - 1) }

func wholeHertz(x any) []config.Fault {
	r := x.(config.Range)
	if r.Min >= 0 && r.Min == math.Trunc(r.Min) && r.Max == math.Trunc(r.Max) {
		return nil
	}
	return []config.Fault{{Message: "the ends of a band are whole Hz, not below 0", Hint: "write it like [10, 1000]"}}
}

// usable is the highest frequency that a sample rate shows without aliases, as
// a share of it: the customary 1/2.56, which leaves the sensor's filter room
// below half the rate.
const usable = 1 / 2.56

// checkVibration fills in the length of a block and judges it: short enough to be
// delivered while the event is news, long enough to tell 10 Hz from rest.
func checkVibration(s *config.Sensor) (fs []config.Fault) {
	rate, samples := config.Get[float64](s.Own, "rate"), config.Get[int](s.Own, "samples")
	if samples == 0 {
		samples = powerBelow(int(rate))
		s.Own["samples"] = samples
	}
	const shortest, longest = 0.4, 2
	if seconds := float64(samples) / rate; seconds < shortest || seconds > longest {
		fs = append(fs, config.Fault{Key: "samples", Message: fmt.Sprintf("%d samples at %g Hz last %.3gs, want %gs to %ds", samples, rate, seconds, shortest, longest), Hint: "leave the key out"})
	}
	top := math.Floor(rate * usable)
	for _, b := range config.Get[[]config.Range](s.Own, "bands") {
		if b.Max > top {
			fs = append(fs, config.Fault{Key: "bands", Message: fmt.Sprintf("the band %g to %g Hz ends above %g Hz, the highest frequency that %g Hz show", b.Min, b.Max, top, rate), Hint: "a higher rate shows more"})
		}
	}
	if top < 1000 {
		fs = append(fs, config.Fault{Key: "rate", Warning: true, Message: fmt.Sprintf("the velocity covers 10 to %g Hz only, not 10 to 1000 Hz as in ISO 20816", top), Hint: "2560 Hz and more cover 1000 Hz"})
	}
	return fs
}
