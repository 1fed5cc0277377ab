package devices

import (
	"time"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/drivers"
	"iot-edge-anomaly/drivers/modbus"
)

// registerTypes and byteOrders are what the configuration must know of the
// driver's.
func registerTypes() (out []config.RegisterType) {
	for _, t := range modbus.Types() {
		out = append(out, config.RegisterType{Name: t.Name, Registers: t.Registers, Bits: t.Bits, Whole: t.Whole, Min: t.Min, Max: t.Max,
			Span: t.Span, Fields: t.Fields, Clock: t.Clock, Meant: t.Meant, Raw: t.Raw, Aliases: t.Aliases})
	}
	return out
}

func byteOrders() (out []config.ByteOrder) {
	for _, o := range modbus.Orders() {
		out = append(out, config.ByteOrder{Name: o.Name, Bytes: o.Bytes, Rare: o.Rare, Aliases: o.Aliases})
	}
	return out
}

// makeModbus makes a unit with the registers of the configuration: polled, or only
// overheard where the bus is one that another master polls.
func makeModbus(c config.Sensor, b bus) (drivers.Sensor, error) {
	var regs []modbus.Register
	for _, r := range c.Registers {
		reg, err := register(c, r)
		if err != nil {
			return nil, err
		}
		regs = append(regs, reg)
	}
	if b.sniffer != nil {
		return modbus.NewOverheard(b.sniffer.Listener, c.Unit, regs, max(10*time.Second, c.Period*3/2))
	}
	o := modbus.Options{MaxGap: c.MaxGap, MaxRegisters: c.MaxRegisters, Alone: !c.Join, RequestLimits: b.requestLimits(c)}
	for _, n := range c.NeverRead {
		table, err := modbus.ParseTable(n.Table)
		if err != nil {
			return nil, err
		}
		o.NeverRead = append(o.NeverRead, modbus.Range{Table: table, First: uint16(n.First - c.AddressBase), Last: uint16(n.Last - c.AddressBase)})
	}
	if c.Valid != nil {
		valid, err := condition(c)
		if err != nil {
			return nil, err
		}
		o.Valid = &valid
	}
	return modbus.New(b.modbus, c.Unit, regs, o)
}

// condition translates the condition of a sensor for the driver.
func condition(c config.Sensor) (modbus.Condition, error) {
	v := c.Valid
	r, err := register(c, config.Register{Table: v.Table, At: v.At, Bit: max(v.Bit, 0), Type: v.Type, Order: v.Order, Mask: v.Mask})
	return modbus.Condition{Register: r, Is: v.Is}, err
}

// register translates a register of the configuration for the driver.
func register(c config.Sensor, r config.Register) (modbus.Register, error) {
	table, err := modbus.ParseTable(r.Table)
	if err != nil {
		return modbus.Register{}, err
	}
	typ, err := modbus.ParseType(r.Type)
	if err != nil {
		return modbus.Register{}, err
	}
	order, err := modbus.ParseOrder(r.Order)
	if err != nil {
		return modbus.Register{}, err
	}
	out := modbus.Register{Name: r.Name, Quantity: drivers.Quantity{Unit: r.UnitOf}, Table: table, Address: uint16(r.At - c.AddressBase),
		Type: typ, Bit: uint8(r.Bit), Order: order, Scale: r.Scale, Offset: r.Offset, Missing: r.Missing, States: r.States,
		Mask: r.Mask, Shift: uint8(r.Shift), Wide: r.Word == 32}
	if r.Power == nil {
		return out, nil
	}
	if table, err = modbus.ParseTable(r.Power.Table); err != nil {
		return out, err
	}
	out.Power = &modbus.Place{Table: table, Address: uint16(r.Power.At - c.AddressBase)}
	return out, nil
}
