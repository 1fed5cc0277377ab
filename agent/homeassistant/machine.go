package homeassistant

import (
	"strings"

	"iot-edge-anomaly/agent/detect"
)

// machine is the device of a machine.
func (g *Gateway) machine(m *Machine) Device {
	var levels []string
	for _, l := range detect.Levels() {
		levels = append(levels, string(l))
	}
	state, telemetry, exp := g.Topics.MachineTopic(m.Name, "machine"), g.Topics.MachineTopic(m.Name, "telemetry"), expire(m.Silence)
	entities := map[string]entity{
		"state":   {Platform: "sensor", Name: "state", Topic: state, Template: "{{ value_json.state }}", Class: "enum", Options: m.States, Expire: expire(m.Refresh)},
		"level":   {Platform: "sensor", Name: "level", Topic: state, Template: "{{ value_json.level }}", Class: "enum", Options: levels, Expire: expire(m.Refresh)},
		"problem": {Platform: "binary_sensor", Name: "problem", Topic: state, Template: "{{ value_json.problem }}", Class: "problem", On: "True", Off: "False", Attrs: state, Expire: expire(m.Refresh)},
		"score":   {Platform: "sensor", Name: "score", Template: "{{ value_json.score }}", State: "measurement", Expire: exp},
		"drift":   {Platform: "sensor", Name: "drift", Template: "{{ value_json.drift }}", State: "measurement", Expire: exp, Category: "diagnostic", Enabled: rare},
		"model":   {Platform: "sensor", Name: "model", Topic: g.Topics.GatewayTopic("health"), Template: "{{ value_json.machines['" + m.Name + "'].model }}", Expire: expire(g.Silence), Category: "diagnostic"},
		"event":   g.event("event", m.Name, ""),
	}
	name, shown, room := id(prefix, g.Site, g.Device, m.Name), 0, channelBytes
	for i := range m.Channels[:min(len(m.Channels), ChannelsMost)] {
		c := &m.Channels[i]
		// An entity has its name five times: two are in identifiers, one in a template.
		need := len(name) + 5*len(c.Name) + entityBytes
		if c.Counter {
			need *= 2
		}
		if room -= need; room < 0 {
			break
		}
		shown++
		e := entity{Platform: "sensor", Name: c.Name, Template: member("channels", c.Name), State: "measurement", Expire: exp}
		e.Unit, e.Class = measured(c.Name, c.Unit)
		entities[id(c.Name)] = e
		if c.Counter {
			entities[id(c.Name, "count")] = entity{Platform: "sensor", Name: c.Name + " count", Template: member("counts", c.Name),
				State: "total_increasing", Unit: c.CountUnit, Class: counted(c.CountUnit), Expire: exp}
		}
	}
	d := g.make(name, deviceInfo{Name: m.Name, Model: "machine", Via: g.id()}, entities)
	d.message.Avail, d.message.Topic = g.Topics.GatewayTopic("status"), telemetry
	d.Left = len(m.Channels) - shown
	return d
}

const (
	channelBytes = 48 << 10 // for the entities of channels
	entityBytes  = 200      // of one, without names
)

// quoted escapes what stands in a text of a template.
var quoted = strings.NewReplacer(`\`, `\\`, `'`, `\'`)

// member is the template of a member of an object of the payload.
func member(object, name string) string {
	return "{{ value_json." + object + "['" + quoted.Replace(name) + "'] }}"
}
