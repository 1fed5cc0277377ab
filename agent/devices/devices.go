package devices

import (
	"errors"
	"fmt"
	"time"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/drivers"
	"iot-edge-anomaly/drivers/bme280"
	"iot-edge-anomaly/drivers/hwmon"
	"iot-edge-anomaly/drivers/iio"
	"iot-edge-anomaly/drivers/ina"
	"iot-edge-anomaly/drivers/lm75"
	"iot-edge-anomaly/drivers/modbus"
	"iot-edge-anomaly/drivers/replay"
	"iot-edge-anomaly/drivers/sht"
	"iot-edge-anomaly/drivers/thermal"
	"iot-edge-anomaly/drivers/tmp1xx"
	"iot-edge-anomaly/drivers/vibration"
)

// entry is one driver: what the configuration must know of it and how a sensor
// of it is made. Making one touches no hardware.
type entry struct {
	info config.DriverInfo
	make func(c config.Sensor, b bus) (drivers.Sensor, error)
}

// entries is every driver of this binary by its name in the configuration.
var entries = map[string]entry{
	"ads1115": {config.DriverInfo{Bus: "i2c", Addresses: addresses(0x48, 0x4b), Keys: []string{"inputs", "rate"}}, makeADS1115},
	"bme280": {config.DriverInfo{Bus: "i2c", Channels: channels(bme280.Channels()), Addresses: []uint16{0x76, 0x77}},
		func(c config.Sensor, b bus) (drivers.Sensor, error) {
			return bme280.New(b.i2c, bme280.Options{Address: c.Address})
		}},
	"bmp280": {config.DriverInfo{Bus: "i2c", Channels: channels(bme280.ChannelsBMP280()), Addresses: []uint16{0x76, 0x77}},
		func(c config.Sensor, b bus) (drivers.Sensor, error) {
			return bme280.NewBMP280(b.i2c, bme280.Options{Address: c.Address})
		}},
	"ina219": {config.DriverInfo{Bus: "i2c", Channels: channels(ina.Channels()), Addresses: addresses(0x40, 0x4f), Keys: []string{"shunt"}},
		func(c config.Sensor, b bus) (drivers.Sensor, error) {
			return ina.NewINA219(b.i2c, ina.Options{Address: c.Address, ShuntOhm: c.Shunt})
		}},
	"ina226": {config.DriverInfo{Bus: "i2c", Channels: channels(ina.Channels()), Addresses: addresses(0x40, 0x4f), Keys: []string{"shunt"}},
		func(c config.Sensor, b bus) (drivers.Sensor, error) {
			return ina.NewINA226(b.i2c, ina.Options{Address: c.Address, ShuntOhm: c.Shunt})
		}},
	"lm75": {config.DriverInfo{Bus: "i2c", Channels: channels(lm75.Channels()), Addresses: addresses(0x48, 0x4f)},
		func(c config.Sensor, b bus) (drivers.Sensor, error) {
			return lm75.New(b.i2c, lm75.Options{Address: c.Address})
		}},
	"modbus": {config.DriverInfo{Bus: "modbus"}, makeModbus},
	"sht3x": {config.DriverInfo{Bus: "i2c", Channels: channels(sht.Channels()), Addresses: []uint16{0x44, 0x45}},
		func(c config.Sensor, b bus) (drivers.Sensor, error) {
			return sht.NewSHT3x(b.i2c, sht.Options{Address: c.Address})
		}},
	"sht4x": {config.DriverInfo{Bus: "i2c", Channels: channels(sht.Channels()), Addresses: addresses(0x44, 0x46)},
		func(c config.Sensor, b bus) (drivers.Sensor, error) {
			return sht.NewSHT4x(b.i2c, sht.Options{Address: c.Address})
		}},
	"tmp102": {config.DriverInfo{Bus: "i2c", Channels: channels(tmp1xx.Channels()), Addresses: addresses(0x48, 0x4b)},
		func(c config.Sensor, b bus) (drivers.Sensor, error) {
			return tmp1xx.NewTMP102(b.i2c, tmp1xx.Options{Address: c.Address})
		}},
	"tmp112": {config.DriverInfo{Bus: "i2c", Channels: channels(tmp1xx.Channels()), Addresses: addresses(0x48, 0x4b)},
		func(c config.Sensor, b bus) (drivers.Sensor, error) {
			return tmp1xx.NewTMP112(b.i2c, tmp1xx.Options{Address: c.Address})
		}},
	"tmp117": {config.DriverInfo{Bus: "i2c", Channels: channels(tmp1xx.Channels()), Addresses: addresses(0x48, 0x4b)},
		func(c config.Sensor, b bus) (drivers.Sensor, error) {
			return tmp1xx.NewTMP117(b.i2c, tmp1xx.Options{Address: c.Address})
		}},
	"hwmon": {config.DriverInfo{Bus: "kernel", Channel: named(hwmon.Channel)},
		func(c config.Sensor, b bus) (drivers.Sensor, error) { return hwmon.New(b.root, c.Device, c.Channels) }},
	"iio": {config.DriverInfo{Bus: "kernel", Channel: named(iio.Channel)},
		func(c config.Sensor, b bus) (drivers.Sensor, error) { return iio.New(b.root, c.Device, c.Channels) }},
	"thermal": {config.DriverInfo{Bus: "kernel", Channels: channels(thermal.Channels())},
		func(c config.Sensor, b bus) (drivers.Sensor, error) { return thermal.New(b.root, c.Device) }},
	"vibration": {config.DriverInfo{Bus: "kernel", Keys: []string{"axes", "rate", "samples", "bands"}, List: listVibration},
		func(c config.Sensor, b bus) (drivers.Sensor, error) {
			return vibration.New(vibrationOptions(b.root, c))
		}},
	"regs": {config.DriverInfo{Bus: "i2c", Keys: []string{"registers", "init", "check"}}, makeRegs},
	"replay": {config.DriverInfo{List: listReplay},
		func(c config.Sensor, _ bus) (drivers.Sensor, error) {
			return replay.Open(c.File, c.Channels, replay.Options{Loop: c.Loop, Sensor: c.Name})
		}},
}

