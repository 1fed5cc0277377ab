package report

import (
	"cmp"
	"strings"
)

// MachinePlace stands in the base topic where each machine has its name, so that
// every machine has a place of its own in a tree like that of ISA-95.
const MachinePlace = "{machine}"

// base is what the topics of a machine begin with. What concerns no machine, or several,
// is at the place of the gateway.
func (d *Device) base(machine string) string {
	return strings.Replace(d.Topic, MachinePlace, cmp.Or(machine, d.Device), 1)
}

// GatewayTopic is where the gateway publishes about itself.
func (d *Device) GatewayTopic(leaf string) string { return d.base("") + "/" + leaf }

// EventTopic is where events of a machine are published; "" = of none, or of several.
func (d *Device) EventTopic(machine string) string { return d.base(machine) + "/event" }

// MachineTopic is where one thing about a machine is published: "machine", its state, or
// "telemetry".
func (d *Device) MachineTopic(machine, leaf string) string {
	if strings.Contains(d.Topic, MachinePlace) {
		return d.base(machine) + "/" + leaf
	}
	return d.Topic + "/" + leaf + "/" + machine
}
