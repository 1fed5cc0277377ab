package mqtt

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"iot-edge-anomaly/agent/spool"
)

// Options of New. Broker and ClientID are required.
type Options struct {
	Broker   string // tcp:// or mqtt:// (port 1883), mqtts://, ssl:// or tls:// (port 8883)
	ClientID string // unique at the broker, at most 64 characters

	Username     string
	PasswordFile string // readable by its owner only, or a systemd credential
	CA           string // PEM file; empty = the system's
	Cert, Key    string // PEM files of the client certificate, both or none

	// Birth, Will and Offline must have the same topic; if it is empty, none of
	// them is used. They are published with QoS 1.
	Birth, Will, Offline spool.Message

	Window int          // sent and not yet acknowledged messages, at most; 0 = 16
	Logger *slog.Logger // nil = slog.Default()
}

// address is a parsed broker URL.
type address struct {
	url  *url.URL
	host string
	dial string // host:port
	tls  bool
}

func parseBroker(broker string) (address, error) {
	u, err := url.Parse(broker)
	if err != nil {
		var detail *url.Error
		if errors.As(err, &detail) {
			err = detail.Err // without the URL, which may contain a password
		}
		return address{}, fmt.Errorf("broker: %w", err)
	}
	a := address{url: u, host: u.Hostname()}
	port := u.Port()
	switch u.Scheme {
	case "tcp", "mqtt":
		port = orElse(port, "1883")
	case "mqtts", "ssl", "tls":
		a.tls = true
		port = orElse(port, "8883")
	default:
		return a, fmt.Errorf("broker %q: scheme %q, want tcp, mqtt, mqtts, ssl or tls", u.Redacted(), u.Scheme)
	}
	switch {
	case a.host == "":
		return a, fmt.Errorf("broker %q: no host", u.Redacted())
	case u.User != nil:
		return a, fmt.Errorf("broker %q: the address must not contain user or password", u.Redacted())
	case u.Path != "" && u.Path != "/" || u.RawQuery != "":
		return a, fmt.Errorf("broker %q: nothing may follow the port", u.Redacted())
	}
	a.dial = net.JoinHostPort(a.host, port)
	return a, nil
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// validate checks what can be checked without a file or a network.
func (o *Options) validate() (address, error) {
	a, err := parseBroker(o.Broker)
	errs := []error{err}
	if o.ClientID == "" || len(o.ClientID) > 64 || strings.ContainsFunc(o.ClientID, notID) {
		errs = append(errs, fmt.Errorf("client id %q: want 1 to 64 of A-Z a-z 0-9 _ . -", o.ClientID))
	}
	if (o.Cert == "") != (o.Key == "") {
		errs = append(errs, errors.New("client certificate and key: both or none"))
	}
	if err == nil && !a.tls && (o.CA != "" || o.Cert != "") {
		errs = append(errs, fmt.Errorf("certificates are set, but %s:// does not use TLS: want mqtts://", a.url.Scheme))
	}
	if o.PasswordFile != "" && o.Username == "" {
		errs = append(errs, errors.New("password without a user name")) // [MQTT-3.1.2-22]
	}
	if o.Window < 0 {
		errs = append(errs, fmt.Errorf("window of %d messages", o.Window))
	}
	for _, m := range []spool.Message{o.Birth, o.Will, o.Offline} {
		if m.Topic != o.Will.Topic {
			errs = append(errs, fmt.Errorf("status topics %q and %q differ", m.Topic, o.Will.Topic))
		}
	}
	if strings.ContainsAny(o.Will.Topic, "+#\x00") { // [MQTT-3.3.2-2]
		errs = append(errs, fmt.Errorf("status topic %q: + and # are wildcards", o.Will.Topic))
	}
	return a, errors.Join(errs...)
}

func notID(r rune) bool {
	return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("_.-", r))
}

// CheckFiles reads the password, the CA and the client certificate as for a
// connection, and returns all errors.
func (o *Options) CheckFiles() error {
	_, perr := o.password()
	_, terr := o.tlsConfig("")
	return errors.Join(perr, terr)
}

// password reads the password file without the line end after the password.
func (o *Options) password() (string, error) {
	if o.PasswordFile == "" {
		return "", nil
	}
	info, err := os.Stat(o.PasswordFile)
	if err != nil {
		return "", fmt.Errorf("reading password: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 && !isCredential(o.PasswordFile) {
		return "", fmt.Errorf("password file %s has mode %04o, others may read it: want 0600 (chmod 600)", o.PasswordFile, mode)
	}
	b, err := os.ReadFile(o.PasswordFile)
	if err != nil {
		return "", fmt.Errorf("reading password: %w", err)
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r"), nil
}

// isCredential tells whether systemd passed the file to the service as a
// credential: such a file has mode 0440, but only the service sees its folder.
func isCredential(name string) bool {
	dir := os.Getenv("CREDENTIALS_DIRECTORY")
	if dir == "" {
		return false
	}
	rel, err := filepath.Rel(dir, name)
	return err == nil && filepath.IsLocal(rel)
}

// tlsConfig reads the certificate files and returns the TLS settings for host.
func (o *Options) tlsConfig(host string) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: host}
	if o.CA != "" {
		pem, err := os.ReadFile(o.CA)
		if err != nil {
			return nil, fmt.Errorf("reading CA: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("CA %s: no PEM certificate in it", o.CA)
		}
	}
	if o.Cert != "" {
		pair, err := tls.LoadX509KeyPair(o.Cert, o.Key)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
			return nil, fmt.Errorf("reading client certificate: %w", err)
		}
		if err != nil {
			return nil, fmt.Errorf("client certificate %s with key %s: %w", o.Cert, o.Key, err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}
