package config

// DriverInfo is what the configuration must know of a driver to check a
// sensor's keys and channel names. The agent fills it from the drivers it was
// built with; this package imports none.
type DriverInfo struct {
	// Bus is the kind of bus a sensor of this driver sits on: "i2c", "modbus",
	// "kernel" for what a driver of the kernel reads, or "" for a driver that
	// reads a file.
	Bus string

	// Channels are fixed by the chip. Nil means that the configuration lists
	// them: registers on a modbus bus, inputs or registers of a chip, channels
	// or the columns of a file else.
	Channels []ChannelInfo

	// Addresses are those that the chip answers at, the factory's first; it is
	// taken where the configuration names none. Nil means any address, and one
	// must be configured.
	Addresses []uint16

	// Keys are keys of the sensor beyond those of its kind of bus: "shunt".
	Keys []string

	// List finds the channels where neither Channels nor the configuration
	// names them, such as the header of a recording. May be nil.
	List func(Sensor) ([]ChannelInfo, error)

	// Channel tells the unit of a channel whose name is the kernel's and fixes
	// it, so that the configuration can be checked without the device. Nil
	// where Channels or List tells the channels.
	Channel func(name string) (ChannelInfo, error)
}

// ChannelInfo is one channel of a driver: its name within the sensor and its
// physical unit, empty where it is dimensionless or unknown.
type ChannelInfo struct{ Name, Unit string }

// Kinds of bus, as DriverInfo.Bus names them.
const (
	busI2C    = "i2c"
	busModbus = "modbus"
	busKernel = "kernel"
	busFile   = ""
)
