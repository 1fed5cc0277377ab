package modbussim

import (
	"time"

	"golang.org/x/sys/unix"
)

// snooze sleeps in the kernel: the runtime's timers are exact to a millisecond,
// which is ten characters at 115,200 baud.
func snooze(d time.Duration) {
	if d > 0 {
		t := unix.NsecToTimespec(int64(d))
		unix.Nanosleep(&t, nil) // cut short by a signal: the caller looks again
	}
}
