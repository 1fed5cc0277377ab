package modbussim

import (
	"time"

	"golang.org/x/sys/unix"
)

// snooze sleeps in the kernel, because Go's timers are exact to a millisecond only,
// which is ten characters at 115,200 baud.
func snooze(d time.Duration) {
	if d > 0 {
		t := unix.NsecToTimespec(int64(d))
		unix.Nanosleep(&t, nil) // a signal may end it early; the caller checks the time
	}
}
