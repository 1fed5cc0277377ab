package sysfssim

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// ADXL355 is the buffer of the accelerometer in Pi4 (iio:device10): a FIFO in place
// of the character device. A read returns whole scans, EAGAIN if there are none, or
// the end of the file after Close.
type ADXL355 struct {
	fd    int
	scale float64 // m/s² per bit, as in in_accel_scale
	step  int64   // ns between samples
	now   int64   // timestamp of the next sample, ns
	scans []byte  // not yet flushed
	lost  int
}

// scanBytes is the length of a scan with all three axes: 12 bytes, 4 of padding that
// align the timestamp, and the timestamp.
const scanBytes = 24

// ADXL355 makes the device's node in the tree's /dev. Rate is in samples per second;
// all three axes and the timestamp are captured.
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
	_, _ = unix.FcntlInt(uintptr(fd), unix.F_SETPIPE_SZ, 1<<20) // the most that is allowed without privileges
	return &ADXL355{fd: fd, scale: 0.000038245, step: int64(1e9 / rate), now: 1e9}, nil
}

// Push adds one sample of each axis, in m/s².
func (a *ADXL355) Push(x, y, z float64) {
	var b [scanBytes]byte
	for i, v := range [3]float64{x, y, z} {
		q := int32(math.Round(v / a.scale))
		q = min(max(q, -1<<19), 1<<19-1)
		binary.BigEndian.PutUint32(b[4*i:], uint32(q)<<12|0x5A5) // the low bits have no meaning
	}
	binary.LittleEndian.PutUint64(b[16:], uint64(a.now))
	a.now += a.step
	a.scans = append(a.scans, b[:]...)
}

// Skip loses n samples: their timestamps are left out.
func (a *ADXL355) Skip(n int) { a.now += int64(n) * a.step }

// Late adds a sample of 0 m/s² whose timestamp is late by some ns; the timestamps of
// later samples do not change.
func (a *ADXL355) Late(ns int64) {
	a.Push(0, 0, 0)
	b := a.scans[len(a.scans)-8:]
	binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)+uint64(ns))
}

// Flush puts the samples into the kernel's buffer. If that is full, the others are
// lost and counted.
func (a *ADXL355) Flush() {
	const whole = 4096 / scanBytes * scanBytes // at most PIPE_BUF: written as a whole or not at all
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

// Close removes the device.
func (a *ADXL355) Close() error { return unix.Close(a.fd) }
