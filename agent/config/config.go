package config

import "time"

// Config is a whole configuration file, checked and with defaults filled in.
type Config struct {
	Gateway  Gateway
	Buses    []Bus // in file order
	Sensors  []Sensor
	Machines []Machine // never empty: one machine "main" where the file names none
	MQTT     MQTT
	Spool    Spool
	HTTP     HTTP
	Trust    Trust
	Metrics  Metrics
	Log      Log
	State    string // folder of everything written; models and spool lie in it by default. Default /var/lib/iot-edge-anomaly

	// Warnings are the problems that do not keep the file from being used.
	Warnings Problems `json:",omitempty"`
}

// Pos is a place in the configuration file; lines and columns count from 1.
type Pos struct{ Line, Column int }

// Gateway names this device.
type Gateway struct {
	Site string
	ID   string // "auto" is resolved by the agent from the machine id
}

// Bus is one physical bus. Exactly one of I2C and Modbus is set.
type Bus struct {
	Pos
	Name    string
	I2C     string // "auto" or "/dev/i2c-1"
	Modbus  *ModbusURL
	Timeout time.Duration // of one request
	ModbusBus
}

// Sensor is one device on a bus.
type Sensor struct {
	Pos
	Name        string
	Driver      string // "modbus", "bme280", "ina219", "lm75", "replay"
	Bus         string
	Address     uint16            // i2c
	Shunt       float64           // ohm; ina219
	Unit        uint8             // modbus unit id
	AddressBase int               // modbus: 0 or 1
	Registers   []Register        // modbus
	File        string            // replay
	Channels    []string          // replay, kernel: those to take; replay, vibration: empty = all
	Loop        bool              // replay: begin anew after the last row
	Limits      map[string]Limits // chips and replay: by channel name
	Ranges      map[string]Range  // chips and replay: by channel name
	Checks      map[string]Checks // chips and replay: by channel name
	Period      time.Duration     // of reading; 0 = that of the fastest machine that uses it
	MaxAge      time.Duration     // how long a value stands; 0 = until the next reading is due, 1.5 periods where that is slower than the machine
	Device      string            // kernel: name, place, or path below /sys
	Axes        []string          // vibration; default x, y, z
	Rate        float64           // vibration, ads1115: samples a second
	Samples     int               // vibration: of a block; default the power of two within Rate
	Bands       []Range           // vibration: Hz

	Inputs []Input    `json:",omitempty"` // ads1115
	Table  *ChipTable `json:",omitempty"` // regs

	// What modbus joins into one request.
	MaxGap       int             // unwanted registers between two that may be read along; default 8
	MaxRegisters int             // in one request; default 125
	NeverRead    []RegisterRange // in no request
	Join         bool            // several registers in one request; default true
	ModbusSensor
}

// Register is one modbus channel.
type Register struct {
	Pos
	Name    string
	Table   string  // "holding", "input", "coil", "discrete"
	At      int     // before AddressBase is taken off; 40041 is 40 + AddressBase
	Bit     int     // of the register, for type bit: 0 (least significant) to 15
	Type    string  // "bit" "u8h" "u8l" "u16" "i16" "f16" "u32" "i32" "f32" "u64" "i64" "f64"
	Order   string  // "ABCD" "DCBA" "BADC" "CDAB"; default ABCD
	Scale   float64 // default 1
	Offset  float64
	Missing []uint64         // raw bits that mean "no value"
	States  map[int64]string // raw numbers that may come, by name; nil = any number
	UnitOf  string           // physical unit, "A"
	Range   *Range
	Limits  *Limits
	Checks  Checks
}

// RegisterRange is registers of one table, both ends included, before
// AddressBase is taken off.
type RegisterRange struct {
	Table       string
	First, Last int
}

// Range is what a value can be; outside it is suspect and not scored.
type Range struct{ Min, Max float64 }

// Limits are static alarm limits; NaN = not set.
type Limits struct {
	Warn, Alarm, WarnLow, AlarmLow float64

	Zones string // the standard that Warn and Alarm begin zones C and D of; empty = none
}

// Machine is what one model watches.
type Machine struct {
	Pos
	Name     string
	Channels []string // resolved "sensor.channel" names or globs, as written
	Period   time.Duration
	RunWhen  *RunWhen
	Model    Model
	Detect   Detect
	Drift    Drift

	// Resolved are the machine's channels in the order of Channels, each once:
	// the order of its rows and of its model.
	Resolved []ChannelRef
}

// ChannelRef is one channel of a machine: cell Cell of what sensor
// Config.Sensors[Sensor] reads.
type ChannelRef struct {
	Sensor  int
	Cell    int
	Channel string  // full name, "pump.current"
	Unit    string  // physical unit; empty = dimensionless
	Range   *Range  // nil = unbounded
	Limits  *Limits // nil = none
	Checks  Checks
}

// RunWhen tells when the machine runs; NaN = not set.
type RunWhen struct {
	Pos
	Channel      string
	Above, Below float64
	Settle       time.Duration
}

// Model says where models live and how learning goes.
type Model struct {
	Path  string // a folder of versions, or one file (ends in .safetensors or names an existing file)
	Learn Learn
}

// Learn is the learning policy.
type Learn struct {
	For  time.Duration
	When string  // "no_model" or "never"
	Duty float64 // share of one core that training may take, 0..1
}

// Detect is the alarm policy.
type Detect struct {
	N, M         int // open when N of the last M scores exceed 1
	CloseBelow   float64
	Hold         time.Duration
	Cooldown     time.Duration
	Repeats      time.Duration // pauses up to this make a fifth event of one cause one that comes and goes; 0 = none do
	Update       time.Duration // between two messages of an open event; 0 = only when it gets graver
	Latch        bool          // events stay open until they are unlatched
	UnlatchAfter time.Duration // they are so by themselves; 0 = never
	FalseAlarms  float64       // tolerated per 30 days
	High         float64       // score from which severity is high
	Critical     float64
	Mute         []Mute
}

// Mute is a daily window in local time without open events; minutes since
// midnight. From > To spans midnight.
type Mute struct {
	Pos
	From, To int
	Days     [7]bool // by time.Weekday
}

// MQTT is the broker; an empty Broker means no publishing.
type MQTT struct {
	Pos
	Broker        string // "tcp://host:1883", "mqtts://host:8883"
	Topic         string // template with {site} and {device}
	CA, Cert, Key string // files
	Username      string
	PasswordFile  string
	HomeAssistant bool
}

// Spool is the durable queue.
type Spool struct {
	Dir string
	Max int64 // bytes
}

// HTTP is the health endpoint.
type HTTP struct {
	Pos
	Listen          string // "" = off
	TLSCert, TLSKey string
	TokenFile       string
	Insecure        bool
}

// Trust is the policy for models from elsewhere.
type Trust struct {
	Local bool
	Keys  []string
}

// Metrics is the push address of metrics; empty = scraping only.
type Metrics struct{ Push string }

// Log is the log level: debug, info, warn or error.
type Log struct{ Level string }
