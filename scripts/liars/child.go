package main

import (
	"bufio"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"sync"

	"iot-edge-anomaly/drivers/modbus"
)

// children are processes that read devices, each one device at a time. They get a line
// of JSON for each device and each reading, and answer each with a line. Safe for
// concurrent use.
type children struct {
	command []string
	mu      sync.Mutex
	idle    []*child
}

// child is a process. It reads one device at a time.
type child struct {
	of   *children
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Scanner
	regs int
}

// order is what a child is told: to open a device, or to read it.
type order struct {
	Read    bool       `json:"read"`
	Addr    string     `json:"addr"`
	RTU     bool       `json:"rtu"`
	Timeout float64    `json:"timeout"` // s
	Regs    []orderReg `json:"regs"`
}

type orderReg struct {
	Name  string `json:"name"`
	Input bool   `json:"input"`
	At    int    `json:"at"`
	N     int    `json:"n"` // registers
}

//go:embed testdata/pymodbus_reader.py
var pymodbusReader string

func (c *children) open(s scene, addr string) (reader, error) {
	child, err := c.take()
	if err != nil {
		return nil, err
	}
	o := order{Addr: addr, RTU: s.line.Mode != modbus.TCP, Timeout: s.line.Timeout.Seconds()}
	for _, r := range s.regs {
		o.Regs = append(o.Regs, orderReg{r.Name, r.Table == modbus.Input, int(r.Address), r.Type.Registers()})
	}
	child.regs = len(s.regs)
	_, err = child.do(o)
	return child, err
}

func (c *children) take() (*child, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := len(c.idle); n > 0 {
		last := c.idle[n-1]
		c.idle = c.idle[:n-1]
		return last, nil
	}
	cmd := exec.Command(c.command[0], c.command[1:]...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	return &child{of: c, cmd: cmd, in: in, out: bufio.NewScanner(out)}, cmd.Start()
}

// end ends the processes.
func (c *children) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, child := range c.idle {
		child.in.Close()
		child.cmd.Wait() // it ends with its input
	}
	c.idle = nil
}

// do gives an order and returns the values of the answer.
func (c *child) do(o order) (values []*float64, err error) {
	line, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	if _, err := c.in.Write(append(line, '\n')); err != nil {
		return nil, err
	}
	if !c.out.Scan() {
		return nil, fmt.Errorf("%s ended: %v", c.cmd.Path, c.out.Err())
	}
	err = json.Unmarshal(c.out.Bytes(), &values)
	if err == nil && o.Read && len(values) != c.regs {
		err = fmt.Errorf("%s gave %d values, want %d", c.cmd.Path, len(values), c.regs)
	}
	return values, err
}

func (c *child) read(dst []float64) (map[string]bool, error) {
	values, err := c.do(order{Read: true})
	for i := range dst {
		if dst[i] = math.NaN(); err == nil && values[i] != nil {
			dst[i] = *values[i]
		}
	}
	return nil, err
}

func (c *child) close() {
	c.of.mu.Lock()
	defer c.of.mu.Unlock()
	c.of.idle = append(c.of.idle, c)
}
