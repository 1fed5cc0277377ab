package status

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"
)

// wire is a connection on which metrics are posted. It is kept between two pushes; the
// client of package http would cost much of the binary. It is for one goroutine.
type wire struct {
	url     *url.URL
	timeout time.Duration // of connecting, and of an exchange
	token   string
	roots   *x509.CertPool // nil = the system's
	conn    net.Conn       // nil = none
	reader  *bufio.Reader
	limit   io.LimitedReader // of the connection: what is left of an answer's bytes
}

// maxAnswer bounds what is read of an answer in bytes: a header has no other bound.
const maxAnswer = 64 << 10

// refusal is an answer that is no success.
type refusal struct {
	code int
	text string
}

func (r *refusal) Error() string {
	return strings.TrimSuffix(fmt.Sprintf("the receiver answers %d: %s", r.code, r.text), ": ")
}

// content tells whether it is about what was sent, so that sending it again is in vain.
func (r *refusal) content() bool {
	return r.code == http.StatusBadRequest || r.code == http.StatusRequestEntityTooLarge || r.code == http.StatusUnprocessableEntity
}

// send posts one scrape over the connection that there is, or a new one.
func (p *wire) send(ctx context.Context, body []byte, encoding string) error {
	kept := p.conn != nil
	err := p.post(ctx, body, encoding)
	if err != nil && kept && p.conn == nil && ctx.Err() == nil && !errors.As(err, new(*refusal)) { // the other end may have closed it while it was idle
		err = p.post(ctx, body, encoding)
	}
	return err
}

func (p *wire) post(ctx context.Context, body []byte, encoding string) error {
	if err := p.connect(ctx); err != nil {
		return err
	}
	conn := p.conn
	conn.SetDeadline(time.Now().Add(p.timeout))
	defer context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url.String(), bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "text/plain; version=0.0.4")
	if encoding != "" {
		req.Header.Set("Content-Encoding", encoding)
	}
	req.Header.Set("User-Agent", "iot-edge-anomaly")
	if p.token != "" {
		req.Header.Set("Authorization", "Bearer "+p.token)
	}
	answer, err := p.exchange(req)
	if err != nil {
		p.hangUp()
		return err
	}
	text, err := io.ReadAll(io.LimitReader(answer.Body, 4<<10))
	answer.Body.Close()
	if err != nil || answer.Close || len(text) == 4<<10 {
		p.hangUp()
	}
	if answer.StatusCode/100 != 2 {
		line, _, _ := strings.Cut(strings.TrimSpace(string(text)), "\n")
		return &refusal{answer.StatusCode, printable(line[:min(len(line), 200)])}
	}
	return nil
}

// printable leaves out what a terminal would obey, and what is not UTF-8.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, s)
}

func (p *wire) exchange(req *http.Request) (*http.Response, error) {
	if err := req.Write(p.conn); err != nil {
		return nil, err
	}
	p.limit.N = maxAnswer
	return http.ReadResponse(p.reader, req)
}

func (p *wire) connect(ctx context.Context) error {
	if p.conn != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	port := map[string]string{"http": "80", "https": "443"}[p.url.Scheme]
	if p.url.Port() != "" {
		port = p.url.Port()
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(p.url.Hostname(), port))
	if err != nil {
		return err
	}
	if p.url.Scheme == "https" {
		t := tls.Client(conn, &tls.Config{MinVersion: tls.VersionTLS12, ServerName: p.url.Hostname(), RootCAs: p.roots})
		if err := t.HandshakeContext(ctx); err != nil {
			conn.Close()
			return err
		}
		conn = t
	}
	p.conn, p.limit = conn, io.LimitedReader{R: conn}
	p.reader = bufio.NewReader(&p.limit)
	return nil
}

// hangUp ends the connection.
func (p *wire) hangUp() {
	if p.conn != nil {
		p.conn.Close()
		p.conn, p.reader = nil, nil
	}
}
