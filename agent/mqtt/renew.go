package mqtt

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
)

// errRenew ends a connection that is to be made anew.
var errRenew = errors.New("password or certificates have changed")

// stamps change when one of the files is written or replaced.
func (o *Options) stamps() string {
	var b strings.Builder
	for _, path := range []string{o.PasswordFile, o.CA, o.Cert, o.Key} {
		if path == "" {
			continue
		}
		st, err := os.Stat(path)
		if err != nil {
			fmt.Fprintln(&b, path, err)
			continue
		}
		fmt.Fprintln(&b, path, st.ModTime().UnixNano(), st.Size())
	}
	return b.String()
}

// FilesChanged tells whether the password or a certificate has changed since it was
// read for the newest connection. It is false before the first one.
func (c *Client) FilesChanged() bool {
	c.mu.Lock()
	read := c.read
	c.mu.Unlock()
	return read != nil && *read != c.opts.stamps()
}

// noteFiles remembers which files the next connection is made with.
func (c *Client) noteFiles() {
	now := c.opts.stamps()
	c.mu.Lock()
	c.read = &now
	c.mu.Unlock()
}

// setStop remembers how the present connection is ended.
func (c *Client) setStop(stop context.CancelCauseFunc) {
	c.mu.Lock()
	c.stop = stop
	c.mu.Unlock()
}

// Retry makes a client that waits for the broker try at once. It has no effect on one
// that is connected.
func (c *Client) Retry() {
	if c.Connected() {
		return
	}
	select {
	case c.again <- struct{}{}:
	default:
	}
}

// Renew has the client connect anew, with its files as they are now. Messages that
// were not acknowledged are sent again.
func (c *Client) Renew() {
	c.mu.Lock()
	stop := c.stop
	c.mu.Unlock()
	if stop != nil {
		stop(errRenew)
	}
	c.Retry()
}

// Reconsider tries again what the broker did not take: its rules may have changed.
func (c *Client) Reconsider() {
	if s := c.refusals.load(); s.Denied || s.Topics > 0 {
		c.refusals.reset()
		c.Renew()
	}
}
