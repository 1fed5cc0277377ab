package mqtt

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"iot-edge-anomaly/agent/spool"
)

// RefusalStats are about what the broker does not take.
type RefusalStats struct {
	SetAside  uint64 // messages of the source that were set aside, and are delivered no more
	Truncated uint64 // messages of the source that arrived reduced only
	Topics    int    // retained and offered topics that the broker does not take at present
	Denied    bool   // the broker takes no message of the source; they wait in it
	Trouble   string // what was refused last, and why; "" = nothing for a day
}

// refusals knows which messages the broker does not take, and what is sent in their
// place. It is safe for concurrent use.
type refusals struct {
	mu    sync.Mutex
	trial trial

	// Messages of the source.
	doubt     uint64         // the message that is tried reduced; 0 = none
	step      int            // how far
	passed    []flight       // refused in every form; they are in the source until another of their topic arrives
	limit     int            // bytes: packets of this size or more are reduced at once; 0 = unknown
	candidate int            // bytes of a packet that was refused; a limit if a smaller one arrives
	largest   int            // bytes of the largest packet that arrived
	hold      time.Time      // nothing of the source is sent until then
	holdFor   time.Duration  // how long the newest hold was
	probation bool           // after a hold: the first break is enough
	silent    map[uint64]int // how often the broker acknowledged later messages and not this one

	// Topics that are not of the source.
	topics   map[string]time.Time // refused, until when; those of the past are tried with care
	streak   int                  // refused retained topics since one arrived
	retained time.Time            // no retained message is sent until then
	long     long

	stats    RefusalStats
	troubled time.Time // of stats.Trouble
	told     time.Time
	fast     int       // connections made soon because of a trial
	fastFrom time.Time // since then
}

// load returns the stats.
func (r *refusals) load() RefusalStats {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, now := r.stats, time.Now()
	for _, until := range r.topics {
		if now.Before(until) {
			s.Topics++
		}
	}
	for topic := range r.long.held {
		if !now.Before(r.topics[topic]) {
			s.Topics++
		}
	}
	s.Denied = r.holdFor > 0
	if !s.Denied && now.Sub(r.troubled) > tellFor {
		s.Trouble = ""
	}
	return s
}

// reset forgets everything except the counters: the broker may be another one, or may
// have other rules.
func (r *refusals) reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.trial, r.passed, r.limit, r.candidate, r.largest = trial{}, nil, 0, 0, 0
	r.doubt, r.step, r.hold, r.holdFor, r.probation, r.silent = 0, 0, time.Time{}, 0, false, nil
	r.topics, r.streak, r.retained, r.long = nil, 0, time.Time{}, long{}
	r.stats.Trouble = ""
}

// packetSize is the length of a PUBLISH packet with QoS 1 [MQTT-3.3].
func packetSize(topic string, payload int) int {
	n := 2 + len(topic) + 2 + payload
	head := 2
	for rest := n >> 7; rest > 0; rest >>= 7 {
		head++
	}
	return head + n
}

// plan says how a message of the source is sent: in full, reduced, or not now. For a
// message that no reduction makes small enough, too is true.
func (r *refusals) plan(e spool.Entry, reduce func([]byte, int) []byte) (m spool.Message, f flight, send, too bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m = e.Message
	f = flight{topic: e.Topic, retain: e.Retain, id: e.ID, full: e.Payload, size: packetSize(e.Topic, len(e.Payload))}
	for _, p := range r.passed {
		if p.id == e.ID {
			return m, f, false, false
		}
	}
	if r.doubt == e.ID {
		f.step = r.step
		m.Payload = reduce(e.Payload, f.step)
		f.size = packetSize(e.Topic, len(m.Payload))
	}
	for r.limit > 0 && f.size >= r.limit {
		p := reduce(e.Payload, f.step+1)
		if p == nil {
			return m, f, false, true
		}
		f.step++
		m.Payload, f.size = p, packetSize(e.Topic, len(p))
	}
	f.key = fmt.Sprintf("e%d/%d", f.id, f.step)
	if r.probation && r.trial.suspect != f.key {
		r.trial.expect(f.key)
	}
	return m, f, true, false
}

