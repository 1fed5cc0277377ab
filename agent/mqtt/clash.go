package mqtt

import (
	"errors"
	"fmt"
	"io"
	"time"
)

// A broker ends the older connection when a second client connects with the same
// client id [MQTT-3.1.4-2]. MQTT 3.1.1 has no reason for it: to the older one the
// connection just ends. Two gateways with one id so end each other's connections for
// ever.
const (
	clashEnds = 4         // connections that ended like that
	clashSpan = time.Hour // within this time
	clashLife = 10 * time.Minute
)

// clashes notices that another client uses our id.
type clashes struct {
	ends []time.Time // of the newest connections that the broker ended without a reason
}

// ended takes the end of a connection that the broker had accepted: err is why, life
// how long it lasted, and busy tells that a message was in flight, which may be the
// reason. It reports whether another client is the likely cause.
func (c *clashes) ended(now time.Time, err error, life time.Duration, busy bool) bool {
	if busy || life > clashLife || !errors.Is(err, io.EOF) {
		return false
	}
	c.ends = append(c.ends, now)
	for len(c.ends) > clashEnds || now.Sub(c.ends[0]) > clashSpan {
		c.ends = c.ends[1:]
	}
	return len(c.ends) == clashEnds
}

// lasted takes a connection that has lasted for long: nobody else uses the id.
func (c *clashes) lasted() { c.ends = nil }

// errClash explains the end of a connection that another client is the likely cause
// of.
func errClash(id string, err error) error {
	return fmt.Errorf("another client uses the client id %q, so the broker ends each connection; give every gateway its own gateway.id: %w", id, err)
}
