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
		out = append(out, config.RegisterType{Name: t.Name, Registers: t.Registers, Bits: t.Bits, Whole: t.Whole, Min: t.Min, Max: t.Max, Raw: t.Raw, Aliases: t.Aliases})
	}
	return out
}

func byteOrders() (out []config.ByteOrder) {
	for _, o := range modbus.Orders() {
		out = append(out, config.ByteOrder{Name: o.Name, Bytes: o.Bytes, Aliases: o.Aliases})
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
	return modbus.New(b.modbus, c.Unit, regs, o)
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
	return modbus.Register{Name: r.Name, Quantity: drivers.Quantity{Unit: r.UnitOf}, Table: table, Address: uint16(r.At - c.AddressBase),
		Type: typ, Bit: uint8(r.Bit), Order: order, Scale: r.Scale, Offset: r.Offset, Missing: r.Missing, States: r.States}, nil
}
