package mqtt

import (
	"errors"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"iot-edge-anomaly/agent/broker"
)

const (
	willTries   = 2           // refused connections until one is tried without the will
	willConfirm = time.Minute // a connection without the will; then one with it must fail again
)

// errConfirmWill ends a connection to find out whether the broker refuses the will.
var errConfirmWill = errors.New("finding out whether the broker refuses the will")

// will finds out whether a broker refuses the connection because of the will: it is
// refused with it, accepted without it, and refused with it again. Only Run uses it.
type will struct {
	fails   int  // refused connections with the will, in a row
	worked  bool // one without the will was accepted
	without bool // connections have no will from now on
}

// left tells whether the next connection has no will.
func (w *will) left() bool { return w.without || !w.worked && w.fails >= willTries }

// refused takes a connection that the broker did not accept. It reports whether this
// proves that the will is the reason.
func (w *will) refused(err error, left bool) bool {
	if !errors.Is(err, packets.ErrorRefusedNotAuthorised) && !broker.Closed(err) {
		return false
	}
	if left {
		w.fails = 0
		return false
	}
	if w.fails++; w.worked && w.fails >= willTries {
		w.without = true
		return true
	}
	return false
}

// accepted takes a connection that the broker accepted. It reports whether one with
// the will is to be tried soon.
func (w *will) accepted(left bool) bool {
	if !left {
		*w = will{}
		return false
	}
	first := !w.worked
	w.worked, w.fails = true, 0
	return first && !w.without
}
