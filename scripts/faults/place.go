package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"runtime"
	"syscall"
	"time"
	"unsafe"
)

// place is a network namespace with a loopback of its own and one end of a link. A
// thread of this process stays in it.
type place struct {
	calls chan func()
	path  string // of the namespace
	tun   *os.File
}

// newPlace makes a place whose end of the link has an IPv4 address. What it sends to
// other addresses of 10.77.0.0/24 can be read from tun, and what is written there arrives.
func (t *trial) newPlace(addr string) (*place, error) {
	p := &place{calls: make(chan func())}
	made := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with this goroutine
		made <- p.enter(addr)
		for f := range p.calls {
			f()
		}
	}()
	if err := <-made; err != nil {
		close(p.calls)
		return nil, fmt.Errorf("%w: a network namespace: %w", errCannot, err)
	}
	t.later(func() {
		p.tun.Close()
		close(p.calls)
	})
	return p, nil
}

// enter makes the namespace of this thread.
func (p *place) enter(addr string) error {
	if err := syscall.Unshare(syscall.CLONE_NEWNET); err != nil {
		return os.NewSyscallError("unshare", err)
	}
	p.path = fmt.Sprintf("/proc/%d/task/%d/ns/net", os.Getpid(), syscall.Gettid())
	fd, err := syscall.Open("/dev/net/tun", syscall.O_RDWR|syscall.O_CLOEXEC|syscall.O_NONBLOCK, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: "/dev/net/tun", Err: err}
	}
	req := request("link")
	binary.NativeEndian.PutUint16(req[16:], syscall.IFF_TUN|syscall.IFF_NO_PI)
	if err := ioctl(fd, syscall.TUNSETIFF, &req); err != nil {
		syscall.Close(fd)
		return err
	}
	p.tun = os.NewFile(uintptr(fd), "tun") // after TUNSETIFF: before, it cannot be polled
	if err := up("lo"); err != nil {
		return err
	}
	if err := p.move(addr); err != nil {
		return err
	}
	return up("link")
}

// do runs a function in the place.
func (p *place) do(f func()) {
	done := make(chan bool)
	p.calls <- func() {
		f()
		close(done)
	}
	<-done
}

// dial connects from within the place, to an address, not a name.
func (p *place) dial(_ context.Context, network, addr string) (c net.Conn, err error) {
	p.do(func() { c, err = net.DialTimeout(network, addr, 5*time.Second) })
	return c, err
}

// wrap is what runs a command in the place.
func (p *place) wrap() ([]string, error) {
	nsenter, err := need("nsenter", "util-linux")
	return []string{nsenter, "--net=" + p.path, "--"}, err
}

// move gives this thread's end of the link an address, instead of the one that it has.
func (p *place) move(addr string) error {
	req := request("link")
	for _, step := range []struct {
		call uintptr
		addr string
	}{{syscall.SIOCSIFADDR, addr}, {syscall.SIOCSIFNETMASK, "255.255.255.0"}} {
		binary.NativeEndian.PutUint16(req[16:], syscall.AF_INET)
		copy(req[20:24], net.ParseIP(step.addr).To4())
		if err := control(step.call, &req); err != nil {
			return err
		}
	}
	return nil
}

// up sets an interface of this thread's namespace up.
func up(name string) error {
	req := request(name)
	if err := control(syscall.SIOCGIFFLAGS, &req); err != nil {
		return err
	}
	binary.NativeEndian.PutUint16(req[16:], binary.NativeEndian.Uint16(req[16:])|syscall.IFF_UP)
	return control(syscall.SIOCSIFFLAGS, &req)
}

// request is a struct ifreq, netdevice(7).
func request(name string) (r [40]byte) {
	copy(r[:15], name)
	return r
}

// control asks for something about an interface of this thread's namespace.
func control(call uintptr, req *[40]byte) error {
	s, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer syscall.Close(s)
	return ioctl(s, call, req)
}

func ioctl(fd int, call uintptr, req *[40]byte) error {
	if _, _, e := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), call, uintptr(unsafe.Pointer(req))); e != 0 {
		return os.NewSyscallError("ioctl", e)
	}
	return nil
}
