package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"iot-edge-anomaly/scripts/boards/control"
	"iot-edge-anomaly/scripts/child"
)

const (
	netdev    = "n0" // qemu's name of the host side of the network card
	guestAddr = "10.0.2.15"
	guestHTTP = 8080
)

// machine is a board that is switched on.
type machine struct {
	p       *child.Process
	qmp     *qmp
	console *console
	control string // address of the guest's control port on this host
	http    string // address of the agent's endpoint on this host
}

// power is what a board is switched on with.
type power struct {
	kernel    *kernel
	initramfs string
	disk      string // ext4 image, kept over a power cut
	rtu       string // TCP address at which the slaves of the RS-485 line listen
	usbip     string // port on this host at which the I2C adapter is offered
	dir       string // for sockets; short, because their paths are limited to 108 bytes
	log       string // file for the console
	rtc       string // the date in the board's clock, as qemu's -rtc base takes it
}

// powerOn starts qemu. The guest reaches this host's loopback at 10.0.2.2 and
// nothing else.
func powerOn(b *board, w power) (*machine, error) {
	qemu, err := child.Find(b.qemu, "qemu-system-arm")
	if err != nil {
		return nil, err
	}
	m := &machine{}
	if m.control, err = child.FreeAddr(); err != nil {
		return nil, err
	}
	if m.http, err = child.FreeAddr(); err != nil {
		return nil, err
	}
	socket := filepath.Join(w.dir, "qmp.sock")
	if err := os.Remove(socket); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	if m.console, err = newConsole(w.log); err != nil {
		return nil, err
	}
	if m.p, err = child.Start(m.console, append([]string{qemu}, m.arguments(b, w, socket)...)...); err != nil {
		return nil, err
	}
	if m.qmp, err = dialQMP(socket); err != nil {
		m.powerOff()
		return nil, fmt.Errorf("%w\n%s", err, m.console.tail(10))
	}
	return m, nil
}

func (m *machine) arguments(b *board, w power, socket string) []string {
	args := append([]string{}, b.args...)
	args = append(args, "-kernel", w.kernel.image, "-initrd", w.initramfs,
		"-append", "console=ttyAMA0 loglevel=5 panic=-1 USBIP=10.0.2.2:"+w.usbip+" ADAPTER="+b.adapter+" CHIP="+b.chip,
		// Virtual time follows the instructions executed: on a busy host the board
		// runs slower, but its time has no gaps.
		"-icount", "shift=1,sleep=on", "-rtc", "base="+w.rtc,
		"-display", "none", "-no-reboot", "-monitor", "none", "-serial", "stdio",
		"-qmp", "unix:"+socket+",server=on,wait=off",
		"-drive", "if=none,id=d0,format=raw,file="+w.disk, "-device", b.disk+",drive=d0")
	user := fmt.Sprintf("user,id=%s,hostfwd=tcp:%s-%s:%d,hostfwd=tcp:%s-%s:%d", netdev, m.control, guestAddr, control.Port, m.http, guestAddr, guestHTTP)
	if b.dtb != "" {
		args = append(args, "-dtb", w.kernel.dtb)
	}
	if b.header {
		args = append(args, "-device", "tmp105,bus=i2c,address=0x48,id=t1", "-device", "tmp105,bus=i2c,address=0x49,id=t2")
	}
	if b.uart == "pl011" {
		return append(args, "-nic", user, "-serial", "tcp:"+w.rtu+",nodelay=on")
	}
	// romfile= because no boot ROM is needed and its package is not installed.
	return append(args, "-netdev", user, "-device", "virtio-net-pci,romfile=,netdev="+netdev,
		"-device", "qemu-xhci,id=x", "-chardev", "socket,id=rs485,nodelay=on,host=127.0.0.1,port="+port(w.rtu), "-device", "usb-serial,chardev=rs485,bus=x.0")
}

// powerOff cuts the power; the guest gets no chance to save anything.
func (m *machine) powerOff() {
	if m == nil {
		return
	}
	m.qmp.close()
	m.p.End(syscall.SIGKILL)
	m.console.close()
}
