package devices

import (
	"errors"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/drivers"
	"iot-edge-anomaly/drivers/ads1115"
	"iot-edge-anomaly/drivers/regs"
)

// makeADS1115 makes a converter with the inputs of the configuration.
func makeADS1115(c config.Sensor, b bus) (drivers.Sensor, error) {
	o := ads1115.Options{Address: c.Address, Rate: int(c.Rate)}
	for _, in := range c.Inputs {
		o.Inputs = append(o.Inputs, ads1115.Input{Name: in.Name, Quantity: drivers.Quantity{Unit: in.UnitOf},
			Positive: in.Positive, Negative: in.Negative, FullScale: in.FullScale, Scale: in.Scale, Offset: in.Offset})
	}
	return ads1115.New(b.i2c, o)
}

// checksums are the driver's by the configuration's names.
var checksums = map[string]regs.CRC{"none": regs.NoCRC, "sensirion": regs.Sensirion, "pec": regs.PEC}

// makeRegs makes a chip that is known by the configuration's table only.
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
