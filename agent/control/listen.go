package control

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"sync/atomic"
	"time"

	"iot-edge-anomaly/agent/lock"
)

// Connections that are open at once, those that have asked something and those that have
// not. One that is not used makes room for another.
const (
	maxConns   = 16
	maxWaiting = 48
)

// listener is the socket with the lock that says whose it is.
type listener struct {
	net.Listener
	path string
	made fs.FileInfo // the socket as it was made
	lock *lock.Held
	gone atomic.Bool // closed because somebody has removed the socket
}

// listen opens the socket for the owner and the group of the agent. It replaces a
// socket that nobody holds any more, and nothing else.
func listen(path string) (*listener, error) {
	held, err := lock.File(path + ".lock")
	if err != nil {
		return nil, err
	}
	err = removeStale(path)
	var l net.Listener
	if err == nil {
		l, err = net.Listen("unix", path)
	}
	var made fs.FileInfo
	if err == nil {
		l.(*net.UnixListener).SetUnlinkOnClose(false) // it may be another's by then
		if err = os.Chmod(path, 0o660); err == nil {
			made, err = os.Lstat(path)
		}
		if err != nil {
			err = errors.Join(err, l.Close())
		}
	}
	if err != nil {
		return nil, errors.Join(err, held.Close())
	}
	return &listener{Listener: l, path: path, made: made, lock: held}, nil
}

// removeStale removes the socket of an agent that did not end cleanly.
func removeStale(path string) error {
	st, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case st.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("%s: not a socket, so it is not replaced", path)
	}
	return os.Remove(path)
}

// inPlace tells whether clients still reach this socket by its path.
func (l *listener) inPlace() bool {
	st, err := os.Lstat(l.path)
	return err == nil && os.SameFile(st, l.made)
}

// closeWhenGone closes the listener once its socket is no longer in its place, as after
// a cleaning of /run: nobody would reach it for ever. It returns when ctx is done, too.
func (l *listener) closeWhenGone(ctx context.Context, every time.Duration) {
	for l.inPlace() {
		select {
		case <-ctx.Done():
			return
		case <-time.After(every):
		}
	}
	l.gone.Store(true)
	l.Close() // nobody uses it
}

// Close removes the socket, if it is still in its place, and gives up the lock.
func (l *listener) Close() error {
	if l.inPlace() {
		os.Remove(l.path) // one that stays is replaced by the next agent
	}
	return errors.Join(l.Listener.Close(), l.lock.Close())
}
