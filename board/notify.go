package board

import (
	"fmt"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// Ready tells the service manager that the agent works, at start and after a
// reload. Like all notifications it does nothing if no service manager listens
// ($NOTIFY_SOCKET).
func Ready() error { return notify(daemon.SdNotifyReady) }

// Status sets the line of text that systemctl status shows.
func Status(text string) error {
	return notify("STATUS=" + strings.ReplaceAll(strings.TrimSpace(text), "\n", " "))
}

// Reloading tells the service manager that a reload begins; Ready ends it. systemd
// ignores it unless the same datagram contains the time.
func Reloading() error {
	return notify(daemon.SdNotifyReloading + "\n" + strings.TrimSpace(daemon.SdNotifyMonotonicUsec()))
}

// Stopping tells the service manager that the agent shuts down.
func Stopping() error { return notify(daemon.SdNotifyStopping) }

// Watchdog feeds the service manager's watchdog. Call it only after real progress.
func Watchdog() error { return notify(daemon.SdNotifyWatchdog) }

// WatchdogInterval returns the time within which Watchdog must be called; 0 if the
// service manager has no watchdog for this process.
func WatchdogInterval() (time.Duration, error) {
	d, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		return 0, fmt.Errorf("watchdog: %w", err)
	}
	return d, nil
}

func notify(state string) error {
	if _, err := daemon.SdNotify(false, state); err != nil {
		return fmt.Errorf("notify service manager: %w", err)
	}
	return nil
}
