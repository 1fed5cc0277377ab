package board

import (
	"errors"
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// RS485 says how the driver of a two-wire line is switched.
type RS485 struct {
	Low    bool          // the driver is on while RTS, or the pin, is low
	Before time.Duration // delay between switching on and the first bit
	After  time.Duration // delay between the last bit and switching off
}

// Pin is a digital output that switches a line's driver.
type Pin interface{ Set(high bool) error }

// serialRS485 is struct serial_rs485 of linux/serial.h.
type serialRS485 struct {
	flags         uint32
	before, after uint32 // ms
	_             [5]uint32
}

const (
	rs485Enabled  = 1 << 0
	rtsOnSend     = 1 << 1 // level of RTS while sending
	rtsAfterSend  = 1 << 2 // level of RTS otherwise
	rs485Hint     = ": this port's driver cannot switch a line: use an adapter that does it by itself, or rs485=gpio:LINE"
	drainPatience = 20 * time.Millisecond // the longest wait for a UART's shift register
)

// KernelRS485 makes the UART's kernel driver switch the line (TIOCSRS485; Linux
// Documentation/driver-api/serial/serial-rs485.rst). The kernel counts delays in
// milliseconds: they are rounded up.
func (s *Serial) KernelRS485(r RS485) error {
	k := &serialRS485{flags: rs485Enabled | rtsOnSend,
		before: wholeMS(r.Before), after: wholeMS(r.After)}
	if r.Low {
		k.flags = rs485Enabled | rtsAfterSend
	}
	err := s.control(func(fd uintptr) error { return ioctl(fd, unix.TIOCSRS485, unsafe.Pointer(k)) })
	if err != nil {
		return fmt.Errorf("switch %s to RS-485: %w%s%s", s.f.Name(), err, code(err), rs485Hint)
	}
	return nil
}

// wholeMS is d in milliseconds, rounded up.
func wholeMS(d time.Duration) uint32 { return uint32((d + time.Millisecond - 1) / time.Millisecond) }

// ioctl passes a pointer, not its address as an integer: see the package comment.
func ioctl(fd uintptr, request uint, p unsafe.Pointer) error {
	_, err := retry(func() (int, error) {
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, fd, uintptr(request), uintptr(p)); errno != 0 {
			return 0, errno
		}
		return 0, nil
	})
	return err
}

// control runs f on the line's file descriptor.
func (s *Serial) control(f func(fd uintptr) error) error {
	conn, err := s.f.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := conn.Control(func(fd uintptr) { failed = f(fd) }); err != nil {
		return err
	}
	return failed
}

// Driven is a serial line whose driver a pin switches on for each Write. Its
// methods are those of Serial.
type Driven struct {
	*Serial
	pin  Pin
	mode RS485
	char time.Duration // of one character
	temt bool          // the UART reports when its shift register is empty
}

// DrivenBy makes pin switch the line's driver. Bits is the length of a character,
// including start, parity and stop bits. Prefer the kernel's own switching, which is
// exact to a character: a busy CPU may switch the pin off too late, into an early
// answer.
func (s *Serial) DrivenBy(pin Pin, mode RS485, baud, bits int) (*Driven, error) {
	d := &Driven{Serial: s, pin: pin, mode: mode, char: time.Duration(bits) * time.Second / time.Duration(baud)}
	_, err := s.lineStatus()
	d.temt = err == nil
	if err := d.drive(false); err != nil {
		return nil, err
	}
	return d, nil
}

func (d *Driven) drive(on bool) error {
	if err := d.pin.Set(on != d.mode.Low); err != nil {
		return fmt.Errorf("switch driver of %s: %w", d.f.Name(), err)
	}
	return nil
}

// Write sends b and returns when the driver is off again, after the last stop
// bit.
func (d *Driven) Write(b []byte) (int, error) {
	if err := d.drive(true); err != nil {
		return 0, err
	}
	nap(d.mode.Before)
	start := time.Now()
	n, err := d.Serial.Write(b)
	if err == nil {
		d.sent(start.Add(time.Duration(n) * d.char))
		nap(d.mode.After)
	}
	return n, errors.Join(err, d.drive(false))
}

// sent waits until the last stop bit is sent: until due, and then until the UART
// reports it. tcdrain is too coarse: it checks once per scheduler tick.
func (d *Driven) sent(due time.Time) {
	nap(time.Until(due))
	if !d.temt {
		nap(d.char) // the first bit starts a little after the call of Write
		return
	}
	for time.Since(due) < drainPatience {
		if lsr, err := d.lineStatus(); err != nil || lsr&unix.TIOCSER_TEMT != 0 {
			return
		}
		nap(d.char / 4)
	}
}

// lineStatus reads the UART's line status register.
func (s *Serial) lineStatus() (lsr uint32, err error) {
	p := new(uint32)
	err = s.control(func(fd uintptr) error { return ioctl(fd, unix.TIOCSERGETLSR, unsafe.Pointer(p)) })
	return *p, err
}

// nap sleeps in the kernel, because Go's timers are exact to a millisecond only.
func nap(d time.Duration) {
	if d > 0 {
		t := unix.NsecToTimespec(int64(d))
		unix.Nanosleep(&t, nil) // a signal may end it early: sent then relies on the UART's status
	}
}
