package status

import (
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"
	"unicode"
)

// lookEvery is how often the files of the endpoint are looked at while it is used.
const lookEvery = time.Second

// files are the certificate and the token of the endpoint. They are read again when
// they change, so that a certificate is renewed without a restart. What cannot be
// read leaves what was read before in force. They are safe for concurrent use.
type files struct {
	cert, key, token string // paths; empty = none
	log              *slog.Logger

	mu     sync.Mutex
	looked time.Time
	seen   [3]string // stamps of the files when they were read
	pair   *tls.Certificate
	sum    *[sha256.Size]byte // of the token
	err    error              // of the newest reading; nil = all were read
}

// look reads the files that have changed since the last look, and all of them again
// if one could not be read then. mu is held.
func (f *files) look() {
	if now := time.Now(); now.Sub(f.looked) >= lookEvery {
		f.looked = now
	} else {
		return
	}
	stamps := [3]string{stamp(f.cert), stamp(f.key), stamp(f.token)}
	if stamps == f.seen && f.err == nil {
		return
	}
	before := f.err
	f.seen = stamps
	f.err = errors.Join(f.readToken(), f.readPair())
	switch {
	case f.cert != "" && f.pair == nil: // the server tells why it does not listen
	case f.err != nil && (before == nil || before.Error() != f.err.Error()):
		f.log.Error("http endpoint: what was read before stays in force", "error", f.err)
	case f.err == nil && before != nil:
		f.log.Info("http endpoint: certificate and token are in order again")
	}
}

// stamp changes when a file is written or replaced.
func stamp(path string) string {
	if path == "" {
		return ""
	}
	st, err := os.Stat(path)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprint(st.ModTime().UnixNano(), st.Size(), inode(st))
}

// inode tells a file from the one that it replaced.
func inode(st os.FileInfo) uint64 {
	if s, ok := st.Sys().(*syscall.Stat_t); ok {
		return uint64(s.Ino)
	}
	return 0
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
	f.sum = &sum
	return nil
}

func (f *files) readPair() error {
	if f.cert == "" {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(f.cert, f.key)
	if err != nil {
		return fmt.Errorf("http certificate: %w", err)
	}
	f.pair = &pair
	return nil
}

// certificate is the one in force; it is an error if none could ever be read.
func (f *files) certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.look(); f.pair == nil {
		return nil, f.err
	}
	return f.pair, nil
}

// tokenSum is the sha256 of the token in force; nil = none could ever be read.
func (f *files) tokenSum() *[sha256.Size]byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.look()
	return f.sum
}

// trouble is why the newest files are not in force; empty = they are.
func (f *files) trouble() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.look(); f.err != nil {
		return strings.ReplaceAll(f.err.Error(), "\n", "; ")
	}
	return ""
}
