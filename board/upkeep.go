package board

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Wear says how worn the card or chip under a file system is, as far as the kernel tells.
type Wear struct {
	Device  string // "mmcblk0"; empty = none is known
	Percent int    // of the life that its maker has given it, in steps of ten; -1 = it does not tell
	Urgent  bool   // it has used up 80 % of its spare blocks
	Written uint64 // bytes since the start of the computer
}

// ReadWear finds the block device under the folder path, and asks it (JEDEC eMMC: life
// time estimation A and B, pre-EOL information; SD cards have neither).
func ReadWear(root, path string) Wear {
	w := Wear{Percent: -1}
	var st unix.Stat_t
	if _, err := retry(func() (int, error) { return 0, unix.Stat(path, &st) }); err != nil {
		return w
	}
	return readWear(root, unix.Major(uint64(st.Dev)), unix.Minor(uint64(st.Dev)))
}

func readWear(root string, major, minor uint32) Wear {
	w := Wear{Percent: -1}
	dir, err := filepath.EvalSymlinks(filepath.Join(root, fmt.Sprintf("sys/dev/block/%d:%d", major, minor)))
	if err != nil {
		return w
	}
	if readText(dir, "partition") != "" {
		dir = filepath.Dir(dir)
	}
	w.Device = filepath.Base(dir)
	for _, s := range strings.Fields(readText(dir, "device", "life_time")) { // "0x01 0x02": 1 = up to 10 %
		if n, err := strconv.ParseUint(s, 0, 8); err == nil && n > 0 {
			w.Percent = max(w.Percent, int(10*n))
		}
	}
	if n, err := strconv.ParseUint(readText(dir, "device", "pre_eol_info"), 0, 8); err == nil {
		w.Urgent = n >= 2
	}
	if f := strings.Fields(readText(dir, "stat")); len(f) > 6 { // sectors of 512 bytes, in any case
		n, _ := strconv.ParseUint(f[6], 10, 64)
		w.Written = 512 * n
	}
	return w
}

// Group is one control group's memory in bytes; 0 = unknown.
type Group struct{ Used, Peak, Limit int64 }

// ServiceMemory reads what the service of that name uses, by systemd's control groups.
func ServiceMemory(root, service string) (g Group) {
	read := func(name string) int64 {
		n, _ := parseMax(readText(root, "sys/fs/cgroup/system.slice", service, name))
		return n
	}
	return Group{read("memory.current"), read("memory.peak"), read("memory.max")}
}

// Watchdogs lists the hardware watchdogs, and whether something feeds each.
func Watchdogs(root string) (names []string, active bool) {
	class := filepath.Join(root, "sys/class/watchdog")
	entries, _ := os.ReadDir(class) // absent = none
	for _, e := range entries {
		name := readText(class, e.Name(), "identity")
		names = append(names, strings.TrimSpace(e.Name()+" "+name))
		active = active || readText(class, e.Name(), "state") == "active"
	}
	return names, active
}

// MissingGroups are those of the names that /etc/group does not have. It does not ask
// other sources of names.
func MissingGroups(root string, names ...string) (out []string) {
	b, err := readFile(root, "etc/group")
	if err != nil {
		return nil
	}
	var have []string
	for line := range strings.Lines(string(b)) {
		name, _, _ := strings.Cut(line, ":")
		have = append(have, name)
	}
	for _, n := range names {
		if !slices.Contains(have, n) {
			out = append(out, n)
		}
	}
	return out
}
