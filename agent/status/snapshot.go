package status

import (
	"time"

	"iot-edge-anomaly/agent/pipeline"
	"iot-edge-anomaly/agent/report"
	"iot-edge-anomaly/agent/sampler"
	"iot-edge-anomaly/agent/status/page"
)

// Build names the binary.
type Build struct{ Version, Commit, Go, Kernel string }

// Broker is the connection to the MQTT broker.
type Broker struct {
	URL         string // without user and password
	Connected   bool
	Since       time.Time // of the newest change
	Error       string    // the newest, empty while connected
	Connects    uint64
	Disconnects uint64
	Published   uint64 // messages handed to the broker
	Acked       uint64 // PUBACK received
	Resent      uint64
	Errors      uint64
}

// Spool is the durable queue.
type Spool struct {
	Messages     uint64
	Bytes        uint64
	MaxBytes     uint64
	OldestAge    time.Duration
	Appended     uint64
	Dropped      uint64 // for want of room
	Corrupt      uint64 // records lost to damage
	BytesWritten uint64
	Volatile     uint64 // accepted but not yet on disk
	Error        string // why nothing can be written
}

// Snapshot is all that is known at one moment. Slices belong to the receiver.
type Snapshot struct {
	Build        Build
	Device, Site string
	Started, Now time.Time
	ReadyAfter   time.Duration // 0 = not ready yet
	TimeQuality  string        // synced, unset or unknown
	Machines     []pipeline.Status
	Readings     []sampler.Reading
	Buses        []sampler.BusStats
	Modbus       []ModbusLine
	Ears         []ModbusEar
	I2C          []I2CBus
	Broker       *Broker // nil = none configured
	Spool        *Spool
	Events       []OpenEvent
	Opened       []report.Count // events opened since the start
	MemoryLimit  uint64         // bytes; 0 = unknown
	Stalled      string         // the stage that does not progress; empty = all do
	ReloadOK     bool           // the newest configuration reload worked, or none was asked for
}

// OpenEvent is an event that is open now, of any kind.
type OpenEvent struct {
	Machine string   // empty: a fault that several machines share
	Missing []string // the channels it takes
	page.Event
}
