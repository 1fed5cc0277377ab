package config

import "slices"

// Kind says how a value is written.
type Kind string

// The kinds that the rows of a driver may have, each with the Go type that Get
// gives. Channels has none: its elements are in Sensor.Listed.
const (
	Text      Kind = "text"              // string
	Name      Kind = "name"              // string
	Choice    Kind = "choice"            // string
	Boolean   Kind = "boolean"           // bool
	Integer   Kind = "integer"           // int
	Number    Kind = "number"            // float64
	Duration  Kind = "duration"          // time.Duration
	Size      Kind = "size"              // int64
	File      Kind = "file"              // string
	Interval  Kind = "interval"          // Range
	Bytes     Kind = "bytes"             // []byte
	Bits      Kind = "bits"              // uint64
	Patterns  Kind = "bits, one or more" // []uint64
	List      Kind = "list"              // a slice of the Go type of Of
	Mappings  Kind = "list of mappings"  // []Values
	Channels  Kind = "list of channels"
	BrokerURL Kind = "broker URL"       // string, with its port
	ByName    Kind = "channels by name" // as Channels, with each channel's name before it
)

// The kinds that only this package has. Each value has a parser of its own, which
// the row of the key names.
const (
	kindMapping       Kind = "mapping"
	kindByName        Kind = "mapping by name"
	kindCount         Kind = "N of M"
	kindRate          Kind = "rate"
	kindWindow        Kind = "time window"
	kindBusURL        Kind = "bus URL"
	kindListenAddress Kind = "host:port"
	kindTopic         Kind = "topic"
	kindI2cBus        Kind = "I2C bus"
	kindI2cAddress    Kind = "I2C address"
	kindRegister      Kind = "register"
	kindRegisters     Kind = "register range"
	kindPattern       Kind = "channel pattern"
	kindChannel       Kind = "channel"
	kindDriverName    Kind = "driver"
	kindBusName       Kind = "bus"
	kindRs485Switch   Kind = "RS-485 switch"
	kindStateNames    Kind = "names by number"
	kindByChannel     Kind = "mapping by channel"
	kindRegisterType  Kind = "register type"
	kindByteOrder     Kind = "byte order"
	kindRaw           Kind = "raw numbers"
	kindDeadband      Kind = "deadband"
)

// KindText says how values of a kind are written.
type KindText struct {
	Kind Kind
	How  string // one sentence, for the page and for --explain

	want, hint string // what a message says is wanted, and how to write it
}

// kinds is in the order of the page. A kind without want is read by the key's own
// parser.
var kinds = []KindText{
	{Text, "a text, in quotes where YAML would take it for a number, a truth value or a time", "text", "put it in quotes"},
	{Name, "1 to 64 of A-Z a-z 0-9 _ -, because it becomes a part of topics, labels and file names", "text", "put it in quotes"},
	{Choice, "one of the words or numbers listed", "text", "put it in quotes"},
	{Boolean, "`true` or `false`", "true or false", "write true or false, without quotes"},
	{Integer, "a whole number, decimal or like `0x1F`", "a whole number", "write it like 7 or 0x07"},
	{Number, "a decimal number", "a number", "write it like 0.1, with a point and without quotes"},
	{Duration, "a number with its unit, `ms`, `s`, `m`, `h` or `d`: `300ms`, `1.5s`, `24h`, `1d12h`", "a duration such as 300ms, 30s, 24h or 7d", "write a number and its unit"},
	{Size, "a number with its unit, `B`, `kB`, `MB`, `GB`, `KiB`, `MiB` or `GiB`: `64MiB`", "a size such as 64MiB", "write a number and its unit"},
	{File, "a path; a relative one starts in the folder of the configuration file", "text", "put it in quotes"},
	{Interval, "`[lowest, highest]`", "[min, max]", "write it like [0, 60]"},
	{Bytes, "one byte, or a list of bytes: `0x05`, `[0x24, 0x00]`", "", ""},
	{Bits, "a whole number of up to 64 bits, decimal or like `0x1F`", "", ""},
	{Patterns, "one such number, or a list of them", "", ""},
	{List, "`[a, b]`, or a line with a dash for each", "a list", "write it as [a, b], or with a dash for each"},
	{kindMapping, "`{key: value}`, or keys on lines of their own", "a mapping", "write it as {key: value}, or keys on lines of their own"},
	{kindByName, "a mapping whose keys are names that you choose", "", ""},
	{kindByChannel, "a mapping whose keys are names of the sensor's channels: `{temperature: …}`", "", ""},
	{Mappings, "a list whose elements are mappings", "", ""},
	{Channels, "a list of mappings, each of which is a channel of the sensor", "", ""},
	{ByName, "a mapping whose keys are names that you choose, each of which is a channel of the sensor: `{speed: {…}}`", "", ""},
	{kindCount, "`3 of 5`", "", ""},
	{kindRate, "a number `per day`, `per week`, `per month` or `per year`: `1 per month`", "", ""},
	{kindDeadband, "`0.5%` of the value that was published last, or a number in the channel's unit; 0: every change counts", "a deadband", "write it like 0.5% or 0.2"},
	{kindWindow, "`22:00-06:00`, with days before it if it does not hold every day: `sat 00:00-24:00`, `mon-fri 12:00-13:00`, `sat,sun 06:00-07:00`", "", ""},
	{kindI2cBus, "`auto` for the board's header bus, or a device such as `/dev/i2c-1`", "", ""},
	{kindI2cAddress, "a 7-bit address, 0x03 to 0x77", "", ""},
	{kindBusURL, "`tcp://host:port`, `rtu:///dev/…` or `rtutcp://host:port`, and parameters after a `?`", "", ""},
	{BrokerURL, "`mqtts://host:port`, `mqtt://` or `tcp://`", "text", "put it in quotes"},
	{kindRs485Switch, "`off`, `kernel` or `gpio:` and a line's number or name", "", ""},
	{kindListenAddress, "`127.0.0.1:8080`, or `:8080` for all addresses", "", ""},
	{kindTopic, "an MQTT topic without wildcards, in which `{site}`, `{device}` and `{machine}` are filled in, at most 200 bytes", "", ""},
	{kindRegister, "`holding:40`, `input:0x28`, `coil:3` or `discrete:1`, counted from `address_base`; or `40041`, `30017` as manuals write, counted from 1; `holding:40.3` is a bit of a register, 0 the least significant", "", ""},
	{kindRegisters, "`holding:100-120` or `40301-40310`; one register is a range too", "", ""},
	{kindRegisterType, "a type of register, see [modbus.md](modbus.md)", "", ""},
	{kindByteOrder, "the order in which the bytes are sent, see [modbus.md](modbus.md)", "", ""},
	{kindRaw, "a list of numbers as they are in the register, each in decimal or, as its bits, with 0x: `[-1, 0x7FFF]`", "", ""},
	{kindStateNames, "names by the number in the register: `{0: off, 1: run}`", "", ""},
	{kindDriverName, "the name of a driver, see [sensors.md](sensors.md)", "", ""},
	{kindBusName, "the name of one of `buses`", "", ""},
	{kindChannel, "the full name of a channel, `pump.speed`", "", ""},
	{kindPattern, "the full name of a channel, in which `*` stands for any text and `?` for any character: `pump.*`", "", ""},
}

// Kinds says how the values of each kind are written, in the order of the page.
func Kinds() []KindText { return slices.Clone(kinds) }

// text is the row of a kind.
func (k Kind) text() KindText {
	if i := slices.IndexFunc(kinds, func(t KindText) bool { return t.Kind == k }); i >= 0 {
		return kinds[i]
	}
	return KindText{Kind: k}
}
