package model

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"syscall"
)

// Load reads and verifies the model file at path; see Decode.
func Load(path string) (*Model, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe must not wait for a writer
	if err != nil {
		return nil, fmt.Errorf("loading model: %w", err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("loading model %s: %w", path, err)
	}
	switch {
	case !st.Mode().IsRegular():
		return nil, fmt.Errorf("loading model %s: %w: not a regular file", path, ErrFormat)
	case st.Size() > maxFile:
		return nil, fmt.Errorf("loading model %s: %w: file is larger than %d bytes", path, ErrFormat, maxFile)
	}
	raw, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("loading model %s: %w", path, err)
	}
	m, err := Decode(raw)
	if err != nil {
		return nil, fmt.Errorf("loading model %s: %w", path, err)
	}
	return m, nil
}

// Decode verifies a model file's bytes and builds the model: format, layout,
// checksum, sizes, every value, and the golden vectors on this CPU. It allocates no
// more than a small multiple of data's own size. The error wraps ErrFormat,
// ErrVersion or ErrCorrupt. data is not kept.
func Decode(data []byte) (*Model, error) {
	if err := recognise(data); err != nil {
		return nil, err
	}
	header, body, err := verifySum(data)
	if err != nil {
		return nil, err
	}
	p, err := readParameters(header, body)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	m, err := New(p)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	// One model has one file: this compares what was not read above, such as tensor
	// names, shapes and offsets.
	again, err := encode(&m.p)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if !bytes.Equal(again, data) {
		return nil, fmt.Errorf("%w: header and tensors disagree", ErrCorrupt)
	}
	return m, nil
}

// recognise tells whether data is a model file of the layout that this program reads.
func recognise(data []byte) error {
	if len(data) == 0 {
		return fmt.Errorf("%w: file is empty", ErrCorrupt)
	}
	if len(data) > maxFile {
		return fmt.Errorf("%w: file is larger than %d bytes", ErrFormat, maxFile)
	}
	if len(data) < 8+len(head) || !bytes.HasPrefix(data[8:], []byte(head)) {
		return fmt.Errorf("%w: header does not begin with the format's name", ErrFormat)
	}
	end := sumOffset(data) - len(sumKey)
	got, err := strconv.Atoi(string(data[8+len(head) : min(end, 8+len(head)+9)]))
	switch {
	case err != nil || got < 1:
		return fmt.Errorf("%w: no layout number", ErrCorrupt)
	case got > layout:
		return fmt.Errorf("%w: layout %d is newer than %d: update the program", ErrVersion, got, layout)
	case got < layout:
		return fmt.Errorf("%w: layout %d is older than %d: %w", ErrVersion, got, layout, ErrOlder)
	}
	return nil
}

// verifySum checks the length of the header and the checksum, and returns the
// header's JSON and the tensors' bytes.
func verifySum(data []byte) (header, body []byte, err error) {
	n := binary.LittleEndian.Uint64(data)
	if n > maxHeader || n > uint64(len(data)-8) {
		return nil, nil, fmt.Errorf("%w: header of %d bytes in a file of %d", ErrCorrupt, n, len(data))
	}
	at := sumOffset(data)
	if at+len(zeros) > len(data) || string(data[at-len(sumKey):at]) != sumKey {
		return nil, nil, fmt.Errorf("%w: no checksum", ErrCorrupt)
	}
	h := sha256.New()
	h.Write(data[:at])
	h.Write([]byte(zeros))
	h.Write(data[at+len(zeros):])
	if got := hex.EncodeToString(h.Sum(nil)); got != string(data[at:at+len(zeros)]) {
		return nil, nil, fmt.Errorf("%w: checksum differs", ErrCorrupt)
	}
	return data[8 : 8+n], data[8+n:], nil
}

// readParameters reads the header's metadata and the tensors, whose shapes follow
// from it.
func readParameters(header, body []byte) (Parameters, error) {
	var h struct {
		Metadata map[string]string `json:"__metadata__"`
	}
	if err := json.Unmarshal(header, &h); err != nil {
		return Parameters{}, fmt.Errorf("header: %w", err)
	}
	var (
		schema schemaJSON
		shape  shapeJSON
		train  Training
	)
	for _, f := range []struct {
		key string
		v   any
	}{{"schema", &schema}, {"shape", &shape}, {"training", &train}} {
		if err := json.Unmarshal([]byte(h.Metadata[f.key]), f.v); err != nil {
			return Parameters{}, fmt.Errorf("header: %s: %w", f.key, err)
		}
	}
	s, err := schema.schema()
	if err != nil {
		return Parameters{}, err
	}
	p, err := shape.parameters(s, len(body))
	if err != nil {
		return Parameters{}, err
	}
	p.Version, p.Training = h.Metadata["version"], train
	at := 0
	for _, t := range tensors(&p) {
		t.read(body[at:])
		at += t.size()
	}
	return p, nil
}
