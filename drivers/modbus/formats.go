package modbus

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// signMagnitude describes whole numbers whose highest bit is the sign and whose
// other bits are the size. meant is the type that manuals mostly mean by the name.
func signMagnitude(name string, bits int, meant string, aliases ...string) TypeInfo {
	sign := uint64(1) << (bits - 1)
	return TypeInfo{Name: name, Registers: bits / 16, Bits: bits, Whole: true, Min: -int64(sign - 1), Max: int64(sign - 1), Meant: meant, Aliases: aliases,
		number: func(raw uint64) float64 {
			if raw&sign != 0 {
				return float64(-int64(raw &^ sign))
			}
			return float64(raw)
		},
		raw: func(s string) (uint64, error) {
			i, err := strconv.ParseInt(s, 0, 64)
			if err == nil && i < 0 && -i < int64(sign) {
				return sign | uint64(-i), nil
			}
			return pattern(name, bits, s)
		}}
}

// decimal describes numbers of whose decimal digits each lane of bits holds a few:
// one in 4 bits (BCD), or four in 16 bits (modulo 10000). Other lanes represent no
// number.
func decimal(name string, bits, lane int, aliases ...string) TypeInfo {
	base, why := uint64(10), "which is not BCD: a digit is above 9"
	if lane == 16 {
		base, why = 10_000, "which is not modulo 10000: a register is above 9999"
	}
	most := uint64(1)
	for range bits / lane {
		most *= base
	}
	return TypeInfo{Name: name, Registers: bits / 16, Bits: bits, Whole: true, Max: int64(most - 1), Span: float64(most), Fields: lane == 4, Aliases: aliases,
		why: why,
		number: func(raw uint64) float64 {
			var n uint64
			for at := bits - lane; at >= 0; at -= lane {
				digits := raw >> at & (1<<lane - 1)
				if digits >= base {
					return math.NaN()
				}
				n = n*base + digits
			}
			return float64(n)
		},
		raw: func(s string) (uint64, error) {
			if strings.HasPrefix(s, "0x") {
				return pattern(name, bits, s)
			}
			n, err := strconv.ParseUint(s, 10, 64)
			if err != nil || n >= most {
				return 0, fmt.Errorf("%s is outside 0 to %d, which %s holds", s, most-1, name)
			}
			var raw uint64
			for at := 0; at < bits; at += lane {
				raw |= n % base << at
				n /= base
			}
			return raw, nil
		}}
}

// clock describes times. number gives the seconds since 1970-01-01 UTC.
func clock(name string, bits int, number func(raw uint64) float64, aliases ...string) TypeInfo {
	t := TypeInfo{Name: name, Registers: bits / 16, Bits: bits, Clock: true, Aliases: aliases, why: "which is no date", number: number,
		raw: func(s string) (uint64, error) { return 0, fmt.Errorf("%s has no numbers that mean no value", name) }}
	if bits > 64 {
		t.Bits, t.join = 64, joinDate
	}
	return t
}

// joinDate packs six registers, each a part of a date, into one number: 16 bits of
// the year and 8 of each other part. A part that does not fit becomes one that is
// in no date.
func joinDate(o Order, b []byte) (raw uint64) {
	for i := range 6 {
		part := o.word(b[2*i:])
		if i > 0 && part > 0xFF {
			part = 0xFF
		}
		raw = raw<<8 | uint64(part)
	}
	return raw
}

// ymdhms is the time in the bits of joinDate.
func ymdhms(raw uint64) float64 {
	year := int(raw >> 40)
	if year < 100 {
		year += 2000 // some devices send two digits
	}
	return seconds(year, raw>>32, raw>>24, raw>>16, raw>>8, raw)
}

// bytesDate is the time in six bytes, the year first.
func bytesDate(raw uint64) float64 {
	return seconds(2000+int(raw>>40), raw>>32, raw>>24, raw>>16, raw>>8, raw)
}

// iecDate is the time in the binary time of IEC 60870-5-4 §6.8 in four registers:
// year since 2000; month, day of the week and day; hour and minute, with flags for
// summer time and an invalid time; milliseconds.
func iecDate(raw uint64) float64 {
	const invalid = 1 << 23
	ms := raw & 0xFFFF
	if raw&invalid != 0 || ms > 59_999 {
		return math.NaN()
	}
	return seconds(2000+int(raw>>48&0x7F), raw>>40&0xF, raw>>32&0x1F, raw>>24&0x1F, raw>>16&0x3F, 0) + float64(ms)/1000
}

// seconds is a date and time as seconds since 1970-01-01 UTC, NaN if there is no
// such date. Of each part the lowest eight bits count.
func seconds(year int, month, day, hour, minute, second uint64) float64 {
	m, d, h, mi, s := int(month&0xFF), int(day&0xFF), int(hour&0xFF), int(minute&0xFF), int(second&0xFF)
	t := time.Date(year, time.Month(m), d, h, mi, s, 0, time.UTC)
	if m < 1 || m > 12 || h > 23 || mi > 59 || s > 59 || t.Day() != d || year < 1970 || year > 2199 {
		return math.NaN()
	}
	return float64(t.Unix())
}
