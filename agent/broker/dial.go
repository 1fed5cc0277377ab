package broker

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"time"
)

// DialTimeout bounds resolving, connecting and the TLS handshake together.
const DialTimeout = 10 * time.Second

// Dialer opens a connection to an address, as net.Dialer.DialContext does.
type Dialer func(ctx context.Context, network, address string) (net.Conn, error)

// Open connects to the broker, with TLS where its address says so. A nil dial means
// the network. The error says what the operator can do about it.
func (b *Broker) Open(ctx context.Context, dial Dialer) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, DialTimeout)
	defer cancel()
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	var config *tls.Config
	if b.tls {
		var err error
		if config, err = b.certificates(); err != nil {
			return nil, err
		}
	}
	conn, err := dial(ctx, "tcp", b.dial)
	if err != nil {
		return nil, Explain(err)
	}
	if config == nil {
		return conn, nil
	}
	t := tls.Client(conn, config)
	if err := t.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, Explain(err)
	}
	if chain := t.ConnectionState().PeerCertificates; len(chain) > 0 {
		b.peer.Store(chain[0].NotAfter.Unix())
	}
	return t, nil
}

// PeerExpires is when the certificate that the broker showed last expires; zero =
// unknown.
func (b *Broker) PeerExpires() (at time.Time) {
	if s := b.peer.Load(); s != 0 {
		at = time.Unix(s, 0)
	}
	return at
}

// Explain adds to an error what the operator can do about it.
func Explain(err error) error {
	var authority x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var name x509.HostnameError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	switch {
	case errors.As(err, &authority):
		return fmt.Errorf("broker's certificate is signed by an unknown authority; set ca to its certificate: %w", err)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && invalid.Cert != nil:
		return expired(err, invalid.Cert, time.Now())
	case errors.As(err, &name):
		return fmt.Errorf("broker's certificate is for another name: %w", err)
	case errors.As(err, &record):
		return fmt.Errorf("broker does not speak TLS on this port: %w", err)
	case errors.As(err, &alert):
		return fmt.Errorf("broker refused the TLS connection (does it want a client certificate?): %w", err)
	case Closed(err):
		return fmt.Errorf("broker closed the connection: %w", err)
	case errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("broker did not answer in time: %w", err)
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "remote error" && strings.Contains(op.Err.Error(), "certificate") {
		return fmt.Errorf("broker refused the client certificate: %w", err)
	}
	return err
}

// Closed tells whether the other end closed the connection.
func Closed(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// ExplainConnect is Explain for errors before CONNACK. With TLS 1.3 a refused client
// certificate shows only then, and not always with its alert.
func (b *Broker) ExplainConnect(err error) error {
	if b.tls && Closed(err) {
		return fmt.Errorf("broker refused the connection right after the TLS handshake; does it accept this client certificate? %w", err)
	}
	return Explain(err)
}

// expired distinguishes an expired certificate from a clock that is not set: a
// gateway without a battery starts with a date years ago.
func expired(err error, cert *x509.Certificate, now time.Time) error {
	const day = time.DateOnly
	if now.Before(cert.NotBefore) {
		return fmt.Errorf("broker's certificate is not valid before %s and this gateway's clock says %s; is the clock set? %w",
			cert.NotBefore.Format(day), now.Format(day), err)
	}
	return fmt.Errorf("broker's certificate expired on %s (this gateway's clock says %s): %w",
		cert.NotAfter.Format(day), now.Format(day), err)
}
