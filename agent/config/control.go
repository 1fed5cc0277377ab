package config

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

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
// file: somebody has to tell the running agent about it. It is the default where the
// file does not say anything that can be understood.
func Socket(path string) string {
	var c struct {
		Control struct {
			Socket *string `yaml:"socket"`
		} `yaml:"control"`
	}
	f, err := os.Open(path)
	if err != nil {
		return defaultSocket
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil || yaml.Unmarshal(data, &c) != nil || c.Control.Socket == nil {
		return defaultSocket
	}
	socket := *c.Control.Socket
	if socket != "" && !filepath.IsAbs(socket) {
		socket = filepath.Join(filepath.Dir(path), socket)
	}
	return socket
}
