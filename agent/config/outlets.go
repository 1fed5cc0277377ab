package config

import (
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

func defaults() *Config {
	return &Config{
		Gateway: Gateway{Site: "default", ID: "auto"},
		MQTT:    MQTT{Topic: "iot-edge-anomaly/{site}/{device}"},
		Spool:   Spool{Max: 64 << 20},
		HTTP:    HTTP{Listen: "127.0.0.1:8080"},
		Trust:   Trust{Local: true},
		Log:     Log{Level: "info"},
		State:   "/var/lib/iot-edge-anomaly",
	}
}

func (v value) gateway(g *Gateway) {
	v.object(nil,
		key("site", func(v value) { v.label(&g.Site) }),
		key("id", func(v value) { v.label(&g.ID) }),
	)
}

func (v value) trust(t *Trust) {
	v.object(nil,
		key("local", func(v value) {
			if v.boolean(&t.Local) && !t.Local {
				v.fail("remove it", "models from elsewhere, the only ones then left, are not supported by this version")
			}
		}),
		key("keys", func(v value) {
			v.warn("only models learnt here are used", "models from elsewhere are not supported by this version")
			v.list(func(_ int, v value) {
				var file string
				if v.file(&file) {
					t.Keys = append(t.Keys, file)
				}
			})
		}),
	)
}

func (v value) spool(s *Spool) {
	v.object(nil,
		key("dir", func(v value) { v.file(&s.Dir) }),
		key("max", func(v value) { v.size(&s.Max, 1<<20, 1<<40) }),
	)
}

func (v value) metrics(m *Metrics) {
	v.object(nil, key("push", func(v value) {
		if !v.text(&m.Push) || m.Push == "" {
			return
		}
		v.fail("scrape /metrics, or leave it empty", "pushing metrics is not supported by this version")
	}))
}

func (v value) log(l *Log) {
	v.object(nil, key("level", func(v value) {
		v.enum(&l.Level, "level", map[string]string{"warning": "warn", "err": "error", "trace": "debug"},
			"debug", "info", "warn", "error")
	}))
}

// secret refuses a secret in the file itself: it is read by everybody who may
// read the configuration, and lands in backups and bundles.
func secret(name string) field {
	return field{key: name, refused: true, read: func(v value) {
		v.fail("put it into a file and write "+name+"_file:", "a secret must not stand in the configuration")
	}}
}

func (v value) mqtt(c *Config) {
	m := &c.MQTT
	m.Pos = v.pos
	var topic *value
	ok := v.object(nil,
		key("broker", func(v value) { v.broker(m) }),
		key("topic", func(v value) {
			if v.someText(&m.Topic) {
				topic = &v
			}
		}),
		key("ca", func(v value) { v.file(&m.CA) }),
		key("cert", func(v value) { v.file(&m.Cert) }),
		key("key", func(v value) { v.file(&m.Key) }),
		key("username", func(v value) { v.someText(&m.Username) }),
		key("password_file", func(v value) { v.file(&m.PasswordFile) }),
		key("homeassistant", func(v value) {
			if v.boolean(&m.HomeAssistant) && m.HomeAssistant {
				v.warn("nothing is announced", "Home Assistant discovery is not supported by this version")
			}
		}),
		secret("password"),
	)
	if !ok {
		return
	}
	if topic != nil {
		topic.checkTopic(m.Topic)
	}
	v.pair("cert", m.Cert, "key", m.Key)
	if m.PasswordFile != "" && m.Username == "" {
		v.fail("MQTT 3.1.1 allows no password without one", "password_file needs username")
	}
	secure := strings.HasPrefix(m.Broker, "mqtts:") || strings.HasPrefix(m.Broker, "ssl:") || strings.HasPrefix(m.Broker, "tls:")
	if m.Broker != "" && !secure && (m.CA != "" || m.Cert != "") {
		v.fail("use mqtts://", "ca, cert and key need an encrypted broker address")
	}
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

func (v value) broker(m *MQTT) {
	var s string
	if !v.text(&s) || s == "" {
		return
	}
	u, ok := v.address(s)
	if !ok {
		return
	}
	port, known := brokerPorts[u.Scheme]
	if !known {
		v.fail(didYouMean(u.Scheme, []string{"mqtts", "mqtt", "tcp"}), "unknown scheme %q", quoteShort(u.Scheme))
		return
	}
	host, ok := v.hostPort(u, port)
	if !ok {
		return
	}
	m.Broker = u.Scheme + "://" + host
	if port == "1883" && !isLoopback(u.Hostname()) {
		v.warn("use mqtts://", "events and passwords cross the network unencrypted")
	}
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

// checkTopic checks the topic template. [MQTT-3.3.2-2] forbids wildcards in a
// topic that is published to; empty levels are legal but never meant.
func (v value) checkTopic(topic string) {
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
	case len(topic) > 200:
		v.fail("shorten it", "the topic is longer than 200 bytes")
	}
}

func (v value) http(h *HTTP) {
	h.Pos = v.pos
	var listen *value
	ok := v.object(map[string]string{"cert": "write tls: {cert: …, key: …}", "key": "write tls: {cert: …, key: …}"},
		key("listen", func(v value) {
			if v.text(&h.Listen) {
				listen = &v
			}
		}),
		key("tls", func(v value) {
			v.object(nil,
				need("cert", func(v value) { v.file(&h.TLSCert) }),
				need("key", func(v value) { v.file(&h.TLSKey) }),
			)
		}),
		key("token_file", func(v value) { v.file(&h.TokenFile) }),
		key("insecure", func(v value) { v.boolean(&h.Insecure) }),
		secret("token"),
	)
	if ok && listen != nil && h.Listen != "" {
		listen.checkListen(h)
	}
}

func (v value) checkListen(h *HTTP) {
	host, port, err := net.SplitHostPort(h.Listen)
	if err != nil {
		v.fail(`write "127.0.0.1:8080"`, "%q is no address to listen on", quoteShort(h.Listen))
		return
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		v.fail("use 1 to 65535, or 0 for any that is free", "port %s is out of range", quoteShort(port))
		return
	}
	if isLoopback(host) || h.Insecure {
		return
	}
	if h.TLSCert == "" || h.TokenFile == "" {
		v.fail("or write insecure: true", "others reach %s, so tls and token_file are needed", quoteShort(h.Listen))
	}
}
