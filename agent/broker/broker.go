package broker

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync/atomic"

	"iot-edge-anomaly/agent/keyfiles"
)

// Options say how a broker is reached. URL is required.
type Options struct {
	URL string // tcp:// or mqtt:// (port 1883), mqtts://, ssl:// or tls:// (port 8883)

	Username     string
	PasswordFile string // readable by its owner only, or a systemd credential
	CA           string // PEM file; empty = the system's
	Cert, Key    string // PEM files of the client certificate, both or none
}

// Broker is where connections are opened to. It is safe for concurrent use.
type Broker struct {
	opts Options
	url  *url.URL
	host string
	dial string // host:port
	tls  bool

	password, certs *keyfiles.Files
	secret          atomic.Pointer[string]     // the password in force
	config          atomic.Pointer[tls.Config] // with the certificates in force
	peer            atomic.Int64               // when the broker's own certificate expires, in seconds since 1970; 0 = unknown
}

// New checks what can be checked without a file or a network, and returns all
// errors.
func New(o Options) (*Broker, error) {
	b := &Broker{opts: o}
	b.password = keyfiles.New(b.readPassword, []string{o.PasswordFile}, nil)
	b.certs = keyfiles.New(b.readCertificates, []string{o.Key}, []string{o.CA, o.Cert})
	err := b.parse()
	errs := []error{err}
	if (o.Cert == "") != (o.Key == "") {
		errs = append(errs, errors.New("client certificate and key: both or none"))
	}
	if err == nil && !b.tls && (o.CA != "" || o.Cert != "") {
		errs = append(errs, fmt.Errorf("certificates are set, but %s:// does not use TLS: want mqtts://", b.url.Scheme))
	}
	if o.PasswordFile != "" && o.Username == "" {
		errs = append(errs, errors.New("password without a user name")) // [MQTT-3.1.2-22]
	}
	return b, errors.Join(errs...)
}

// URL is the address as configured; it has no password.
func (b *Broker) URL() *url.URL { return b.url }

// Address is host:port.
func (b *Broker) Address() string { return b.dial }

// Username is that of the options.
func (b *Broker) Username() string { return b.opts.Username }

// Carrier is what messages go over: "tls" or "tcp".
func (b *Broker) Carrier() string {
	if b.tls {
		return "tls"
	}
	return "tcp"
}

// Exposed tells whether messages and passwords cross a network unencrypted.
func (b *Broker) Exposed() bool {
	ip := net.ParseIP(b.host)
	local := b.host == "localhost" || strings.HasSuffix(b.host, ".localhost") || ip != nil && ip.IsLoopback()
	return !b.tls && !local
}

func (b *Broker) parse() error {
	u, err := url.Parse(b.opts.URL)
	if err != nil {
		var detail *url.Error
		if errors.As(err, &detail) {
			err = detail.Err // without the URL, which may contain a password
		}
		return fmt.Errorf("broker: %w", err)
	}
	b.url, b.host = u, u.Hostname()
	port := u.Port()
	switch u.Scheme {
	case "tcp", "mqtt":
		port = cmp.Or(port, "1883")
	case "mqtts", "ssl", "tls":
		b.tls = true
		port = cmp.Or(port, "8883")
	default:
		return fmt.Errorf("broker %q: scheme %q, want tcp, mqtt, mqtts, ssl or tls", u.Redacted(), u.Scheme)
	}
	switch {
	case b.host == "":
		return fmt.Errorf("broker %q: no host", u.Redacted())
	case u.User != nil:
		return fmt.Errorf("broker %q: the address must not contain user or password", u.Redacted())
	case u.Path != "" && u.Path != "/" || u.RawQuery != "":
		return fmt.Errorf("broker %q: nothing may follow the port", u.Redacted())
	}
	b.dial = net.JoinHostPort(b.host, port)
	return nil
}
