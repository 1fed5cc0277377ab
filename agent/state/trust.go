package state

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"

	"iot-edge-anomaly/agent/minisign"
	"iot-edge-anomaly/model"
)

// SignatureExt is the ending of a signature's file, beside that of its model.
const SignatureExt = ".minisig"

// ErrTrust marks a model of somebody whose models are not used.
var ErrTrust = errors.New("model is not trusted")

// Trust says whose models are used. The zero Trust uses only signed models of nobody; a
// nil *Trust uses all.
type Trust struct {
	Keys   []*minisign.Key // whose signed models are used
	Signed bool            // models from elsewhere must be signed
	Local  bool            // models that were learnt here are used
	Err    error           // why a key is missing from Keys; nil = none is
}

// LoadTrust reads the files of public keys. A key that cannot be read is nobody's.
func LoadTrust(local bool, keys []string) *Trust {
	t := &Trust{Local: local, Signed: len(keys) > 0}
	for _, path := range keys {
		b, err := ReadFile(path, minisign.MaxSignature)
		var k *minisign.Key
		if err == nil {
			k, err = minisign.ParseKey(b)
		}
		if err != nil {
			t.Err = errors.Join(t.Err, fmt.Errorf("trust.keys: %s: %w", path, err))
			continue
		}
		t.Keys = append(t.Keys, k)
	}
	return t
}

// Signer tells who has signed a model file, and "" where nobody must have. An error wraps
// ErrTrust.
func (t *Trust) Signer(content, signature []byte) (string, error) {
	if len(signature) == 0 {
		if t == nil || !t.Signed {
			return "", nil
		}
		return "", fmt.Errorf("%w: it has no signature, and trust.keys wants one: sign it with minisign -S", ErrTrust)
	}
	if t == nil || !t.Signed {
		return "", nil // nobody is known by whom it could be
	}
	s, err := minisign.Parse(signature)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrTrust, err)
	}
	k, comment, err := s.Verify(content, t.Keys)
	if err != nil {
		if t.Err != nil {
			err = fmt.Errorf("%w (%w)", err, t.Err)
		}
		return "", fmt.Errorf("%w: %w", ErrTrust, err)
	}
	if comment != "" {
		return k.ID() + ": " + comment, nil
	}
	return k.ID(), nil
}

// Demand has the folder use only models that are trusted. It returns s.
func (s *Models) Demand(t *Trust) *Models {
	s.trust = t
	return s
}

// trusted tells why the model at path is not used; nil = it is.
func (s *Models) trusted(path string, m *model.Model) error {
	if s.trust == nil || s.trust.Local && !s.trust.Signed {
		return nil
	}
	if s.learntHere(m.SHA256()) {
		if s.trust.Local {
			return nil
		}
		return fmt.Errorf("model %s: %w: it was learnt here, and trust.local is false", path, ErrTrust)
	}
	if !s.trust.Signed {
		return nil
	}
	raw, err := m.Encode() // the bytes of the file: Decode compares them
	if err != nil {
		return err
	}
	sig, err := ReadFile(path+SignatureExt, minisign.MaxSignature)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("model %s: %w: %w", path, ErrTrust, err)
	}
	if _, err := s.trust.Signer(raw, sig); err != nil {
		return fmt.Errorf("model %s: %w", path, err)
	}
	return nil
}

// LearntHere tells whether the history has a model's file as one that was learnt here.
func (s *Models) LearntHere(raw []byte) bool {
	return s.learntHere(fmt.Sprintf("%x", sha256.Sum256(raw)))
}

// learntHere tells whether the history has the model as one that this gateway has learnt.
func (s *Models) learntHere(sum string) bool {
	for _, e := range s.History() {
		if e.What == Learnt && e.SHA256 == sum {
			return true
		}
	}
	return false
}
