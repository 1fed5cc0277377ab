package config

import (
	"net"
	"net/netip"
	"strconv"
)

// HTTP is the page, health and metrics.
type HTTP struct {
	Pos
	Listen          string // "" = off
	TLSCert, TLSKey string
	TokenFile       string
	Insecure        bool
	Page            bool
}

var httpKeys = section[*HTTP]{
	path:    "http",
	help:    "The page, `/health` and `/metrics`. Everything is read-only.",
	secrets: []string{"token"},
	others:  map[string]string{"cert": "write tls: {cert: …, key: …}", "key": "write tls: {cert: …, key: …}"},
	rows: []row[*HTTP]{
		{Key: Key{Name: "listen", Kind: kindListenAddress, Default: "127.0.0.1:8080", Empty: "no page, health or metrics", Example: `":8080"`,
			Help: "Address to listen on; one that others reach needs tls and token_file, or insecure."},
			// Whether others may reach it depends on the keys below.
			read: func(v value, h *HTTP) {
				if v.node.ShortTag() == "!!int" {
					v.fail(`write "127.0.0.1:`+v.node.Value+`", or ":`+v.node.Value+`" for others too`, "want an address, got the port %s alone", v.node.Value)
					return
				}
				h.Listen, _ = v.someText()
			}},
		below(Key{Name: "tls", Without: "no TLS", Example: "{cert: /etc/iot-edge-anomaly/http.pem, key: /etc/iot-edge-anomaly/http.key}",
			Help: "Certificate and key for HTTPS."},
			&tlsKeys, func(h *HTTP) *HTTP { return h }),
		{Key: Key{Name: "token_file", Kind: File, Without: "no token is asked for", Example: "/run/credentials/iot-edge-anomaly.service/cred_http",
			Help: "File that holds the token that a client must send, as a bearer token or as the password of any user."},
			into: func(h *HTTP) any { return &h.TokenFile }},
		{Key: Key{Name: "insecure", Kind: Boolean, Default: "false", Example: "true",
			Help: "Allows an address that others reach without TLS and token."},
			into: func(h *HTTP) any { return &h.Insecure }},
		{Key: Key{Name: "page", Kind: Boolean, Default: "true", Example: "false",
			Help: "Whether the page and `/api/v1/state` are served; false: `/health` and `/metrics` alone."},
			into: func(h *HTTP) any { return &h.Page }},
	},
	check: func(v value, h *HTTP, g given) {
		h.Pos = v.pos
		if at, has := g["listen"]; has && h.Listen != "" {
			at.checkListen(h)
		}
	},
}

var tlsKeys = section[*HTTP]{
	path: "http.tls",
	help: "Certificate and key for HTTPS.",
	rows: []row[*HTTP]{
		{Key: Key{Name: "cert", Kind: File, Need: true, Example: "/etc/iot-edge-anomaly/http.pem",
			Help: "Certificate, in PEM."},
			into: func(h *HTTP) any { return &h.TLSCert }},
		{Key: Key{Name: "key", Kind: File, Need: true, Example: "/etc/iot-edge-anomaly/http.key",
			Help: "Private key of cert, in PEM."},
			into: func(h *HTTP) any { return &h.TLSKey }},
	},
}

func (v value) checkListen(h *HTTP) {
	host, port, err := net.SplitHostPort(h.Listen)
	if err != nil {
		v.fail(`write "127.0.0.1:8080"`, "%q is not an address to listen on", quoteShort(h.Listen))
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

// isLoopback tells whether only this machine reaches a host.
func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
