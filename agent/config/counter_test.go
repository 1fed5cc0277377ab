package config

import (
	"fmt"
	"testing"
	"time"
)

func TestRateOf(t *testing.T) {
	for count, want := range map[string]struct {
		unit string
		per  time.Duration
	}{
		"kWh": {"kW", time.Hour}, "Wh": {"W", time.Hour}, "MWh": {"MW", time.Hour}, "kvarh": {"kvar", time.Hour}, "VAh": {"VA", time.Hour}, "mAh": {"mA", time.Hour},
		"J": {"W", time.Second}, "kJ": {"kW", time.Second}, "GJ": {"GW", time.Second},
		"m³": {"m³/h", time.Hour}, "m3": {"m3/h", time.Hour}, "l": {"l/h", time.Hour}, "kg": {"kg/h", time.Hour}, "t": {"t/h", time.Hour},
		"h": {"h/h", time.Hour}, "": {"1/s", time.Second}, "pulses": {"1/s", time.Second}, "rev": {"1/min", time.Minute}, "bottles": {"bottles/s", time.Second}, "km³": {"km³/s", time.Second},
	} {
		if unit, per := rateOf(count); unit != want.unit || per != want.per {
			t.Errorf("%q: %q per %v, want %q per %v", count, unit, per, want.unit, want.per)
		}
	}
}

func TestCounter(t *testing.T) {
	for register, want := range map[string]Counter{
		"type: u32, scale: 0.001, unit: kWh":              {Unit: "kWh", Per: time.Hour, Step: 0.001, Span: 4294967.296},
		"type: u16":                                       {Per: time.Second, Step: 1, Span: 65536},
		"type: u16, scale: -2":                            {Per: time.Second, Step: 2, Span: 131072},
		"type: u16, mask: 0xFFF0, shift: 4":               {Per: time.Second, Step: 1, Span: 4096},
		"type: u16, mask: 0xFF0F":                         {Per: time.Second, Step: 1},
		"type: f32, unit: m³":                             {Unit: "m³", Per: time.Hour, Relative: 0x1p-23},
		"type: u32, unit: Wh, scale_from: \"holding:99\"": {Unit: "Wh", Per: time.Hour},
	} {
		text := `
buses: {b: {modbus: "tcp://h"}}
sensors: [{name: s, driver: modbus, bus: b, unit: 1, registers: [{name: r, at: "holding:0", counter: true, ` + register + `}]}]
`
		cfg, problems := Parse("c.yaml", []byte(text), testDrivers)
		if len(problems) > 0 {
			t.Errorf("%s: %v", register, problems)
			continue
		}
		if got := *cfg.Channels[0][0].Counter; fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %+v, want %+v", register, got, want)
		}
		if unit, _ := rateOf(want.Unit); cfg.Channels[0][0].Unit != unit || cfg.Sensors[0].Registers[0].UnitOf != unit {
			t.Errorf("%s: unit %q", register, cfg.Channels[0][0].Unit)
		}
	}
}
