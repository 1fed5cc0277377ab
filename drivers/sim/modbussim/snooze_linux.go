package modbussim

import (
	"net"
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

// hungUp reports whether the client has closed its connection, also if there is
// something left to read.
func hungUp(c net.Conn) (gone bool) {
	raw, err := c.(*net.TCPConn).SyscallConn()
	if err != nil {
		return true
	}
	err = raw.Control(func(fd uintptr) {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
		n, err := unix.Poll(fds, 0)
		gone = n > 0 && err == nil
	})
	return gone || err != nil
}
