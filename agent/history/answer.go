package history

import (
	"fmt"
	"time"

	"iot-edge-anomaly/agent/status"
)

// Ask is the content of the request history.
type Ask struct {
	From string `json:"from"` // the first month that is wanted, 2026-11
	To   string `json:"to"`   // the last; empty = that of now
}

// MostMonths is of how many months an answer tells at most: those of a gateway with 64
// machines are ten megabytes, and all that are kept are as much memory as the agent may have.
const MostMonths = 4

// Bounds are the months that are asked for.
func (a *Ask) Bounds(now time.Time) (from, to string, err error) {
	first, err := time.Parse("2006-01", a.From)
	if err != nil {
		return "", "", fmt.Errorf("from %q: want a month, such as 2026-11", a.From)
	}
	if to = a.To; to == "" {
		to = now.UTC().Format("2006-01")
	}
	if _, err := time.Parse("2006-01", to); err != nil || to >= first.AddDate(0, MostMonths, 0).Format("2006-01") {
		return "", "", fmt.Errorf("from %s to %q: want at most %d months", a.From, to, MostMonths)
	}
	return a.From, to, nil
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
