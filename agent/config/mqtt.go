package config

import (
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// MQTT is the broker; an empty Broker means no publishing.
type MQTT struct {
	Pos
	Broker        string // "tcp://host:1883", "mqtts://host:8883"
	Topic         string // template with {site} and {device}
	CA, Cert, Key string // files
	Username      string
	PasswordFile  string
	HomeAssistant bool
	Telemetry     Telemetry
	Commands      Commands
}

var mqttKeys = section[*MQTT]{
	path:    "mqtt",
	help:    "The broker to which states and events are published.",
	secrets: []string{"password"},
	rows: []row[*MQTT]{
		{Key: Key{Name: "broker", Kind: BrokerURL, Default: `""`, Empty: "nothing is published", Example: `"mqtts://broker.plant:8883"`,
			Help: "Address of the broker; without a port 8883 with TLS (mqtts) and 1883 without."},
			into: func(m *MQTT) any { return &m.Broker }},
		{Key: Key{Name: "topic", Kind: kindTopic, Max: "200", Default: "iot-edge-anomaly/{site}/{device}", Example: `"plant/{site}/{device}"`,
			Help: "Topic below which everything is published."},
			read: func(v value, m *MQTT) { m.readTopic(v) }},
		{Key: Key{Name: "ca", Kind: File, Without: "the system's certificates", Example: "/etc/iot-edge-anomaly/ca.pem",
			Help: "Certificates of the authorities that may have signed the broker's certificate, in PEM."},
			into: func(m *MQTT) any { return &m.CA }},
		{Key: Key{Name: "cert", Kind: File, Without: "no client certificate", Example: "/etc/iot-edge-anomaly/client.pem",
			Help: "Certificate by which the agent identifies itself, in PEM; together with key."},
			into: func(m *MQTT) any { return &m.Cert }},
		{Key: Key{Name: "key", Kind: File, Without: "no client certificate", Example: "/etc/iot-edge-anomaly/client.key",
			Help: "Private key of cert, in PEM."},
			into: func(m *MQTT) any { return &m.Key }},
		{Key: Key{Name: "username", Kind: Text, Without: "none", Example: "gw7",
			Help: "User name at the broker."},
			into: func(m *MQTT) any { return &m.Username }},
		{Key: Key{Name: "password_file", Kind: File, Without: "none", Example: "/run/credentials/iot-edge-anomaly.service/cred_mqtt",
			Help: "File that holds the password of username; it is read at each connection."},
			into: func(m *MQTT) any { return &m.PasswordFile }},
		{Key: Key{Name: "homeassistant", Kind: Boolean, Default: "false", Example: "true",
			Help: "Whether the machines are announced to Home Assistant; it turns telemetry on. See [homeassistant.md](homeassistant.md)."},
			into: func(m *MQTT) any { return &m.HomeAssistant }},
		{Key: Key{Name: "telemetry", Kind: kindMapping, Without: "no values are published", Example: "{interval: 10s, deadband: 0.5%}",
			Help: "Values, quality and score of each machine."},
			read: func(v value, m *MQTT) { m.readTelemetry(v) }, fill: func(m *MQTT) { telemetryKeys.fill(&m.Telemetry) }},
		{Key: Key{Name: "commands", Kind: kindMapping, Default: "", Without: "nothing is taken from the broker", Example: "{allow: [ack, mute]}",
			Help: "What may be asked of the gateway over the broker."},
			read: func(v value, m *MQTT) { commandKeys.read(v, &m.Commands) }, fill: func(m *MQTT) { commandKeys.fill(&m.Commands) }},
	},
	check: func(v value, m *MQTT, _ given) {
		m.Pos = v.pos
		m.checkTelemetry(v)
		m.checkCommands(v)
		v.pair("cert", m.Cert, "key", m.Key)
		v.tell(brokerFaults(m.Broker, m.CA, m.Cert, m.Username, m.PasswordFile), nil)
	},
}

// brokerFaults tells what is wrong with the keys of a broker together.
func brokerFaults(broker, ca, cert, username, passwordFile string) (fs []Fault) {
	if passwordFile != "" && username == "" {
		fs = append(fs, Fault{Message: "password_file needs username", Hint: "MQTT 3.1.1 allows no password without one"})
	}
	scheme, _, _ := strings.Cut(broker, ":")
	if broker != "" && brokerPorts[scheme] != "8883" && (ca != "" || cert != "") {
		fs = append(fs, Fault{Message: "ca, cert and key need an encrypted broker address", Hint: "use mqtts://"})
	}
	return fs
}

// BrokerKeys are the keys by which a sensor says how its broker is reached.
// CheckBroker tells what is wrong with them together.
func BrokerKeys() []Key {
	var out []Key
	for _, k := range mqttKeys.list().Keys {
		switch k.Name {
		case "broker":
			k.Need, k.Default, k.Empty = true, "", ""
			k.Help = "Address of the broker that is read from; without a port 8883 with TLS (mqtts) and 1883 without."
			out = append(out, k)
		case "ca", "cert", "key", "username", "password_file":
			out = append(out, k)
		}
	}
	return out
}

// CheckBroker checks the keys of BrokerKeys.
func CheckBroker(s *Sensor) []Fault {
	get := func(name string) string { return Get[string](s.Own, name) }
	fs := brokerFaults(get("broker"), get("ca"), get("cert"), get("username"), get("password_file"))
	if (get("cert") == "") != (get("key") == "") {
		fs = append(fs, Fault{Message: "cert and key need each other", Hint: "name both files, or neither"})
	}
	return fs
}

// pair reports two keys of which only one is set.
func (v value) pair(a, aValue, b, bValue string) {
	if aValue != "" && bValue == "" {
		v.fail("name both files, or neither", "%s needs %s", a, b)
	}
	if bValue != "" && aValue == "" {
		v.fail("name both files, or neither", "%s needs %s", b, a)
	}
}

// brokerPorts maps each scheme to its registered port.
var brokerPorts = map[string]string{"tcp": "1883", "mqtt": "1883", "mqtts": "8883", "ssl": "8883", "tls": "8883"}

// broker reads the address of a broker; its port is filled in.
func (v value) broker() (string, bool) {
	s, ok := v.someText()
	if !ok || s == "" {
		return "", ok
	}
	u, ok := v.address(s)
	if !ok {
		return "", false
	}
	port, known := brokerPorts[u.Scheme]
	if !known {
		return "", v.fail(didYouMean(u.Scheme, []string{"mqtts", "mqtt", "tcp"}), "unknown scheme %q", quoteShort(u.Scheme))
	}
	host, ok := v.hostPort(u, port)
	if !ok {
		return "", false
	}
	if port == "1883" && !isLoopback(u.Hostname()) {
		v.warn("use mqtts://", "messages and passwords cross the network unencrypted")
	}
	return u.Scheme + "://" + host, true
}

// hostPort checks that a URL is host[:port] and nothing else.
func (v value) hostPort(u *url.URL, port string) (string, bool) {
	switch {
	case u.Hostname() == "":
		return "", v.fail("write "+u.Scheme+"://host:"+port, "the address has no host")
	case u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "":
		return "", v.fail("write "+u.Scheme+"://host:"+port, "the address has something after the port")
	}
	if u.Port() != "" {
		port = u.Port()
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return "", v.fail("use 1 to 65535", "port %s is out of range", quoteShort(port))
	}
	return net.JoinHostPort(u.Hostname(), port), true
}

var placeholder = regexp.MustCompile(`\{([^{}]*)\}`)

// readTopic reads the topic template. [MQTT-3.3.2-2] forbids wildcards in a
// topic that is published to; empty levels are legal but never meant.
func (m *MQTT) readTopic(v value) {
	topic, ok := v.someText()
	if !ok {
		return
	}
	m.Topic = topic
	for _, m := range placeholder.FindAllStringSubmatch(topic, -1) {
		if m[1] != "site" && m[1] != "device" {
			v.fail(didYouMean(m[1], []string{"site", "device"}), "unknown placeholder {%s}", quoteShort(m[1]))
		}
	}
	rest := placeholder.ReplaceAllString(topic, "x")
	switch {
	case strings.ContainsAny(rest, "{}"):
		v.fail("use {site} and {device}", "an unpaired brace")
	case strings.ContainsAny(rest, "+#"):
		v.fail("subscribers use them, not publishers", "a topic to publish to has no + or #")
	case strings.HasPrefix(rest, "$"):
		v.fail("begin with another character", "topics that begin with $ belong to the broker")
	case strings.HasPrefix(rest, "/") || strings.HasSuffix(rest, "/") || strings.Contains(rest, "//"):
		v.fail("remove a slash", "the topic has an empty level")
	}
}

// address parses a URL and refuses a password in it.
func (v value) address(s string) (*url.URL, bool) {
	if !strings.Contains(s, "://") {
		return nil, v.fail("write scheme://host:port", "the address has no scheme")
	}
	u, err := url.Parse(s)
	if err != nil { // it is not quoted: what is not understood may hold a password
		return nil, v.fail("write scheme://host:port", "not an address")
	}
	if _, has := u.User.Password(); has {
		return nil, v.fail("write username: and password_file:", "an address must not hold a password")
	}
	if u.User != nil {
		return nil, v.fail("write username:", "an address must not hold a user name")
	}
	return u, true
}
