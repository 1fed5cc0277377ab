package mqtt

import (
	"slices"
	"sync"
	"time"
)

// flight is a message that was sent and not yet acknowledged, or is about to be.
type flight struct {
	key    string
	topic  string
	retain bool
	id     uint64 // of the source; 0 = it is not from the source
	step   int    // how often it was reduced
	size   int    // bytes of the packet
	full   []byte // payload as the source gave it
	at     time.Time
	gated  bool // nothing else is in flight
}

// flights are the messages that are in flight on one connection. It is safe for
// concurrent use.
type flights struct {
	gate chan struct{} // holds an element while a message is in flight that must be alone

	mu     sync.Mutex
	list   []flight // in the order of sending
	landed flight   // the newest that was acknowledged; at is then
}

// grace is how soon a broker ends the connection because of a message. Some, such as
// mosquitto 2.0.11, acknowledge a message that they refuse, and then end it.
const grace = 100 * time.Millisecond

// add takes a message that is about to be sent.
func (f *flights) add(x flight) {
	f.mu.Lock()
	defer f.mu.Unlock()
	x.at = time.Now()
	f.list = append(f.list, x)
}

// remove takes a message that arrived.
func (f *flights) remove(key string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := slices.IndexFunc(f.list, func(x flight) bool { return x.key == key })
	if i < 0 {
		return
	}
	x := f.list[i]
	f.list = slices.Delete(f.list, i, i+1)
	if x.gated {
		<-f.gate
		return // it had its grace
	}
	x.at = time.Now()
	f.landed = x
}

// alone tells whether a message must be alone in flight.
func (f *flights) alone(key string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.ContainsFunc(f.list, func(x flight) bool { return x.key == key && x.gated })
}

// left returns what is in flight.
func (f *flights) left() []flight {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.list)
}

// blamed returns what is in flight, or else what was acknowledged just before now; past
// tells which.
func (f *flights) blamed(now time.Time) (list []flight, past bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.list) > 0 {
		return slices.Clone(f.list), false
	}
	if now.Sub(f.landed.at) > grace {
		return nil, false
	}
	return []flight{f.landed}, true
}