// arrived takes a message of the source that the broker acknowledged, and returns the
// messages that are to be set aside: their topic is none that the broker refuses.
func (r *refusals) arrived(f *flight) (aside []flight) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.trial.arrived(f.key)
	if f.size >= r.limit {
		r.limit = 0
	}
	if r.candidate > 0 && f.size < r.candidate {
		r.limit, r.candidate = r.candidate, 0
		r.long.learn(r.limit)
	}
	r.long.arrived(f.size)
	r.largest = max(r.largest, f.size)
	r.holdFor, r.probation = 0, false
	if r.doubt == f.id {
		r.doubt, r.step = 0, 0
	}
	delete(r.silent, f.id)
	keep := r.passed[:0]
	for _, p := range r.passed {
		if p.topic == f.topic {
			aside = append(aside, p)
		} else {
			keep = append(keep, p)
		}
	}
	r.passed = keep
	return aside
}

// refused takes strikes against a message of the source. It returns what happens to it,
// for the log; "" = nothing yet.
func (r *refusals) refused(f *flight, strikes int, reduce func([]byte, int) []byte) string {
	need := strikesNeeded
	if f.step > 0 || r.probation {
		need = 1
	}
	if strikes < r.trial.needed(need) {
		return ""
	}
	r.trial.forget(f.key)
	if r.probation {
		r.holdBack(f.topic)
		return ""
	}
	r.candidate = f.size
	if p := reduce(f.full, f.step+1); p != nil {
		r.doubt, r.step = f.id, f.step+1
		r.trial.expect(fmt.Sprintf("e%d/%d", f.id, r.step))
		return "trying it without its causes or detail"
	}
	r.doubt, r.step = 0, 0
	r.passed = append(r.passed, *f)
	n := 0
	for _, p := range r.passed {
		if p.topic == f.topic {
			n++
		}
	}
	if n >= deniedAfter {
		r.holdBack(f.topic)
		return "messages wait in the queue"
	}
	return "it is passed over"
}

// holdBack stops the messages of the source for a while: the broker takes none on this
// topic, so none is lost by waiting.
func (r *refusals) holdBack(topic string) {
	r.holdFor = min(max(holdFirst, 2*r.holdFor), retryRefused)
	now := time.Now()
	r.hold, r.probation, r.passed = now.Add(r.holdFor), true, nil
	r.trouble(now, fmt.Sprintf("the broker takes no message on %s: it ends the connection on each; allow the topic in its access control list%s", topic, spaced(topic)))
}

// spaced adds what some brokers do not take in a topic.
func spaced(topic string) string {
	if strings.ContainsAny(topic, " .*>") {
		return " (NATS takes no space, dot, * or > in a topic)"
	}
	return ""
}

func (r *refusals) trouble(now time.Time, text string) { r.stats.Trouble, r.troubled = text, now }

// why is the likely reason why a message of the source was refused.
func (r *refusals) why(f *flight) string {
	size := packetSize(f.topic, len(f.full))
	if r.largest > 0 && size > r.largest {
		return fmt.Sprintf("message %d on %s has %d bytes and the largest that arrived has %d: likely the broker's packet limit", f.id, f.topic, size, r.largest)
	}
	if r.largest == 0 {
		return fmt.Sprintf("message %d on %s (%d bytes); none has arrived yet, so likely the broker's rules", f.id, f.topic, size)
	}
	return fmt.Sprintf("message %d on %s (%d bytes): messages as large arrive, so likely its content or the broker's rules", f.id, f.topic, size)
}

// overtaken takes a message that the broker did not acknowledge, although it
// acknowledged later ones. It reports whether that has happened often enough.
func (r *refusals) overtaken(f *flight) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.silent == nil {
		r.silent = map[uint64]int{}
	}
	r.silent[f.id]++
	if r.silent[f.id] < strikesNeeded {
		return false
	}
	delete(r.silent, f.id)
	return true
}

