package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"periph.io/x/conn/v3/i2c"

	"iot-edge-anomaly/agent/devices"
	"iot-edge-anomaly/board"
	"iot-edge-anomaly/drivers/bme280"
	"iot-edge-anomaly/drivers/ina"
	"iot-edge-anomaly/drivers/sht"
	"iot-edge-anomaly/drivers/tmp1xx"
)

// identifiers tell a chip by what no other has: an id register, a checksum. They
// read; what they write are register pointers and read commands.
var identifiers = []func(bus i2c.Bus, addr uint16) string{bme280.Identify, ina.Identify, tmp1xx.Identify, sht.Identify}

// foundChip is one address that is taken.
type foundChip struct {
	Address    uint16   `json:"address"`
	State      string   `json:"state"`                   // present or kernel
	Kernel     string   `json:"kernel_driver,omitempty"` // what the kernel reads it with
	Driver     string   `json:"driver,omitempty"`        // ours, identified
	Candidates []string `json:"candidates,omitempty"`    // ours that may live there
}

// i2cScan is what scan i2c prints.
type i2cScan struct {
	Bus    string      `json:"bus"`
	Name   string      `json:"name,omitempty"`
	Chips  []foundChip `json:"chips"`
	Doubt  string      `json:"doubt,omitempty"` // why the result may be wrong
	TookMS float64     `json:"took_ms"`
	states [128]board.I2CState
}

// i2cPorts is what a scan needs of the board.
type i2cPorts struct {
	scan func(ctx context.Context, name string) (*board.I2CScan, error)
	open func(name string) (i2c.BusCloser, error)
}

func scanI2C(ctx context.Context, e env, args []string) error {
	return i2cPorts{board.ScanI2C, board.OpenI2C}.run(ctx, e, args)
}

func (p i2cPorts) run(ctx context.Context, e env, args []string) error {
	name := "auto"
	if i := slices.IndexFunc(args, func(a string) bool { return !strings.HasPrefix(a, "-") }); i >= 0 {
		name, args = args[i], slices.Delete(slices.Clone(args), i, i+1)
	}
	fs := flags("scan")
	asJSON := fs.Bool("json", false, "print JSON")
	if err := parse(e, fs, args, 0); err != nil {
		return err
	}
	if strings.Trim(name, "0123456789") == "" {
		name = "/dev/i2c-" + name
	}
	found, err := p.scan(ctx, name)
	if err != nil {
		return err
	}
	s := &i2cScan{Bus: found.Path, Name: found.Name, Chips: []foundChip{}, Doubt: doubt(found),
		TookMS: float64(found.Took.Milliseconds()), states: found.States}
	if err := p.identify(s, found); err != nil {
		return err
	}
	if *asJSON {
		return json.NewEncoder(e.stdout).Encode(s)
	}
	s.print(e.stdout)
	return nil
}

// identify says of each chip which driver reads it.
func (p i2cPorts) identify(s *i2cScan, found *board.I2CScan) error {
	var bus i2c.BusCloser
	for addr, state := range found.States {
		c := foundChip{Address: uint16(addr), State: "present"}
		switch {
		case state == board.I2CClaimed:
			c.State, c.Kernel = "kernel", found.Drivers[c.Address]
		case state != board.I2CPresent:
			continue
		case s.Doubt == "":
			if bus == nil {
				var err error
				if bus, err = p.open(found.Path); err != nil {
					return err
				}
				defer bus.Close()
			}
			c.Driver, c.Candidates = driversAt(bus, c.Address)
		}
		s.Chips = append(s.Chips, c)
	}
	return nil
}

// driversAt is the driver of the chip at addr, where something tells, or those
// that may read it.
func driversAt(bus i2c.Bus, addr uint16) (sure string, may []string) {
	for _, identify := range identifiers {
		if sure = identify(bus, addr); sure != "" {
			return sure, nil
		}
	}
	for _, name := range slices.Sorted(maps.Keys(devices.Infos())) {
		// What an identifier would have recognised is not there.
		if slices.Contains(devices.Infos()[name].Addresses, addr) && !slices.Contains(identifiable, name) {
			may = append(may, name)
		}
	}
	return "", may
}

