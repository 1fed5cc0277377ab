package commission

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/devices"
	"iot-edge-anomaly/board"
)

// InitOptions say where Init looks, and what becomes of its proposal.
type InitOptions struct {
	Modbus []ModbusUnits // lines, in the order in which they are asked
	Out    string        // file for the proposal, which must not exist; empty = to Print
	Print  io.Writer     // receives the proposal where Out is empty
	Tell   io.Writer     // receives what is done and what was read

	root  string   // below which /sys and /dev are; empty = /
	ports i2cPorts // the zero value = those of this machine
}

// ModbusUnits are units on a line.
type ModbusUnits struct {
	Bus   config.Bus
	URL   string // of the line, as in the configuration
	Units []uint8
}

// errNothing means that a configuration would have no sensor.
var errNothing = errors.New("nothing to read was found; name Modbus devices with --modbus URL?units=1-5")

// Init looks at the board, its I2C bus, the kernel's sensors and the Modbus units that
// it is given, proposes a configuration of what it found, checks it, and reads every
// sensor once. It writes to no device and overwrites no file.
func Init(ctx context.Context, o InitOptions) error {
	if o.ports.scan == nil {
		o.ports = i2cPorts{board.ScanI2C, board.OpenI2C}
	}
	if o.Out != "" {
		if _, err := os.Lstat(o.Out); !os.IsNotExist(err) {
			return fmt.Errorf("%s: there is such a file already, and init overwrites none: choose another --out", o.Out)
		}
	}
	d := &draft{o: o, taken: map[string]bool{}}
	d.kernel()
	d.i2c(ctx)
	for _, m := range o.Modbus {
		d.modbus(ctx, m)
	}
	d.serial()
	if err := ctx.Err(); err != nil {
		return err
	}
	if d.sensors.Len() == 0 {
		return errNothing
	}
	text := d.text()
	c, problems := config.Parse(o.name(), []byte(text), devices.Infos())
	if err := problems.Err(); err != nil { // a mistake of this program
		return fmt.Errorf("the proposal is no configuration: %w\n%s", err, text)
	}
	if err := o.put(text); err != nil {
		return err
	}
	fmt.Fprintf(o.Tell, "\nfirst reading:\n\n")
	readErr := Read(ctx, c, ReadOptions{Out: o.Tell, Hints: o.Tell, Host: devices.Host{Root: o.root, I2C: o.ports.open}})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if readErr != nil {
		fmt.Fprintf(o.Tell, "\n%v: mend or remove them\n", readErr)
	}
	_, err := fmt.Fprintf(o.Tell, "\nnext: %s\n", o.next())
	return err
}

// name is what problems of the proposal begin with.
func (o *InitOptions) name() string {
	if o.Out == "" {
		return "config.yaml"
	}
	return o.Out
}

// next is the command that follows.
func (o *InitOptions) next() string {
	if o.Out == "" {
		return "iot-edge-anomaly init … --out config.yaml keeps the proposal in a file"
	}
	return fmt.Sprintf("give names and limits in %s, then\n  iot-edge-anomaly check %[1]s && iot-edge-anomaly read --config %[1]s --watch", o.Out)
}

// put writes the proposal: to a new file that only its owner may change and its group
// may read, or to Print.
func (o *InitOptions) put(text string) error {
	if o.Out == "" {
		_, err := io.WriteString(o.Print, text)
		return err
	}
	f, err := os.OpenFile(o.Out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
	if err != nil {
		return fmt.Errorf("writing the proposal: %w", err)
	}
	_, err = io.WriteString(f, text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(fmt.Errorf("writing the proposal: %w", err), os.Remove(o.Out))
	}
	fmt.Fprintf(o.Tell, "wrote %s\n", filepath.Clean(o.Out))
	return nil
}

// ParseUnits reads an address of init: that of a Modbus line with the units to ask,
// tcp://host?units=1-5,7. Without units it is unit 1.
func ParseUnits(url string) (m ModbusUnits, err error) {
	head, query, _ := strings.Cut(url, "?")
	units := "1"
	var rest []string
	for _, p := range strings.FieldsFunc(query, func(r rune) bool { return r == '&' }) {
		if u, is := strings.CutPrefix(p, "units="); is {
			units = u
		} else {
			rest = append(rest, p)
		}
	}
	if m.URL = head; len(rest) > 0 {
		m.URL += "?" + strings.Join(rest, "&")
	}
	if m.Bus, err = config.ParseModbus(m.URL, 0); err != nil {
		return m, fmt.Errorf("%s: %w", m.URL, err)
	}
	if m.Bus.Modbus.Listen {
		return m, fmt.Errorf("%s: a line with listen=true is never asked", m.URL)
	}
	if m.Units, err = unitList(units); err != nil {
		return m, fmt.Errorf("units=%s: %w", units, err)
	}
	return m, nil
}

// unitList reads 1-5,7.
func unitList(text string) (out []uint8, err error) {
	seen := map[uint64]bool{}
	for _, part := range strings.Split(text, ",") {
		from, to, isRange := strings.Cut(part, "-")
		if !isRange {
			to = from
		}
		first, err1 := strconv.ParseUint(from, 10, 8)
		last, err2 := strconv.ParseUint(to, 10, 8)
		if err1 != nil || err2 != nil || first > last {
			return nil, errors.New("want units from 0 to 255, such as 1-5,7")
		}
		for u := first; u <= last; u++ {
			if !seen[u] {
				out = append(out, uint8(u))
			}
			seen[u] = true
		}
	}
	return out, nil
}
