package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// patience is how long a device may take to appear after its driver is loaded.
const patience = 3 * time.Minute

func mountSystem() error {
	for _, m := range []struct{ kind, at string }{
		{"devtmpfs", "/dev"}, {"proc", "/proc"}, {"sysfs", "/sys"}, {"tmpfs", "/tmp"}, {"tmpfs", "/run"},
	} {
		if err := unix.Mount(m.kind, m.at, m.kind, 0, ""); err != nil {
			return fmt.Errorf("mounting %s: %w", m.at, err)
		}
	}
	return nil
}

// loadModules loads the modules of a folder in the order of their names.
func loadModules(dir string) error {
	files, err := filepath.Glob(filepath.Join(dir, "*.ko"))
	if err != nil {
		return err
	}
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		if err := unix.FinitModule(int(f.Fd()), "", 0); err != nil {
			return fmt.Errorf("loading %s: %w", filepath.Base(name), err)
		}
		f.Close()
	}
	return nil
}

// mountState mounts the disk and makes the agent's folder on it, as
// systemd-tmpfiles does.
func mountState(device, at string) error {
	if err := appears(device); err != nil {
		return err
	}
	if err := unix.Mount(device, at, "ext4", unix.MS_NOATIME, ""); err != nil {
		return fmt.Errorf("mounting %s: %w", device, err)
	}
	state := filepath.Join(at, "iot-edge-anomaly")
	return errors.Join(os.MkdirAll(state, 0o700), os.Chown(state, agentUser, agentUser))
}

func appears(path string) error {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if _, err := os.Stat(path); err == nil {
			return nil
		}
	}
	return fmt.Errorf("%s did not appear within %v", path, patience)
}

// configure brings up the loopback and one interface with a /24 address, and
// waits for its carrier.
func configure(name string, ip net.IP) error {
	if err := appears("/sys/class/net/" + name); err != nil {
		return err
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := errors.Join(up(fd, "lo"), address(fd, name, unix.SIOCSIFADDR, ip), address(fd, name, unix.SIOCSIFNETMASK, net.IPv4(255, 255, 255, 0)), up(fd, name)); err != nil {
		return fmt.Errorf("configuring %s: %w", name, err)
	}
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if b, err := os.ReadFile("/sys/class/net/" + name + "/carrier"); err == nil && strings.TrimSpace(string(b)) == "1" {
			return nil
		}
	}
	return fmt.Errorf("%s has no carrier after %v", name, patience)
}

func address(fd int, name string, op uint, ip net.IP) error {
	r, err := unix.NewIfreq(name)
	if err != nil {
		return err
	}
	if err := r.SetInet4Addr(ip.To4()); err != nil {
		return err
	}
	return unix.IoctlIfreq(fd, op, r)
}

func up(fd int, name string) error {
	r, err := unix.NewIfreq(name)
	if err != nil {
		return err
	}
	r.SetUint16(unix.IFF_UP)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, r)
}