// identifiable are the drivers that an identifier names.
var identifiable = []string{"bme280", "bmp280", "ina226", "sht3x", "sht4x", "tmp117"}

// doubt says why a result may be of the wiring rather than of chips.
func doubt(found *board.I2CScan) string {
	n := 0
	for _, s := range found.States {
		if s == board.I2CPresent {
			n++
		}
	}
	switch asked := board.LastI2C - board.FirstI2C + 1; {
	case n > asked/2:
		return fmt.Sprintf("%d addresses answer: the data line is held low, or has no pull-up resistor", n)
	case n == 0 && found.Took > time.Duration(asked)*20*time.Millisecond:
		return fmt.Sprintf("nothing answers, and slowly (%v): the clock line is held low, or has no pull-up resistor", found.Took.Round(100*time.Millisecond))
	}
	return ""
}

func (s *i2cScan) print(w io.Writer) {
	title := s.Bus
	if s.Name != "" {
		title += " (" + s.Name + ")"
	}
	fmt.Fprintf(w, "%s\n%s", title, s.grid())
	switch {
	case s.Doubt != "":
		fmt.Fprintf(w, "\n%s\n", s.Doubt)
		return
	case len(s.Chips) == 0:
		fmt.Fprintln(w, "\nnothing answers: is the chip powered, are SDA and SCL the right way round, is this the right bus?")
		return
	}
	fmt.Fprintln(w)
	for _, c := range s.Chips {
		fmt.Fprintf(w, "0x%02x  %s\n", c.Address, c.about())
	}
	fmt.Fprintf(w, "\n%s", s.yaml())
}

// grid is i2cdetect's table.
func (s *i2cScan) grid() string {
	var b strings.Builder
	b.WriteString("     0  1  2  3  4  5  6  7  8  9  a  b  c  d  e  f\n")
	for row := 0; row < 0x80; row += 16 {
		line := fmt.Sprintf("%02x:", row)
		for addr := row; addr < row+16; addr++ {
			cell := "  "
			switch s.states[addr] {
			case board.I2CAbsent:
				cell = "--"
			case board.I2CPresent:
				cell = fmt.Sprintf("%02x", addr)
			case board.I2CClaimed:
				cell = "UU"
			}
			line += " " + cell
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return b.String()
}

func (c *foundChip) about() string {
	switch {
	case c.State == "kernel" && c.Kernel == "":
		return "UU: a driver of the kernel has it"
	case c.State == "kernel":
		return fmt.Sprintf("UU: the kernel's driver %s has it; read it with driver: hwmon or iio", c.Kernel)
	case c.Driver != "":
		return c.Driver
	case len(c.Candidates) == 0:
		return "no driver for this address: driver: regs reads it by a table of its registers"
	case len(c.Candidates) == 1:
		return c.Candidates[0] + ", or another chip: it has no id"
	}
	return "one of " + strings.Join(c.Candidates, ", ") + ", or another chip: they have no id"
}

// yaml is a configuration to begin with; what is not certain is commented out.
func (s *i2cScan) yaml() string {
	var b strings.Builder
	sensor := func(prefix, driver string, addr uint16) {
		more := ""
		switch {
		case slices.Contains(devices.Infos()[driver].Keys, "shunt"):
			more = ", shunt: 0.1"
		case slices.Contains(devices.Infos()[driver].Keys, "inputs"):
			more = ", inputs: [{name: a, pins: 0, unit: V}]"
		}
		fmt.Fprintf(&b, "%s- {name: %s_%02x, driver: %s, bus: env, address: 0x%02x%s}\n", prefix, driver, addr, driver, addr, more)
	}
	for _, c := range s.Chips {
		if c.Driver != "" {
			sensor("  ", c.Driver, c.Address)
		}
		for _, name := range c.Candidates {
			sensor("  # ", name, c.Address)
		}
	}
	if b.Len() == 0 {
		return ""
	}
	return fmt.Sprintf("# A line behind # is a guess by the address alone: take the one that stands on the chip.\nbuses:\n  env: {i2c: %s}\nsensors:\n%s", s.Bus, b.String())
}
