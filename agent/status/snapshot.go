package status

import (
	"time"

	"iot-edge-anomaly/agent/devices"
	"iot-edge-anomaly/agent/guard"
	"iot-edge-anomaly/agent/machine"
	"iot-edge-anomaly/agent/mqtt"
	"iot-edge-anomaly/agent/report"
	"iot-edge-anomaly/agent/sampler"
	"iot-edge-anomaly/agent/sparkplug"
	"iot-edge-anomaly/agent/spool"
	"iot-edge-anomaly/agent/status/page"
)

// Build names the binary.
type Build struct{ Version, Commit, Go, Kernel string }

// Snapshot is everything that /health, /metrics and the page show, at one moment. The counters in it are the
// structures of the packages that count, so that a new one reaches the table of
// metrics without another copy. Slices belong to the receiver.
type Snapshot struct {
	Build        Build
	Device, Site string
	Started, Now time.Time
	ReadyAfter   time.Duration // 0 = not ready yet
	TimeQuality  string        // synced, unset or unknown
	Machines     []machine.Status
	Readings     []sampler.Reading
	Buses        []sampler.BusStats
	Modbus       []devices.ModbusStats
	Heard        []devices.Heard
	I2C          []devices.I2CStats
	Broker       *mqtt.Stats // nil = none configured
	Isolated     string      // by whom it was cut off from the broker; empty = it is not
	Sparkplug    *Sparkplug  // nil = there is no edge node
	Spool        *spool.Stats
	Push         *PushStats // nil = metrics are not pushed
	Events       []OpenEvent
	Opened       []report.Count          // events opened since the start
	Raised       map[report.Alarm]uint64 // the same, by machine and cause
	Alerts       []report.Count          // the sorts of alerts that there may be, with N = 0
	Merged       uint64                  // updates of events that went into a later message
	DiskWritten  uint64                  // bytes, of everything
	BudgetUsed   float64                 // of what may be written to the disk at once; from 1 on updates are merged
	Memory       uint64                  // bytes, without pages of files; 0 = unknown
	Inference    Durations               // of inferences so far
	Unauthorized uint64                  // requests without the token
	MemoryLimit  uint64                  // bytes; 0 = unknown
	Troubles     []guard.Trouble
	Collections  uint64        // of memory, because it was short
	Shed         uint64        // rows of telemetry that were not published for it
	Control      string        // what is wrong with the control socket; empty = nothing
	HTTP         string        // what is wrong with the HTTP endpoint; empty = nothing
	HTTPFiles    bool          // its newest certificate, key or token cannot be used
	DiskWait     time.Duration // how long the disk has kept an operation waiting; 0 = it does not
	Commands     []Commands    // over MQTT, of each verb
	Host         Host
	Certificates []Certificate
	Stalled      string // the stage that makes no progress; empty = none
	ConfigSHA    string // of the configuration in force
	Updates      []Updates
	ReloadOK     bool // the newest reload of the configuration worked, or none was requested
}

// Host is how the computer was when it was looked at last; its CPU is the average since
// the look before.
type Host struct {
	guard.Figures
	Received, Sent uint64 // bytes over its network interfaces since its start
}

// Certificate is one that is in force.
type Certificate struct {
	Of      string    `json:"of"` // http: the endpoint's; mqtt: the client's; broker: the one that the broker showed last
	Expires time.Time `json:"expires"`
}

// Sparkplug is the gateway as an edge node.
type Sparkplug struct {
	Line mqtt.SidelineStats
	Node sparkplug.Stats
}

// Commands counts the commands of a verb that came over MQTT, since the start.
type Commands struct {
	Verb                       string
	Accepted, Refused, Ignored uint64
}

// What became of a model: indices of Updates.Count.
const (
	UpdateInstalled = iota
	UpdateActivated
	UpdateBack
	UpdateBreached
	UpdateRefused
)

// UpdateResults are their names.
var UpdateResults = [...]string{"installed", "activated", "rolled_back", "taken_back", "refused"}

// Updates counts what became of the models of a machine, since the start.
type Updates struct {
	Machine string
	Count   [len(UpdateResults)]uint64
}

// OpenEvent is an event that is open now, of any kind.
type OpenEvent struct {
	Machine string   `json:"machine"`           // empty: a fault that several machines share
	Missing []string `json:"missing,omitempty"` // the channels that have no value because of it
	page.Event
}
