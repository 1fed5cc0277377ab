package commission

import (
	"context"
	"fmt"
	"strings"

	"iot-edge-anomaly/agent/devices"
	"iot-edge-anomaly/board"
)

// draft is a configuration in the making. Lines behind # are guesses, or what only a
// person can decide.
type draft struct {
	o       InitOptions
	buses   strings.Builder
	sensors strings.Builder // lines that are in effect
	guesses strings.Builder // lines behind #
	taken   map[string]bool // names of sensors
	lines   int             // Modbus buses
}

func (d *draft) tell(format string, args ...any) { fmt.Fprintf(d.o.Tell, format+"\n", args...) }

// name makes a sensor's name from what it is; where that is taken, a number is added.
func (d *draft) name(parts ...string) string {
	base := label(strings.Join(parts, "_"))
	name := base
	for n := 2; d.taken[name]; n++ {
		name = fmt.Sprintf("%s_%d", base, n)
	}
	d.taken[name] = true
	return name
}

// label replaces what a name cannot have.
func label(s string) string {
	s = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-' {
			return r
		}
		return '_'
	}, s)
	if s = strings.Trim(s, "_"); s == "" {
		s = "sensor"
	}
	return s[:min(len(s), 48)]
}

// kernel adds the sensors of the kernel.
func (d *draft) kernel() {
	found := devices.KernelDevices(d.o.root)
	for _, k := range found {
		channels := ""
		if k.Driver != "thermal" {
			channels = ", channels: [" + strings.Join(k.Channels, ", ") + "]"
		}
		fmt.Fprintf(&d.sensors, "  - {name: %s, driver: %s, device: %q%s}\n", d.name(k.Device), k.Driver, k.Device, channels)
	}
	d.tell("kernel: %s", counted(len(found), "sensor"))
}

// i2c adds the chips on the board's header bus.
func (d *draft) i2c(ctx context.Context) {
	s, err := d.o.ports.run(ctx, "auto")
	if err != nil {
		d.tell("I2C: %v", err)
		return
	}
	if s.Doubt != "" {
		d.tell("I2C %s: %s", s.Bus, s.Doubt)
		return
	}
	known := 0
	for _, c := range s.Chips {
		line := func(driver string) string {
			return fmt.Sprintf("- {name: %s, driver: %s, bus: env, address: 0x%02x%s}", d.name(driver), driver, c.Address, devices.Example(driver))
		}
		if c.Driver != "" {
			known++
			fmt.Fprintf(&d.sensors, "  %s\n", line(c.Driver))
		}
		for _, driver := range c.Candidates {
			fmt.Fprintf(&d.guesses, "  # %s   # by its address alone: take the one that stands on the chip\n", line(driver))
		}
		if c.State != "kernel" && c.Driver == "" && len(c.Candidates) == 0 {
			fmt.Fprintf(&d.guesses, "  # a chip at 0x%02x that no driver is for: driver: regs reads it by a table of its registers\n", c.Address)
		}
	}
	d.bus(known > 0, "env: {i2c: "+s.Bus+"}")
	d.tell("I2C %s: %s, %d identified", s.Bus, counted(len(s.Chips), "chip"), known)
}

// bus adds a bus, behind # where no sensor uses it.
func (d *draft) bus(used bool, line string) {
	mark := "  "
	if !used {
		mark = "  # "
	}
	d.buses.WriteString(mark + line + "\n")
}

// modbus asks the units of a line.
func (d *draft) modbus(ctx context.Context, m ModbusUnits) {
	d.lines++
	bus := fmt.Sprintf("modbus%d", d.lines)
	used := false
	for _, unit := range m.Units {
		if ctx.Err() != nil {
			return
		}
		found, err := IdentifyModbus(ctx, ModbusTarget{Bus: m.Bus, URL: m.URL, Unit: unit})
		switch {
		case err != nil:
			d.tell("%s unit %d: %v", m.URL, unit, strings.TrimPrefix(err.Error(), fmt.Sprintf("%s: unit %d: ", m.URL, unit)))
			fmt.Fprintf(&d.guesses, "  # unit %d of %s did not answer\n", unit, bus)
		case len(found.Fits) == 0:
			d.tell("%s unit %d: answers, no template fits", m.URL, unit)
			fmt.Fprintf(&d.guesses, "  # unit %d of %s answers, and no template fits. What its registers hold:\n  #   iot-edge-anomaly scan modbus '%s' --unit %[1]d --at holding:0 --count 100\n", unit, bus, m.URL)
		default:
			used = true
			d.tell("%s unit %d: template %s: %s", m.URL, unit, found.Fits[0].Template.Name, found.Fits[0].Why)
			for k, f := range found.Fits {
				out := &d.sensors
				if k > 0 {
					out = &d.guesses
				}
				line := found.sensor(f, bus, d.name(f.Template.Name))
				fmt.Fprintf(out, "  %s%s\n", map[bool]string{true: "# "}[k > 0], line)
			}
		}
	}
	d.bus(used, fmt.Sprintf("%s: {modbus: %q}", bus, m.URL))
}

// serial tells of the serial ports that nobody named.
func (d *draft) serial() {
	for _, p := range board.SerialPorts(d.o.root) {
		named := false
		for _, m := range d.o.Modbus {
			named = named || m.Bus.Modbus.Addr == p
		}
		if !named {
			d.tell("serial port %s: not asked; init --modbus 'rtu://%[1]s?baud=9600&parity=none&units=1-5' asks units 1 to 5", p)
			d.bus(false, fmt.Sprintf("line: {modbus: \"rtu://%s?baud=9600&parity=none\"}   # a serial port; baud rate and parity stand in the device's manual", p))
		}
	}
}

// text is the whole file.
func (d *draft) text() string {
	var b strings.Builder
	b.WriteString("# Proposed by iot-edge-anomaly init from what it found. A line behind # is a guess,\n# or needs your word. Names are yours: they become topics, labels and columns.\n")
	if model := board.Detect(d.o.root).Model; model != "" {
		fmt.Fprintf(&b, "# Board: %s\n", printable(model))
	}
	b.WriteString("gateway: {site: default, id: auto}   # your plant's name for topics\n\nbuses:")
	if !inEffect(d.buses.String()) {
		b.WriteString(" {}")
	}
	b.WriteString("\n" + d.buses.String())
	b.WriteString("\nsensors:\n" + d.sensors.String() + d.guesses.String())
	b.WriteString(`
# One machine "main" with every channel is watched, and learnt for a day. For more:
# machines:
#   - {name: pump1, channels: ["SENSOR.*"], period: 1s}

# Events go to the journal and to the page, http://127.0.0.1:8080. For a broker:
# mqtt: {broker: "mqtts://broker.plant:8883"}
`)
	return b.String()
}

// inEffect tells whether a line is not behind #.
func inEffect(text string) bool {
	for _, line := range strings.Split(text, "\n") {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			return true
		}
	}
	return false
}

func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, s)
}
