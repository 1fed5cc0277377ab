package config

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"go.yaml.in/yaml/v3"
)

const (
	defaultSocket = "/run/iot-edge-anomaly/control.sock"

	// maxSocket is the length of a path that fits into sockaddr_un, unix(7).
	maxSocket = 107
)

// socketLength refuses a path that the kernel has no room for.
func socketLength(value any) []Fault {
	if n := len(value.(string)); n > maxSocket {
		return []Fault{{Message: fmt.Sprintf("the path has %d bytes, want at most %d", n, maxSocket), Hint: "use a shorter one below /run"}}
	}
	return nil
}

// Socket finds control.socket in the file at path, whatever else is wrong with the
// file: somebody has to tell the running agent about it. The error says why it is not
// known; the socket is the default then.
func Socket(path string) (string, error) {
	socket, err := findSocket(path)
	if err != nil {
		return defaultSocket, fmt.Errorf("%w; so the agent at %s is asked", err, defaultSocket)
	}
	if socket != "" && !filepath.IsAbs(socket) {
		socket = filepath.Join(filepath.Dir(path), socket)
	}
	return socket, nil
}

func findSocket(path string) (string, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return "", err
	}
	socket, err := socketIn(data)
	switch {
	case err == nil:
		return socket, nil
	case !bytes.Contains(data, []byte("control")):
		return defaultSocket, nil
	}
	part := controlPart(data) // the mistake is elsewhere
	if socket, err = socketIn(part); err != nil || len(part) == 0 {
		return "", fmt.Errorf("%s: control.socket cannot be read", path)
	}
	return socket, nil
}

// socketIn reads control.socket of a YAML document.
func socketIn(data []byte) (string, error) {
	var c struct {
		Control struct {
			Socket *string `yaml:"socket"`
		} `yaml:"control"`
	}
	if err := yaml.Unmarshal(data, &c); err != nil {
		return "", err
	}
	if c.Control.Socket == nil {
		return defaultSocket, nil
	}
	return *c.Control.Socket, nil
}

// controlPart is the section control of a file that is no YAML as a whole: its line and
// those below that are indented.
func controlPart(data []byte) (out []byte) {
	in := false
	for line := range bytes.Lines(data) {
		switch {
		case bytes.HasPrefix(line, []byte("control:")):
			in = true
		case line[0] != ' ' && len(bytes.TrimSpace(line)) > 0 && line[0] != '#':
			in = false
		}
		if in {
			out = append(out, line...)
		}
	}
	return out
}
