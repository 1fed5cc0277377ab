package board

import (
	"bytes"
	"math"
	"path"
	"strconv"
	"strings"
)

// MemoryLimit returns how many bytes this process may use: the minimum of the
// machine's memory and of memory.max of its control group and all groups above it
// (cgroup v2); 0 = unknown.
func MemoryLimit(root string) int64 {
	limit := int64(math.MaxInt64)
	if b, err := readFile(root, "proc/meminfo"); err == nil {
		if n, ok := parseMemTotal(b); ok {
			limit = n
		}
	}
	if b, err := readFile(root, "proc/self/cgroup"); err == nil {
		for group := parseCgroup(b); group != ""; group = path.Dir(group) {
			if n, ok := parseMax(readText(root, "sys/fs/cgroup", group, "memory.max")); ok {
				limit = min(limit, n)
			}
			if group == "/" {
				break
			}
		}
	}
	if limit == math.MaxInt64 {
		return 0
	}
	return limit
}

// parseMemTotal finds "MemTotal: 948304 kB" in /proc/meminfo.
func parseMemTotal(b []byte) (bytesTotal int64, ok bool) {
	for line := range bytes.Lines(b) {
		f := strings.Fields(string(line))
		if len(f) == 3 && f[0] == "MemTotal:" && f[2] == "kB" {
			kb, err := strconv.ParseInt(f[1], 10, 64)
			if err != nil || kb <= 0 || kb > math.MaxInt64/1024 {
				return 0, false
			}
			return kb * 1024, true
		}
	}
	return 0, false
}

// parseCgroup finds the path of the unified hierarchy, "0::/a/b", in
// /proc/self/cgroup; "" if there is none. The path is clean and absolute.
func parseCgroup(b []byte) string {
	for line := range strings.Lines(string(b)) {
		if p, ok := strings.CutPrefix(strings.TrimRight(line, "\n"), "0::/"); ok {
			return path.Clean("/" + p)
		}
	}
	return ""
}

// parseMax parses memory.max: a number of bytes, or "max" for no limit.
func parseMax(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && n > 0
}
