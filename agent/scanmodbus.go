package main

import (
	"context"
	"math"
	"strconv"
	"strings"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/devices"
	"iot-edge-anomaly/agent/scan"
	"iot-edge-anomaly/drivers/modbus"
)

// target is what a scan was asked to read and how to show it.
type target struct {
	scan.Target
	form scan.Form
}

func scanModbus(ctx context.Context, e env, args []string) error {
	t, bus, err := scanTarget(e, args)
	if err != nil {
		return err
	}
	l := devices.Open([]config.Bus{bus}, host)
	defer l.Close()
	bar := newBar(e.stderr)
	t.Progress = func(done int) { bar.show("%d of %d", done, t.Count) }
	found, err := scan.Run(ctx, l.Modbus(bus.Name), t.Target)
	bar.done()
	if err != nil {
		return err
	}
	return found.Print(e.stdout, t.form)
}

// scanTarget reads the arguments.
func scanTarget(e env, args []string) (target, config.Bus, error) {
	t := target{Target: scan.Target{Find: math.NaN()}}
	fs := flags("scan")
	unit := fs.String("unit", "", "Modbus unit `N` (slave address), 0 to 255")
	at := fs.String("at", "", "first register, `ADDR`: holding:100, input:0x64, coil:3, or 40101 as in manuals")
	table := fs.String("table", "", "`TABLE` of a plain --at: holding, input, coil or discrete")
	fs.IntVar(&t.Count, "count", 0, "how many registers, `N`: 1 to 1000 (bits: 2000)")
	fs.IntVar(&t.Base, "address-base", 0, "`N` of the first register in the manual, 0 or 1; 40101 always counts from 1")
	timeout := fs.Duration("timeout", 0, "wait for one answer (default 500ms)")
	find := fs.String("find", "", "a `VALUE` that the device's display shows: lists what reads like it")
	fs.BoolVar(&t.form.Brief, "brief", false, "leave out the lines without a plausible reading")
	fs.BoolVar(&t.form.All, "all", false, "leave out nothing")
	fs.BoolVar(&t.form.YAML, "yaml", false, "print nothing but a configuration to begin with")
	fs.BoolVar(&t.form.JSON, "json", false, "print JSON")
	if err := parse(e, fs, args, 1); err != nil {
		return t, config.Bus{}, err
	}
	t.URL = fs.Arg(0)
	bus, err := config.ParseModbus(t.URL, *timeout)
	id, unitErr := strconv.ParseUint(*unit, 0, 8)
	switch {
	case err != nil:
		return t, bus, usagef("%s: %w", t.URL, err)
	case bus.Modbus.Listen:
		return t, bus, usagef("%s: a line with listen=true is never asked", t.URL)
	case *unit == "":
		return t, bus, usagef("--unit is needed, 0 to 255")
	case unitErr != nil:
		return t, bus, usagef("--unit %s: want 0 to 255", *unit)
	case *at == "":
		return t, bus, usagef("--at is needed, such as holding:100")
	case t.Base != 0 && t.Base != 1:
		return t, bus, usagef("--address-base %d: want 0 or 1", t.Base)
	}
	t.Unit = uint8(id)
	if *find != "" {
		if t.Find, err = strconv.ParseFloat(*find, 64); err != nil || t.Find == 0 || math.IsNaN(t.Find) || math.IsInf(t.Find, 0) {
			return t, bus, usagef("--find %s: want a number other than 0", *find)
		}
	}
	return t, bus, t.place(*table, *at)
}

// place finds table and address.
func (t *target) place(table, at string) error {
	if table != "" && !strings.Contains(at, ":") {
		at = table + ":" + at
	}
	a, err := config.ParseAddress(at, t.Base)
	if err != nil {
		return usagef("--at %s: %w", at, err)
	}
	if table != "" && table != a.Table {
		return usagef("--table %s: --at %s is another table", table, at)
	}
	if a.Bit >= 0 {
		return usagef("--at %s: a scan reads whole registers", at)
	}
	tab, err := modbus.ParseTable(a.Table)
	if err != nil {
		return usagef("--at: %w", err)
	}
	t.Table, t.First = tab, a.At-t.Base
	limit := scan.Limit(tab)
	if t.Count == 0 {
		return usagef("--count is needed, 1 to %d", limit)
	}
	if t.Count < 0 || t.Count > limit {
		return usagef("--count %d: want 1 to %d", t.Count, limit)
	}
	if t.First+t.Count > 1<<16 {
		return usagef("--count %d: the table ends after %d", t.Count, 1<<16-t.First)
	}
	return nil
}
