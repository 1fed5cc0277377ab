package board

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

func TestUpkeep(t *testing.T) {
	root := t.TempDir()
	put := func(path, text string) {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	const disk = "sys/devices/platform/mmc/block/mmcblk0"
	put(disk+"/device/life_time", "0x02 0x09\n")
	put(disk+"/device/pre_eol_info", "0x02\n")
	put(disk+"/stat", "   10 0 80 5 20 0 2048 7 0 9 9\n")
	put(disk+"/mmcblk0p2/partition", "2\n")
	os.MkdirAll(filepath.Join(root, "sys/dev/block"), 0o755)
	if err := os.Symlink("../../../"+disk+"/mmcblk0p2", filepath.Join(root, "sys/dev/block/179:2")); err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(readWear(root, 179, 2)), "{mmcblk0 90 true 1048576}"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got, want := fmt.Sprint(readWear(root, 8, 1)), "{ -1 false 0}"; got != want {
		t.Errorf("no device: %s, want %s", got, want)
	}
	put("sys/fs/cgroup/system.slice/x.service/memory.current", "41943040\n")
	put("sys/fs/cgroup/system.slice/x.service/memory.max", "max\n")
	if got := ServiceMemory(root, "x.service"); got != (Group{41943040, 0, 0}) {
		t.Error(got)
	}
	if names, active := Watchdogs(root); names != nil || active {
		t.Error(names, active)
	}
	put("sys/class/watchdog/watchdog0/identity", "Broadcom BCM2835 Watchdog timer\n")
	put("sys/class/watchdog/watchdog0/state", "active\n")
	if names, active := Watchdogs(root); fmt.Sprint(names) != "[watchdog0 Broadcom BCM2835 Watchdog timer]" || !active {
		t.Error(names, active)
	}
	if got := MissingGroups(root, "i2c"); got != nil {
		t.Errorf("without the file: %v", got)
	}
	put("etc/group", "root:x:0:\ni2c:x:998:pi\n")
	if got := MissingGroups(root, "i2c", "dialout"); fmt.Sprint(got) != "[dialout]" {
		t.Error(got)
	}
}
