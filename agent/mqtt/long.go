package mqtt

import (
	"fmt"
	"time"
)

// long is what is known of the broker's packet limit, for the topics of SetRetained:
// their payloads grow and shrink. Ends of the connection with a payload alone in
// flight speak for a limit as soon as a smaller one of the same topic arrives: then it is
// not the topic. refusals.mu guards it.
type long struct {
	limit   int               // bytes: packets of this size or more are shortened or wait; 0 = unknown
	again   time.Time         // one as long is tried then
	wait    time.Duration     // how long until then
	told    bool              // that there is a limit
	least   int               // bytes of the shortest packet that speaks for a limit; 0 = none
	strikes int               // that speak for it, since one as long arrived
	struck  map[string]struck // by topic, since one arrived
	held    map[string]bool   // topics whose newest payload waits
}

// struck is the shortest packet of a topic with which a connection ended.
type struck struct{ size, strikes int }

// learn takes a size that the broker does not take.
func (l *long) learn(size int) {
	if l.limit > 0 && l.limit <= size {
		return
	}
	l.limit, l.wait = size, holdFirst
	l.again = time.Now().Add(l.wait)
}

// strike takes an end of the connection with a packet alone in flight. It returns true
// if a longer packet than the limit was tried.
func (l *long) strike(topic string, size int) bool {
	if l.limit > 0 && size >= l.limit {
		l.wait = min(2*l.wait, retryRefused)
		l.again = time.Now().Add(l.wait)
		return true
	}
	if l.struck == nil {
		l.struck = map[string]struck{}
	}
	s := l.struck[topic]
	if s.size == 0 || size < s.size {
		s.size = size
	}
	s.strikes++
	l.struck[topic] = s
	return false
}

// arrived takes the size of a packet that the broker took.
func (l *long) arrived(size int) {
	if l.limit > 0 && size >= l.limit {
		l.limit, l.told = 0, false
	}
	if size >= l.least {
		l.least, l.strikes = 0, 0
	}
}

// arrivedOn takes a packet of a topic, and returns whether the topic's newest strikes
// were against a longer one.
func (l *long) arrivedOn(topic string, size int) bool {
	l.arrived(size)
	s := l.struck[topic]
	delete(l.struck, topic)
	delete(l.held, topic)
	if size >= s.size {
		return false
	}
	if l.least == 0 || s.size < l.least {
		l.least = s.size
	}
	if l.strikes += s.strikes; l.strikes >= strikesNeeded {
		l.learn(l.least)
	}
	return true
}

// fit returns the payload of a topic of SetRetained as it is sent now: in full, or
// shortened where the broker does not take packets as long. It returns false if it is not
// to be sent now. tell is for the log; "" = nothing.
func (r *refusals) fit(topic string, payload []byte, reduce func([]byte, int) []byte) (p []byte, ok bool, tell string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	l, now := &r.long, time.Now()
	most, size := l.limit, packetSize(topic, len(payload))
	refused := now.Before(r.topics[topic])
	if refused { // it may be because of its length
		most = l.struck[topic].size
		if l.limit > 0 {
			most = min(most, l.limit)
		}
	} else if most > 0 && size >= most && !now.Before(l.again) && (r.trial.suspect == "" || r.trial.suspect == topicKey(topic)) {
		most = 0
	}
	p = payload
	fits := true // an empty payload is nil and fits
	for step := 1; fits && most > 0 && packetSize(topic, len(p)) >= most; step++ {
		p = reduce(payload, step)
		fits = p != nil
	}
	if l.limit > 0 && size >= l.limit && !l.told {
		l.told = true
		tell = fmt.Sprintf("the broker takes no packet of %d bytes: likely its packet limit; longer states of machines are sent without causes, or not at all", l.limit)
		r.trouble(now, tell)
	}
	switch {
	case !fits:
		if !refused {
			if l.held == nil {
				l.held = map[string]bool{}
			}
			l.held[topic] = true
		}
	case refused && most > 0 && !now.Before(r.retained):
		ok = r.careful(topicKey(topic))
	case most == 0 && l.limit > 0 && size >= l.limit:
		ok = r.try(topic, true, now) && r.careful(topicKey(topic))
	default:
		ok = r.try(topic, true, now)
	}
	return p, ok, tell
}

// limited tells whether the broker's packet limit is known.
func (r *refusals) limited() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.limit > 0 || r.long.limit > 0
}
