package mqtt

import (
	"path/filepath"
	"testing"
	"time"
)

// mosquitto with max_packet_size: the long message arrives reduced, the others whole
// and in order.
func TestMosquitto_packetLimit(t *testing.T) {
	t.Parallel()
	m := newMosquitto(t, "allow_anonymous true", "max_packet_size 700")
	l := listen(t, m)
	q := mustSpool(t)
	for i := range 100 {
		size := 100
		if i == 30 || i == 60 {
			size = 1000
		}
		sized(t, q, size)
	}
	file := filepath.Join(t.TempDir(), "refused.jsonl")
	c := mustNew(t, Options{Broker: "mqtt://" + m.addr, Reduce: halve, Aside: file}, q)
	run(t, c)
	eventually(t, time.Minute, "100 events", func() bool { return len(firsts(l.on(eventTopic))) >= 100 })
	wantNumbers(t, numbers(firsts(l.on(eventTopic))), 100)
	eventually(t, time.Minute, "both noted", func() bool { return c.Stats().Truncated == 2 })
	if n := len(asideLines(t, file)); n != 2 || c.Stats().SetAside != 0 {
		t.Errorf("%d kept aside, %+v", n, c.Stats())
	}
}

// mosquitto with retain_available false ends the connection on a will that is
// retained, and on each retained message: events arrive all the same.
func TestMosquitto_noRetain(t *testing.T) {
	t.Parallel()
	m := newMosquitto(t, "allow_anonymous true", "retain_available false")
	l := listen(t, m)
	q := mustSpool(t)
	c := mustNew(t, Options{Broker: "mqtt://" + m.addr}, q)
	for _, topic := range []string{"plant/gw7/machine/a", "plant/gw7/machine/b", "plant/gw7/machine/c"} {
		c.SetRetained(topic, []byte("normal"))
	}
	appendN(t, q, 50)
	run(t, c)
	eventually(t, time.Minute, "50 events", func() bool { return len(firsts(l.on(eventTopic))) >= 50 })
	wantNumbers(t, firsts(l.on(eventTopic)), 50)
	eventually(t, time.Minute, "the retained topics given up", func() bool { return c.Stats().Topics >= deniedAfter })
	if s := c.Stats(); s.SetAside != 0 || q.Len() != 0 {
		t.Errorf("%+v, %d left", s, q.Len())
	}
}

// mosquitto with max_packet_size and a state that grows beyond it and shrinks: once the
// limit is known, it costs no connection, and arrives shortened.
func TestMosquitto_growingState(t *testing.T) {
	t.Parallel()
	m := newMosquitto(t, "allow_anonymous true", "max_packet_size 700")
	l := listen(t, m)
	q := mustSpool(t)
	c := mustNew(t, Options{Broker: "mqtt://" + m.addr, Reduce: halve}, q)
	run(t, c)
	const topic = "plant/gw7/machine/tank1"
	n := 0
	cycle := func() {
		n++
		c.SetRetained(topic, grown(n, 1000))
		time.Sleep(time.Second)
		c.SetRetained(topic, grown(n, 20))
		eventually(t, time.Minute, "the short state", func() bool { got := l.on(topic); return len(got) > 0 && got[len(got)-1] == string(grown(n, 20)) })
	}
	for range 40 {
		if cycle(); c.refusals.limited() {
			break
		}
	}
	known := c.Stats().Connects
	for range 10 {
		cycle()
	}
	c.SetRetained(topic, grown(77, 1000))
	eventually(t, time.Minute, "the long state, shortened", func() bool { got := l.on(topic); return got[len(got)-1] == string(grown(77, 500)) })
	if s := c.Stats(); known > 12 || s.Connects > known+3 {
		t.Errorf("%d connections until the limit was known, then %d", known, s.Connects-known)
	}
}
