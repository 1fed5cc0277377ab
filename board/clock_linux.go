package board

import (
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// ClockState says how far the wall clock can be believed. The zero value is
// ClockUnknown.
type ClockState int

// The states of the wall clock.
const (
	// ClockUnknown: the date is possible, but nothing vouches for it.
	ClockUnknown ClockState = iota
	// ClockUnset: the date lies before this program was written.
	ClockUnset
	// ClockSynced: a time server has set it since the start.
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

// earliest is before the first line of this program; a clock that shows less
// was never set.
var earliest = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

// timesyncMark is a file that systemd-timesyncd makes when it has set the
// clock; it lives on a tmpfs and so speaks of this start.
const timesyncMark = "run/systemd/timesync/synchronized"

// Clock tells the state of the wall clock now. The hardened unit may not call
// adjtimex (ProtectClock=), so timesyncd's mark counts too; with chrony or ntpd
// and that unit the answer stays unknown.
func Clock() ClockState {
	var tx unix.Timex
	state, err := unix.Adjtimex(&tx)
	return clock("/", time.Now(), err == nil && state != unix.TIME_ERROR && tx.Status&unix.STA_UNSYNC == 0)
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

// Uptime returns the time since the start of the machine, suspension included.
func Uptime() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}