// Infos is what package config must know of every driver of this binary, by the
// driver's name in the configuration. The map is the caller's.
func Infos() map[string]config.DriverInfo {
	out := map[string]config.DriverInfo{}
	for name, e := range entries {
		out[name] = e.info
	}
	return out
}

func channels(cs []drivers.Channel) (out []config.ChannelInfo) {
	for _, c := range cs {
		out = append(out, config.ChannelInfo{Name: c.Name, Unit: c.Quantity.Unit})
	}
	return out
}

func addresses(from, to uint16) (out []uint16) {
	for a := from; a <= to; a++ {
		out = append(out, a)
	}
	return out
}

// Sensors makes every sensor of the configuration, in the configuration's order,
// on its buses. It touches no hardware, apart from recordings, which it opens. An
// error means that the configuration does not fit a driver; it is a
// config.Refusal, and no sensor is left open. The caller closes the sensors before
// the buses.
func Sensors(c *config.Config, buses *Buses) ([]drivers.Sensor, error) {
	var out []drivers.Sensor
	for _, sc := range c.Sensors {
		s, err := entries[sc.Driver].make(sc, buses.of(sc))
		if err != nil {
			return nil, config.Refuse(errors.Join(fmt.Errorf("sensor %s: %w", sc.Name, err), CloseSensors(out)))
		}
		out = append(out, s)
	}
	return out, nil
}

// CloseSensors closes all sensors and joins their errors.
func CloseSensors(sensors []drivers.Sensor) error {
	var errs []error
	for _, s := range sensors {
		errs = append(errs, s.Close())
	}
	return errors.Join(errs...)
}

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
	o := modbus.Options{MaxGap: c.MaxGap, MaxRegisters: c.MaxRegisters, Alone: !c.Join, RequestLimits: b.requestLimits(c.ModbusSensor)}
	for _, n := range c.NeverRead {
		table, err := modbus.ParseTable(n.Table)
		if err != nil {
			return nil, err
		}
		o.NeverRead = append(o.NeverRead, modbus.Range{Table: table, First: uint16(n.First - c.AddressBase), Last: uint16(n.Last - c.AddressBase)})
	}
	return modbus.New(b.modbus, c.Unit, regs, o)
}

// register is a register of the configuration as the driver takes it.
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

// listReplay finds the columns of a recording.
func listReplay(c config.Sensor) ([]config.ChannelInfo, error) {
	names, err := replay.Columns(c.File, c.Name)
	if err != nil {
		return nil, err
	}
	var out []config.ChannelInfo
	for _, n := range names {
		out = append(out, config.ChannelInfo{Name: n})
	}
	return out, nil
}
