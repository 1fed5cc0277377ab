package board

import (
	"math"
	"os"
	"path/filepath"
	"testing"
)

// link makes a chip of hwmon where the kernel would have it.
func link(t *testing.T, root, name, device string) {
	t.Helper()
	for _, dir := range []string{filepath.Join(root, device), filepath.Join(root, "sys/class/hwmon")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(root, device), filepath.Join(root, "sys/class/hwmon", name)); err != nil {
		t.Fatal(err)
	}
}

func TestHottest(t *testing.T) {
	root := t.TempDir()
	if h := Hottest(root); !math.IsNaN(h.Celsius) {
		t.Errorf("of nothing: %+v", h)
	}
	write(t, root, "sys/class/thermal/thermal_zone0/type", "cpu-thermal\n")
	write(t, root, "sys/class/thermal/thermal_zone0/temp", "61234\n")
	write(t, root, "sys/class/thermal/thermal_zone0/trip_point_0_type", "critical\n")
	write(t, root, "sys/class/thermal/thermal_zone0/trip_point_0_temp", "110000\n")
	if h := Hottest(root); h != (Heat{"cpu-thermal", 61.234, 80}) {
		t.Errorf("%+v", h)
	}
	write(t, root, "sys/class/thermal/thermal_zone1/type", "pmic\n")
	write(t, root, "sys/class/thermal/thermal_zone1/temp", "60000\n")
	write(t, root, "sys/class/thermal/thermal_zone1/trip_point_0_type", "passive\n")
	write(t, root, "sys/class/thermal/thermal_zone1/trip_point_0_temp", "30000\n")
	write(t, root, "sys/class/thermal/thermal_zone1/trip_point_1_type", "critical\n")
	write(t, root, "sys/class/thermal/thermal_zone1/trip_point_1_temp", "75000\n")
	write(t, root, "sys/class/thermal/thermal_zone2/type", "off\n") // no temp: the zone is asleep
	write(t, root, "sys/class/thermal/thermal_zone3/type", "dummy\n")
	write(t, root, "sys/class/thermal/thermal_zone3/temp", "-274000\n")
	if h := Hottest(root); h != (Heat{"pmic", 60, 65}) { // 5 K below; the CPU is 19 K below
		t.Errorf("%+v", h)
	}
	link(t, root, "hwmon0", "sys/devices/pci/nvme/hwmon0")
	write(t, root, "sys/devices/pci/nvme/hwmon0/name", "nvme\n")
	write(t, root, "sys/devices/pci/nvme/hwmon0/temp1_input", "88000\n")
	write(t, root, "sys/devices/pci/nvme/hwmon0/temp1_crit", "84850\n")
	write(t, root, "sys/devices/pci/nvme/hwmon0/temp2_input", "120000\n") // it knows no critical temperature
	link(t, root, "hwmon1", "sys/devices/soc/i2c-1/1-0048/hwmon1")        // on the boiler
	write(t, root, "sys/devices/soc/i2c-1/1-0048/hwmon1/name", "tmp75\n")
	write(t, root, "sys/devices/soc/i2c-1/1-0048/hwmon1/temp1_input", "140000\n")
	write(t, root, "sys/devices/soc/i2c-1/1-0048/hwmon1/temp1_crit", "90000\n")
	if h := Hottest(root); h.Part != "nvme" || h.Celsius != 88 || math.Abs(h.Most-74.85) > 1e-9 {
		t.Errorf("%+v", h)
	}
}

func TestSupply(t *testing.T) {
	for _, c := range []struct{ flags, alarm, want string }{
		{"", "", ""}, {"0", "", ""}, {"50000", "", ""}, // it was so, and is no more
		{"50005", "", underVoltage}, {"0x1", "", underVoltage}, {"", "1", underVoltage}, {"", "0", ""}, {"garbage", "1", underVoltage},
		{"4", "0", "the firmware slows the processor down: it is too hot, or its supply too weak"},
	} {
		root := t.TempDir()
		if c.flags != "" {
			write(t, root, throttledFile, c.flags+"\n")
		}
		if c.alarm != "" {
			link(t, root, "hwmon0", "sys/devices/platform/soc/hwmon0")
			write(t, root, "sys/devices/platform/soc/hwmon0/name", "rpi_volt\n")
			write(t, root, "sys/devices/platform/soc/hwmon0/in0_lcrit_alarm", c.alarm+"\n")
		}
		if got := Supply(root); got != c.want {
			t.Errorf("flags %q, alarm %q: %q, want %q", c.flags, c.alarm, got, c.want)
		}
	}
}

// TestMemoryLimit_version1: limits of version 1 count up the tree, beside those of
// version 2, and where a container sees its own group as the root.
func TestMemoryLimit_version1(t *testing.T) {
	root := t.TempDir()
	write(t, root, "proc/meminfo", "MemTotal:        1000000 kB\n")
	write(t, root, "proc/self/cgroup", "9:name=systemd:/x\n4:cpu,memory:/plant/edge\n0::/\n")
	const none = "9223372036854771712\n"
	write(t, root, "sys/fs/cgroup/memory/memory.limit_in_bytes", none)
	if got := MemoryLimit(root); got != 1000000<<10 {
		t.Errorf("without a limit: %d", got)
	}
	write(t, root, "sys/fs/cgroup/memory/plant/edge/memory.limit_in_bytes", "300000000\n")
	write(t, root, "sys/fs/cgroup/memory/plant/memory.limit_in_bytes", "200000000\n")
	if got := MemoryLimit(root); got != 200000000 {
		t.Errorf("up the tree: %d", got)
	}
	write(t, root, "sys/fs/cgroup/memory.max", "150000000\n") // version 2 beside it
	if got := MemoryLimit(root); got != 150000000 {
		t.Errorf("both: %d", got)
	}
	write(t, root, "proc/self/cgroup", "4:memory:/docker/0123\n")
	write(t, root, "sys/fs/cgroup/memory/memory.limit_in_bytes", "100000000\n")
	if got := MemoryLimit(root); got != 100000000 {
		t.Errorf("in a container: %d", got)
	}
}
