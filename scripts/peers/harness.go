package main

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// harness is a running native/peer, which takes orders and answers them.
type harness struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	out   *bufio.Reader
	said  *bytes.Buffer     // what the engines themselves print
	names map[string]string // of the open engines, with their versions
}

// start runs native/peer by the given command line.
func start(command ...string) (*harness, error) {
	h := &harness{cmd: exec.Command(command[0], command[1:]...), said: new(bytes.Buffer), names: map[string]string{}}
	h.cmd.Stderr = h.said
	var err error
	if h.in, err = h.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := h.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	h.out = bufio.NewReader(out)
	return h, h.cmd.Start()
}

// close ends the process, which stops when its input ends.
func (h *harness) close() error {
	h.in.Close()
	if err := h.cmd.Wait(); err != nil {
		return fmt.Errorf("peer: %w\n%s", err, h.said)
	}
	return nil
}

// ask sends an order and returns what follows "ok".
func (h *harness) ask(format string, args ...any) (string, error) {
	order := fmt.Sprintf(format, args...)
	if _, err := io.WriteString(h.in, order+"\n"); err != nil {
		return "", fmt.Errorf("peer: %.60s: %w", order, err)
	}
	for {
		answer, err := h.out.ReadString('\n')
		if err != nil {
			return "", fmt.Errorf("peer: %.60s: no answer: %w", order, errors.Join(err, h.close()))
		}
		switch word, rest, _ := strings.Cut(strings.TrimSpace(answer), " "); word {
		case "ok":
			return rest, nil
		case "error":
			return "", fmt.Errorf("peer: %.60s: %s", order, rest)
		}
		// a line that an engine printed
	}
}

// titles are the names of the engines in the output.
var titles = map[string]string{"ort": "ONNX Runtime", "tflite": "TFLite + XNNPACK", "xnnpack": "XNNPACK"}

// open loads an engine's library.
func (h *harness) open(engine, lib string) error {
	version, err := h.ask("open %s %s", engine, lib)
	h.names[engine] = strings.TrimSpace(titles[engine] + " " + version)
	return err
}

// foreign is a network loaded in another engine.
type foreign struct {
	h  *harness
	id int
}

// load loads a file; in and out are types and widths: "u8 64".
func (h *harness) load(engine, file, in, out string) (*foreign, error) {
	answer, err := h.ask("load %s %s %s %s", engine, file, in, out)
	if err != nil {
		return nil, err
	}
	id, err := strconv.Atoi(answer)
	return &foreign{h, id}, err
}

// run runs one pass, from the input's bytes to the output's.
func (f *foreign) run(in []byte) ([]byte, error) {
	answer, err := f.h.ask("run %d %s", f.id, hex.EncodeToString(in))
	if err != nil {
		return nil, err
	}
	return hex.DecodeString(answer)
}

// time returns the shortest pass over a spell, in ns.
func (f *foreign) time(spell time.Duration) (float64, error) {
	answer, err := f.h.ask("time %d %d", f.id, spell.Milliseconds())
	if err != nil {
		return 0, err
	}
	return strconv.ParseFloat(answer, 64)
}

// repeat runs n passes.
func (f *foreign) repeat(n int) error {
	_, err := f.h.ask("repeat %d %d", f.id, n)
	return err
}
