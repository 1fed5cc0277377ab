package config

import (
	"errors"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// ModbusURL is a parsed modbus address: tcp://host:502, rtu:///dev/ttyUSB0 or
// rtutcp://host:port.
type ModbusURL struct {
	Scheme string // "tcp", "rtu", "rtutcp"
	Addr   string // host:port; the port's path for rtu
	Raw    string
	Serial *Serial // rtu, and rtutcp for its baud rate; nil for tcp
	Listen bool    // rtu: only overhears, sends nothing. Default false
}

// Serial is how a serial line is driven.
type Serial struct {
	Baud   int    // rtutcp: 0 = unknown, taken as 9600
	Parity string // "none", "even", "odd"
	Stop   int    // bits
	RS485  RS485
}

// RS485 is how the driver of a two-wire line is switched.
type RS485 struct {
	// Mode is "off" (the adapter does it by itself), "kernel" (the UART's driver
	// does it, TIOCSRS485) or "gpio".
	Mode string
	// Pin is the GPIO line of mode "gpio", by its name or number.
	Pin string
	// Low means that the driver is on while the line or RTS is low.
	Low bool
	// Before and After are kept between switching and sending.
	Before time.Duration
	After  time.Duration
}

// schemes are those of a Modbus address, and the kinds that its parameters are
// for.
var schemes = []string{"tcp", "rtu", "rtutcp"}

// parameterKeys are what may stand behind the question mark of an address. The
// defaults of a serial line are those of MODBUS over Serial Line V1.02 §2.5.1.
var parameterKeys = section[*ModbusURL]{
	path: "buses.NAME.modbus?",
	help: "Parameters in the address of a serial line: `rtu:///dev/ttyUSB0?baud=9600&parity=none`. There are always 8 data bits.",
	rows: []row[*ModbusURL]{
		{Key: Key{Name: "baud", Kind: Integer, For: []string{"rtu"}, Choices: bauds, Default: "19200", Example: "9600",
			Help: "Bits per second on the line."},
			into: func(m *ModbusURL) any { return &m.Serial.Baud }},
		{Key: Key{Name: "baud", Kind: Integer, For: []string{"rtutcp"}, Choices: bauds, Without: "9600 is assumed", Example: "9600",
			Help: "Bits per second on the line behind the serial server, for the pauses between frames."},
			into: func(m *ModbusURL) any { return &m.Serial.Baud }},
		{Key: Key{Name: "parity", Kind: Choice, For: []string{"rtu"}, Choices: []string{"none", "even", "odd"}, Default: "even", Example: "none",
			Help: "Parity bit of each character."},
			into: func(m *ModbusURL) any { return &m.Serial.Parity }},
		{Key: Key{Name: "stop", Kind: Integer, For: []string{"rtu"}, Choices: []string{"1", "2"}, Without: "1; without parity 2", Example: "1",
			Help: "Stop bits of each character."},
			into: func(m *ModbusURL) any { return &m.Serial.Stop }},
		{Key: Key{Name: "listen", Kind: Boolean, For: []string{"rtu"}, Default: "false", Example: "true",
			Help: "Only listens to a line on which another master asks, and never sends."},
			into: func(m *ModbusURL) any { return &m.Listen }},
		{Key: Key{Name: "rs485", Kind: kindRs485Switch, For: []string{"rtu"}, Default: "off", Example: "kernel",
			Help: "Who switches a two-wire line between sending and receiving: the adapter itself (off), the kernel's driver of the UART by RTS, or the agent by a GPIO line."},
			read: func(v value, m *ModbusURL) { m.Serial.RS485.read(v) }},
		{Key: Key{Name: "rts_level", Kind: Choice, For: []string{"rtu"}, Choices: []string{"high", "low"}, Default: "high", Example: "low",
			Help: "Level of RTS or of the GPIO line while sending."},
			read: func(v value, m *ModbusURL) {
				if level, ok := v.choice(); ok {
					m.Serial.RS485.Low = level == "low"
				}
			}},
		{Key: Key{Name: "rts_before", Kind: Duration, For: []string{"rtu"}, Min: "0s", Max: "100ms", Default: "0s", Example: "200us",
			Help: "Time between switching to sending and the first bit."},
			into: func(m *ModbusURL) any { return &m.Serial.RS485.Before }},
		{Key: Key{Name: "rts_after", Kind: Duration, For: []string{"rtu"}, Min: "0s", Max: "100ms", Default: "0s", Example: "1ms",
			Help: "Time between the last bit and switching back."},
			into: func(m *ModbusURL) any { return &m.Serial.RS485.After }},
	},
	kind: func(m *ModbusURL) string { return m.Scheme },
	foreign: func(e entry, m *ModbusURL, known bool, names []string) bool {
		return known && !e.value.fail("use "+oneOf(names), "%s has no parameter %s", m.Scheme, e.name)
	},
	check: func(v value, m *ModbusURL, g given) { m.checkSerial(v, g) },
}

var bauds = []string{"1200", "2400", "4800", "9600", "19200", "38400", "57600", "115200", "230400", "460800", "500000", "921600", "1000000"}

// ParseModbus reads the address of a Modbus bus as it is written in a file, such
// as "tcp://10.1.2.3:502", for tools that have no file. The bus is named "line";
// a timeout of 0 leaves the default.
func ParseModbus(url string, timeout time.Duration) (Bus, error) {
	p := &parser{}
	b := Bus{Name: "line"}
	busKeys.fill(&b)
	if timeout > 0 {
		b.Timeout = timeout
	}
	v := p.value(&yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: url}, "")
	v.key = &Key{Name: "modbus", Kind: kindBusURL}
	b.readModbus(v)
	for _, problem := range p.problems {
		if problem.Severity == SeverityError {
			return Bus{}, errors.New((&Fault{Message: problem.Message, Hint: problem.Hint}).Error())
		}
	}
	return b, nil
}

