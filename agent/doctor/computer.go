package doctor

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"iot-edge-anomaly/board"
)

// service is the unit by which systemd runs the agent.
const service = "iot-edge-anomaly.service"

// full is from how many percent on a disk or a memory is a finding.
const full = 80

// root is the computer's file system.
func (e *examination) root() string {
	if e.Host.Root == "" {
		return "/"
	}
	return e.Host.Root
}

// disk looks at the file system of the state folder, and at the card below it.
func (e *examination) disk() {
	dir := e.Config.State
	percent, err := board.DiskPercent(dir)
	var st syscall.Statfs_t
	switch {
	case err != nil:
		e.tell("disk", false, err.Error(), "run makes the folder at its first start")
		return
	case syscall.Statfs(dir, &st) == nil && st.Flags&syscall.MS_RDONLY != 0:
		e.tell("disk", false, dir+" is on a file system that is mounted read-only", "dmesg says why, often a worn card: replace it; docs/recovery.md")
	case percent >= full:
		e.tell("disk", false, fmt.Sprintf("the file system of %s is %.0f %% full", dir, percent), "journalctl --vacuum-size=100M; a smaller spool.max; du -x / | sort -n | tail")
	default:
		e.tell("disk", true, fmt.Sprintf("the file system of %s is %.0f %% full", dir, percent), "")
	}
	switch w := board.ReadWear(e.root(), dir); {
	case w.Device == "":
	case w.Urgent || w.Percent >= full:
		e.tell("wear", false, fmt.Sprintf("%s says that up to %d %% of its life is used", w.Device, w.Percent), "make a backup now (docs/recovery.md) and replace it")
	case w.Percent >= 0:
		e.tell("wear", true, fmt.Sprintf("%s says that up to %d %% of its life is used", w.Device, w.Percent), "")
	default:
		e.tell("wear", true, fmt.Sprintf("%s does not tell its wear; %d MB were written since the start of the computer", w.Device, w.Written/1e6), "")
	}
}

// buses looks at the kernel's side of the buses: modules, devices, who may use them.
func (e *examination) buses() {
	for _, b := range e.Config.Buses {
		device := ""
		switch {
		case b.I2C != "":
			if device = b.I2C; len(board.I2CBuses(e.root())) == 0 {
				e.tell("kernel", false, "bus "+b.Name+": there is no I2C bus: the module i2c-dev is not loaded, or the bus is not enabled",
					"modprobe i2c-dev; on a Raspberry Pi dtparam=i2c_arm=on in config.txt, then restart")
				continue
			}
		case b.Modbus != nil && b.Modbus.Scheme == "rtu":
			device = b.Modbus.Addr
		}
		if device == "" || device == "auto" {
			continue
		}
		st, err := os.Stat(filepath.Join(e.root(), device))
		if err != nil {
			e.tell("kernel", false, fmt.Sprintf("bus %s: %v", b.Name, err), "is the adapter plugged in? these ports are there: "+strings.Join(board.SerialPorts(e.root()), " "))
			continue
		}
		if sys, ok := st.Sys().(*syscall.Stat_t); ok && sys.Gid == 0 && st.Mode().Perm()&0o006 != 0o006 {
			e.tell("rights", false, fmt.Sprintf("bus %s: %s belongs to root alone (%v): the service is in the groups i2c, dialout and iio", b.Name, device, st.Mode()), "udevadm trigger, or a udev rule with GROUP=\"dialout\"")
		}
	}
}

// computer looks at what the agent stands on.
func (e *examination) computer() {
	switch board.Clock() {
	case board.ClockUnset:
		e.tell("clock", false, "the wall clock is not set: events wait for their time", "timedatectl set-ntp true; without a network an RTC")
	case board.ClockSynced:
		e.tell("clock", true, "a time server sets the clock", "")
	default:
		e.tell("clock", true, "nobody says that the clock is right: events say time_quality unknown", "timedatectl set-ntp true")
	}
	if missing := board.MissingGroups(e.root(), "i2c", "dialout", "iio", "iot-edge-anomaly"); e.installed() && len(missing) > 0 {
		e.tell("groups", false, "missing: "+strings.Join(missing, ", "), "systemd-sysusers, then systemctl restart iot-edge-anomaly")
	}
	switch m := board.ServiceMemory(e.root(), service); {
	case m.Limit == 0:
		e.tell("memory", true, fmt.Sprintf("no limit of the service is known; this process may use %d MiB", board.MemoryLimit(e.root())>>20), "")
	case max(m.Used, m.Peak)*100 >= m.Limit*full:
		e.tell("memory", false, fmt.Sprintf("the service used up to %d of %d MiB", max(m.Used, m.Peak)>>20, m.Limit>>20), "raise MemoryHigh= and MemoryMax= by systemctl edit iot-edge-anomaly; docs/troubleshooting.md")
	default:
		e.tell("memory", true, fmt.Sprintf("the service used up to %d of %d MiB", max(m.Used, m.Peak)>>20, m.Limit>>20), "")
	}
	switch names, active := board.Watchdogs(e.root()); {
	case active:
		e.tell("watchdog", true, strings.Join(names, ", ")+" is fed", "")
	case len(names) > 0:
		e.tell("watchdog", true, strings.Join(names, ", ")+" is not used: a kernel that hangs stays so", "RuntimeWatchdogSec=30 in /etc/systemd/system.conf, then restart")
	default:
		e.tell("watchdog", true, "the kernel knows no hardware watchdog", "")
	}
}

// installed tells whether the agent is a service here.
func (e *examination) installed() bool {
	for _, dir := range []string{"etc", "lib", "usr/lib"} {
		if _, err := os.Stat(e.root() + "/" + dir + "/systemd/system/" + service); err == nil {
			return true
		}
	}
	return false
}
