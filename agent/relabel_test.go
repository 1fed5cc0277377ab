package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
)

// relabel replaces one piece of a model file's header by another of the same
// length and mends the checksum, as a newer writer would have written it.
func relabel(file []byte, old, next string) ([]byte, error) {
	if len(old) != len(next) || !bytes.Contains(file, []byte(old)) {
		return nil, errors.New("no " + old + " in the model, or of another length")
	}
	out := bytes.Replace(file, []byte(old), []byte(next), 1)
	const key = `"sha256":"`
	at := bytes.Index(out, []byte(key)) + len(key)
	copy(out[at:], bytes.Repeat([]byte{'0'}, 64))
	sum := sha256.Sum256(out)
	hex.Encode(out[at:at+64], sum[:])
	return out, nil
}
