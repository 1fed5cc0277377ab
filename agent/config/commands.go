package config

import "strings"

// Commands says what may be asked of the gateway over the broker.
type Commands struct {
	Allow []string // "ack", "mute"; empty = nothing, and nothing is subscribed to
}

// commandVerbs are what may be allowed.
var commandVerbs = []string{"ack", "mute"}

var commandKeys = section[*Commands]{
	path: "mqtt.commands",
	help: "What may be asked of the gateway over the broker, on `cmd/ack` and `cmd/mute`; only over an encrypted connection. See [mqtt.md](mqtt.md#commands).",
	rows: []row[*Commands]{
		{Key: Key{Name: "allow", Kind: List, Of: Choice, Choices: commandVerbs, Empty: "nothing", Without: "nothing", Example: "[ack, mute]",
			Help: "The verbs: `ack` acknowledges an event, `mute` silences a machine for at most 8 hours."},
			into: func(c *Commands) any { return &c.Allow }},
	},
}

// checkCommands refuses commands that cross the network unencrypted.
func (m *MQTT) checkCommands(v value) {
	if len(m.Commands.Allow) == 0 {
		return
	}
	if scheme, _, _ := strings.Cut(m.Broker, ":"); brokerPorts[scheme] != "8883" {
		v.fail("use mqtts://, or take allow out", "commands need an encrypted broker address")
	}
}
