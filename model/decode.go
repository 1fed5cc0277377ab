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
)

// Load reads and verifies the model file at path; see Decode.
func Load(path string) (*Model, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("loading model: %w", err)
	}
	defer f.Close()
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

// Decode verifies a model file's bytes and builds the model: format, layout
// version, checksum, sizes, every value, and the golden vectors on this CPU.
// Memory beyond data is only taken for sizes that data itself has. The error
// wraps ErrFormat, ErrVersion or ErrCorrupt. data is not kept.
func Decode(data []byte) (*Model, error) {
	if err := recognise(data); err != nil {
		return nil, err
	}
	header, body, err := verifySum(data)
	if err != nil {
		return nil, err
	}
	p, err := readParts(header, body)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	m, err := New(p)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	// One model, one file: whatever the header says beyond what was read is
	// compared here, tensor names, shapes and offsets included.
	again, err := encode(&m.p)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if !bytes.Equal(again, data) {
		return nil, fmt.Errorf("%w: header and tensors disagree", ErrCorrupt)
	}
	return m, nil
}

// recognise settles whether data is a model file of a layout we know.
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
	layout, err := strconv.Atoi(string(data[8+len(head) : min(end, 8+len(head)+9)]))
	if err != nil || layout < 1 {
		return fmt.Errorf("%w: no layout version", ErrCorrupt)
	}
	if layout > layoutVersion {
		return fmt.Errorf("%w: layout %d is newer than %d: update the program", ErrVersion, layout, layoutVersion)
	}
	if layout < oldestLayout {
		return fmt.Errorf("%w: layout %d is older than %d: learn the machine anew", ErrVersion, layout, oldestLayout)
	}
	return nil
}

// verifySum checks lengths and checksum and returns the header's JSON and the
// tensors' bytes.
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

// readParts reads the header's metadata and, by the shapes that follow from it,
// the tensors.
func readParts(header, body []byte) (Parameters, error) {
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
	p, err := shape.parts(s, len(body))
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
