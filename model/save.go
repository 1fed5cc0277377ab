package model

import "fmt"

// Encode returns the model's file. Whoever writes it must replace an old file
// atomically: a power cut must not leave half a model.
func (m *Model) Encode() ([]byte, error) {
	if m.p.Reference != Int8 {
		return nil, fmt.Errorf("encode model %s: it was made for measurements", m.p.Version)
	}
	return encode(&m.p)
}
