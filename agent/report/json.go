package report

import (
	"math"
	"strconv"
	"time"
	"unicode/utf8"
)

// object writes one JSON object, field by field.
type object struct {
	b    []byte
	some bool
}

// openObject begins an object at the end of b.
func openObject(b []byte) object { return object{b: append(b, '{')} }

func (o *object) close() []byte { return append(o.b, '}') }

// field begins a field; its value is to be appended to the result.
func (o *object) field(name string) []byte {
	if o.some {
		o.b = append(o.b, ',')
	}
	o.some = true
	o.b = append(o.b, '"')
	o.b = append(o.b, name...)
	o.b = append(o.b, '"', ':')
	return o.b
}

func (o *object) text(name, v string)           { o.b = appendString(o.field(name), v) }
func (o *object) number(name string, v float64) { o.b = appendNumber(o.field(name), v) }

// percentile writes v, of 0 to 100, as it stands below 100: rounding must not
// turn the rare into the impossible. Null where it is unknown.
func (o *object) percentile(v float64) {
	if !(v > 0) {
		v = math.NaN()
	}
	o.number("percentile", min(v, 99.9999))
}

func (o *object) seconds(name string, d time.Duration) { o.b = appendSeconds(o.field(name), d) }

// orNull writes v, or null where it is empty.
func (o *object) orNull(name, v string) {
	if v == "" {
		o.b = append(o.field(name), "null"...)
		return
	}
	o.text(name, v)
}

// moment writes s as a time, or null and, if it is of this boot, its uptime
// beside it. In the latter case later is true, and e replaces what was written
// once the time can be told.
func (o *object) moment(name, uptime string, s stamp, boot string) (e edit, later bool) {
	b := o.field(name)
	from := len(b)
	o.b = appendTime(b, s.Wall)
	if !s.Wall.IsZero() || s.Boot != boot || boot == "" {
		return edit{}, false
	}
	o.seconds(uptime, s.Up)
	return edit{What: editTime, From: uint32(from), To: uint32(len(o.b)), Up: s.Up.Round(time.Millisecond).Milliseconds()}, true
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

// appendNumber writes v with 6 significant digits; null if it is no number.
func appendNumber(b []byte, v float64) []byte {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return append(b, "null"...)
	}
	v, err := strconv.ParseFloat(strconv.FormatFloat(v, 'e', 5, 64), 64)
	if err != nil { // rounded beyond the largest float64
		return append(b, "null"...)
	}
	if v == 0 {
		return append(b, '0') // no -0
	}
	format := byte('f')
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
// and for years that RFC 3339 has no digits for.
func appendTime(b []byte, t time.Time) []byte {
	t = t.UTC()
	if t.IsZero() || t.Year() < 0 || t.Year() > 9999 {
		return append(b, "null"...)
	}
	return t.AppendFormat(b, `"2006-01-02T15:04:05.000Z"`)
}

// appendString writes s quoted; bytes that are no UTF-8 become U+FFFD.
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
