package commission

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/devices"
	"iot-edge-anomaly/agent/sampler"
	"iot-edge-anomaly/drivers"
	"iot-edge-anomaly/drivers/modbus"
)

// advise says what to try where sensors did not read right. Advice that holds for
// several sensors is given once.
func (r *reader) advise(rs []sampler.Reading) {
	urls := map[string]string{}
	for _, b := range r.cfg.Buses {
		if b.Modbus != nil && !b.Modbus.Listen { // the errors of an overheard line say what to look at
			urls[b.Name] = b.Modbus.Scheme + ":"
		}
	}
	var hints []string
	of := map[string][]string{}
	for _, x := range rs {
		if urls[x.Bus] == "" {
			continue
		}
		for _, err := range parts(x.Err) {
			text := hint(urls[x.Bus], err)
			if other := r.otherwise(x, err); other != "" {
				text = other
			}
			var many *drivers.PartError
			if errors.Is(err, modbus.ErrTimeout) && errors.As(err, &many) && len(many.Channels) > 1 {
				text += "; if scan gets an answer, the device answers short requests only: try max_registers: 16"
			}
			if text == "" || slices.Contains(of[text], x.Sensor) {
				continue
			}
			if of[text] == nil {
				hints = append(hints, text)
			}
			of[text] = append(of[text], x.Sensor)
		}
	}
	for _, h := range hints {
		fmt.Fprintf(r.hints, "%s: %s\n", strings.Join(of[h], ", "), h)
	}
	r.adviseZeros(rs)
	r.adviseNumbers(rs)
	r.adviseTime(rs)
}

// otherwise names what else the numbers of registers that a device refused may mean,
// where they do not name a table.
func (r *reader) otherwise(x sampler.Reading, err error) string {
	var refusal *modbus.ExceptionError
	var part *drivers.PartError
	if !errors.As(err, &refusal) || refusal.Code != 2 || !errors.As(err, &part) {
		return ""
	}
	for _, reg := range r.registers(x.Sensor) {
		if other := (config.Address{Plain: reg.Plain}).Otherwise(); other != "" && slices.Contains(part.Channels, reg.Name) {
			return fmt.Sprintf("%s was taken as %s:%d, which the device does not have: try %s", reg.Plain, reg.Table, reg.At, other)
		}
	}
	return ""
}

// adviseZeros names registers that were read, and read 0, at an address that their
// number may not mean.
func (r *reader) adviseZeros(rs []sampler.Reading) {
	for _, x := range rs {
		for i, reg := range r.registers(x.Sensor) {
			other := (config.Address{Plain: reg.Plain}).Otherwise()
			if other != "" && i < len(x.Values) && x.Values[i] == reg.Offset && reg.Offset == 0 {
				fmt.Fprintf(r.hints, "%s.%s: %s was taken as %s:%d, and reads 0: if it should not, try %s\n", x.Sensor, reg.Name, reg.Plain, reg.Table, reg.At, other)
			}
		}
	}
}

// registers are those of a Modbus sensor.
func (r *reader) registers(sensor string) []config.Register {
	for _, s := range r.cfg.Sensors {
		if s.Name == sensor {
			return s.Registers
		}
	}
	return nil
}

// adviseNumbers names channels whose number looks as if the register has another
// byte order or another type.
func (r *reader) adviseNumbers(rs []sampler.Reading) {
	for _, s := range r.cfg.Sensors {
		j := slices.IndexFunc(rs, func(x sampler.Reading) bool { return x.Sensor == s.Name })
		if j < 0 {
			continue
		}
		for i, reg := range s.Registers {
			if v := rs[j].Values[i]; odd(reg, v) {
				fmt.Fprintf(r.hints, "%s.%s: %s looks like a wrong order or type: scan modbus URL --unit %d --at %s:%d --count 4 shows the number in each of them\n",
					s.Name, reg.Name, digits(v), s.Unit, reg.Table, reg.At-s.AddressBase)
			}
		}
	}
}

// odd tells whether devices hardly ever send a value, while it arises where registers
// are read in a wrong order or as a wrong type: a floating-point number with an extreme
// exponent, or a whole number whose lower half is zero.
func odd(reg config.Register, v float64) bool {
	raw := math.Abs((v - reg.Offset) / reg.Scale)
	i := slices.IndexFunc(modbus.Types(), func(t modbus.TypeInfo) bool { return t.Name == reg.Type })
	if i < 0 || raw == 0 || math.IsNaN(raw) {
		return false
	}
	switch t := modbus.Types()[i]; {
	case t.Bits < 32:
		return false
	case !t.Whole:
		return raw > 1e10 || raw < 1e-7
	default:
		return math.Mod(math.Round(raw), math.Ldexp(1, t.Bits/2)) == 0
	}
}

// adviseTime warns of buses on which one reading of all sensors took longer than
// the shortest of their periods: some rows would get no values.
func (r *reader) adviseTime(rs []sampler.Reading) {
	periods := devices.Periods(r.cfg, r.cfg.Machines)
	for _, b := range r.cfg.Buses {
		var took, shortest time.Duration
		for i, s := range r.cfg.Sensors {
			j := slices.IndexFunc(rs, func(x sampler.Reading) bool { return x.Sensor == s.Name })
			if s.Bus != b.Name || j < 0 || rs[j].Err != nil || periods[i] == 0 {
				continue
			}
			if took += rs[j].Latency; b.Connections > 1 {
				took = max(took-rs[j].Latency, rs[j].Latency)
			}
			if s.MaxAge == 0 && (shortest == 0 || periods[i] < shortest) {
				shortest = periods[i]
			}
		}
		if shortest > 0 && took > shortest {
			fmt.Fprintf(r.hints, "%s: reading took %v, the shortest period is %v: if it takes so long each time, give its sensors period: %v\n",
				b.Name, took.Round(10*time.Millisecond), shortest, sampler.EnoughPeriod(took, shortest))
		}
	}
}

// parts are the errors that err joins.
func parts(err error) []error {
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		return many.Unwrap()
	}
	return []error{err}
}
