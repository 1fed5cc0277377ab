package config

import (
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ModbusURL is a parsed modbus address: tcp://host:502, rtu:///dev/ttyUSB0 or
// rtutcp://host:port.
type ModbusURL struct {
	Scheme string // "tcp", "rtu", "rtutcp"
	Addr   string // host:port; the port's path for rtu
	Raw    string
	Serial *Serial `json:",omitempty"` // rtu, and rtutcp for its baud rate; nil for tcp
	Listen bool    `json:",omitempty"` // rtu: only overhears, sends nothing. Default false
}

// Serial is how a serial line is driven. The defaults are those of MODBUS over
// Serial Line V1.02 §2.5.1: 19200 baud, even parity, 1 stop bit; without parity
// 2 stop bits.
type Serial struct {
	Baud   int    // rtutcp: 0 = unknown, taken as 9600
	Parity string `json:",omitempty"` // "none", "even", "odd"
	Stop   int    `json:",omitempty"` // bits
	RS485  RS485
}

// RS485 is how the driver of a two-wire line is switched.
type RS485 struct {
	// Mode is "off" (default: the adapter does it by itself), "kernel" (the
	// UART's driver does it, TIOCSRS485) or "gpio".
	Mode string `json:",omitempty"`
	// Pin is the GPIO line of mode "gpio", by its name or number.
	Pin string `json:",omitempty"`
	// Low means that the driver is on while the line or RTS is low.
	Low bool `json:",omitempty"`
	// Before and After are kept between switching and sending; 0.
	Before time.Duration `json:",omitempty"`
	After  time.Duration `json:",omitempty"`
}

var (
	schemes = []string{"tcp", "rtu", "rtutcp"}
	bauds   = []int{1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400, 460800, 500000, 921600, 1000000}
)

func (v value) modbusURL(b *Bus) {
	// Something must be set, so that what refers to the bus is judged too.
	b.Modbus = &ModbusURL{}
	var s string
	if !v.someText(&s) {
		return
	}
	if !strings.Contains(s, "//") && !strings.Contains(s, ":/") {
		v.fail("write "+guessScheme(s)+s, "%q does not say how the bus is reached", quoteShort(s))
		return
	}
	if path, ok := strings.CutPrefix(s, "rtu:/"); ok && !strings.HasPrefix(path, "/") {
		v.fail("write rtu:///"+quoteShort(path), "the path of a serial port needs three slashes")
		return
	}
	if u, err := url.Parse(s); err == nil && u.User != nil {
		v.fail("leave it out", "Modbus has no users and passwords")
		return
	}
	u, ok := v.address(s)
	if !ok {
		return
	}
	m := ModbusURL{Scheme: u.Scheme, Raw: s}
	switch u.Scheme {
	case "tcp":
		m.Addr, ok = v.hostPort(u, "502")
	case "rtutcp":
		m.Serial = &Serial{}
		ok = v.query(u, &m)
		u.RawQuery = ""
		if u.Port() == "" && u.Hostname() != "" {
			ok = v.fail("write rtutcp://"+u.Hostname()+":port", "the address has no port, and there is no usual one")
		}
		if ok {
			m.Addr, ok = v.hostPort(u, "")
		}
	case "rtu":
		m.Serial = &Serial{Baud: 19200, Parity: "even", RS485: RS485{Mode: "off"}}
		ok = v.port(u, &m) && v.query(u, &m)
	default:
		ok = v.fail(didYouMean(u.Scheme, schemes), "unknown scheme %q", quoteShort(u.Scheme))
	}
	if ok {
		*b.Modbus = m
	}
}

// guessScheme is what was left out before a host or a port's path.
func guessScheme(s string) string {
	if strings.HasPrefix(s, "/") {
		return "rtu://"
	}
	return "tcp://"
}

// port takes the path of a serial port.
func (v value) port(u *url.URL, m *ModbusURL) bool {
	switch {
	case u.Host != "":
		return v.fail("write rtu:///"+u.Host+u.Path, "a serial port has no host: the path needs three slashes")
	case !strings.HasPrefix(u.Path, "/dev/") || strings.Contains(u.Path, "..") || u.Fragment != "":
		return v.fail("use such as /dev/serial/by-id/usb-FTDI_FT232R-if00-port0", "%q is no serial port", quoteShort(u.Path))
	}
	m.Addr = u.Path
	return true
}

// parameter is one name in a URL's query.
type parameter struct {
	name string
	read func(s string) bool
}

// query reads what stands behind the question mark: known names, each once.
func (v value) query(u *url.URL, m *ModbusURL) bool {
	given, err := url.ParseQuery(u.RawQuery)
	if err != nil || u.Fragment != "" {
		return v.fail("write ?name=value&name=value", "%q cannot be read", quoteShort(u.RawQuery))
	}
	params := v.parameters(m)
	names := make([]string, len(params))
	for i, p := range params {
		names[i] = p.name
	}
	ok := true
	for _, name := range slices.Sorted(maps.Keys(given)) {
		values := given[name]
		switch i := slices.Index(names, name); {
		case i < 0:
			ok = v.fail(didYouMean(name, names), "%s knows no %q", m.Scheme, quoteShort(name))
		case len(values) > 1:
			ok = v.fail("remove one of both", "%s stands here twice", name)
		default:
			ok = params[i].read(values[0]) && ok
		}
	}
	return ok && v.serialFits(m, given)
}

func (v value) parameters(m *ModbusURL) []parameter {
	s := m.Serial
	baud := parameter{"baud", func(t string) bool { return v.baud(&s.Baud, t) }}
	if m.Scheme == "rtutcp" {
		return []parameter{baud}
	}
	word := func(name string, dst *string, options ...string) parameter {
		return parameter{name, func(t string) bool {
			*dst = t
			return slices.Contains(options, t) || v.fail(didYouMean(t, options), "unknown %s %q", name, quoteShort(t))
		}}
	}
	delay := func(name string, dst *time.Duration) parameter {
		return parameter{name, func(t string) bool {
			d, ok := parseDuration(t)
			*dst = d
			return ok && d <= 100*time.Millisecond || v.fail("use such as 500us or 1ms, at most 100ms", "%s %q is no delay", name, quoteShort(t))
		}}
	}
	var stop, listen, level string
	return []parameter{
		baud,
		word("parity", &s.Parity, "none", "even", "odd"),
		{"stop", func(t string) bool {
			s.Stop = map[string]int{"1": 1, "2": 2}[t]
			return word("stop", &stop, "1", "2").read(t)
		}},
		{"listen", func(t string) bool { m.Listen = t == "true"; return word("listen", &listen, "true", "false").read(t) }},
		{"rs485", func(t string) bool { return v.rs485(&s.RS485, t) }},
		{"rts_level", func(t string) bool { s.RS485.Low = t == "low"; return word("rts_level", &level, "high", "low").read(t) }},
		delay("rts_before", &s.RS485.Before),
		delay("rts_after", &s.RS485.After),
	}
}

func (v value) baud(dst *int, t string) bool {
	n, err := strconv.Atoi(t)
	if err != nil || !slices.Contains(bauds, n) {
		return v.fail("use 9600, 19200, 38400, 57600, 115200 or another usual one", "%q is no baud rate", quoteShort(t))
	}
	*dst = n
	return true
}

func (v value) rs485(r *RS485, t string) bool {
	if pin, ok := strings.CutPrefix(t, "gpio:"); ok {
		r.Mode, r.Pin = "gpio", pin
		return pin != "" || v.fail("write rs485=gpio:17 or the line's name", "rs485=gpio: names no line")
	}
	r.Mode = t
	options := []string{"off", "kernel", "gpio:LINE"}
	return slices.Contains(options[:2], t) || v.fail(didYouMean(t, options), "unknown rs485 %q", quoteShort(t))
}

// serialFits checks what parameters say together.
func (v value) serialFits(m *ModbusURL, given url.Values) bool {
	if m.Scheme != "rtu" {
		return true
	}
	s := m.Serial
	for _, name := range []string{"rts_level", "rts_before", "rts_after"} {
		if given.Has(name) && s.RS485.Mode == "off" {
			return v.fail("add rs485=kernel or rs485=gpio:LINE", "%s without rs485 changes nothing", name)
		}
	}
	if m.Listen && s.RS485.Mode != "off" {
		return v.fail("leave rs485 out", "a line that is only listened to is never driven")
	}
	if s.Stop == 0 {
		s.Stop = 1
		if s.Parity == "none" {
			s.Stop = 2 // V1.02 §2.5.1: a character has 11 bits
		}
	}
	return true
}
