package config

import (
	"net/url"
	"strings"
	"unicode/utf8"
)

var metricsKeys = section[*Metrics]{
	path:    "metrics",
	help:    "Where metrics go, beside `/metrics` of the HTTP address. See [monitoring.md](monitoring.md#push).",
	secrets: []string{"token"},
	rows: []row[*Metrics]{
		{Key: Key{Name: "push", Kind: Text, Default: `""`, Empty: "metrics are only scraped", Example: `"https://metrics.plant/api/v1/import/prometheus"`, Check: pushURL,
			Help: "Address to which metrics are pushed: of VictoriaMetrics or vmagent, ending in `/api/v1/import/prometheus`; or of a Pushgateway, `/metrics/job/iot-edge-anomaly/instance/NAME`."},
			into: func(m *Metrics) any { return &m.Push }},
		{Key: Key{Name: "interval", Kind: Duration, Min: "1s", Max: "1h", Default: "15s", Example: "60s",
			Help: "How often metrics are pushed."},
			into: func(m *Metrics) any { return &m.Interval }},
		{Key: Key{Name: "token_file", Kind: File, Without: "no token is sent", Example: "/run/credentials/iot-edge-anomaly.service/cred_metrics",
			Help: "File that holds the token that is sent with each push, as a bearer token."},
			into: func(m *Metrics) any { return &m.TokenFile }},
		{Key: Key{Name: "ca", Kind: File, Without: "the system's", Example: "/etc/iot-edge-anomaly/metrics-ca.pem",
			Help: "Certificates of the authorities that may sign the receiver's certificate, in PEM."},
			into: func(m *Metrics) any { return &m.CA }},
	},
	check: func(v value, m *Metrics, g given) {
		m.Pos = v.pos
		u, err := url.Parse(m.Push)
		if err != nil || m.Push == "" {
			return
		}
		if at, has := g["token_file"]; has && u.Scheme == "http" && !isLoopback(u.Hostname()) {
			at.warn("write https://", "the token crosses the network unencrypted")
		}
		if at, has := g["ca"]; has && u.Scheme == "http" {
			at.fail("write https://, or leave it out", "is set, but %s:// does not use TLS", u.Scheme)
		}
	},
}

// pushURL checks an address to push to.
func pushURL(v any) []Fault {
	const hint = `write it like "https://metrics.plant/api/v1/import/prometheus"`
	u, err := url.Parse(v.(string))
	switch {
	case v == "":
		return nil
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return []Fault{{Message: "is not an address of http or https", Hint: hint}}
	case u.User != nil || HideSecrets(v.(string)) != v:
		return []Fault{{Message: "must not contain user, password or token", Hint: "put a token into a file and name it in token_file"}}
	case strings.ContainsFunc(u.Host, func(r rune) bool { return r >= utf8.RuneSelf }):
		return []Fault{{Message: "has a host name that is not ASCII", Hint: "write it as your DNS server has it, like xn--wrme-loa.plant"}}
	case u.Port() != "" && !goodPort(u.Port()):
		return []Fault{{Message: "has a port that is out of range", Hint: "use 1 to 65535"}}
	case u.Path == "" || u.Path == "/":
		return []Fault{{Message: "has no path", Hint: hint}}
	}
	return nil
}
