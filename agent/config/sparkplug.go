package config

import (
	"strings"
	"unicode"
)

// hostGroup stands where the topics of edge nodes have their group
// ([tck-id-host-topic-phid-birth-topic]).
const hostGroup = "STATE"

// readGroup reads the group of the edge node: one level of a topic.
func (m *MQTT) readGroup(v value) {
	group, ok := v.someText()
	if !ok {
		return
	}
	m.SparkplugGroup = group
	switch {
	case strings.ContainsAny(group, "+/#"):
		v.fail("take another character", "Sparkplug forbids + / and # in names")
	case strings.ContainsFunc(group, unicode.IsControl):
		v.fail("take another character", "a control character")
	case group == hostGroup:
		v.fail("take another name", "topics of the group %s belong to Sparkplug's hosts", group)
	case strings.TrimSpace(group) != group:
		v.fail("remove it", "a space at the beginning or the end")
	}
}

// sparkplugSite refuses a site that is no group.
func (v value) sparkplugSite(c *Config) {
	if c.MQTT.Sparkplug && c.MQTT.SparkplugGroup == "" && c.Gateway.Site == hostGroup {
		at := value{p: v.p, path: "mqtt.sparkplug", pos: c.MQTT.Pos}
		at.fail("add sparkplug_group:", "topics of the group %s, the gateway's site, belong to Sparkplug's hosts", hostGroup)
	}
}

// checkSparkplug looks at what belongs together.
func (m *MQTT) checkSparkplug(v value) {
	if m.Sparkplug && m.Broker == "" {
		v.warn("add broker:", "sparkplug does nothing without a broker")
	}
	if !m.Sparkplug && m.SparkplugGroup != "" {
		v.warn("add sparkplug: true", "sparkplug_group does nothing without sparkplug")
	}
}
