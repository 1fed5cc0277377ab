package config

import (
	"strings"
	"time"
)

// Telemetry says how values are published; not On means that they are not.
type Telemetry struct {
	On       bool
	Interval time.Duration // at most one row of a machine in this time
	Deadband Deadband
	Batch    int // rows in one message
	Retain   bool
}

// Deadband is the change of a value up to which it counts as unchanged.
type Deadband struct {
	Absolute float64 // in the channel's unit
	Relative float64 // of the value that was published last: 0.01 is 1 %
}

var telemetryKeys = section[*Telemetry]{
	path: "mqtt.telemetry",
	help: "Values, their quality and the score of each machine, published on `telemetry/<machine>`; off unless this mapping is there or `homeassistant` is true. See [mqtt.md](mqtt.md#telemetry).",
	rows: []row[*Telemetry]{
		{Key: Key{Name: "interval", Kind: Duration, Min: "1s", Max: "1d", Default: "10s", Example: "10s",
			Help: "Shortest time between two published rows of a machine."},
			into: func(t *Telemetry) any { return &t.Interval }},
		{Key: Key{Name: "deadband", Kind: kindDeadband, Default: "0", Example: "0.5%",
			Help: "A value that has changed by no more than this does not count as changed; a row in which nothing has changed is not published, except once a minute."},
			read: func(v value, t *Telemetry) { v.deadband(&t.Deadband) }},
		{Key: Key{Name: "batch", Kind: Integer, Min: "1", Max: "1000", Default: "1", Example: "30",
			Help: "How many rows make a message; more than 1 saves data on a metered link and delays the values."},
			into: func(t *Telemetry) any { return &t.Batch }},
		{Key: Key{Name: "retain", Kind: Boolean, Default: "false", Example: "true",
			Help: "Whether the broker keeps the newest message for later subscribers."},
			into: func(t *Telemetry) any { return &t.Retain }},
	},
}

// readTelemetry reads the mapping that turns telemetry on.
func (m *MQTT) readTelemetry(v value) {
	m.Telemetry.On = telemetryKeys.read(v, &m.Telemetry)
}

// checkTelemetry turns on what Home Assistant needs.
func (m *MQTT) checkTelemetry(v value) {
	m.Telemetry.On = m.Telemetry.On || m.HomeAssistant
	if m.Telemetry.On && m.Broker == "" {
		v.warn("add broker:", "homeassistant and telemetry do nothing without a broker")
	}
}

// deadband reads 0.5% or 0.2.
func (v value) deadband(d *Deadband) {
	const how = "write it like 0.5% or 0.2"
	if !v.scalar(kindDeadband, "!!str", "!!int", "!!float") {
		return
	}
	text, percent := strings.CutSuffix(v.node.Value, "%")
	x, ok := parseNumber(strings.TrimSpace(text))
	switch {
	case !ok:
		v.fail(how, "%q is not a deadband", quoteShort(v.node.Value))
	case x < 0 || percent && x > 100:
		v.fail(how, "%s is out of range", quoteShort(v.node.Value))
	case percent:
		*d = Deadband{Relative: x / 100}
	default:
		*d = Deadband{Absolute: x}
	}
}
