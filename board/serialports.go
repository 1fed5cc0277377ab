package board

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// SerialPorts lists the serial ports below root: those of adapters by the names that
// stay (/dev/serial/by-id/…), then the board's own (/dev/ttyAMA0). It opens none.
func SerialPorts(root string) []string {
	var out, named []string
	byID := filepath.Join(root, "dev/serial/by-id")
	links, _ := os.ReadDir(byID) // absent = no adapter
	for _, l := range links {
		if target, err := os.Readlink(filepath.Join(byID, l.Name())); err == nil {
			out = append(out, "/dev/serial/by-id/"+l.Name())
			named = append(named, filepath.Base(target))
		}
	}
	class := filepath.Join(root, "sys/class/tty")
	ports, _ := os.ReadDir(class)
	for _, p := range ports {
		if _, err := os.Stat(filepath.Join(class, p.Name(), "device")); err != nil || slices.Contains(named, p.Name()) {
			continue // no hardware: a console or a pseudo terminal
		}
		if strings.HasPrefix(p.Name(), "ttyS") && readText(class, p.Name(), "type") == "0" {
			continue // a port that the kernel has a place for, and the board not
		}
		out = append(out, "/dev/"+p.Name())
	}
	return out
}
