// Command guest is the first process of an emulated board. It does what systemd,
// udev and the network scripts do on a gateway, as far as the agent needs it, and
// starts the agent as the unprivileged user that its unit names.
//
// The kernel passes its settings from the command line as environment variables:
// USBIP is the address of the I2C adapter, ADAPTER the device that it becomes, CHIP
// the kernel's name of the chip at 0x49 of the first bus. A BME280 is at 0x77 of the
// adapter's bus. What the guest prints appears on the board's console. When it ends
// the kernel panics, so that a board that cannot start stops at once.
package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"iot-edge-anomaly/scripts/boards/control"
)

func main() {
	fmt.Println("guest:", boot())
	os.Exit(1)
}

// boot starts the board and serves requests; it returns only with an error.
func boot() error {
	if err := mountSystem(); err != nil {
		return err
	}
	if err := loadModules("/modules"); err != nil {
		return err
	}
	if err := mountState("/dev/vda", "/var/lib"); err != nil {
		return err
	}
	if err := configure("eth0", net.IPv4(10, 0, 2, 15)); err != nil {
		return err
	}
	go keepPermissions()
	l, err := net.Listen("tcp", fmt.Sprintf(":%d", control.Port))
	if err != nil {
		return err
	}
	if err := attach(os.Getenv("USBIP")); err != nil {
		return err
	}
	if err := appears(os.Getenv("ADAPTER")); err != nil {
		return err
	}
	go keepAttached(os.Getenv("USBIP"))
	go keepChip(firstBus, os.Getenv("CHIP"), "0x49")
	go keepChip(filepath.Base(os.Getenv("ADAPTER")), "bme280", "0x77")
	go supervise()
	fmt.Println("guest: up")
	return control.Serve(l, setClock)
}

func setClock(seconds float64) error {
	tv := unix.NsecToTimeval(int64(seconds * 1e9))
	return unix.Settimeofday(&tv)
}

// The user of the agent and the groups of its unit, by Debian's numbers.
const (
	agentUser    = 990
	groupDialout = 20
	groupI2C     = 44
)

// supervise runs the agent for ever, as Restart=always with RestartSec=1s.
func supervise() {
	for {
		cmd := exec.Command("/bin/iot-edge-anomaly", "run", "--config", "/etc/iot-edge-anomaly/config.yaml")
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stdout
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{
			Uid: agentUser, Gid: agentUser, Groups: []uint32{groupDialout, groupI2C}}}
		fmt.Println("guest: agent ended:", cmd.Run())
		time.Sleep(time.Second)
	}
}

// keepPermissions does what udev's rules do: group i2c for adapters, dialout
// for serial ports, whenever one appears.
func keepPermissions() {
	for ; ; time.Sleep(100 * time.Millisecond) {
		allow("/dev/i2c-*", groupI2C)
		allow("/dev/ttyAMA[1-9]", groupDialout)
		allow("/dev/ttyUSB*", groupDialout)
	}
}

func allow(pattern string, group int) {
	files, err := filepath.Glob(pattern)
	if err != nil {
		panic(err) // a bad pattern
	}
	for _, f := range files {
		os.Chown(f, 0, group) // what has gone meanwhile needs no group
		os.Chmod(f, 0o660)
	}
}
