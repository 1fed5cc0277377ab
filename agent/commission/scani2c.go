package commission

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"periph.io/x/conn/v3/i2c"

	"iot-edge-anomaly/agent/devices"
	"iot-edge-anomaly/board"
)

// FoundChip is an address of an I2C bus that is in use.
type FoundChip struct {
	Address    uint16   `json:"address"`
	State      string   `json:"state"`                   // "present", or "kernel" where a driver of the kernel has it
	Kernel     string   `json:"kernel_driver,omitempty"` // the kernel's driver
	Driver     string   `json:"driver,omitempty"`        // our driver, where the chip was identified
	Candidates []string `json:"candidates,omitempty"`    // our drivers of chips that may have this address
}

// I2CScan is what a scan of an I2C bus found.
type I2CScan struct {
	Bus    string      `json:"bus"`
	Name   string      `json:"name,omitempty"`
	Chips  []FoundChip `json:"chips"`
	Doubt  string      `json:"doubt,omitempty"` // why the result may be wrong; empty = no reason
	TookMS float64     `json:"took_ms"`
	states [128]board.I2CState
}

// i2cPorts is what a scan needs of the board.
type i2cPorts struct {
	scan func(ctx context.Context, name string) (*board.I2CScan, error)
	open func(name string) (i2c.BusCloser, error)
}

// ScanI2C asks every address of an I2C bus whether a chip is there, and which chip
// it is. name is a device such as /dev/i2c-1, or "auto".
func ScanI2C(ctx context.Context, name string) (*I2CScan, error) {
	return i2cPorts{board.ScanI2C, board.OpenI2C}.run(ctx, name)
}

func (p i2cPorts) run(ctx context.Context, name string) (*I2CScan, error) {
	found, err := p.scan(ctx, name)
	if err != nil {
		return nil, err
	}
	s := &I2CScan{Bus: found.Path, Name: found.Name, Chips: []FoundChip{}, Doubt: doubt(found),
		TookMS: float64(found.Took.Milliseconds()), states: found.States}
	if err := p.identify(s, found); err != nil {
		return nil, err
	}
	return s, nil
}

// identify says of each chip which driver reads it.
func (p i2cPorts) identify(s *I2CScan, found *board.I2CScan) error {
	var bus i2c.BusCloser
	for addr, state := range found.States {
		c := FoundChip{Address: uint16(addr), State: "present"}
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
			c.Driver, c.Candidates = devices.Identify(bus, c.Address)
		}
		s.Chips = append(s.Chips, c)
	}
	return nil
}

// doubt says why a result may tell more about the wiring than about chips.
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

// Print writes the addresses as i2cdetect does, what stands there, and a
// configuration to begin with.
func (s *I2CScan) Print(w io.Writer) error {
	_, err := io.WriteString(w, s.text())
	return err
}

func (s *I2CScan) text() string {
	title := s.Bus
	if s.Name != "" {
		title += " (" + s.Name + ")"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s\n", title, s.grid())
	switch {
	case s.Doubt != "":
		return b.String() + s.Doubt + "\n"
	case len(s.Chips) == 0:
		return b.String() + "nothing answers: is the chip powered, are SDA and SCL the right way round, is this the right bus?\n"
	}
	for _, c := range s.Chips {
		fmt.Fprintf(&b, "0x%02x  %s\n", c.Address, c.about())
	}
	return b.String() + "\n" + s.yaml()
}

// grid is i2cdetect's table.
func (s *I2CScan) grid() string {
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

func (c *FoundChip) about() string {
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
func (s *I2CScan) yaml() string {
	var b strings.Builder
	sensor := func(prefix, driver string, addr uint16) {
		fmt.Fprintf(&b, "%s- {name: %s_%02x, driver: %s, bus: env, address: 0x%02x%s}\n", prefix, driver, addr, driver, addr, devices.Example(driver))
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

// I2CBusName takes the name of the bus, "auto" where there is none, from the
// arguments. The number of a bus stands for its device.
func I2CBusName(args []string) (name string, others []string) {
	i := slices.IndexFunc(args, func(a string) bool { return !strings.HasPrefix(a, "-") })
	if i < 0 {
		return "auto", args
	}
	if name = args[i]; strings.Trim(name, "0123456789") == "" {
		name = "/dev/i2c-" + name
	}
	return name, slices.Delete(slices.Clone(args), i, i+1)
}
