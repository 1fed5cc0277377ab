// Package diskwait notes which operations on the disk of the state folder are under way,
// and for how long. Packages spool and state note them; package gateway asks, because
// whoever waits for a disk that does not answer has not hung: a restart would not help.
//
// It is a few words of memory of the process and has no lock, so that asking never waits.
package diskwait

import (
	"sync/atomic"
	"time"
)

// began holds the begin of each operation under way, in nanoseconds after start; 0 =
// none. Operations beyond its length are not noted.
var (
	start = time.Now()
	began [32]atomic.Int64
)

// Op is an operation under way.
type Op int

// Begin notes that an operation on the disk begins. It must be ended. It allocates
// nothing, and any goroutine may call it.
func Begin() Op {
	now := int64(time.Since(start)) | 1
	for i := range began {
		if began[i].CompareAndSwap(0, now) {
			return Op(i)
		}
	}
	return -1
}

// End notes that the operation has ended.
func (o Op) End() {
	if o >= 0 {
		began[o].Store(0)
	}
}

// Longest is how long the oldest operation has been under way; 0 = none is.
func Longest() (d time.Duration) {
	now := int64(time.Since(start))
	for i := range began {
		if b := began[i].Load(); b != 0 {
			d = max(d, time.Duration(now-b))
		}
	}
	return d
}
