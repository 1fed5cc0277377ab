package tinyusb

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"

	"periph.io/x/conn/v3/i2c"
)

// Adapter offers one i2c-tiny-usb to kernels that attach it. It is safe for
// concurrent use. Use Listen.
type Adapter struct {
	ln  net.Listener
	bus i2c.Bus
	wg  sync.WaitGroup

	mu        sync.Mutex
	conns     map[net.Conn]bool
	unplugged bool
	closed    bool
	imports   int
}

// Listen offers an adapter with bus behind it at a TCP address ("127.0.0.1:0"
// takes a free port) until Close.
func Listen(addr string, bus i2c.Bus) (*Adapter, error) {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listening for usbip on %s: %w", addr, err)
	}
	a := &Adapter{ln: ln, bus: bus, conns: map[net.Conn]bool{}}
	a.wg.Go(a.accept)
	return a, nil
}

// Addr is the address listened on, "host:port".
func (a *Adapter) Addr() string { return a.ln.Addr().String() }

// Imports counts the attachments so far.
func (a *Adapter) Imports() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.imports
}

// Unplug detaches the adapter from its kernel and refuses attachments until Plug.
func (a *Adapter) Unplug() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.unplugged = true
	a.drop()
}

// Plug offers the adapter again.
func (a *Adapter) Plug() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.unplugged = false
}

// Close stops listening, detaches the adapter from its kernel and waits for the
// goroutines.
func (a *Adapter) Close() error {
	a.mu.Lock()
	if a.closed {
		a.mu.Unlock()
		return nil
	}
	a.closed = true
	a.drop()
	a.mu.Unlock()
	err := a.ln.Close()
	a.wg.Wait()
	if err != nil {
		return fmt.Errorf("closing usbip server: %w", err)
	}
	return nil
}

// drop closes the connections. The caller holds mu.
func (a *Adapter) drop() {
	for c := range a.conns {
		c.Close() // its goroutine removes it from conns
	}
}

func (a *Adapter) accept() {
	for {
		c, err := a.ln.Accept()
		if err != nil {
			return
		}
		a.mu.Lock()
		if a.closed {
			a.mu.Unlock()
			c.Close()
			return
		}
		a.conns[c] = true
		a.wg.Go(func() { a.serve(c) })
		a.mu.Unlock()
	}
}

func (a *Adapter) serve(c net.Conn) {
	defer func() {
		c.Close()
		a.mu.Lock()
		delete(a.conns, c)
		a.mu.Unlock()
	}()
	if a.imported(c) {
		newSession(c, &device{bus: a.bus}).run()
	}
}

// imported answers the request to attach. It returns false if the adapter is
// unplugged or the request is another one.
func (a *Adapter) imported(c net.Conn) bool {
	if err := readImport(c); err != nil {
		return false
	}
	a.mu.Lock()
	here := !a.unplugged && !a.closed
	if here {
		a.imports++
	}
	a.mu.Unlock()
	_, err := c.Write(importReply(here))
	return here && err == nil
}

// errRequest means that an opening message is not an import of this adapter.
var errRequest = errors.New("not a usbip import request")

func readImport(r io.Reader) error {
	req := make([]byte, opHeaderLen+busIDLen)
	if _, err := io.ReadFull(r, req); err != nil {
		return err
	}
	if !isImport(req) {
		return errRequest
	}
	return nil
}
