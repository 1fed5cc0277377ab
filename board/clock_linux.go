package board

import (
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// ClockState says how far the wall clock can be trusted. The zero value is
// ClockUnknown.
type ClockState int

// The states of the wall clock.
const (
	// ClockUnknown: the date is possible, but there is no evidence that it is right.
	ClockUnknown ClockState = iota
	// ClockUnset: the date is before this program was written.
	ClockUnset
	// ClockSynced: a time server has set the clock since the start.
	ClockSynced
)

// String returns "unknown", "unset" or "synced".
func (s ClockState) String() string {
	switch s {
	case ClockUnset:
		return "unset"
	case ClockSynced:
		return "synced"
	}
	return "unknown"
}

// earliest is before this program was written; a clock that shows an earlier time was
// never set.
var earliest = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

// timesyncMark is a file that systemd-timesyncd creates when it has set the clock. It
// is on a tmpfs, so it exists only if that happened since the start.
const timesyncMark = "run/systemd/timesync/synchronized"

// Clock returns the present state of the wall clock. The kernel is asked, which knows
// of chrony, ntpd and timesyncd. timesyncd's file counts too, because the kernel calls
// the clock unsynchronised nine hours after the last answer of a time server. Where the
// kernel may not be asked, because the service has ProtectClock=yes, chronyd and ntpd
// are: about every ten seconds, for 0.1 s at most. It is safe for concurrent use.
func Clock() ClockState {
	now := time.Now()
	var tx unix.Timex
	state, err := unix.Adjtimex(&tx)
	if err == nil {
		return clock("/", now, state != unix.TIME_ERROR && tx.Status&unix.STA_UNSYNC == 0)
	}
	if s := clock("/", now, false); s != ClockUnknown || !daemons.keep(now) {
		return s
	}
	return ClockSynced
}

func clock(root string, now time.Time, kernelSynced bool) ClockState {
	if now.Before(earliest) {
		return ClockUnset
	}
	if kernelSynced {
		return ClockSynced
	}
	if _, err := os.Stat(filepath.Join(root, timesyncMark)); err == nil {
		return ClockSynced
	}
	return ClockUnknown
}

// Uptime returns the time since the machine started, including suspension.
func Uptime() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}
