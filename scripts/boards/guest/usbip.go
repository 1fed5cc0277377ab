package main

import (
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"iot-edge-anomaly/drivers/sim/tinyusb"
)

const vhci = "/sys/devices/platform/vhci_hcd.0/"

// attach does what `usbip attach` does: it asks the server for the adapter and
// hands the connection to the kernel, which keeps it.
func attach(server string) error {
	c, err := net.DialTimeout("tcp", server, 5*time.Second)
	if err != nil {
		return fmt.Errorf("attaching the usb adapter: %w", err)
	}
	defer c.Close() // the kernel holds the socket itself
	c.SetDeadline(time.Now().Add(5 * time.Second))
	id, speed, err := tinyusb.Import(c)
	if err != nil {
		return fmt.Errorf("attaching the usb adapter: %w", err)
	}
	c.SetDeadline(time.Time{})
	f, err := c.(*net.TCPConn).File()
	if err != nil {
		return err
	}
	defer f.Close()
	return os.WriteFile(vhci+"attach", fmt.Appendf(nil, "0 %d %d %d", f.Fd(), id, speed), 0o200)
}

// keepAttached attaches the adapter again whenever it has gone.
func keepAttached(server string) {
	for ; ; time.Sleep(200 * time.Millisecond) {
		if free(0) {
			attach(server) // refused while it is unplugged
		}
	}
}

// free tells whether a port of the virtual controller has no device. A line of
// status is "hub port sta spd dev sockfd local_busid"; 004 is
// VDEV_ST_NULL, linux/drivers/usb/usbip/usbip_common.h.
func free(port int) bool {
	status, err := os.ReadFile(vhci + "status")
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(status)) {
		f := strings.Fields(line)
		if len(f) > 2 && f[1] == fmt.Sprintf("%04d", port) {
			return f[2] == "004"
		}
	}
	return false
}
