package devices

import (
	"periph.io/x/conn/v3/i2c"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/drivers"
	"iot-edge-anomaly/drivers/bme280"
	"iot-edge-anomaly/drivers/hwmon"
	"iot-edge-anomaly/drivers/iio"
	"iot-edge-anomaly/drivers/ina"
	"iot-edge-anomaly/drivers/lm75"
	"iot-edge-anomaly/drivers/shelf"
	"iot-edge-anomaly/drivers/sht"
	"iot-edge-anomaly/drivers/thermal"
	"iot-edge-anomaly/drivers/tmp1xx"
)

// entry is all that the agent knows of one driver.
type entry struct {
	name string // in the configuration

	// info is what package config must know: the kind of bus, the addresses, the
	// channels, and the keys that a sensor of this driver has of its own.
	info config.DriverInfo

	// make makes a sensor on its bus. It touches no hardware.
	make func(c config.Sensor, b bus) (drivers.Sensor, error)

	// identify says which driver the chip at an address needs, where the chip
	// tells what it is (an id register, a checksum); it is empty for another chip.
	// It only reads: what it writes are register pointers and read commands.
	// Drivers of one family share it. Nil: the chip cannot tell what it is.
	identify func(b i2c.Bus, addr uint16) string

	// find lists the devices of the kernel that are there. Nil: the driver reads no
	// such device, or nothing says what its channels should be.
	find func(root string) []drivers.Found
}

