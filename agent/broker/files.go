package broker

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// CheckFiles reads the password, the CA and the client certificate as for a
// connection, and returns all errors.
func (o Options) CheckFiles() error {
	_, perr := o.password()
	_, terr := o.tlsConfig("")
	return errors.Join(perr, terr)
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
