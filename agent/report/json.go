package report

import (
	"math"
	"strconv"
	"time"
	"unicode/utf8"
)

// object writes one JSON object, field by field.
type object struct {
	b        []byte
	notEmpty bool
}

// openObject begins an object, appended to b.
func openObject(b []byte) object { return object{b: append(b, '{')} }

func (o *object) close() []byte { return append(o.b, '}') }

// field begins a field and returns the bytes to which the caller appends its
// value.
func (o *object) field(name string) []byte {
	if o.notEmpty {
		o.b = append(o.b, ',')
	}
	o.notEmpty = true
	o.b = append(o.b, '"')
	o.b = append(o.b, name...)
	o.b = append(o.b, '"', ':')
	return o.b
}

func (o *object) text(name, v string)           { o.b = appendString(o.field(name), v) }
func (o *object) number(name string, v float64) { o.b = appendNumber(o.field(name), v) }
func (o *object) value(name string, v float64)  { o.b = appendValue(o.field(name), v) }
func (o *object) flag(name string, v bool)      { o.b = strconv.AppendBool(o.field(name), v) }

// percentile writes v, between 0 and 100, but at most 99.9999: rounding to 100
// would say that no score can be higher. It writes null if v is unknown.
func (o *object) percentile(v float64) {
	if !(v > 0) {
		v = math.NaN()
	}
	o.number("percentile", min(v, 99.9999))
}

func (o *object) seconds(name string, d time.Duration) { o.b = appendSeconds(o.field(name), d) }

// textOrNull writes v, or null if it is empty.
func (o *object) textOrNull(name, v string) {
	if v == "" {
		o.b = append(o.field(name), "null"...)
		return
	}
	o.text(name, v)
}

// moment writes s as a time, null if it is unknown. If no time server confirms the
// time and s is of this boot, the uptime follows as a field of its own. In that case
// later is true, and e is the edit that puts a better time in place of both.
func (o *object) moment(name, uptime string, s stamp, boot string) (e edit, later bool) {
	b := o.field(name)
	from := len(b)
	o.b = appendTime(b, s.Wall)
	if s.Sure || s.Boot != boot || boot == "" {
		return edit{}, false
	}
	o.seconds(uptime, s.Up)
	return edit{kind: editTime, from: uint32(from), to: uint32(len(o.b)), up: s.Up.Round(time.Millisecond).Milliseconds()}, true
}

func (o *object) texts(name string, list []string) {
	b := append(o.field(name), '[')
	for i, s := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, s)
	}
	o.b = append(b, ']')
}

// appendNumber writes v with 6 significant digits, and NaN and infinities as null.
func appendNumber(b []byte, v float64) []byte { return appendRounded(b, v, 'e', 5) }

// appendValue writes a value of a channel as appendNumber does, but from 10,000 on
// with two decimals: a meter of 1,234,570.42 kWh keeps its resolution.
func appendValue(b []byte, v float64) []byte {
	if a := math.Abs(v); a >= 1e4 && a < 1e13 {
		return appendRounded(b, v, 'f', 2)
	}
	return appendNumber(b, v)
}

// appendRounded writes v, rounded to digits in the format of strconv.FormatFloat, and
// NaN and infinities as null.
func appendRounded(b []byte, v float64, format byte, digits int) []byte {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return append(b, "null"...)
	}
	v, err := strconv.ParseFloat(strconv.FormatFloat(v, format, digits, 64), 64)
	if err != nil { // rounded beyond the largest float64
		return append(b, "null"...)
	}
	if v == 0 {
		return append(b, '0') // no -0
	}
	format = 'f'
	if a := math.Abs(v); a < 1e-6 || a >= 1e15 {
		format = 'e'
	}
	return strconv.AppendFloat(b, v, format, -1, 64)
}

// appendSeconds writes d in seconds to the millisecond.
func appendSeconds(b []byte, d time.Duration) []byte {
	return strconv.AppendFloat(b, float64(d.Round(time.Millisecond)/time.Millisecond)/1000, 'f', -1, 64)
}

// appendTime writes RFC 3339 in UTC with milliseconds; null for the zero time
// and for years that RFC 3339 cannot write.
func appendTime(b []byte, t time.Time) []byte {
	t = t.UTC()
	if t.IsZero() || t.Year() < 0 || t.Year() > 9999 {
		return append(b, "null"...)
	}
	return t.AppendFormat(b, `"2006-01-02T15:04:05.000Z"`)
}

// appendString writes s quoted; bytes that are not UTF-8 become U+FFFD.
func appendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r == '\n':
			b = append(b, '\\', 'n')
		case r == '\t':
			b = append(b, '\\', 't')
		case r < 0x20 || r == 0x7f:
			b = append(b, '\\', 'u', '0', '0', hex[r>>4], hex[r&15])
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}
