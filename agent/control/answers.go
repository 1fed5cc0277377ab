package control

import (
	"time"

	"iot-edge-anomaly/agent/status"
)

// Status is the answer to the verb status.
type Status struct {
	status.Health
	status.Figures
	Site    string   `json:"site"`
	Config  Config   `json:"config"`
	Changes []Change `json:"changes"` // oldest first
}

// Config tells which configuration is in force.
type Config struct {
	File    string    `json:"file"` // empty = none was read
	SHA256  string    `json:"sha256"`
	Since   time.Time `json:"since"`
	Refused string    `json:"refused,omitempty"` // why the newest reload was refused; empty = it was not
}

// Reload is the content of the request reload.
type Reload struct {
	Note string `json:"note,omitempty"` // why, for the audit
}

// Reloaded is the answer to the verb reload.
type Reloaded struct {
	Config  Config   `json:"config"`
	Changed []string `json:"changed"` // what the reload touched; empty = nothing
}

// Evidence is the answer to the verb evidence: what only the process itself knows.
type Evidence struct {
	State       any    `json:"state"`       // the newest row of each machine, with its events
	Log         string `json:"log"`         // its newest lines
	Environment string `json:"environment"` // without values that may be secret
	Goroutines  string `json:"goroutines"`  // their stacks
	Heap        string `json:"heap"`        // for go tool pprof
	Binary      string `json:"binary"`      // SHA-256 of the program that runs
}

// Isolate is the content of the request isolate: the broker is not used any more.
type Isolate struct {
	Off  bool   `json:"off,omitempty"` // it is used again
	Note string `json:"note,omitempty"`
}

// Isolated is the answer to the verb isolate.
type Isolated struct {
	Since time.Time `json:"since,omitzero"`
	By    string    `json:"by"` // empty = the broker is used
	Note  string    `json:"note,omitempty"`
	Was   bool      `json:"was,omitempty"` // of a request that ends it: there was something to end
}

// Ended is for people, about a request that ends an isolation.
func (i *Isolated) Ended() string {
	if !i.Was {
		return "it was not isolated: nothing has changed"
	}
	return "the broker is used again, and what waits is sent"
}

// String is for people.
func (i *Isolated) String() string {
	text := "isolated by " + i.By
	if !i.Since.IsZero() {
		text += " since " + stamp(i.Since)
	}
	if i.Note != "" {
		text += ": " + i.Note
	}
	return text
}

// Unlatch is the content of the request unlatch, and the answer to it.
type Unlatch struct {
	Machines []string `json:"machines"`
}
