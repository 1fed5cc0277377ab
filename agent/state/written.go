package state

import "sync/atomic"

// page is what file systems write at once.
const page = 4096

var written atomic.Uint64

// Written is how many bytes this process has written to files by this package, in
// whole pages of 4 KiB as file systems write them. It is safe for concurrent use.
func Written() uint64 { return written.Load() }

// wrote counts n bytes at off.
func wrote(off int64, n int) {
	if n > 0 {
		written.Add(uint64((off+int64(n)+page-1)/page-off/page) * page)
	}
}