func (b *Bus) readModbus(v value) {
	// Something must be set, so that what refers to the bus is judged too.
	b.Modbus = &ModbusURL{}
	s, ok := v.someText()
	if !ok {
		return
	}
	if !strings.Contains(s, "//") && !strings.Contains(s, ":/") {
		v.fail("write "+guessScheme(s)+quoteShort(s), "%q does not say how the bus is reached", quoteShort(s))
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
	if u, ok := v.address(s); ok {
		m := ModbusURL{Scheme: u.Scheme, Raw: s}
		if m.read(v, u) {
			*b.Modbus = m
		}
	}
}

// guessScheme is what was left out before a host or a port's path.
func guessScheme(s string) string {
	if strings.HasPrefix(s, "/") {
		return "rtu://"
	}
	return "tcp://"
}

// read takes what the scheme says that the address has.
func (m *ModbusURL) read(v value, u *url.URL) (ok bool) {
	switch m.Scheme {
	case "tcp":
		m.Addr, ok = v.hostPort(u, "502")
		return ok
	case "rtutcp":
		m.Serial = &Serial{}
		ok = m.parameters(v, u)
		u.RawQuery = ""
		if u.Port() == "" && u.Hostname() != "" {
			return v.fail("write rtutcp://"+u.Hostname()+":port", "the address has no port, and there is no usual one")
		}
		if ok {
			m.Addr, ok = v.hostPort(u, "")
		}
		return ok
	case "rtu":
		m.Serial = &Serial{}
		return m.port(v, u) && m.parameters(v, u)
	}
	return v.fail(didYouMean(u.Scheme, schemes), "unknown scheme %q", quoteShort(u.Scheme))
}

// port takes the path of a serial port.
func (m *ModbusURL) port(v value, u *url.URL) bool {
	switch {
	case u.Host != "":
		return v.fail("write rtu:///"+u.Host+u.Path, "a serial port has no host: the path needs three slashes")
	case !strings.HasPrefix(u.Path, "/dev/") || strings.Contains(u.Path, "..") || u.Fragment != "":
		return v.fail("use a path such as /dev/serial/by-id/usb-FTDI_FT232R-if00-port0", "%q is not a serial port", quoteShort(u.Path))
	}
	m.Addr = u.Path
	return true
}

// parameters reads what stands behind the question mark: known names, each once.
func (m *ModbusURL) parameters(v value, u *url.URL) bool {
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil || u.Fragment != "" {
		return v.fail("write ?name=value&name=value", "%q cannot be read", quoteShort(u.RawQuery))
	}
	before := len(v.p.problems)
	var entries []entry
	for _, name := range slices.Sorted(maps.Keys(query)) {
		e := v
		e.path += "?" + quoteShort(name)
		e.node = &yaml.Node{Kind: yaml.ScalarNode, Value: query[name][0]}
		if len(query[name]) > 1 {
			e.fail("remove one of them", "%s appears twice", name)
		}
		entries = append(entries, entry{name: name, at: e, value: e})
	}
	parameterKeys.entries(v, entries, m)
	return v.p.good(before)
}

// read reads off, kernel or gpio:LINE.
func (r *RS485) read(v value) {
	s, ok := v.text()
	if !ok {
		return
	}
	if pin, ok := strings.CutPrefix(s, "gpio:"); ok {
		r.Mode, r.Pin = "gpio", pin
		if pin == "" {
			v.fail("write rs485=gpio:17 or the line's name", "rs485=gpio: names no line")
		}
		return
	}
	r.Mode = s
	if s != "off" && s != "kernel" {
		v.fail(didYouMean(s, []string{"off", "kernel", "gpio:LINE"}), "unknown rs485 %q", quoteShort(s))
	}
}

// checkSerial checks what the parameters say together.
func (m *ModbusURL) checkSerial(v value, g given) {
	if m.Scheme != "rtu" {
		return
	}
	s := m.Serial
	for _, name := range []string{"rts_level", "rts_before", "rts_after"} {
		if at, has := g[name]; has && s.RS485.Mode == "off" {
			at.fail("add rs485=kernel or rs485=gpio:LINE", "%s without rs485 changes nothing", name)
		}
	}
	if m.Listen && s.RS485.Mode != "off" {
		v.fail("leave rs485 out", "a line that is only listened to is never driven")
	}
	if s.Stop == 0 {
		s.Stop = 1
		if s.Parity == "none" {
			s.Stop = 2 // V1.02 §2.5.1: a character has 11 bits
		}
	}
}
