package board

import (
	"os"
	"runtime"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The cost of a read beyond the kernel's: "bare" is one ioctl I2C_RDWR with a
// request that stands ready, "own" is Tx, both on /dev/null, whose driver
// refuses it with ENOTTY at once. So what is compared is what a transfer costs
// this process; a real one lasts hundreds of microseconds on the wire.
func BenchmarkI2C(b *testing.B) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer null.Close()
	fd := int(null.Fd())
	w, r := []byte{0xF7}, make([]byte, 8)
	req := &request{n: 2}
	req.buf = [2]message{{addr: 0x76, length: 1, buf: unsafe.Pointer(&w[0])}, {addr: 0x76, flags: flagRead, length: 8, buf: unsafe.Pointer(&r[0])}}
	req.msgs = &req.buf[0]
	bare := func() error { return linux.rdwr(fd, req) }

	bus := &bus{path: os.DevNull, fd: fd, req: &request{}, kernel: linux}
	bus.kernel.rdwr = func(fd int, r *request) error {
		if err := linux.rdwr(fd, r); err != unix.ENOTTY {
			return unix.EIO
		}
		return nil
	}
	own := func() error { return bus.Tx(0x76, w, r) }

	b.Run("bare", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if bare() != unix.ENOTTY {
				b.Fatal("the ioctl was taken")
			}
		}
	})
	b.Run("own", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := own(); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(ratio(own, bare), "x-bare")
	})
}

// ratio compares two functions by their fastest of many short, alternating
// runs, which a busy machine disturbs least.
func ratio(a, b func() error) float64 {
	runtime.GC()
	fastest := func(f func() error, best time.Duration) time.Duration {
		start := time.Now()
		for range 2000 {
			_ = f()
		}
		return min(best, time.Since(start))
	}
	bestA, bestB := time.Hour, time.Hour
	for range 200 {
		bestA, bestB = fastest(a, bestA), fastest(b, bestB)
	}
	return float64(bestA) / float64(bestB)
}
