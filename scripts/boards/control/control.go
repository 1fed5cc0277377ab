// Package control lets the test look inside a booted board: it reads a file of sysfs
// or runs a program there. Requests and responses are JSON objects, one a line, over
// TCP. It is for the emulated boards only.
package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// Port is where a board listens.
const Port = 2000

// Request is one order; exactly one of its kinds is set.
type Request struct {
	Read  string   `json:"read,omitempty"`  // a file, or a pattern: its first match
	Write string   `json:"write,omitempty"` // a file, to be written with Data at once
	Data  string   `json:"data,omitempty"`
	Run   []string `json:"run,omitempty"`   // a program and its arguments
	Clock float64  `json:"clock,omitempty"` // seconds since 1970, to set the clock to
}

// Response is the answer.
type Response struct {
	Out string `json:"out"`
	Err string `json:"err,omitempty"`
}

// Ask sends one request to a board and waits for the answer, limit at most.
func Ask(addr string, r Request, limit time.Duration) (string, error) {
	c, err := net.DialTimeout("tcp", addr, limit)
	if err != nil {
		return "", fmt.Errorf("asking the board: %w", err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(limit))
	var a Response
	if err := errors.Join(json.NewEncoder(c).Encode(r), json.NewDecoder(c).Decode(&a)); err != nil {
		return "", fmt.Errorf("asking the board: %w", err)
	}
	if a.Err != "" {
		return a.Out, errors.New("the board says: " + a.Err)
	}
	return a.Out, nil
}

// Serve answers requests, one a connection, until the listener is closed.
// setClock is called for Clock.
func Serve(l net.Listener, setClock func(seconds float64) error) error {
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer c.Close()
			var r Request
			if json.NewDecoder(c).Decode(&r) != nil {
				return // the client has gone
			}
			var a Response
			out, err := r.do(setClock)
			if a.Out = string(out); err != nil {
				a.Err = err.Error()
			}
			json.NewEncoder(c).Encode(a)
		}()
	}
}

func (r *Request) do(setClock func(float64) error) ([]byte, error) {
	switch {
	case r.Read != "":
		files, err := filepath.Glob(r.Read)
		if err != nil || len(files) == 0 {
			return nil, fmt.Errorf("no file %s", r.Read)
		}
		return os.ReadFile(files[0])
	case r.Write != "":
		return nil, os.WriteFile(r.Write, []byte(r.Data), 0o200)
	case len(r.Run) > 0:
		return exec.Command(r.Run[0], r.Run[1:]...).CombinedOutput()
	case r.Clock != 0:
		return nil, setClock(r.Clock)
	}
	return nil, errors.New("an empty request")
}
