package board

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// SerialPort is one serial line of the machine.
type SerialPort struct {
	// Path is the name to configure: the one below /dev/serial/by-id, which
	// stays with the adapter, or Device where there is none.
	Path   string
	Device string // "/dev/ttyUSB0": may change with each start
	Driver string // the kernel's: "ftdi_sio"; empty = unknown
}

// SerialPorts lists the serial lines below root that have hardware behind
// them, adapters with a stable name first.
func SerialPorts(root string) []SerialPort {
	stable := map[string]string{} // device -> path
	byID := filepath.Join(root, "dev/serial/by-id")
	links, _ := os.ReadDir(byID) // absent = none
	for _, l := range links {
		if target, err := os.Readlink(filepath.Join(byID, l.Name())); err == nil {
			stable["/dev/"+filepath.Base(target)] = "/dev/serial/by-id/" + l.Name()
		}
	}
	var out []SerialPort
	class := filepath.Join(root, "sys/class/tty")
	ttys, _ := os.ReadDir(class)
	for _, t := range ttys {
		if !realPort(filepath.Join(class, t.Name())) {
			continue
		}
		p := SerialPort{Device: "/dev/" + t.Name()}
		p.Path = p.Device
		if s, ok := stable[p.Device]; ok {
			p.Path = s
		}
		if driver, err := os.Readlink(filepath.Join(class, t.Name(), "device/driver")); err == nil {
			p.Driver = filepath.Base(driver)
		}
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b SerialPort) int {
		if sa, sb := a.Path != a.Device, b.Path != b.Device; sa != sb {
			if sa {
				return -1
			}
			return 1
		}
		return strings.Compare(a.Path, b.Path)
	})
	return out
}

// realPort tells a line with hardware from a virtual terminal and from the
// 8250 driver's empty slots, whose type is 0.
func realPort(dir string) bool {
	if _, err := os.Stat(filepath.Join(dir, "device")); err != nil {
		return false
	}
	return readText(dir, "type") != "0"
}