// held returns how long the messages of the source still wait; 0 = they do not.
func (r *refusals) held() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.holdFor == 0 {
		return 0
	}
	return max(0, time.Until(r.hold))
}

// waiting returns how many of n messages in the source are to be sent now.
func (r *refusals) waiting(n int) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.holdFor > 0 && time.Now().Before(r.hold) {
		return 0
	}
	return max(0, n-len(r.passed))
}

// topicKey is the key of a message that is not from the source.
func topicKey(topic string) string { return "t" + topic }

// refusedTopic takes strikes against a topic that is not of the source, and returns
// what to log; "" = nothing.
func (r *refusals) refusedTopic(f *flight, strikes int) string {
	if r.long.strike(f.topic, f.size) {
		r.trial.forget(f.key)
		return ""
	}
	need := strikesNeeded
	until, before := r.topics[f.topic]
	if before || f.retain && r.streak > 0 {
		need = 1
	}
	if strikes < r.trial.needed(need) {
		return ""
	}
	r.trial.forget(f.key)
	if r.topics == nil {
		r.topics = map[string]time.Time{}
	}
	now := time.Now()
	r.topics[f.topic] = now.Add(retryRefused)
	if !f.retain {
		if before {
			return ""
		}
		return "the broker ends the connection on " + f.topic + ": allow it in the broker's access control list" + spaced(f.topic)
	}
	if now.Before(until) { // it was a shorter form
		return ""
	}
	r.streak++
	switch {
	case r.streak < deniedAfter && !before:
		return "the broker ends the connection on the retained topic " + f.topic + ": allow it, and retained messages, in the broker's access control list" + spaced(f.topic)
	case r.streak < deniedAfter:
		return ""
	}
	first := r.retained.IsZero()
	r.retained = now.Add(retryRefused)
	if !first {
		return ""
	}
	return "the broker takes no retained messages: it ends the connection on each"
}

// arrivedTopic takes a message that was not from the source and that arrived.
func (r *refusals) arrivedTopic(f *flight) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.long.arrivedOn(f.topic, f.size) { // the longer one is not innocent
		delete(r.trial.among, nextOne)
		r.trial.forget(f.key)
	}
	r.trial.arrived(f.key)
	if f.size >= r.limit {
		r.limit = 0
	}
	delete(r.topics, f.topic)
	if f.retain {
		r.streak, r.retained = 0, time.Time{}
	}
}

// mayTry tells whether a topic that is not of the source may be sent now. One that
// the broker refused before, or that is likely to be refused, is sent with care, and
// only while no other message is the suspect.
func (r *refusals) mayTry(topic string, retain bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.try(topic, retain, time.Now())
}

// try is mayTry; mu is held.
func (r *refusals) try(topic string, retain bool, now time.Time) bool {
	until, before := r.topics[topic]
	if now.Before(until) || retain && now.Before(r.retained) {
		return false
	}
	if !before && !(retain && r.streak > 0) {
		return true
	}
	return r.careful(topicKey(topic))
}

// careful makes a message the suspect unless another one is; mu is held.
func (r *refusals) careful(key string) bool {
	if r.trial.suspect == "" {
		r.trial.expect(key)
	}
	return r.trial.suspect == key
}

// suspected tells whether the topic is the suspect, or refused.
func (r *refusals) suspected(topic string, retain bool) bool {
	may := r.mayTry(topic, retain)
	r.mu.Lock()
	defer r.mu.Unlock()
	return !may || r.trial.suspect == topicKey(topic)
}

// turn tells whether a message must be alone in flight, and how old the connection
// must be before.
func (r *refusals) turn(key string) (alone bool, age time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.trial.alone(), r.trial.wait(key)
}

// hurry tells whether the next connection is to be made soon, because a trial goes on.
func (r *refusals) hurry() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := time.Now(); now.Sub(r.fastFrom) > time.Hour {
		r.fast, r.fastFrom = 0, now
	}
	if r.trial.suspect == "" || r.fast >= triesAtOnce {
		return false
	}
	r.fast++
	return true
}
