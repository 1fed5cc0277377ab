package broker

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"iot-edge-anomaly/agent/keyfiles"
)

// CheckFiles reads the password, the CA and the client certificate as for a
// connection, and returns all errors.
func (o Options) CheckFiles() error {
	_, perr := o.password()
	_, terr := o.tlsConfig("")
	return errors.Join(perr, terr)
}

// Password is the newest one that could be read; it is empty where none is configured.
// It may wait for the disk.
func (b *Broker) Password() (string, error) {
	b.password.Look()
	if p := b.secret.Load(); p != nil {
		return *p, nil
	}
	return "", b.password.Err()
}

func (b *Broker) readPassword() error {
	p, err := b.opts.password()
	if err == nil {
		b.secret.Store(&p)
	}
	return err
}

// certificates are the TLS settings with the newest certificates that could be read.
func (b *Broker) certificates() (*tls.Config, error) {
	b.certs.Look()
	if c := b.config.Load(); c != nil {
		return c, nil
	}
	return nil, b.certs.Err()
}

func (b *Broker) readCertificates() error {
	c, err := b.opts.tlsConfig(b.host)
	if err == nil {
		b.config.Store(c)
	}
	return err
}

// Files is how the files of a connection are.
type Files struct {
	Passwords, Certificates uint64    // times that new ones came into force
	Trouble                 string    // why the newest are not in force; "" = they are
	Loose                   string    // that others have access to the key; "" = they have not
	Expires                 time.Time // when the client certificate does; zero = there is none
}

// LookAtFiles reads the files that have changed. It may wait for the disk.
func (b *Broker) LookAtFiles() Files {
	b.password.Look()
	b.certs.Look()
	f := Files{b.password.Changes(), b.certs.Changes(), keyfiles.Line(errors.Join(b.password.Err(), b.certs.Err())), b.certs.Loose(), time.Time{}}
	if c := b.config.Load(); c != nil && len(c.Certificates) > 0 && c.Certificates[0].Leaf != nil {
		f.Expires = c.Certificates[0].Leaf.NotAfter
	}
	return f
}

// password reads the password file without the line end after the password.
func (o Options) password() (string, error) {
	if o.PasswordFile == "" {
		return "", nil
	}
	info, err := os.Stat(o.PasswordFile)
	if err != nil {
		return "", fmt.Errorf("reading password: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 && !keyfiles.IsCredential(o.PasswordFile) {
		return "", fmt.Errorf("password file %s has mode %04o, others may read it: want 0600 (chmod 600)", o.PasswordFile, mode)
	}
	b, err := os.ReadFile(o.PasswordFile)
	if err != nil {
		return "", fmt.Errorf("reading password: %w", err)
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r"), nil
}

// tlsConfig reads the certificate files and returns the TLS settings for host.
func (o Options) tlsConfig(host string) (*tls.Config, error) {
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
