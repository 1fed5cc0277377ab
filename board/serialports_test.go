package board

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestSerialPorts(t *testing.T) {
	root := t.TempDir()
	for _, dir := range []string{"dev/serial/by-id", "sys/class/tty/ttyUSB0/device", "sys/class/tty/ttyAMA0/device", "sys/class/tty/ttyS0/device", "sys/class/tty/ttyS1/device", "sys/class/tty/console"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{"ttyS0": "4\n", "ttyS1": "0\n"} {
		if err := os.WriteFile(filepath.Join(root, "sys/class/tty", name, "type"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("../../ttyUSB0", filepath.Join(root, "dev/serial/by-id/usb-FTDI_FT232R-if00-port0")); err != nil {
		t.Fatal(err)
	}
	want := []string{"/dev/serial/by-id/usb-FTDI_FT232R-if00-port0", "/dev/ttyAMA0", "/dev/ttyS0"}
	if got := SerialPorts(root); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := SerialPorts(t.TempDir()); got != nil {
		t.Errorf("a machine without ports: %v", got)
	}
}
