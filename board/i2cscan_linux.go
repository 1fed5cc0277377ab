package board

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// From linux/i2c-dev.h, linux/i2c.h and linux/i2c-uapi's functionality bits.
const (
	ioctlSlave = 0x703 // I2C_SLAVE: EBUSY if a kernel driver uses the address
	ioctlFuncs = 0x705 // I2C_FUNCS
	ioctlSMBus = 0x720 // I2C_SMBUS

	funcQuick    = 0x00010000 // I2C_FUNC_SMBUS_QUICK
	funcReadByte = 0x00020000 // I2C_FUNC_SMBUS_READ_BYTE

	smbusWrite, smbusRead = 0, 1
	smbusQuick, smbusByte = 0, 1 // sizes
)

// The range of addresses of a scan, that of i2cdetect since i2c-tools 4.2. Those
// below are reserved by the I2C-bus specification (NXP UM10204 rev. 7, table 4; 0x04
// to 0x07 switch chips into high-speed mode), those above for 10-bit addresses.
const (
	FirstI2C = 0x08
	LastI2C  = 0x77
)

// smbus is struct i2c_smbus_ioctl_data.
type smbus struct {
	write   uint8
	command uint8
	size    uint32
	data    unsafe.Pointer
}

// I2CState is what a scan found at an address.
type I2CState byte

// The states.
const (
	I2CUnknown I2CState = iota // the adapter cannot probe this address
	I2CAbsent
	I2CPresent
	I2CClaimed // a kernel driver uses it; nothing was sent
)

// I2CScan is the result of a scan.
type I2CScan struct {
	I2CBus
	States  [128]I2CState     // by address
	Drivers map[uint16]string // kernel driver by claimed address: "lm75"
	Errors  map[string]int    // number of absent addresses by errno
	Took    time.Duration
}

// scanner holds the system calls that a scan needs besides those of a bus.
type scanner struct {
	kernel
	funcs func(fd int) (uint, error)
	smbus func(fd int, s *smbus) error
}

var linuxScanner = scanner{
	kernel: linux,
	funcs: func(fd int) (uint, error) {
		funcs := new(uint)
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), ioctlFuncs, uintptr(unsafe.Pointer(funcs)))
		if errno != 0 {
			return 0, errno
		}
		return *funcs, nil
	},
	smbus: func(fd int, s *smbus) error {
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), ioctlSMBus, uintptr(unsafe.Pointer(s)))
		runtime.KeepAlive(s)
		if errno != 0 {
			return errno
		}
		return nil
	},
}

// ScanI2C finds the addresses of a bus that answer, as i2cdetect does: by an empty
// write, or at 0x30 to 0x37 and 0x50 to 0x5F, the addresses of EEPROMs that an empty
// write may disturb, by reading a byte. Addresses that a kernel driver uses are not
// probed. Name is as for OpenI2C.
func ScanI2C(ctx context.Context, name string) (*I2CScan, error) {
	return scanI2C(ctx, "/", name, linuxScanner)
}

func scanI2C(ctx context.Context, root, name string, k scanner) (*I2CScan, error) {
	opened, err := openI2C(root, name, k.kernel)
	if err != nil {
		return nil, err
	}
	b := opened.(*bus)
	defer b.Close()
	funcs, err := k.funcs(b.fd)
	if err != nil {
		return nil, fmt.Errorf("%s: reading the adapter's functionality: %w%s", b.path, err, code(err))
	}
	if funcs&(funcQuick|funcReadByte) == 0 {
		return nil, fmt.Errorf("%s: cannot scan: the adapter supports neither empty writes nor reads of a byte", b.path)
	}
	s := &I2CScan{I2CBus: I2CBus{Path: b.path}, Drivers: map[uint16]string{}, Errors: map[string]int{}}
	device := b.path
	if to, err := os.Readlink(filepath.Join(root, b.path)); err == nil { // a symbolic link of udev
		device = filepath.Join("/dev", filepath.Base(to))
	}
	for _, known := range I2CBuses(root) {
		if known.Path == device {
			s.Name, s.Number = known.Name, known.Number
		}
	}
	start := time.Now()
	for addr := uint16(FirstI2C); addr <= LastI2C; addr++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := s.probe(root, k, b.fd, addr, funcs); err != nil {
			return nil, fmt.Errorf("%s address 0x%02x: %w%s", b.path, addr, err, code(err))
		}
	}
	s.Took = time.Since(start)
	return s, nil
}

// probe probes one address.
func (s *I2CScan) probe(root string, k scanner, fd int, addr uint16, funcs uint) error {
	switch err := k.set(fd, ioctlSlave, int(addr)); {
	case errors.Is(err, unix.EBUSY):
		s.States[addr] = I2CClaimed
		device := fmt.Sprintf("sys/bus/i2c/devices/%d-%04x", s.Number, addr)
		if s.Drivers[addr] = linkName(root, device, "driver"); s.Drivers[addr] == "" {
			s.Drivers[addr] = readText(root, device, "name")
		}
		return nil
	case err != nil:
		return err
	}
	ask, need := &smbus{write: smbusWrite, size: smbusQuick}, uint(funcQuick)
	if addr >= 0x30 && addr <= 0x37 || addr >= 0x50 && addr <= 0x5F {
		// union i2c_smbus_data is 34 bytes: a block's length, 32 bytes and a code.
		ask, need = &smbus{write: smbusRead, size: smbusByte, data: unsafe.Pointer(new([34]byte))}, funcReadByte
	}
	if funcs&need == 0 {
		return nil
	}
	err := k.smbus(fd, ask)
	for err == unix.EINTR {
		err = k.smbus(fd, ask)
	}
	s.States[addr] = I2CPresent
	if err != nil {
		s.States[addr] = I2CAbsent
		s.Errors[errnoName(err)]++
	}
	return nil
}

// linkName is the last element of the target of a device's link.
func linkName(root, device, link string) string {
	target, err := os.Readlink(filepath.Join(root, device, link))
	if err != nil {
		return ""
	}
	return filepath.Base(target)
}

func errnoName(err error) string {
	var errno unix.Errno
	if !errors.As(err, &errno) {
		return err.Error()
	}
	return unix.ErrnoName(errno)
}
