package detect

import "time"

// Kind says what an event is about.
type Kind string

// The kinds of events. A fault of an instrument or of a bus is never reported
// as an anomaly of the process.
const (
	ProcessAnomaly Kind = "process_anomaly"
	LimitExceeded  Kind = "limit"
	SensorFault    Kind = "sensor_fault"
	BusFault       Kind = "bus_fault"
	Drift          Kind = "drift"
	Alert          Kind = "alert"
)

// State is the step in the life of an event.
type State string

// The states of an event: one Open, any number of Updates, one Close.
const (
	Open   State = "open"
	Update State = "update"
	Close  State = "close"
)

// Severity says how urgent an event is.
type Severity string

// The severities, rising.
const (
	Warning  Severity = "warning"
	High     Severity = "high"
	Critical Severity = "critical"
)

// Rank orders severities: warning 1, high 2, critical 3, anything else 0.
func (s Severity) Rank() int {
	switch s {
	case Warning:
		return 1
	case High:
		return 2
	case Critical:
		return 3
	}
	return 0
}

// Reasons of a Close.
const (
	ReasonNormal  = "back to normal"  // quiet for the hold time
	ReasonStopped = "machine stopped" // idle for the hold time
	ReasonRestart = "restart"         // nobody continued it after a restart
)

// Cause is one channel's part in an event.
type Cause struct {
	Channel, Unit string
	Share         float64 // 0..1 of the event
	Value         float64 // newest, physical units; NaN = missing
	Expected      float64 // what the model expected, or the limit crossed; NaN = unknown
	Direction     string  // "above", "below" or ""
}

// Event is one step in the life of an anomaly, a limit or a fault. Its slices
// belong to the receiver and must not be written to.
type Event struct {
	Machine  string
	Kind     Kind
	Key      string // what within the machine: "" for the process, a channel, sensor or bus else
	State    State
	Time     time.Time // of the row that made it
	Since    time.Time
	Until    time.Time // of a Close; zero else
	Severity Severity
	Score    float64 // newest; NaN = none
	Peak     float64 // highest of the event; NaN = none
	Missing  []string
	Causes   []Cause // largest share first
	Reason   string  // of a Close: why it ended; else what is wrong, for people

	// Percentile tells how many of the scores of learning stayed below Score, in
	// per cent; 0 = unknown. The Detector leaves it to whoever has the model.
	Percentile float64
}
