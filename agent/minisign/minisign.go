package minisign

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// MaxSignature is how many bytes a signature file has at most.
const MaxSignature = 4096

// Sizes of what the base64 lines hold.
const (
	keySize = 2 + 8 + ed25519.PublicKeySize
	sigSize = 2 + 8 + ed25519.SignatureSize
)

// Errors of Verify. Anything else is a signature that cannot be read.
var (
	ErrKey   = errors.New("signed with a key that is not trusted")
	ErrWrong = errors.New("the signature is not of this content")
)

// Key is a public key.
type Key struct {
	id  [8]byte
	key ed25519.PublicKey
}

// ID is what minisign calls the key: 16 hex digits.
func (k *Key) ID() string { return idOf(k.id[:]) }

func idOf(id []byte) string {
	b := bytes.Clone(id)
	for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
		b[i], b[j] = b[j], b[i] // little endian
	}
	return strings.ToUpper(hex.EncodeToString(b))
}

// ParseKey reads a public key: the file that minisign writes, or its base64 line alone.
func ParseKey(text []byte) (*Key, error) {
	if len(text) > MaxSignature {
		return nil, errors.New("no public key of minisign: too long")
	}
	line := ""
	for l := range strings.Lines(string(text)) {
		l = strings.TrimSpace(l)
		if l == "" || strings.HasPrefix(l, "untrusted comment:") {
			continue
		}
		if line != "" {
			return nil, errors.New("no public key of minisign: more than one line of base64")
		}
		line = l
	}
	b, err := base64.StdEncoding.DecodeString(line)
	if err != nil || len(b) != keySize || b[0] != 'E' || b[1] != 'd' {
		return nil, errors.New("no public key of minisign: want a line of 56 characters that begins with RW")
	}
	k := &Key{key: b[10:]}
	copy(k.id[:], b[2:10])
	return k, nil
}

// Signature is a signature file that was read and not verified.
type Signature struct {
	hashed  bool
	id      [8]byte
	sig     []byte
	comment string // trusted once verified
	global  []byte
}

// Parse reads a signature file.
func Parse(text []byte) (*Signature, error) {
	if len(text) > MaxSignature {
		return nil, fmt.Errorf("no signature of minisign: more than %d bytes", MaxSignature)
	}
	lines := strings.Split(strings.TrimRight(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n"), "\n")
	if len(lines) != 4 || !strings.HasPrefix(lines[0], "untrusted comment:") {
		return nil, errors.New("no signature of minisign: want 4 lines, the first an untrusted comment")
	}
	comment, ok := strings.CutPrefix(lines[2], "trusted comment: ")
	if !ok {
		return nil, errors.New("no signature of minisign: line 3: want a trusted comment")
	}
	b, err := base64.StdEncoding.DecodeString(lines[1])
	if err != nil || len(b) != sigSize || b[0] != 'E' || b[1] != 'd' && b[1] != 'D' {
		return nil, errors.New("no signature of minisign: line 2: want base64 that begins with RW or RU")
	}
	global, err := base64.StdEncoding.DecodeString(lines[3])
	if err != nil || len(global) != ed25519.SignatureSize {
		return nil, errors.New("no signature of minisign: line 4: want base64 of 64 bytes")
	}
	s := &Signature{hashed: b[1] == 'D', sig: b[10:], comment: comment, global: global}
	copy(s.id[:], b[2:10])
	return s, nil
}

// Verify tells with which of the keys the content was signed, and what the signer's
// trusted comment says.
func (s *Signature) Verify(content []byte, keys []*Key) (by *Key, comment string, err error) {
	for _, k := range keys {
		if k.id != s.id {
			continue
		}
		what := content
		if s.hashed {
			sum := blake2b(content)
			what = sum[:]
		}
		if !ed25519.Verify(k.key, what, s.sig) {
			return nil, "", ErrWrong
		}
		if !ed25519.Verify(k.key, append(bytes.Clone(s.sig), s.comment...), s.global) {
			return nil, "", fmt.Errorf("%w: its trusted comment was changed", ErrWrong)
		}
		return k, s.comment, nil
	}
	return nil, "", fmt.Errorf("%w: %s", ErrKey, idOf(s.id[:]))
}
