package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"sync"
	"time"
)

// qmp is a connection to qemu's machine protocol (docs/interop/qmp-spec of qemu
// 7.2): one JSON object a line, answers in order, events between them.
type qmp struct {
	mu   sync.Mutex
	conn net.Conn
	in   *bufio.Reader
}

const qmpLimit = 2 * time.Minute

// dialQMP connects to qemu's socket, which appears a moment after its start.
func dialQMP(socket string) (*qmp, error) {
	var conn net.Conn
	var err error
	for end := time.Now().Add(qmpLimit); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if conn, err = net.Dial("unix", socket); err == nil {
			q := &qmp{conn: conn, in: bufio.NewReader(conn)}
			return q, q.do("qmp_capabilities", nil)
		}
	}
	return nil, fmt.Errorf("connecting to qemu: %w", err)
}

// do carries out one command.
func (q *qmp) do(command string, arguments map[string]any) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.conn.SetDeadline(time.Now().Add(qmpLimit))
	request := map[string]any{"execute": command}
	if arguments != nil {
		request["arguments"] = arguments
	}
	if err := json.NewEncoder(q.conn).Encode(request); err != nil {
		return fmt.Errorf("qmp %s: %w", command, err)
	}
	for {
		line, err := q.in.ReadBytes('\n')
		if err != nil {
			return fmt.Errorf("qmp %s: %w", command, err)
		}
		var answer struct {
			Return json.RawMessage
			Error  *struct{ Desc string }
		}
		if err := json.Unmarshal(line, &answer); err != nil {
			return fmt.Errorf("qmp %s: %w", command, err)
		}
		switch {
		case answer.Error != nil:
			return fmt.Errorf("qmp %s: %s", command, answer.Error.Desc)
		case answer.Return != nil:
			return nil
		}
		// the greeting, or an event
	}
}

// setTemperature sets a TMP105 of the machine; qemu's unit is 0.001 °C.
func (q *qmp) setTemperature(id string, celsius float64) error {
	return q.do("qom-set", map[string]any{"path": "/machine/peripheral/" + id, "property": "temperature", "value": int(celsius * 1000)})
}

// setLink disconnects or connects the network cable.
func (q *qmp) setLink(up bool) error {
	return q.do("set_link", map[string]any{"name": netdev, "up": up})
}

func (q *qmp) close() {
	if q != nil {
		q.conn.Close()
	}
}
