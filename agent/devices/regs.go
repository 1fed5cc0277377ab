package devices

import (
	"errors"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/drivers"
	"iot-edge-anomaly/drivers/regs"
)

// checksums are the checksums of the driver by their names in the configuration.
var checksums = map[string]regs.CRC{"none": regs.NoCRC, "sensirion": regs.Sensirion, "pec": regs.PEC}

// makeRegs makes a chip that only the configuration's table of registers describes.
func makeRegs(c config.Sensor, b bus) (drivers.Sensor, error) {
	if c.Table == nil {
		return nil, errors.New("regs: no registers")
	}
	o := regs.Options{Address: c.Address}
	place := func(p config.ChipPlace) regs.Place {
		return regs.Place{At: p.At, Wait: p.Wait, Skip: p.Skip, Width: p.Width, Little: p.Order == "little", CRC: checksums[p.CRC]}
	}
	for _, w := range c.Table.Init {
		o.Init = append(o.Init, regs.Write{Bytes: w.Bytes, Wait: w.Wait})
	}
	for _, k := range c.Table.Check {
		o.Check = append(o.Check, regs.Check{Place: place(k.ChipPlace), Mask: k.Mask, Value: k.Value})
	}
	for _, r := range c.Table.Registers {
		o.Registers = append(o.Registers, regs.Register{Name: r.Name, Quantity: drivers.Quantity{Unit: r.UnitOf}, Place: place(r.ChipPlace),
			Mask: r.Mask, Shift: r.Shift, Signed: r.Signed, Scale: r.Scale, Offset: r.Offset, Missing: r.Missing})
	}
	return regs.New(b.i2c, o)
}
