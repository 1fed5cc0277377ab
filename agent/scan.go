package main

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"iot-edge-anomaly/agent/commission"
)

// scans are the kinds of bus that scan knows.
func scans() map[string]func(ctx context.Context, e env, args []string) error {
	return map[string]func(ctx context.Context, e env, args []string) error{
		"i2c":    scanI2C,
		"modbus": scanModbus,
	}
}

func scanVerb(ctx context.Context, e env, args []string) error {
	kinds := strings.Join(slices.Sorted(maps.Keys(scans())), " or ")
	if len(args) == 0 || args[0] == "-h" || args[0] == "--help" {
		if len(args) > 0 {
			return scanModbus(ctx, e, []string{"-h"}) // i2c has --json only
		}
		return usagef("name the kind of bus: %s", kinds)
	}
	scan, ok := scans()[args[0]]
	if !ok {
		return usagef("unknown kind of bus %q: %s", args[0], kinds)
	}
	return scan(ctx, e, args[1:])
}

func scanI2C(ctx context.Context, e env, args []string) error {
	name, args := commission.I2CBusName(args)
	fs := flags("scan")
	asJSON := fs.Bool("json", false, "print JSON")
	if err := parse(e, fs, args, 0); err != nil {
		return err
	}
	found, err := commission.ScanI2C(ctx, name)
	if err != nil {
		return err
	}
	if *asJSON {
		return json.NewEncoder(e.stdout).Encode(found)
	}
	return found.Print(e.stdout)
}
