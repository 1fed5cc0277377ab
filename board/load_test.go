package board

import (
	"math"
	"os"
	"path/filepath"
	"testing"
)

// putKernel writes one of the kernel's files below a root.
func putKernel(t *testing.T, root, path, text string) {
	t.Helper()
	name := filepath.Join(root, path)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

const netDev = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 999999     100    0    0    0     0          0         0 999999     100    0    0    0     0       0          0
  eth0: 1000       10     0    0    0     0          0         0 300        3     0    0    0     0       0          0
 wwan0:2000       20     0    0    0     0          0         0 40         4     0    0    0     0       0          0
`

func TestReadLoad(t *testing.T) {
	root := t.TempDir()
	if l := ReadLoad(root); l != (Load{}) {
		t.Errorf("%+v of a kernel that tells nothing", l)
	}
	putKernel(t, root, "proc/stat", "cpu  100 20 30 800 40 5 5 0 77 0\ncpu0 1 1 1 1\n")
	putKernel(t, root, "proc/self/net/dev", netDev)
	before := ReadLoad(root)
	if want := (Load{Busy: 160, Total: 1000, Received: 3000, Sent: 340}); before != want {
		t.Errorf("%+v, want %+v", before, want)
	}
	putKernel(t, root, "proc/stat", "cpu  175 20 30 820 45 5 5 0 99 0\n")
	now := ReadLoad(root)
	if p, ok := now.CPUPercent(before); !ok || p != 75 {
		t.Errorf("%v %% busy, %v, want 75: a wait for the disk is idle, guests are counted once", p, ok)
	}
	if p, ok := before.CPUPercent(now); ok {
		t.Errorf("%v %% of counters that went back", p)
	}
	if _, ok := now.CPUPercent(now); ok {
		t.Error("a percentage of no time")
	}
}

func TestReadLoad_here(t *testing.T) {
	if l := ReadLoad("/"); l.Total == 0 || l.Busy == 0 {
		t.Errorf("%+v of this computer", l)
	}
}

func TestDiskPercent(t *testing.T) {
	p, err := DiskPercent(t.TempDir())
	if err != nil || math.IsNaN(p) || p < 0 || p > 100 {
		t.Errorf("%v, %v", p, err)
	}
	if _, err := DiskPercent(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a folder that is not there")
	}
}

func FuzzParseLoad(f *testing.F) {
	f.Add([]byte("cpu  1 2 3 4 5 6 7 8 9 10\n"))
	f.Add([]byte(netDev))
	f.Fuzz(func(t *testing.T, b []byte) {
		parseStat(b)
		parseNetDev(b)
	})
}
