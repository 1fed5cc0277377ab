package config

import (
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// MQTT is the broker; an empty Broker means no publishing.
type MQTT struct {
	Pos
	Broker        string // "tcp://host:1883", "mqtts://host:8883"
	Topic         string // template with {site}, {device} and {machine}
	ClientID      string // template with {site} and {device}
	CA, Cert, Key string // files
	Username      string
	PasswordFile  string
	HomeAssistant bool
	Sparkplug     bool
	// SparkplugGroup is the group of the edge node; "" = gateway.site.
	SparkplugGroup string
	Telemetry      Telemetry
	Commands       Commands
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
			Help: "Topic below which everything is published. Where `{machine}` stands, each machine has its name, and the gateway its id; see [mqtt.md](mqtt.md#topics)."},
			read: func(v value, m *MQTT) { m.readTopic(v) }},
		{Key: Key{Name: "client_id", Kind: Text, Max: "64", Default: `"{site}-{device}"`, Example: `"{device}"`,
			Help: "Name under which the agent logs in, in which `{site}` and `{device}` are filled in; no two clients of a broker may have one name. AWS IoT Core wants that of the thing."},
			read: func(v value, m *MQTT) { m.readClientID(v) }},
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
		{Key: Key{Name: "sparkplug", Kind: Boolean, Default: "false", Example: "true",
			Help: "Whether the gateway is an edge node of Sparkplug B, and its machines are the devices; interval and deadband are those of telemetry. See [sparkplug.md](sparkplug.md)."},
			into: func(m *MQTT) any { return &m.Sparkplug }},
		{Key: Key{Name: "sparkplug_group", Kind: Text, Max: "200", Without: "the gateway's site", Example: `"Plant 3"`,
			Help: "Sparkplug group of the gateway; the id of the edge node is that of the gateway."},
			read: func(v value, m *MQTT) { m.readGroup(v) }},
		{Key: Key{Name: "telemetry", Kind: kindMapping, Without: "no values are published", Example: "{interval: 10s, deadband: 0.5%}",
			Help: "Values, quality and score of each machine."},
			read: func(v value, m *MQTT) { m.readTelemetry(v) }, fill: func(m *MQTT) { telemetryKeys.fill(&m.Telemetry) }},
		{Key: Key{Name: "commands", Kind: kindMapping, Default: "", Without: "nothing is taken from the broker", Example: "{allow: [ack, mute]}",
			Help: "What may be asked of the gateway over the broker."},
			read: func(v value, m *MQTT) { commandKeys.read(v, &m.Commands) }, fill: func(m *MQTT) { commandKeys.fill(&m.Commands) }},
	},
	check: func(v value, m *MQTT, g given) {
		m.Pos = v.pos
		m.checkLevels(g["topic"])
		m.checkTelemetry(v)
		m.checkSparkplug(v)
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

// goodPort tells whether a TCP port has that number.
func goodPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0
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
	if !goodPort(port) {
		return "", v.fail("use 1 to 65535", "port %s is out of range", quoteShort(port))
	}
	return net.JoinHostPort(u.Hostname(), port), true
}

// machinePlace stands in the topic where each machine has its name.
const machinePlace = "{machine}"

var placeholder = regexp.MustCompile(`\{([^{}]*)\}`)

// placeholders refuses any but those that are known.
func (v value) placeholders(template string, known []string) {
	for _, m := range placeholder.FindAllStringSubmatch(template, -1) {
		if !slices.Contains(known, m[1]) {
			v.fail(didYouMean(m[1], known), "unknown placeholder {%s}", quoteShort(m[1]))
		}
	}
}

// notInClientID is what not every broker takes in a client id.
var notInClientID = regexp.MustCompile(`[^A-Za-z0-9_.-]`)

func (m *MQTT) readClientID(v value) {
	id, ok := v.someText()
	if !ok {
		return
	}
	m.ClientID = id
	v.placeholders(id, []string{"site", "device"})
	if notInClientID.MatchString(placeholder.ReplaceAllString(id, "x")) {
		v.fail("use A-Z a-z 0-9 _ . -, {site} and {device}", "a client id has other characters")
	}
}

// readTopic reads the topic template. [MQTT-3.3.2-2] forbids wildcards in a
// topic that is published to; empty levels are legal but never meant.
func (m *MQTT) readTopic(v value) {
	topic, ok := v.someText()
	if !ok {
		return
	}
	m.Topic = topic
	v.placeholders(topic, []string{"site", "device", "machine"})
	if n := strings.Count(topic, machinePlace); n > 1 || n == 1 && !strings.Contains("/"+topic+"/", "/"+machinePlace+"/") {
		v.fail("write it once, between two slashes", "%s is not a level of its own", machinePlace)
	}
	rest := placeholder.ReplaceAllString(topic, "x")
	switch {
	case strings.ContainsAny(rest, "{}"):
		v.fail("use {site}, {device} and {machine}", "an unpaired brace")
	case strings.ContainsAny(rest, "+#"):
		v.fail("subscribers use them, not publishers", "a topic to publish to has no + or #")
	case strings.HasPrefix(rest, "$"):
		v.fail("begin with another character", "topics that begin with $ belong to the broker")
	case strings.HasPrefix(rest+"/", "spBv1.0/"): // [tck-id-topic-structure-namespace-a]
		v.fail("begin with another level; sparkplug: true publishes there", "topics below spBv1.0 belong to Sparkplug")
	case strings.HasPrefix(rest, "/") || strings.HasSuffix(rest, "/") || strings.Contains(rest, "//"):
		v.fail("remove a slash", "the topic has an empty level")
	}
}

// checkLevels warns of a topic that the broker does not take, as far as it is known: AWS
// IoT Core ends the connection on more than eight levels (its quotas).
func (m *MQTT) checkLevels(v value) {
	u, err := url.Parse(m.Broker)
	if v.p == nil || err != nil || !strings.Contains(u.Hostname(), ".amazonaws.com") {
		return
	}
	levels := strings.Count(m.Topic, "/") + 1 + 2 // as in machine/pump1
	if strings.Contains(m.Topic, machinePlace) && len(m.Commands.Allow) == 0 {
		levels--
	}
	if levels > 8 {
		v.warn("write a shorter one", "topics have up to %d levels, and AWS IoT Core takes 8", levels)
	}
}

// checkPlaces refuses a machine that would have the place of the gateway.
func (v value) checkPlaces(c *Config) {
	for i := range c.Machines {
		if m := &c.Machines[i]; m.Name == c.Gateway.ID && strings.Contains(c.MQTT.Topic, machinePlace) {
			at := value{p: v.p, path: "mqtt.topic", pos: c.MQTT.Pos}
			at.fail("give one of them another name", "machine %q and the gateway have one place in it", m.Name)
		}
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
