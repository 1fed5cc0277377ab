package board

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"
)

// From linux/i2c-dev.h and linux/i2c.h.
const (
	ioctlRetries = 0x701 // I2C_RETRIES: after a lost arbitration
	ioctlTimeout = 0x702 // I2C_TIMEOUT: in units of 10 ms
	ioctlRdwr    = 0x707 // I2C_RDWR
	flagRead     = 0x0001
	maxMessage   = 8192 // i2c-dev refuses more
)

const (
	// transferTimeout is how long a controller may wait for the wire. Chips
	// stretch the clock by tens of milliseconds; the kernel's own limit is 1 s.
	transferTimeout = 200 * time.Millisecond
	// attempts is how often a transfer is tried if it fails for a reason that may
	// pass, such as the clock-stretching fault of the BCM2835.
	attempts = 3
)

// message is struct i2c_msg. The pointer gives it the same alignment as in C, on 32
// and 64 bits.
type message struct {
	addr   uint16
	flags  uint16
	length uint16
	buf    unsafe.Pointer
}

// request is struct i2c_rdwr_ioctl_data with the messages it points to. It is on the
// heap for the life of its bus and holds real pointers, so the garbage collector sees
// them and the memory does not move.
type request struct {
	msgs *message
	n    uint32
	buf  [2]message
}

// kernel holds the system calls that a bus needs; tests replace them.
type kernel struct {
	open  func(path string) (int, error)
	set   func(fd int, op uint, value int) error
	rdwr  func(fd int, r *request) error
	close func(fd int) error
}

var linux = kernel{
	open: func(path string) (int, error) {
		return retry(func() (int, error) { return unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0) })
	},
	set: unix.IoctlSetInt,
	rdwr: func(fd int, r *request) error {
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), ioctlRdwr, uintptr(unsafe.Pointer(r)))
		runtime.KeepAlive(r)
		if errno != 0 {
			return errno
		}
		return nil
	},
	close: unix.Close,
}

// bus is an I²C bus of the kernel. It is safe for concurrent use; transfers
// wait for each other.
type bus struct {
	path    string
	kernel  kernel
	closed  atomic.Bool
	retries atomic.Uint64

	mu  sync.Mutex // guards fd and req
	fd  int        // -1 = closed
	req *request
}

// OpenI2C opens an I²C bus: "auto" for the board's header, or a device such as
// /dev/i2c-1. An error says what to do about it. The bus is safe for concurrent use;
// Close does not wait for a transfer that hangs.
func OpenI2C(name string) (i2c.BusCloser, error) { return openI2C("/", name, linux) }

func openI2C(root, name string, k kernel) (i2c.BusCloser, error) {
	path := name
	if name == "auto" {
		var err error
		if path, err = headerBus(root); err != nil {
			return nil, err
		}
	}
	fd, err := k.open(path)
	if err != nil {
		return nil, openError(root, path, err)
	}
	for _, s := range []struct {
		op    uint
		value int
	}{{ioctlTimeout, int(transferTimeout / (10 * time.Millisecond))}, {ioctlRetries, attempts - 1}} {
		if err := k.set(fd, s.op, s.value); err != nil {
			return nil, errors.Join(fmt.Errorf("open %s: set timeout: %w%s: not an i2c bus?", path, err, code(err)), k.close(fd))
		}
	}
	return &bus{path: path, kernel: k, fd: fd, req: &request{}}, nil
}

func openError(root, path string, err error) error {
	hint := ""
	switch {
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		hint = ": add the user to group i2c"
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENXIO), errors.Is(err, unix.ENODEV):
		hint = ": " + enable(Detect(root))
	}
	return fmt.Errorf("open %s: %w%s%s", path, err, code(err), hint)
}

// code is the errno's name in brackets, which is what people search for.
func code(err error) string {
	var errno unix.Errno
	if !errors.As(err, &errno) {
		return ""
	}
	return " (" + unix.ErrnoName(errno) + ")"
}

// String returns the device's path.
func (b *bus) String() string { return b.path }

// SetSpeed returns an error: the device tree sets the speed for all programs.
func (b *bus) SetSpeed(physic.Frequency) error {
	return fmt.Errorf("%s: speed is set by the device tree (dtparam=i2c_arm_baudrate)", b.path)
}

