package config

import (
	"fmt"
	"math"
	"math/bits"
	"regexp"
	"slices"
)

// kernelDevice reads what a sensor of the kernel is found by: a name, a place,
// or a path below /sys. Which of them exists only the machine knows.
func (v value) kernelDevice(s *Sensor) {
	if !v.someText(&s.Device) {
		return
	}
	if len(s.Device) > 256 {
		v.fail("shorten it", "the name is longer than 256 characters")
	}
	if kernelNumber.MatchString(s.Device) {
		v.warn("take the chip's name or what it is attached to, such as 1-0048 (docs/sensors.md)", "%s is a number in the order in which drivers came up: after another start it may be another device", s.Device)
	}
}

// kernelNumber is how the kernel counts devices.
var kernelNumber = regexp.MustCompile(`^(hwmon|iio:device|thermal_zone)[0-9]+$`)

func (v value) axes(s *Sensor) {
	v.list(func(_ int, v value) {
		var axis string
		if !v.enum(&axis, "axis", nil, "x", "y", "z") {
			return
		}
		if slices.Contains(s.Axes, axis) {
			v.fail("remove one of both", "axis %q stands in the list twice", axis)
			return
		}
		s.Axes = append(s.Axes, axis)
	})
	if len(s.Axes) == 0 && v.node.Kind == yamlSequence && len(v.node.Content) == 0 {
		v.fail("use [x, y, z]", "the list is empty")
	}
}

// samples is the length of a block; the transform wants a power of two.
func (v value) samples(s *Sensor) {
	var n int
	if !v.integer(&n, 64, 1<<17) {
		return
	}
	if n&(n-1) != 0 {
		below := powerOfTwo(n)
		v.fail(fmt.Sprintf("take %d or %d", below, 2*below), "%d is no power of two", n)
		return
	}
	s.Samples = n
}

// powerOfTwo is the greatest that is not above n.
func powerOfTwo(n int) int { return 1 << (bits.Len(uint(n)) - 1) }

// usable is the highest frequency that a sample rate shows without aliases, as
// a share of it: the customary 1/2.56, which leaves the sensor's filter room
// below half the rate.
const usable = 1 / 2.56

func (v value) bands(s *Sensor) {
	v.list(func(_ int, v value) {
		r := v.rangeOf()
		if r == nil {
			return
		}
		if r.Min < 0 || r.Min != math.Trunc(r.Min) || r.Max != math.Trunc(r.Max) {
			v.fail("write such as [10, 1000]", "a band's ends are whole Hz, not below 0")
			return
		}
		if slices.Contains(s.Bands, *r) {
			v.fail("remove one of both", "the band stands in the list twice")
			return
		}
		s.Bands = append(s.Bands, *r)
	})
}

// block fills in the length of a block and judges it: short enough to be
// delivered while the event is news, long enough to tell 10 Hz from rest.
func (v value) block(s *Sensor, given map[string]value) {
	if s.Axes == nil {
		s.Axes = []string{"x", "y", "z"}
	}
	if s.Rate == 0 {
		return
	}
	if _, has := given["samples"]; !has {
		s.Samples = powerOfTwo(int(s.Rate)) // half a second to one
	}
	const shortest, longest = 0.4, 2
	if seconds := float64(s.Samples) / s.Rate; s.Samples > 0 && (seconds < shortest || seconds > longest) {
		given["samples"].fail("leave the key out", "%d samples at %g Hz last %.3gs, want %gs to %ds", s.Samples, s.Rate, seconds, shortest, longest)
	}
	top := math.Floor(s.Rate * usable)
	for _, b := range s.Bands {
		if b.Max > top {
			given["bands"].fail("a higher rate shows more", "the band %g to %g Hz ends above %g Hz, the highest frequency that %g Hz show", b.Min, b.Max, top, s.Rate)
		}
	}
	if top < 1000 {
		given["rate"].warn("2560 Hz and more cover 1000 Hz", "the velocity covers 10 to %g Hz only, not 10 to 1000 Hz as in ISO 20816", top)
	}
}

// kernelChannels are the channels that the configuration names, or of a driver
// that knows its own, all of them or those it names.
func (v value) kernelChannels(s *Sensor, info DriverInfo, given map[string]value) []ChannelInfo {
	if info.Channel == nil {
		return v.ownChannels(s, info, given)
	}
	var out []ChannelInfo
	for _, name := range s.Channels {
		c, err := info.Channel(name)
		if err != nil {
			given["channels"].fail("docs/sensors.md names them", "%v", err)
			continue
		}
		out = append(out, c)
	}
	return out
}

func (v value) ownChannels(s *Sensor, info DriverInfo, given map[string]value) []ChannelInfo {
	if info.List == nil || s.Rate == 0 || s.Samples == 0 {
		return nil
	}
	all, err := info.List(*s)
	if err != nil {
		v.fail("see docs/sensors.md", "%v", err)
		return nil
	}
	if len(s.Channels) == 0 {
		return all
	}
	names := make([]string, len(all))
	for i, c := range all {
		names[i] = c.Name
	}
	var out []ChannelInfo
	for _, name := range s.Channels {
		if i := slices.Index(names, name); i >= 0 {
			out = append(out, all[i])
		} else {
			given["channels"].fail(didYouMean(name, names), "driver %q makes no channel %q of these axes and bands", s.Driver, name)
		}
	}
	return out
}
