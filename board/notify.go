package board

import (
	"fmt"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// Ready tells the service manager that the agent works, at start and after a
// reload. Like all notifications it does nothing where no service manager
// listens ($NOTIFY_SOCKET).
func Ready() error { return notify(daemon.SdNotifyReady) }

// Status shows one line of text in systemctl status.
func Status(text string) error {
	return notify("STATUS=" + strings.ReplaceAll(strings.TrimSpace(text), "\n", " "))
}

// Reloading tells that a reload begins; Ready ends it. The time goes into the
// same datagram, without which systemd ignores it.
func Reloading() error {
	return notify(daemon.SdNotifyReloading + "\n" + strings.TrimSpace(daemon.SdNotifyMonotonicUsec()))
}

// Stopping tells that the agent shuts down.
func Stopping() error { return notify(daemon.SdNotifyStopping) }

// Watchdog feeds the service manager's watchdog. Only progress may call it.
func Watchdog() error { return notify(daemon.SdNotifyWatchdog) }

// WatchdogInterval returns within which time Watchdog must be called, 0 where
// nobody waits for it.
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
