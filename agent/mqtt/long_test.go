package mqtt

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"iot-edge-anomaly/agent/spool"
)

// grown is a state with so many bytes behind its number.
func grown(n, size int) []byte { return fmt.Appendf(nil, "%d %s", n, strings.Repeat("x", size)) }

// A state that grows beyond the packet limit and shrinks again costs connections until
// the limit is known, and then none but rare trials; the newest state arrives in the form
// that fits. Events that are as long arrive too, and another machine's state.
func TestRefused_growingState(t *testing.T) {
	for name, reduce := range map[string]func([]byte, int) []byte{"shortened": halve, "not shortened": nil} {
		t.Run(name, func(t *testing.T) {
			faked(t, Options{Reduce: reduce}, func(t *testing.T, b *fakeBroker, c *Client, q *spool.Queue) {
				b.note(func() { b.refuse = longerThan(700) })
				defer run(t, c)()
				n := 0
				cycle := func() {
					n++
					c.SetRetained("m/a", grown(n, 1000))
					c.SetRetained("m/b", grown(n, 10))
					appendN(t, q, 1)
					time.Sleep(4 * time.Second)
					c.SetRetained("m/a", grown(n, 20))
					time.Sleep(4 * time.Second)
				}
				for range 12 {
					cycle()
				}
				known := c.Stats()
				if known.Connects > 10 || !c.refusals.limited() || !strings.Contains(known.Trouble, "packet limit") {
					t.Errorf("the limit is not found: %+v", known)
				}
				for range 450 * 6 {
					cycle()
				}
				s := c.Stats()
				if more := s.Connects - known.Connects; more > 14 {
					t.Errorf("%d connections in 6 hours, want one after 2, 4, 8, 16, 32 minutes and then one an hour", more)
				}
				c.SetRetained("m/a", grown(n+1, 1000))
				time.Sleep(5 * time.Second)
				got, topics := b.on("m/a"), 0
				if len(got) == 0 {
					t.Fatalf("no state arrived: %+v", c.Stats())
				}
				if reduce == nil {
					topics = 1
				} else if last := got[len(got)-1]; !strings.HasPrefix(last, fmt.Sprintf("%d xx", n+1)) || len(last) > 700 {
					t.Errorf("the newest is not shortened: %.20s", last)
				}
				if s := c.Stats(); s.Topics != topics || len(b.on("m/b")) < n {
					t.Errorf("%+v, %d of the other machine", s, len(b.on("m/b")))
				}
				wantNumbers(t, firsts(b.on(eventTopic)), n)

				b.note(func() { b.refuse = nil })
				c.Reconsider()
				time.Sleep(10 * time.Second)
				got = b.on("m/a")
				if s := c.Stats(); len(got[len(got)-1]) < 1000 || s.Topics != 0 || s.Trouble != "" {
					t.Errorf("once it is allowed: %.20s, %+v", got[len(got)-1], s)
				}
			})
		})
	}
}

// A state that is too long from the start arrives shortened, and what is forbidden on one
// topic makes no other shorter.
func TestRefused_longState(t *testing.T) {
	faked(t, Options{Reduce: halve}, func(t *testing.T, b *fakeBroker, c *Client, _ *spool.Queue) {
		b.note(func() {
			b.refuse = func(p *packets.PublishPacket) bool { return p.TopicName == "m/no" || longerThan(700)(p) }
		})
		c.SetRetained("m/a", grown(1, 1000))
		c.SetRetained("m/no", grown(1, 100))
		c.SetRetained("m/b", grown(1, 500))
		defer run(t, c)()
		time.Sleep(5 * time.Minute)
		a, other := b.on("m/a"), b.on("m/b")
		if len(a) == 0 || len(a[len(a)-1]) != 502 || len(other) == 0 || len(other[0]) != 502 {
			t.Errorf("m/a %.20q, m/b %.20q", a, other)
		}
		s := c.Stats()
		if s.Topics != 1 || s.Connects > 20 {
			t.Errorf("%+v", s)
		}
		connects := s.Connects
		time.Sleep(24 * time.Hour)
		if n := c.Stats().Connects - connects; n > 52 {
			t.Errorf("%d connections in a day, want two an hour: for the topic, and for the limit", n)
		}
		// The limit is raised, and nobody reloads.
		b.note(func() { b.refuse = nil })
		c.SetRetained("m/a", grown(2, 1000))
		time.Sleep(2 * time.Hour)
		c.SetRetained("m/a", grown(3, 1000))
		time.Sleep(time.Minute)
		if a = b.on("m/a"); !bytes.Equal([]byte(a[len(a)-1]), grown(3, 1000)) {
			t.Errorf("still %.20q of %d bytes", a[len(a)-1], len(a[len(a)-1]))
		}
	})
}
