package sysfssim

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// ADXL355 is the buffer of the accelerometer in Pi4 (iio:device10): a FIFO in
// place of the character device. Who reads it gets whole scans, nothing (EAGAIN)
// where there are none, and the end of the file when it is gone.
type ADXL355 struct {
	fd    int
	scale float64 // m/s² of one step, as in in_accel_scale
	step  int64   // ns between samples
	now   int64   // ns of the next sample
	scans []byte  // not yet flushed
	lost  int
}

// scanBytes is the length of a scan with all three axes: 12 bytes, padded so that
// the timestamp is aligned, and the timestamp.
const scanBytes = 24

// ADXL355 makes the device's node below the tree's /dev. rate is in samples a
// second; all three axes and the timestamp are captured.
func (t *Tree) ADXL355(rate float64) (*ADXL355, error) {
	path := filepath.Join(t.Root, "dev/iio:device10")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	if err := unix.Mkfifo(path, 0o600); err != nil {
		return nil, err
	}
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	_, _ = unix.FcntlInt(uintptr(fd), unix.F_SETPIPE_SZ, 1<<20) // what is allowed without privileges
	return &ADXL355{fd: fd, scale: 0.000038245, step: int64(1e9 / rate), now: 1e9}, nil
}

// Push takes one sample of each axis, in m/s².
func (a *ADXL355) Push(x, y, z float64) {
	var b [scanBytes]byte
	for i, v := range [3]float64{x, y, z} {
		q := int32(math.Round(v / a.scale))
		q = min(max(q, -1<<19), 1<<19-1)
		binary.BigEndian.PutUint32(b[4*i:], uint32(q)<<12|0x5A5) // the low bits are the chip's, and mean nothing
	}
	binary.LittleEndian.PutUint64(b[16:], uint64(a.now))
	a.now += a.step
	a.scans = append(a.scans, b[:]...)
}

// Skip lets n samples pass that the chip takes and nobody fetches.
func (a *ADXL355) Skip(n int) { a.now += int64(n) * a.step }

// Late dates the next sample later without moving those behind it.
func (a *ADXL355) Late(ns int64) {
	a.Push(0, 0, 0)
	b := a.scans[len(a.scans)-8:]
	binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)+uint64(ns))
}

// Flush hands the samples to the kernel's buffer; where that is full the rest is
// lost, and counted.
func (a *ADXL355) Flush() {
	const whole = 4096 / scanBytes * scanBytes // written as one or not at all
	for len(a.scans) > 0 {
		n := min(len(a.scans), whole)
		if _, err := unix.Write(a.fd, a.scans[:n]); err != nil {
			a.lost += n / scanBytes
		}
		a.scans = a.scans[n:]
	}
	a.scans = a.scans[:0]
}

// Lost is how many samples did not fit.
func (a *ADXL355) Lost() int { return a.lost }

// Close takes the device away.
func (a *ADXL355) Close() error { return unix.Close(a.fd) }