// entries is every driver of this binary. A scan asks the chips at an address in
// this order.
var entries = []entry{
	{
		name: "ads1115",
		info: config.DriverInfo{Bus: "i2c", Addresses: addresses(0x48, 0x4b), Keys: ads1115Keys},
		make: makeADS1115,
	},
	{
		name: "bme280",
		info: config.DriverInfo{Bus: "i2c", Addresses: addresses(0x76, 0x77), Channels: channels(bme280.Channels())},
		make: func(c config.Sensor, b bus) (drivers.Sensor, error) {
			return bme280.New(b.i2c, bme280.Options{Address: c.Address})
		},
		identify: bme280.Identify,
	},
	{
		name: "bmp280",
		info: config.DriverInfo{Bus: "i2c", Addresses: addresses(0x76, 0x77), Channels: channels(bme280.ChannelsBMP280())},
		make: func(c config.Sensor, b bus) (drivers.Sensor, error) {
			return bme280.NewBMP280(b.i2c, bme280.Options{Address: c.Address})
		},
		identify: bme280.Identify,
	},
	{
		name: "ina219",
		info: config.DriverInfo{Bus: "i2c", Addresses: addresses(0x40, 0x4f), Channels: channels(ina.Channels()), Keys: shuntKeys},
		make: func(c config.Sensor, b bus) (drivers.Sensor, error) {
			return ina.NewINA219(b.i2c, ina.Options{Address: c.Address, ShuntOhm: config.Get[float64](c.Own, "shunt")})
		},
	},
	{
		name: "ina226",
		info: config.DriverInfo{Bus: "i2c", Addresses: addresses(0x40, 0x4f), Channels: channels(ina.Channels()), Keys: shuntKeys},
		make: func(c config.Sensor, b bus) (drivers.Sensor, error) {
			return ina.NewINA226(b.i2c, ina.Options{Address: c.Address, ShuntOhm: config.Get[float64](c.Own, "shunt")})
		},
		identify: ina.Identify,
	},
	{
		name: "lm75",
		info: config.DriverInfo{Bus: "i2c", Addresses: addresses(0x48, 0x4f), Channels: channels(lm75.Channels())},
		make: func(c config.Sensor, b bus) (drivers.Sensor, error) {
			return lm75.New(b.i2c, lm75.Options{Address: c.Address})
		},
	},
	{
		name: "regs",
		info: config.DriverInfo{Bus: "i2c", Keys: regsKeys},
		make: makeRegs,
	},
	{
		name: "sht3x",
		info: config.DriverInfo{Bus: "i2c", Addresses: addresses(0x44, 0x45), Channels: channels(sht.Channels())},
		make: func(c config.Sensor, b bus) (drivers.Sensor, error) {
			return sht.NewSHT3x(b.i2c, sht.Options{Address: c.Address})
		},
		identify: sht.Identify,
	},
	{
		name: "sht4x",
		info: config.DriverInfo{Bus: "i2c", Addresses: addresses(0x44, 0x46), Channels: channels(sht.Channels())},
		make: func(c config.Sensor, b bus) (drivers.Sensor, error) {
			return sht.NewSHT4x(b.i2c, sht.Options{Address: c.Address})
		},
		identify: sht.Identify,
	},
	{
		name: "tmp102",
		info: config.DriverInfo{Bus: "i2c", Addresses: addresses(0x48, 0x4b), Channels: channels(tmp1xx.Channels())},
		make: func(c config.Sensor, b bus) (drivers.Sensor, error) {
			return tmp1xx.NewTMP102(b.i2c, tmp1xx.Options{Address: c.Address})
		},
	},
	{
		name: "tmp112",
		info: config.DriverInfo{Bus: "i2c", Addresses: addresses(0x48, 0x4b), Channels: channels(tmp1xx.Channels())},
		make: func(c config.Sensor, b bus) (drivers.Sensor, error) {
			return tmp1xx.NewTMP112(b.i2c, tmp1xx.Options{Address: c.Address})
		},
	},
	{
		name: "tmp117",
		info: config.DriverInfo{Bus: "i2c", Addresses: addresses(0x48, 0x4b), Channels: channels(tmp1xx.Channels())},
		make: func(c config.Sensor, b bus) (drivers.Sensor, error) {
			return tmp1xx.NewTMP117(b.i2c, tmp1xx.Options{Address: c.Address})
		},
		identify: tmp1xx.Identify,
	},

	{
		name: "hwmon",
		info: config.DriverInfo{Bus: "kernel", Channel: named(hwmon.Channel), Keys: inputKeys("in:+12V"), Check: checkInputs(hwmon.Channel)},
		make: makeHwmon,
		find: hwmon.Find,
	},
	{
		name: "iio",
		info: config.DriverInfo{Bus: "kernel", Channel: named(iio.Channel), Keys: inputKeys("voltage0"), Check: checkInputs(iio.Channel)},
		make: makeIIO,
		find: iio.Find,
	},
	{
		name: "thermal",
		info: config.DriverInfo{Bus: "kernel", Channels: channels(thermal.Channels())},
		make: func(c config.Sensor, b bus) (drivers.Sensor, error) { return thermal.New(b.root, c.Device) },
		find: thermal.Find,
	},
	{
		name: "vibration",
		info: config.DriverInfo{Bus: "kernel", Keys: vibrationKeys, Check: checkVibration, List: listVibration},
		make: makeVibration,
	},

	{
		name: "modbus",
		info: config.DriverInfo{Bus: "modbus", Types: registerTypes(), Orders: byteOrders(), Templates: shelf.Templates()},
		make: makeModbus,
	},
	{
		name: "mqtt",
		info: config.DriverInfo{Bus: "mqtt", Keys: mqttKeys, Check: config.CheckBroker},
		make: makeMQTT,
	},
	{
		name: "derived",
		info: config.DriverInfo{Bus: "derived", Keys: derivedKeys, Refer: referDerived},
		make: makeDerived,
	},
	{
		name: "replay",
		info: config.DriverInfo{Keys: replayKeys, List: listReplay},
		make: openReplay,
	},
}

// shuntKeys are those of chips that measure the current through a shunt.
var shuntKeys = []config.Key{
	{Name: "shunt", Kind: config.Number, Unit: "Ω", Min: "0.000001", Max: "100", Default: "0.1", Example: "0.1",
		Help: "Resistance of the shunt that the current flows through."},
}

// find is the entry of a driver, or nil.
func find(driver string) *entry {
	for i := range entries {
		if entries[i].name == driver {
			return &entries[i]
		}
	}
	return nil
}

func channels(cs []drivers.Channel) (out []config.ChannelInfo) {
	for _, c := range cs {
		out = append(out, config.ChannelInfo{Name: c.Name, Unit: c.Quantity.Unit})
	}
	return out
}

// named makes a DriverInfo.Channel of a driver's own function.
func named(channel func(string) (drivers.Channel, error)) func(string) (config.ChannelInfo, error) {
	return func(name string) (config.ChannelInfo, error) {
		c, err := channel(name)
		return config.ChannelInfo{Name: c.Name, Unit: c.Quantity.Unit}, err
	}
}

func addresses(from, to uint16) (out []uint16) {
	for a := from; a <= to; a++ {
		out = append(out, a)
	}
	return out
}