// Tx writes w and then reads r in one transfer with a repeated start, as
// i2c.Bus asks.
func (b *bus) Tx(addr uint16, w, r []byte) error {
	if addr > 0x7F || len(w) > maxMessage || len(r) > maxMessage {
		return fmt.Errorf("%s: address 0x%02x with %d and %d bytes: want 7 bits and at most %d", b.path, addr, len(w), len(r), maxMessage)
	}
	b.mu.Lock()
	err := b.transfer(addr, w, r)
	b.mu.Unlock()
	if b.closed.Load() {
		b.release() // Close was called meanwhile and did not wait
	}
	if err != nil {
		return fmt.Errorf("%s address 0x%02x: %w%s%s", b.path, addr, err, code(err), hint(err))
	}
	return nil
}

// transfer fills the request and runs it, repeatedly if the error may pass. The
// caller holds mu.
func (b *bus) transfer(addr uint16, w, r []byte) error {
	if b.closed.Load() || b.fd < 0 {
		return os.ErrClosed
	}
	n := 0
	if len(w) > 0 {
		b.req.buf[n] = message{addr, 0, uint16(len(w)), unsafe.Pointer(unsafe.SliceData(w))}
		n++
	}
	if len(r) > 0 {
		b.req.buf[n] = message{addr, flagRead, uint16(len(r)), unsafe.Pointer(unsafe.SliceData(r))}
		n++
	}
	if n == 0 {
		return nil
	}
	b.req.msgs, b.req.n = &b.req.buf[0], uint32(n)
	err := b.attempt()
	if err != nil && passing(err) {
		err = b.again(err)
	}
	b.req.buf = [2]message{} // release the caller's memory
	return err
}

// attempt runs the request once. EINTR does not count: nothing was sent.
func (b *bus) attempt() error {
	for {
		if err := b.kernel.rdwr(b.fd, b.req); err != unix.EINTR {
			return err
		}
	}
}

// again repeats a request that failed with err, for at most one timeout of the
// controller altogether, so that a stuck bus does not cost several.
func (b *bus) again(err error) error {
	for start, try := time.Now(), 1; try < attempts && passing(err) && time.Since(start) < transferTimeout; try++ {
		b.retries.Add(1)
		if err = b.attempt(); err == nil {
			return nil
		}
	}
	return err
}

// passing reports whether an error may pass by itself. Controllers report the same
// event with different errors (a chip that does not answer is ENXIO, EREMOTEIO or
// ETIMEDOUT), so this lists the errors that cannot pass.
func passing(err error) bool {
	switch err {
	case unix.EBADF, unix.ENODEV, unix.ENOTTY, unix.EOPNOTSUPP, unix.EINVAL, unix.EFAULT, unix.EPERM, unix.EACCES, unix.ENOMEM:
		return false
	}
	return true
}

// Gone reports whether the adapter was unplugged: its device no longer exists. The
// bus should then be closed, because the kernel's i2c_del_adapter waits for the last
// reference and meanwhile blocks the hub into which the next adapter is plugged.
func (b *bus) Gone() bool {
	_, err := os.Stat(b.path)
	return errors.Is(err, os.ErrNotExist)
}

// Retries counts the attempts beyond the first since the bus was opened.
func (b *bus) Retries() uint64 { return b.retries.Load() }

// hint says what a transfer's error usually means.
func hint(err error) string {
	switch {
	case errors.Is(err, unix.ENXIO):
		return ": no answer"
	case errors.Is(err, unix.EREMOTEIO):
		return ": no answer; if it comes and goes, set dtparam=i2c_arm_baudrate=10000"
	case errors.Is(err, unix.ETIMEDOUT), errors.Is(err, unix.EAGAIN):
		return ": bus stuck, or nothing there"
	case errors.Is(err, unix.EOPNOTSUPP):
		return ": the adapter speaks SMBus only"
	case errors.Is(err, unix.ENODEV):
		return ": the adapter is gone"
	}
	return ""
}

// Close closes the bus, at once or when the transfer under way returns.
func (b *bus) Close() error {
	b.closed.Store(true)
	return b.release()
}

func (b *bus) release() error {
	if !b.mu.TryLock() {
		return nil // Tx holds mu and checks closed afterwards
	}
	defer b.mu.Unlock()
	if b.fd < 0 {
		return nil
	}
	fd := b.fd
	b.fd = -1
	if err := b.kernel.close(fd); err != nil {
		return fmt.Errorf("close %s: %w", b.path, err)
	}
	return nil
}

var _ i2c.BusCloser = (*bus)(nil)
