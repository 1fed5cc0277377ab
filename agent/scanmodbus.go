package main

import (
	"context"
	"math"
	"strconv"

	"iot-edge-anomaly/agent/commission"
	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/offline"
)

func scanModbus(ctx context.Context, e env, args []string) error {
	t, form, units, err := scanTarget(e, args)
	if err != nil {
		return err
	}
	if units != nil {
		return sweep(ctx, e, commission.SweepTarget{Bus: t.Bus, URL: t.URL, Units: units}, form.JSON)
	}
	if t.At.Table == "" {
		found, err := commission.IdentifyModbus(ctx, t)
		if err != nil {
			return err
		}
		return found.Print(e.stdout, form.JSON)
	}
	line := offline.NewProgress(e.stderr)
	t.Progress = func(done int) { line.Show("%d of %d", done, t.Count) }
	found, err := commission.ScanModbus(ctx, t)
	line.Done()
	if err != nil {
		return err
	}
	return found.Print(e.stdout, form)
}

// sweep asks which units answer.
func sweep(ctx context.Context, e env, t commission.SweepTarget, asJSON bool) error {
	line := offline.NewProgress(e.stderr)
	t.Progress = func(done int) { line.Show("%d of %d units", done, len(t.Units)) }
	found, err := commission.SweepModbus(ctx, t)
	line.Done()
	if err != nil {
		return err
	}
	return found.Print(e.stdout, asJSON)
}

// scanTarget reads the arguments. Units are those of a sweep, nil for a scan.
func scanTarget(e env, args []string) (t commission.ModbusTarget, form commission.ModbusForm, units []uint8, err error) {
	t.Find = math.NaN()
	fs := flags("scan")
	unit := fs.String("unit", "", "Modbus unit `N` (slave address), 0 to 255")
	among := fs.String("units", "", "which of the units `A-B` answer: asks each for one register, slowly; 1-247 takes a line's timeout for each that is not there")
	at := fs.String("at", "", "first register, `ADDR`: holding:100, input:0x64, coil:3, or 40101 as in manuals; without it, the device is asked what it is")
	table := fs.String("table", "", "`TABLE` of a plain --at: holding, input, coil or discrete")
	fs.IntVar(&t.Count, "count", 0, "how many registers, `N`: 1 to 1000 (bits: 2000)")
	fs.IntVar(&t.Base, "address-base", 0, "`N` of the first register in the manual, 0 or 1; 40101 always counts from 1")
	word := fs.Int("word", 16, "bits of a register on the wire, `N`: 16, or 32 as with Enron's Modbus")
	timeout := fs.Duration("timeout", 0, "wait for one answer (default 500ms)")
	find := fs.String("find", "", "a `VALUE` that the device's display shows: lists what reads like it")
	fs.BoolVar(&form.Brief, "brief", false, "leave out the lines without a plausible reading")
	fs.BoolVar(&form.All, "all", false, "leave out nothing")
	fs.BoolVar(&form.YAML, "yaml", false, "print nothing but a configuration to begin with")
	fs.BoolVar(&form.JSON, "json", false, "print JSON")
	if err := parse(e, fs, args, 1); err != nil {
		return t, form, nil, err
	}
	t.URL = fs.Arg(0)
	t.Bus, err = config.ParseModbus(t.URL, *timeout)
	id, unitErr := strconv.ParseUint(*unit, 0, 8)
	switch {
	case err != nil:
		return t, form, nil, usagef("%s: %w", config.HideSecrets(t.URL), err)
	case t.Bus.Modbus.Listen:
		return t, form, nil, usagef("%s: a line with listen=true is never asked", t.URL)
	case *among != "" && (*unit != "" || *at != "" || t.Count != 0):
		return t, form, nil, usagef("--units goes with none of --unit, --at and --count")
	case *among != "":
		if units, err = commission.Units(*among); err != nil {
			err = usagef("--units %w", err)
		}
		return t, form, units, err
	case *unit == "":
		return t, form, nil, usagef("--unit is needed, 0 to 255")
	case unitErr != nil:
		return t, form, nil, usagef("--unit %s: want 0 to 255", *unit)
	case *at == "" && (t.Count != 0 || *table != "" || *find != ""):
		return t, form, nil, usagef("--at is needed, such as holding:100")
	case *word != 16 && *word != 32:
		return t, form, nil, usagef("--word %d: want 16 or 32", *word)
	case t.Base != 0 && t.Base != 1:
		return t, form, nil, usagef("--address-base %d: want 0 or 1", t.Base)
	}
	t.Wide = *word == 32
	if t.Unit = uint8(id); *at == "" {
		return t, form, nil, nil
	}
	if *find != "" {
		if t.Find, err = strconv.ParseFloat(*find, 64); err != nil || t.Find == 0 || math.IsNaN(t.Find) || math.IsInf(t.Find, 0) {
			return t, form, nil, usagef("--find %s: want a number other than 0", *find)
		}
	}
	if err := t.Place(*table, *at); err != nil {
		return t, form, nil, usagef("%w", err)
	}
	return t, form, nil, nil
}
