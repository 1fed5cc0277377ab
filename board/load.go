package board

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Load is how much this computer has done since it started. What the kernel does not
// tell is 0.
type Load struct {
	Busy, Total    uint64 // time of all cores, in the kernel's ticks; waiting for a disk is not busy
	Received, Sent uint64 // bytes over all network interfaces but the loopback
}

// ReadLoad reads the counters. It waits for no disk and is safe for concurrent use.
func ReadLoad(root string) (l Load) {
	if b, err := readFile(root, "proc/stat"); err == nil {
		l.Busy, l.Total = parseStat(b)
	}
	if b, err := readFile(root, "proc/self/net/dev"); err == nil {
		l.Received, l.Sent = parseNetDev(b)
	}
	return l
}

// CPUPercent is how busy the cores were between two readings, 0 to 100; ok is false
// where the kernel does not tell.
func (l Load) CPUPercent(before Load) (percent float64, ok bool) {
	if l.Total <= before.Total || l.Busy < before.Busy {
		return 0, false
	}
	return min(100, 100*float64(l.Busy-before.Busy)/float64(l.Total-before.Total)), true
}

// parseStat takes the line "cpu user nice system idle iowait irq softirq steal …" of
// /proc/stat, proc_stat(5). What follows steal is counted in user and nice already.
func parseStat(b []byte) (busy, total uint64) {
	line, _, _ := bytes.Cut(b, []byte{'\n'})
	f := strings.Fields(string(line))
	if len(f) < 5 || f[0] != "cpu" {
		return 0, 0
	}
	for i, s := range f[1:min(len(f), 9)] {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			return 0, 0
		}
		if total += n; i != 3 && i != 4 { // idle, iowait
			busy += n
		}
	}
	return busy, total
}

// parseNetDev adds up /proc/net/dev: "eth0: bytes packets errs drop fifo frame compressed
// multicast bytes …", received first.
func parseNetDev(b []byte) (received, sent uint64) {
	for line := range strings.Lines(string(b)) {
		name, counters, ok := strings.Cut(line, ":")
		f := strings.Fields(counters)
		if !ok || strings.TrimSpace(name) == "lo" || len(f) < 9 {
			continue
		}
		in, err := strconv.ParseUint(f[0], 10, 64)
		out, err2 := strconv.ParseUint(f[8], 10, 64)
		if err == nil && err2 == nil {
			received, sent = received+in, sent+out
		}
	}
	return received, sent
}

// DiskPercent is how full the file system of a folder is for others than root, 0 to 100
// as df(1) prints it. It may wait for a file system that hangs.
func DiskPercent(path string) (float64, error) {
	var st unix.Statfs_t
	if _, err := retry(func() (int, error) { return 0, unix.Statfs(path, &st) }); err != nil {
		return 0, fmt.Errorf("statfs %s: %w", path, err)
	}
	used := st.Blocks - st.Bfree
	if used+st.Bavail == 0 {
		return 0, nil
	}
	return 100 * float64(used) / float64(used+st.Bavail), nil
}
