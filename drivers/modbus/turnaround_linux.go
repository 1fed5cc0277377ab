package modbus

import (
	"context"
	"fmt"
	"io"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// short is the longest sleep that goes to the kernel directly. Go's timers are
// exact to a millisecond only, which is half of the silence between two frames.
const short = 5 * time.Millisecond

// sleep waits for d or until ctx ends. A short sleep ignores ctx.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	if d <= short {
		t := unix.NsecToTimespec(int64(d))
		unix.Nanosleep(&t, nil) // a signal may end it early: then the frame is sent a little early
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting for the line: %w", ctx.Err())
	}
}

// drain takes the bytes received on a connection, without waiting. The zero value
// does nothing.
type drain struct {
	raw   syscall.RawConn
	look  func(fd uintptr) // made once, so that a request allocates nothing
	fds   [1]unix.PollFd
	buf   [256]byte
	n     int
	first [1024]byte // of the bytes since forget
	have  int
}

// of sets the connection. One without a file descriptor is never emptied.
func (d *drain) of(conn io.ReadWriteCloser) {
	d.raw = nil
	if c, ok := conn.(syscall.Conn); ok {
		d.raw, _ = c.SyscallConn() // if it fails, the next write fails too and reports it
	}
	if d.look == nil {
		d.look = d.read
	}
}

// forget begins anew with bytes that were received before.
func (d *drain) forget(before []byte) { d.have = copy(d.first[:], before) }

// bytes are those received since forget, as far as they are kept.
func (d *drain) bytes() []byte { return d.first[:d.have] }

// empty takes up to 16 portions and returns how many bytes they had.
func (d *drain) empty() int {
	d.n = 0
	if d.raw != nil {
		_ = d.raw.Control(d.look) // as above
	}
	return d.n
}

func (d *drain) read(fd uintptr) {
	for range 16 {
		d.fds[0] = unix.PollFd{Fd: int32(fd), Events: unix.POLLIN}
		if ready, err := unix.Poll(d.fds[:], 0); ready < 1 || err != nil || d.fds[0].Revents&unix.POLLIN == 0 {
			return
		}
		n, err := unix.Read(int(fd), d.buf[:])
		if n <= 0 || err != nil {
			return
		}
		d.n += n
		d.have += copy(d.first[d.have:], d.buf[:n])
	}
}

// hangUp tells whether the peer has closed a connection. The zero value does not
// know of any.
type hangUp struct {
	raw    syscall.RawConn
	look   func(fd uintptr) // made once, so that a request allocates nothing
	buf    [1]byte
	closed bool
}

// of sets the connection. Nothing is known of one without a file descriptor.
func (h *hangUp) of(conn io.ReadWriteCloser) {
	h.raw = nil
	if c, ok := conn.(syscall.Conn); ok {
		h.raw, _ = c.SyscallConn() // if it fails, the next write fails too and reports it
	}
	if h.look == nil {
		h.look = h.peek
	}
}

// before reports whether the peer has closed the connection by now.
func (h *hangUp) before() bool {
	h.closed = false
	if h.raw != nil {
		_ = h.raw.Control(h.look) // as above
	}
	return h.closed
}

func (h *hangUp) peek(fd uintptr) {
	n, _, err := unix.Recvfrom(int(fd), h.buf[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
	h.closed = n == 0 && err == nil || err == unix.ECONNRESET
}
