package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
)

// console keeps the lines that a board prints, with the time since power-on, and
// writes them to a file at once.
type console struct {
	mu    sync.Mutex
	file  *os.File
	begin time.Time
	rest  []byte // a line that is not complete
	lines []string
}

func newConsole(path string) (*console, error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	return &console{file: f, begin: time.Now()}, nil
}

// Write implements io.Writer for qemu's output.
func (c *console) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rest = append(c.rest, b...)
	for {
		line, rest, found := bytes.Cut(c.rest, []byte("\n"))
		if !found {
			return len(b), nil
		}
		text := fmt.Sprintf("%7.2f %s", time.Since(c.begin).Seconds(), bytes.TrimRight(line, "\r"))
		c.lines = append(c.lines, text)
		c.rest = rest
		if _, err := fmt.Fprintln(c.file, text); err != nil {
			return 0, err
		}
	}
}

// find returns when, in seconds after power-on, a line came that contains text.
// Lines before from do not count.
func (c *console) find(text string, from time.Time) (seconds float64, found bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range c.lines {
		fmt.Sscan(l, &seconds)
		if strings.Contains(l, text) && !c.begin.Add(time.Duration(seconds*1e9)).Before(from.Truncate(10*time.Millisecond)) {
			return seconds, true
		}
	}
	return 0, false
}

// tail is the end of what was printed: the kernel's and the agent's lines.
func (c *console) tail(n int) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Join(c.lines[max(0, len(c.lines)-n):], "\n")
}

func (c *console) close() { c.file.Close() }
