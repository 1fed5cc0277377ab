package board

import (
	"bytes"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"
)

// MemoryLimit returns how many bytes this process may use: the minimum of the
// machine's memory and of the limits of its control group and all groups above it, of
// version 1 or 2; 0 = unknown. In a container the groups above are the host's, and what
// can be seen of them counts.
func MemoryLimit(root string) int64 {
	limit := int64(math.MaxInt64)
	if b, err := readFile(root, "proc/meminfo"); err == nil {
		if n, ok := parseMemTotal(b); ok {
			limit = n
		}
	}
	if b, err := readFile(root, "proc/self/cgroup"); err == nil {
		upwards := func(group string, file ...string) {
			for ; group != ""; group = path.Dir(group) {
				if n, ok := parseMax(readText(root, "sys/fs/cgroup", file[0], group, file[1])); ok {
					limit = min(limit, n)
				}
				if group == "/" {
					break
				}
			}
		}
		upwards(parseCgroup(b, ""), "", "memory.max")
		upwards(parseCgroup(b, "memory"), "memory", "memory.limit_in_bytes")
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

// parseCgroup finds the path of a controller of version 1 in /proc/self/cgroup,
// "4:memory,cpu:/a/b", or with "" that of the unified hierarchy, "0::/a/b"; "" if there is
// none. The path is clean and absolute.
func parseCgroup(b []byte, controller string) string {
	for line := range strings.Lines(string(b)) {
		_, line, _ = strings.Cut(strings.TrimRight(line, "\n"), ":")
		controllers, p, ok := strings.Cut(line, ":/")
		if ok && slices.Contains(strings.Split(controllers, ","), controller) {
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
