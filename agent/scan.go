package main

import (
	"context"
	"maps"
	"slices"
	"strings"
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
