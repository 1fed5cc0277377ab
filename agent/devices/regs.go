package devices

import (
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"time"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/drivers"
	"iot-edge-anomaly/drivers/regs"
)

var regsKeys = []config.Key{
	{Name: "init", Kind: config.Mappings, Empty: "nothing", Without: "nothing is written", Example: "[{at: 0x08, write: 0x02, wait: 130ms}]",
		Help:  "What is written to the chip when it is opened, at the first reading and after each failure.",
		Check: checkInit, Keys: []config.Key{
			{Name: "at", Kind: config.Bytes, Need: true, Max: "32", Example: "0x08", Help: "The register, or the bytes of a command."},
			{Name: "write", Kind: config.Bytes, Without: "nothing", Max: "32", Example: "0x02", Help: "What is written after it."},
			{Name: "wait", Kind: config.Duration, Min: "0s", Max: "1s", Default: "0s", Example: "130ms", Help: "Time after writing; other chips on the bus wait too."},
		}},
	{Name: "check", Kind: config.Mappings, Empty: "nothing", Without: "nothing is checked", Example: "[{at: 0x06, width: 2, value: 0x0054}]",
		Help:  "Numbers that the chip must have after each reading; if one differs, nothing is delivered and the chip is opened again.",
		Check: checkValue, Keys: append(placeKeys(),
			config.Key{Name: "value", Kind: config.Bits, Need: true, Example: "0x0054", Help: "The number."}),
	},
	{Name: "registers", Kind: config.Channels, Need: true, Max: "64", Example: "[{name: temperature, at: 0x05, width: 2, scale: 0.0625, unit: °C}]",
		Help:   "The registers of the chip that are read.",
		Others: map[string]string{"type": "write width: 2 and signed: true", "address": "write at:"},
		Check:  checkRegister, Keys: append(placeKeys(),
			config.Key{Name: "shift", Kind: config.Integer, Unit: "bits", Min: "0", Max: "63", Default: "0", Example: "4", Help: "By how many bits the number is moved down after the mask."},
			config.Key{Name: "signed", Kind: config.Boolean, Default: "false", Example: "true", Help: "Whether the highest bit of the mask is the sign."},
			config.Key{Name: "missing", Kind: config.Patterns, Without: "none", Example: "0xFFFF", Help: "Numbers, as they are after mask and shift, by which the chip says that it has no value."}),
	},
}

// placeKeys say where a number is in the chip.
func placeKeys() []config.Key {
	return []config.Key{
		{Name: "at", Kind: config.Bytes, Need: true, Max: "32", Example: "0x05",
			Help: "What is written before reading: a register, or the bytes of a command; `[]` only reads."},
		{Name: "wait", Kind: config.Duration, Min: "0s", Max: "1s", Default: "0s", Example: "16ms",
			Help: "Time between writing `at` and reading; a chip that is not ready then is asked four times more."},
		{Name: "skip", Kind: config.Integer, Unit: "bytes", Min: "0", Max: "32", Default: "0", Example: "3",
			Help: "Bytes on the wire before the number, checksums included."},
		{Name: "width", Kind: config.Integer, Unit: "bytes", Min: "1", Max: "8", Default: "1", Example: "2",
			Help: "Bytes of the number, checksums not counted."},
		{Name: "order", Kind: config.Choice, Choices: []string{"big", "little"}, Default: "big", Example: "little",
			Aliases: map[string]string{"be": "big", "le": "little", "msb": "big", "lsb": "little", "big-endian": "big", "little-endian": "little"},
			Help:    "Whether the most (big) or the least significant byte comes first."},
		{Name: "crc", Kind: config.Choice, Choices: []string{"none", "sensirion", "pec"}, Default: "none", Example: "sensirion",
			Aliases: map[string]string{"crc8": "sensirion", "crc-8": "sensirion", "smbus": "pec"},
			Help:    "Checksum: none, one behind each 16-bit word (sensirion), or one at the end (pec, as SMBus has it)."},
		{Name: "mask", Kind: config.Bits, Without: "every bit", Example: "0x1FFF",
			Help: "The bits that are the number.",
			Check: func(x any) []config.Fault {
				if x.(uint64) == 0 {
					return []config.Fault{{Message: "the mask 0 leaves nothing", Hint: "leave the key out for every bit"}}
				}
				return nil
			}},
	}
}

// checksums are the checksums of the driver by their names in the configuration.
var checksums = map[string]regs.CRC{"none": regs.NoCRC, "sensirion": regs.Sensirion, "pec": regs.PEC}

func placeOf(v config.Values) regs.Place {
	return regs.Place{At: config.Get[[]byte](v, "at"), Wait: config.Get[time.Duration](v, "wait"), Skip: config.Get[int](v, "skip"),
		Width: config.Get[int](v, "width"), Little: config.Get[string](v, "order") == "little", CRC: checksums[config.Get[string](v, "crc")]}
}

