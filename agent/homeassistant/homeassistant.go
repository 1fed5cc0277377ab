package homeassistant

import (
	"time"

	"iot-edge-anomaly/agent/detect"
)

// Birth is the topic on which Home Assistant says online when it has started.
const Birth = "homeassistant/status"

// ChannelsMost is how many channels of a machine have entities at the most. The message
// of a device stays below 64 KiB, which brokers take: names of more than a hundred
// characters make them fewer.
const ChannelsMost = 64

// Topics are where gateway and machines publish.
type Topics interface {
	GatewayTopic(leaf string) string
	EventTopic(machine string) string
	MachineTopic(machine, leaf string) string
}

// Gateway is the device that all machines hang on.
type Gateway struct {
	Site, Device string
	Topics       Topics
	Version      string
	URL          string        // of its page, where others can open it; empty = nowhere
	Silence      time.Duration // longest time between two messages on health
}

// Machine is a device.
type Machine struct {
	Name     string
	States   []string // that it can be in
	Channels []Channel
	Silence  time.Duration // longest time between two messages on its telemetry topic
	Refresh  time.Duration // and between two on its state topic
}

// Channel is an entity of a machine, and another one for what it counts.
type Channel struct {
	Name, Unit string
	Counter    bool   // its value is the rate of a counter
	CountUnit  string // of what that has counted
}

// Devices are the messages about the gateway and its machines, the gateway first.
func Devices(g Gateway, machines []Machine) []Device {
	out := []Device{g.device()}
	for i := range machines {
		out = append(out, g.machine(&machines[i]))
	}
	return out
}

// expire is when an entity expires that is renewed at least each silence.
func expire(silence time.Duration) int {
	return int(max(3*silence, 30*time.Second) / time.Second)
}

const prefix = "iot-edge-anomaly"

// rare entities must be enabled by whoever wants them.
var rare = new(bool)

// make makes the message of a device from its entities.
func (g *Gateway) make(id string, info deviceInfo, entities map[string]entity) Device {
	info.IDs, info.Manufacturer, info.Version = []string{id}, prefix, g.Version
	d := Device{Topic: "homeassistant/device/" + id + "/config", Entities: map[string]string{},
		message: device{Device: info, Origin: origin{prefix, g.Version}, Entities: entities, QoS: 1}}
	for name, e := range entities {
		e.Unique = id + "_x" + name
		entities[name] = e
		d.Entities[name] = e.Platform
	}
	return d
}

// id is the identifier of the gateway's device.
func (g *Gateway) id() string { return id(prefix, g.Site, g.Device) }

func (g *Gateway) device() Device {
	status, health, exp := g.Topics.GatewayTopic("status"), g.Topics.GatewayTopic("health"), expire(g.Silence)
	diagnostic := func(e entity) entity {
		e.Category = "diagnostic"
		if e.Topic == "" {
			e.Topic, e.Avail, e.Expire = health, status, exp
		}
		return e
	}
	var severities []string
	for _, s := range detect.Severities() {
		severities = append(severities, string(s))
	}
	return g.make(g.id(), deviceInfo{Name: g.Device, Model: "gateway", URL: g.URL}, map[string]entity{
		"connection": diagnostic(entity{Platform: "binary_sensor", Name: "connection", Topic: status, Class: "connectivity", On: "online", Off: "offline"}),
		"health":     diagnostic(entity{Platform: "sensor", Name: "health", Template: "{{ value_json.status }}", Class: "enum", Options: []string{"healthy", "degraded", "unhealthy"}, Attrs: health}),
		"plant":      {Platform: "sensor", Name: "plant", Topic: health, Avail: status, Expire: exp, Template: "{{ value_json.plant }}", Class: "enum", Options: append([]string{"normal"}, severities...)},
		"queue":      diagnostic(entity{Platform: "sensor", Name: "queue", Template: "{{ value_json.queue.messages }}", State: "measurement"}),
		"dropped":    diagnostic(entity{Platform: "sensor", Name: "dropped messages", Template: "{{ value_json.queue.dropped }}", State: "total_increasing", Enabled: rare}),
		"event":      g.event("shared faults", "", status),
	})
}

// event is the entity of the events of a machine, or of those that no machine has; avail
// is where its device does not say when it is available.
func (g *Gateway) event(name, machine, avail string) entity {
	var types []string
	for _, r := range detect.Rules() {
		for _, s := range []detect.State{detect.Open, detect.Update, detect.Close} {
			types = append(types, string(r.Kind)+"_"+string(s))
		}
	}
	return entity{Platform: "event", Name: name, Topic: g.Topics.EventTopic(machine), Avail: avail, Types: types,
		Template: "{% if value_json.machine == '" + machine + "' %}{{ dict(value_json, event_type=value_json.kind ~ '_' ~ value_json.state) | tojson }}{% endif %}"}
}
