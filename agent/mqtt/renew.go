package mqtt

import (
	"context"
	"errors"

	"iot-edge-anomaly/agent/broker"
)

// errRenew ends a connection that is to be made anew.
var errRenew = errors.New("password or certificates have changed")

// look reads the files of the connection that have changed, and logs what is new of
// them.
func (c *Client) look() broker.Files {
	f := c.broker.LookAtFiles()
	c.mu.Lock()
	trouble, loose := c.files.Trouble, c.files.Loose
	c.files = f
	c.mu.Unlock()
	switch {
	case f.Trouble != "" && f.Trouble != trouble && f.Passwords > 0 && f.Certificates > 0:
		c.log.Error("what was read before stays in force", "err", f.Trouble)
	case f.Trouble == "" && trouble != "":
		c.log.Info("password and certificates are in order again")
	}
	if f.Loose != "" && f.Loose != loose {
		c.log.Warn("others have access to the key of the client certificate", "file", f.Loose)
	}
	return f
}

// FilesChanged tells whether a new password or a new certificate has come into force
// since the newest connection was made. It is false before the first one. It may wait for
// the disk.
func (c *Client) FilesChanged() bool {
	f := c.look()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.read != nil && (c.read.Passwords != f.Passwords || c.read.Certificates != f.Certificates)
}

// CertificatesChanged is FilesChanged for certificates, key and CA alone.
func (c *Client) CertificatesChanged() bool {
	f := c.look()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.read != nil && c.read.Certificates != f.Certificates
}

// noteFiles remembers which files the next connection is made with.
func (c *Client) noteFiles() {
	now := c.look()
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
	if s := c.refusals.load(); s.Denied || s.Topics > 0 || c.refusals.limited() {
		c.refusals.reset()
		c.Renew()
	}
}
