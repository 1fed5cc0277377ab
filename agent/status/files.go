package status

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"
	"time"
	"unicode"

	"iot-edge-anomaly/agent/keyfiles"
)

// files are the certificate and the token of the endpoint. They are read again when
// they change, so that a certificate is renewed without a restart. What cannot be
// read leaves what was read before in force. They are safe for concurrent use, and only
// look and watch wait for the disk.
type files struct {
	*keyfiles.Files
	cert, key, token string // paths; empty = none
	log              *slog.Logger

	pair atomic.Pointer[tls.Certificate]
	sum  atomic.Pointer[[sha256.Size]byte] // of the token

	told, loose string // of look
}

func newFiles(cert, key, token string, log *slog.Logger) *files {
	f := &files{cert: cert, key: key, token: token, log: log}
	f.Files = keyfiles.New(func() error { return errors.Join(f.readToken(), f.readPair()) }, []string{key, token}, []string{cert})
	return f
}

// look reads the files if they have changed, and logs what is new of them. It is for one
// goroutine at a time.
func (f *files) look() {
	if !f.Look() {
		return
	}
	now, loose := keyfiles.Line(f.Err()), f.Loose()
	switch {
	case f.cert != "" && f.pair.Load() == nil: // the server tells why it does not listen
	case now != "" && now != f.told:
		f.log.Error("http endpoint: what was read before stays in force", "error", now)
	case now == "" && f.told != "":
		f.log.Info("http endpoint: certificate and token are in order again")
	case now == "" && f.Changes() > 1:
		f.log.Info("http endpoint: certificate and token were read anew")
	}
	if loose != "" && loose != f.loose {
		f.log.Warn("http endpoint: others have access to a secret file", "file", loose)
	}
	f.told, f.loose = now, loose
}

// watch looks at the files until ctx is done.
func (f *files) watch(ctx context.Context) {
	tick := time.NewTicker(keyfiles.Every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			f.look()
		}
	}
}

func (f *files) readToken() error {
	if f.token == "" {
		return nil
	}
	b, err := os.ReadFile(f.token)
	if err != nil {
		return fmt.Errorf("http token: %w", err)
	}
	token := strings.TrimSpace(string(b))
	if token == "" {
		return fmt.Errorf("http token %s: empty", f.token)
	}
	if strings.ContainsFunc(token, unicode.IsControl) {
		return fmt.Errorf("http token %s: more than one line, or not a text", f.token)
	}
	sum := sha256.Sum256([]byte(token))
	f.sum.Store(&sum)
	return nil
}

func (f *files) readPair() error {
	if f.cert == "" {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(f.cert, f.key)
	if err != nil {
		return fmt.Errorf("http certificate %s: %w", f.cert, err)
	}
	f.pair.Store(&pair)
	return nil
}

// certificate is the one in force; it is an error if none could ever be read.
func (f *files) certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	if p := f.pair.Load(); p != nil {
		return p, nil
	}
	if err := f.Err(); err != nil {
		return nil, err
	}
	return nil, errors.New("http certificate: not read yet")
}

// expires is when the certificate in force does; zero = there is none.
func (f *files) expires() (at time.Time) {
	if p := f.pair.Load(); p != nil && p.Leaf != nil {
		at = p.Leaf.NotAfter
	}
	return at
}

// open tells that every user of this computer has access to a secret file.
func (f *files) open() string {
	if s := f.Loose(); strings.Contains(s, "every user") {
		return s
	}
	return ""
}
