package status

import (
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"testing"

	"golang.org/x/sys/unix"
)

// TestMemoryBytes: memory that the process holds counts, pages of a file that it has
// mapped do not.
func TestMemoryBytes(t *testing.T) {
	const size = 64 << 20
	debug.FreeOSMemory() // what other tests have left is not given back meanwhile
	before := MemoryBytes()
	if before == 0 {
		t.Skip("this kernel does not tell")
	}
	f, err := os.Create(filepath.Join(t.TempDir(), "pages"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	touched := func(fd, flags int) uint64 {
		b, err := unix.Mmap(fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, flags)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Munmap(b)
		for i := 0; i < len(b); i += os.Getpagesize() {
			b[i] = 1
		}
		n := MemoryBytes()
		runtime.KeepAlive(b)
		return n
	}
	if n := touched(int(f.Fd()), unix.MAP_SHARED); n > before+size/2 {
		t.Errorf("%d MiB in use with 64 MiB of a file mapped, %d before", n>>20, before>>20)
	}
	if n := touched(-1, unix.MAP_PRIVATE|unix.MAP_ANON); n < before+size/2 {
		t.Errorf("%d MiB in use with 64 MiB more, %d before", n>>20, before>>20)
	}
}
