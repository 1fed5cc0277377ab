package mqtt

import "time"

const (
	strikesNeeded = 3                // breaks with one message alone in flight, until it counts as refused
	firstQuiet    = 2 * time.Second  // age of a connection on which a suspect is sent
	doubleTo      = 16 * time.Second // each strike doubles it, up to here
	longestQuiet  = 3 * ackTimeout   // at most
	trialFor      = 10 * time.Minute // a message that was in flight may never be sent again
	triesAtOnce   = 40               // in an hour: connections that are made soon because a trial goes on
	soon          = time.Second / 2  // the shortest of their waits
	retryRefused  = time.Hour        // until a topic that the broker did not take is tried again
	holdFirst     = time.Minute      // until a topic of the source is tried again, at first
	deniedAfter   = 3                // different messages of a topic refused in a row: it is the topic
	tellEvery     = time.Minute      // between two log lines about refused messages
	tellFor       = 24 * time.Hour   // how long Trouble says that messages were refused
)

// trial finds the message because of which a broker ends connections. An MQTT 3.1.1
// broker has no other way to refuse one.
//
// If the broker ends a connection while several messages are in flight, each of them
// is sent alone on the next one. Ends it the connection again with one message alone
// in flight, this one is the suspect: from then on it is sent only on a connection that
// has lived for a while, and longer than the broker took to end the one before, three
// times over. Other messages pass meanwhile. A connection that ends before the suspect
// was sent clears it: the broker has another reason. So a broker that ends connections
// at random, or at a fixed age, makes no message guilty: each strike doubles the age.
//
// The zero value is ready to use. It is not safe for concurrent use.
type trial struct {
	among   map[string]bool // keys of the messages that are sent one at a time
	suspect string          // "" = none
	strikes int             // against the suspect
	quiet   time.Duration   // how old the connection must be before the suspect is sent
	at      time.Time       // of the newest reason to send one at a time

	cleared   int       // suspects that turned out to be innocent, since an hour without any
	clearedAt time.Time // the newest
}

// needed is how many strikes make a message guilty: more than least while the broker
// ends connections for other reasons too.
func (t *trial) needed(least int) int {
	if time.Since(t.clearedAt) > time.Hour {
		t.cleared = 0
	}
	return least + 2*min(t.cleared, 5)
}

// clear counts an innocent suspect.
func (t *trial) clear() { t.cleared, t.clearedAt = t.needed(0)/2+1, time.Now() }

// alone tells whether messages are sent one at a time.
func (t *trial) alone() bool { return len(t.among) > 0 && time.Since(t.at) < trialFor }

// expect makes a message the suspect, without a strike.
func (t *trial) expect(key string) {
	t.add(key)
	t.suspect, t.strikes, t.quiet = key, 0, firstQuiet
}

func (t *trial) add(key string) {
	if t.among == nil {
		t.among = map[string]bool{}
	}
	t.among[key], t.at = true, time.Now()
}

// arrived takes a message that the broker took.
func (t *trial) arrived(key string) {
	if t.suspect == key && t.strikes > 0 {
		t.clear()
	}
	delete(t.among, nextOne)
	t.forget(key)
}

// nextOne is the key of whatever is sent next.
const nextOne = "next"

// forget takes a message that is not tried any more.
func (t *trial) forget(key string) {
	delete(t.among, key)
	if t.suspect == key {
		t.suspect, t.strikes, t.quiet = "", 0, 0
	}
}

// wait is how old the connection must be before the message is sent.
func (t *trial) wait(key string) time.Duration {
	if key == t.suspect {
		return t.quiet
	}
	return 0
}

// ended takes the end, by the broker, of a connection that it had accepted, and what
// was in flight. It returns the strikes against the message that was alone in flight;
// 0 = this end says nothing about a message.
func (t *trial) ended(left []flight, accepted, now time.Time) int {
	if len(left) == 0 {
		if t.strikes > 0 {
			t.clear()
		}
		*t = trial{cleared: t.cleared, clearedAt: t.clearedAt}
		return 0
	}
	for _, f := range left {
		t.add(f.key)
	}
	if len(left) > 1 {
		return 0
	}
	f := &left[0]
	life, age := now.Sub(f.at), f.at.Sub(accepted)
	if f.key != t.suspect {
		t.suspect, t.strikes, t.quiet = f.key, 1, min(max(firstQuiet, 3*life), longestQuiet)
		return 1
	}
	if age < t.quiet || 3*life > age {
		t.quiet = min(max(t.quiet, 3*life), longestQuiet)
		return 0
	}
	t.strikes++
	t.quiet = min(max(min(2*t.quiet, doubleTo), 3*life), longestQuiet)
	return t.strikes
}
