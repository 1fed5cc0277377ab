package demo

import (
	"math"
	"strconv"
	"strings"

	"iot-edge-anomaly/drivers/sim/modbussim"
)

// The Modbus units of the station.
const (
	driveUnit       = 1 // the frequency converter
	transmitterUnit = 2 // pressure, flow, vibration, fluid temperature
)

// register is one value of the station on Modbus. Both the configuration and the
// registers of the server are made from the table of these. Addresses count from 1.
type register struct {
	unit     uint8
	sensor   string
	name     string
	at       string // "input:1"
	kind     string // u16, i16 or f32
	order    string // of f32: ABCD or CDAB; empty for one word
	scale    float64
	physical string // unit
	min, max float64
	value    func(*Values) float64
}

func registers() []register {
	return []register{
		{driveUnit, "drive", "speed", "input:1", "u16", "", 0.01, "Hz", 0, 60, func(v *Values) float64 { return v.Speed }},
		{driveUnit, "drive", "current", "input:2", "u16", "", 0.01, "A", 0, 40, func(v *Values) float64 { return v.Current }},
		{transmitterUnit, "pump", "pressure", "holding:40", "f32", "CDAB", 1, "bar", 0, 16, func(v *Values) float64 { return v.Pressure }},
		{transmitterUnit, "pump", "flow", "input:1", "f32", "ABCD", 1, "m³/h", 0, 80, func(v *Values) float64 { return v.Flow }},
		{transmitterUnit, "pump", "vibration", "input:3", "u16", "", 0.01, "mm/s", 0, 50, func(v *Values) float64 { return v.Vibration }},
		{transmitterUnit, "pump", "fluid_temperature", "input:4", "i16", "", 0.1, "°C", -10, 90, func(v *Values) float64 { return v.FluidTemp }},
	}
}

// words encodes a physical value as the device does: as the nearest step of the scale,
// or as a float with its words in order.
func (r *register) words(x float64) []uint16 {
	raw := math.RoundToEven(x / r.scale)
	switch r.kind {
	case "u16":
		return []uint16{uint16(min(max(raw, 0), math.MaxUint16))}
	case "i16":
		return []uint16{uint16(int16(min(max(raw, math.MinInt16), math.MaxInt16)))}
	}
	bits := math.Float32bits(float32(x))
	high, low := uint16(bits>>16), uint16(bits)
	if r.order == "CDAB" {
		return []uint16{low, high}
	}
	return []uint16{high, low}
}

// place returns the table and the protocol address, which counts from 0.
func (r *register) place() (table string, address int) {
	table, number, _ := strings.Cut(r.at, ":")
	n, _ := strconv.Atoi(number)
	return table, n - 1
}

// show writes v into the registers of the banks.
func show(v *Values, banks map[uint8]*modbussim.Bank, regs []register) {
	for i := range regs {
		r := &regs[i]
		words := r.words(r.value(v))
		if table, at := r.place(); table == "input" {
			banks[r.unit].SetInput(at, words...)
		} else {
			banks[r.unit].SetHolding(at, words...)
		}
	}
}
