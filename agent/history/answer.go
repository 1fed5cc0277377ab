package history

import (
	"time"

	"iot-edge-anomaly/agent/status"
)

// Ask is the content of the request history.
type Ask struct {
	From string `json:"from"` // the first month that is wanted, 2026-11
}

// Answer is the answer to it.
type Answer struct {
	Device string             `json:"device"`
	Site   string             `json:"site"`
	Now    time.Time          `json:"now"`
	Live   *Live              `json:"live"`   // nil = the agent does not run
	Wanted map[string]float64 `json:"wanted"` // false alarms that are tolerated in 30 days of running time, by machine
	Wear   Wear               `json:"wear"`
	Record
}

// Live is what the agent knows of the moment.
type Live struct {
	Health  status.Health  `json:"health"`
	Figures status.Figures `json:"figures"`
}

// Wear is that of the card or chip with the state folder.
type Wear struct {
	Device  string `json:"device"`
	Percent int    `json:"percent"` // of its life that is used, in steps of ten; -1 = it does not tell
	Urgent  bool   `json:"urgent,omitempty"`
}