// makeRegs makes a chip that only the configuration's table of registers describes.
func makeRegs(c config.Sensor, b bus) (drivers.Sensor, error) {
	o := regs.Options{Address: c.Address}
	for _, v := range config.Get[[]config.Values](c.Own, "init") {
		o.Init = append(o.Init, regs.Write{Bytes: written(v), Wait: config.Get[time.Duration](v, "wait")})
	}
	for _, v := range config.Get[[]config.Values](c.Own, "check") {
		o.Check = append(o.Check, regs.Check{Place: placeOf(v), Mask: config.Get[uint64](v, "mask"), Value: config.Get[uint64](v, "value")})
	}
	for _, r := range config.Get[[]config.Measurand](c.Own, "registers") {
		v := r.Own
		o.Registers = append(o.Registers, regs.Register{Name: r.Name, Quantity: drivers.Quantity{Unit: r.UnitOf}, Place: placeOf(v),
			Mask: config.Get[uint64](v, "mask"), Shift: config.Get[int](v, "shift"), Signed: config.Get[bool](v, "signed"),
			Scale: r.Scale, Offset: r.Offset, Missing: config.Get[[]uint64](v, "missing")})
	}
	return regs.New(b.i2c, o)
}

// written is what an element of init writes.
func written(v config.Values) []byte {
	return slices.Concat(config.Get[[]byte](v, "at"), config.Get[[]byte](v, "write"))
}

func checkInit(x any) []config.Fault {
	if n := len(written(x.(config.Values))); n < 1 || n > regs.MaxTransfer {
		return []config.Fault{{Message: fmt.Sprintf("%d bytes are written", n), Hint: fmt.Sprintf("a write holds 1 to %d", regs.MaxTransfer)}}
	}
	return nil
}

func checkValue(x any) []config.Fault {
	v := x.(config.Values)
	if fs := checkPlace(v); fs != nil {
		return fs
	}
	if value := config.Get[uint64](v, "value"); value&^maskOf(v) != 0 {
		return []config.Fault{{Message: fmt.Sprintf("the value 0x%x has bits outside %s", value, maskText(v)), Hint: "clear them, or widen the mask"}}
	}
	return nil
}

// checkRegister holds shift and missing against the bits that there are: a number
// that the chip cannot send would let pass the value that it stands for.
func checkRegister(x any) (fs []config.Fault) {
	v := x.(config.Values)
	if fs := checkPlace(v); fs != nil {
		return fs
	}
	shift := config.Get[int](v, "shift")
	most := maskOf(v) >> shift
	if most == 0 {
		return []config.Fault{{Message: fmt.Sprintf("shift %d leaves nothing of %s", shift, maskText(v)), Hint: "shift by less"}}
	}
	for _, n := range config.Get[[]uint64](v, "missing") {
		if n&^most != 0 {
			fs = append(fs, config.Fault{Message: fmt.Sprintf("missing 0x%x is not possible: it has bits outside %s shifted by %d", n, maskText(v), shift),
				Hint: "write it as it is after mask and shift"})
		}
	}
	return fs
}

// maskOf is the bits that a number can have.
func maskOf(v config.Values) uint64 {
	if mask := config.Get[uint64](v, "mask"); mask != 0 {
		return mask
	}
	return ^uint64(0) >> (64 - 8*config.Get[int](v, "width"))
}

// maskText names those bits.
func maskText(v config.Values) string {
	if mask := config.Get[uint64](v, "mask"); mask != 0 {
		return "the mask 0x" + strconv.FormatUint(mask, 16)
	}
	return "width " + strconv.Itoa(config.Get[int](v, "width"))
}

// checkPlace makes the keys of a place agree.
func checkPlace(v config.Values) []config.Fault {
	fault := func(hint, format string, args ...any) []config.Fault {
		return []config.Fault{{Message: fmt.Sprintf(format, args...), Hint: hint}}
	}
	p, mask := placeOf(v), config.Get[uint64](v, "mask")
	switch length := p.Length(); {
	case p.CRC == regs.Sensirion && (p.Width%2 != 0 || p.Skip%3 != 0):
		return fault("width counts bytes without, skip with checksums", "width %d and skip %d are not whole words, which this checksum protects", p.Width, p.Skip)
	case length > regs.MaxTransfer:
		return fault("read and skip fewer", "a transfer of %d bytes, want at most %d", length, regs.MaxTransfer)
	case mask != 0 && bits.Len64(mask) > 8*p.Width:
		return fault("write a narrower mask, or a greater width", "the mask 0x%x is wider than width %d", mask, p.Width)
	case p.Wait > 0 && len(p.At) == 0:
		return fault("name what is written", "wait is the time between writing at and reading, and at is empty")
	}
	return nil
}
