package mqtt

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"iot-edge-anomaly/agent/spool"
)

// halve reduces a payload "number xxxx" to "number xx", then to "number".
func halve(b []byte, step int) []byte {
	number, rest, _ := strings.Cut(string(b), " ")
	switch {
	case len(rest) > 0 && step == 1:
		return []byte(number + " " + rest[:len(rest)/2])
	case len(rest) > 0 && step == 2:
		return []byte(number)
	}
	return nil
}

// sized appends a message with so many bytes behind its number.
func sized(t *testing.T, q *spool.Queue, n int) {
	t.Helper()
	err := q.Append(func(seq uint64) (spool.Message, error) {
		return spool.Message{Topic: eventTopic, Payload: fmt.Appendf(nil, "%d %s", seq, strings.Repeat("x", n))}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// numbers are the numbers at the start of the payloads.
func numbers(payloads []string) (out []string) {
	for _, p := range payloads {
		n, _, _ := strings.Cut(p, " ")
		out = append(out, n)
	}
	return out
}

func longerThan(n int) func(*packets.PublishPacket) bool {
	return func(p *packets.PublishPacket) bool { return packetSize(p.TopicName, len(p.Payload)) > n }
}

func asideLines(t *testing.T, file string) (out []asideLine) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		var l asideLine
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatal(err)
		}
		out = append(out, l)
	}
	return out
}

func TestPacketSize(t *testing.T) {
	for _, n := range []int{0, 1, 100, 111, 112, 113, 16000, 16365, 16366, 16367, 16368, 70000} {
		p := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
		p.TopicName, p.Payload, p.Qos, p.MessageID = eventTopic, make([]byte, n), 1, 7
		var b bytes.Buffer
		if err := p.Write(&b); err != nil {
			t.Fatal(err)
		}
		if got := packetSize(eventTopic, n); got != b.Len() {
			t.Errorf("payload of %d bytes: %d, want %d", n, got, b.Len())
		}
	}
}

// A broker with a packet limit closes on what is longer. What is longer arrives
// reduced, the rest in full; the order is kept; the second long message costs no
// connection, because the limit is known.
func TestRefused_tooLong(t *testing.T) {
	file := filepath.Join(t.TempDir(), "refused.jsonl")
	faked(t, Options{Reduce: halve, Aside: file}, func(t *testing.T, b *fakeBroker, c *Client, q *spool.Queue) {
		b.note(func() { b.refuse = longerThan(700) })
		for i := range 60 {
			size := 100
			if i == 20 || i == 40 {
				size = 1000 // 500 fit
			}
			sized(t, q, size)
		}
		defer run(t, c)()
		time.Sleep(time.Minute)
		got := numbers(firsts(b.on(eventTopic)))
		wantNumbers(t, got, 60)
		s := c.Stats()
		if s.Truncated != 2 || s.SetAside != 0 || q.Len() != 0 || s.Denied {
			t.Errorf("%+v, %d left", s, q.Len())
		}
		if s.Connects > 7 {
			t.Errorf("%d connections, want 1, 1 to find it, 3 strikes, 1 that delivers", s.Connects)
		}
		lines := asideLines(t, file)
		if len(lines) != 2 || lines[0].ID != 21 || lines[1].ID != 41 || !lines[0].Reduced || len(lines[0].Payload) != len("21 ")+1000 || !strings.Contains(lines[1].Reason, "packet limit") {
			t.Errorf("%+v", lines)
		}
		if !strings.Contains(s.Trouble, "message 41") {
			t.Errorf("trouble: %q", s.Trouble)
		}
		b.note(func() { b.refuse = nil })
		c.refusals.reset()
		sized(t, q, 1000)
		time.Sleep(time.Second)
		if got := b.on(eventTopic); len(got[len(got)-1]) < 1000 {
			t.Error("the limit outlives a reset")
		}
		time.Sleep(25 * time.Hour)
		if s := c.Stats(); s.Trouble != "" {
			t.Errorf("after a day: %q", s.Trouble)
		}
	})
}

// What no reduction makes small enough is set aside once another message has arrived,
// and does not stand before it.
func TestRefused_inAnyForm(t *testing.T) {
	file := filepath.Join(t.TempDir(), "refused.jsonl")
	faked(t, Options{Aside: file}, func(t *testing.T, b *fakeBroker, c *Client, q *spool.Queue) {
		b.note(func() {
			b.refuse = func(p *packets.PublishPacket) bool { return bytes.HasPrefix(p.Payload, []byte("2 ")) }
		})
		defer run(t, c)()
		sized(t, q, 10)
		sized(t, q, 10)
		time.Sleep(time.Minute)
		if s := c.Stats(); s.SetAside != 0 || q.Len() != 1 {
			t.Errorf("with nothing behind it: %+v, %d left", s, q.Len())
		}
		progress := c.Stats().Progress
		time.Sleep(10 * time.Minute)
		if p := c.Stats().Progress; p < progress+590 {
			t.Errorf("progress went from %d to %d: a watchdog would bite", progress, p)
		}
		sized(t, q, 10)
		time.Sleep(time.Second)
		if got := numbers(firsts(b.on(eventTopic))); !slices.Equal(got, []string{"1", "3"}) {
			t.Errorf("arrived: %v", got)
		}
		if s := c.Stats(); s.SetAside != 1 || q.Len() != 0 {
			t.Errorf("%+v, %d left", s, q.Len())
		}
		if l := asideLines(t, file); len(l) != 1 || l[0].ID != 2 || l[0].Reduced || !strings.Contains(l[0].Reason, "rules") {
			t.Errorf("%+v", l)
		}
	})
}

// A message that cannot be kept aside stays in the queue and stands in nobody's way.
func TestRefused_noPlaceAside(t *testing.T) {
	faked(t, Options{Aside: "/dev/full"}, func(t *testing.T, b *fakeBroker, c *Client, q *spool.Queue) {
		b.note(func() {
			b.refuse = func(p *packets.PublishPacket) bool { return bytes.HasPrefix(p.Payload, []byte("1 ")) }
		})
		defer run(t, c)()
		for range 5 {
			sized(t, q, 10)
		}
		time.Sleep(time.Minute)
		if got := numbers(firsts(b.on(eventTopic))); !slices.Equal(got, []string{"2", "3", "4", "5"}) || q.Len() != 1 || c.Stats().SetAside != 0 {
			t.Errorf("arrived: %v, %d left, %+v", got, q.Len(), c.Stats())
		}
	})
}

// A topic that the broker does not allow at all costs nothing: the messages wait, the
// retained topics are kept up to date, and all arrives once it is allowed.
func TestRefused_topicOfEvents(t *testing.T) {
	file := filepath.Join(t.TempDir(), "refused.jsonl")
	for name, again := range map[string]func(*Client){"later": nil, "at a reload": (*Client).Reconsider} {
		t.Run(name, func(t *testing.T) {
			faked(t, Options{Reduce: halve, Aside: file}, func(t *testing.T, b *fakeBroker, c *Client, q *spool.Queue) {
				b.note(func() { b.refuse = func(p *packets.PublishPacket) bool { return p.TopicName == eventTopic } })
				for range 100 {
					sized(t, q, 50)
				}
				defer run(t, c)()
				time.Sleep(5 * time.Minute)
				c.SetRetained("plant/gw7/machine/a", []byte("normal"))
				connects := c.Stats().Connects
				time.Sleep(24 * time.Hour)
				s := c.Stats()
				if s.SetAside != 0 || s.Truncated != 0 || q.Len() != 100 || !s.Denied || !strings.Contains(s.Trouble, "takes no message on "+eventTopic) {
					t.Errorf("%+v, %d left", s, q.Len())
				}
				if got := b.on("plant/gw7/machine/a"); len(got) == 0 {
					t.Error("the retained topics wait too")
				}
				if n := s.Connects - connects; n > 60 {
					t.Errorf("%d connections in a day", n)
				}
				b.note(func() { b.refuse = nil })
				if again != nil {
					again(c)
					time.Sleep(time.Minute)
				} else {
					time.Sleep(retryRefused + time.Minute)
				}
				wantNumbers(t, numbers(firsts(b.on(eventTopic))), 100)
				if s := c.Stats(); q.Len() != 0 || s.Denied {
					t.Errorf("%+v, %d left", s, q.Len())
				}
			})
		})
	}
}

// Topics that are denied do not stop events, nor the other topics: the status, one
// machine, or everything that is retained.
func TestRefused_retained(t *testing.T) {
	for name, c := range map[string]struct {
		refuse func(*packets.PublishPacket) bool
		topics int
		heard  []string
	}{
		"status":   {func(p *packets.PublishPacket) bool { return p.TopicName == statusTopic }, 1, []string{"m/a", "m/b", "m/c", "m/d", "m/e"}},
		"machine":  {func(p *packets.PublishPacket) bool { return p.TopicName == "m/b" }, 1, []string{statusTopic, "m/a", "m/c", "m/d", "m/e"}},
		"retained": {func(p *packets.PublishPacket) bool { return p.Retain }, 3, nil},
	} {
		t.Run(name, func(t *testing.T) {
			faked(t, Options{}, func(t *testing.T, b *fakeBroker, cl *Client, q *spool.Queue) {
				b.note(func() { b.refuse = c.refuse })
				for _, m := range []string{"a", "b", "c", "d", "e"} {
					cl.SetRetained("m/"+m, []byte("normal"))
				}
				appendN(t, q, 50)
				defer run(t, cl)()
				time.Sleep(30 * time.Second)
				wantNumbers(t, firsts(b.on(eventTopic)), 50)
				time.Sleep(time.Minute)
				s := cl.Stats()
				if s.Topics != c.topics || !strings.Contains(s.Trouble, "the broker") || s.SetAside != 0 || !s.Connected || s.Clash {
					t.Errorf("%+v", s)
				}
				for _, topic := range c.heard {
					if len(b.on(topic)) == 0 {
						t.Errorf("nothing on %s", topic)
					}
				}
				connects := s.Connects
				time.Sleep(24 * time.Hour)
				appendN(t, q, 1)
				time.Sleep(10 * time.Second)
				wantNumbers(t, firsts(b.on(eventTopic)), 51)
				if n := cl.Stats().Connects - connects; n > 26 {
					t.Errorf("%d connections in a day, want one an hour", n)
				}
				b.note(func() { b.refuse = nil })
				cl.Reconsider()
				time.Sleep(time.Minute)
				for _, topic := range []string{statusTopic, "m/a", "m/b", "m/c", "m/d", "m/e"} {
					if len(b.on(topic)) == 0 {
						t.Errorf("once it is allowed: nothing on %s", topic)
					}
				}
				if s := cl.Stats(); s.Topics != 0 {
					t.Errorf("%+v", s)
				}
			})
		})
	}
}

// A broker that ends connections for reasons of its own makes no message guilty: at
// random, at a fixed age, after any number of messages, or never answering for seconds.
func TestRefused_flakyBroker(t *testing.T) {
	file := filepath.Join(t.TempDir(), "refused.jsonl")
	for name, flaky := range map[string]func(b *fakeBroker, r *rand.Rand){
		"at random": func(b *fakeBroker, r *rand.Rand) {
			time.Sleep(time.Duration(r.ExpFloat64() * float64(2*time.Second)))
			b.hangUp()
		},
		"each second":    func(b *fakeBroker, _ *rand.Rand) { time.Sleep(time.Second); b.hangUp() },
		"each 5 seconds": func(b *fakeBroker, _ *rand.Rand) { time.Sleep(5 * time.Second); b.hangUp() },
		"with slow acknowledgements": func(b *fakeBroker, r *rand.Rand) {
			b.note(func() { b.late = 700 * time.Millisecond })
			time.Sleep(time.Duration(r.ExpFloat64() * float64(3*time.Second)))
			b.hangUp()
		},
		"on any message": func(b *fakeBroker, r *rand.Rand) {
			b.note(func() { b.refuse = func(*packets.PublishPacket) bool { return r.IntN(5) == 0 } })
			time.Sleep(time.Minute)
		},
	} {
		t.Run(name, func(t *testing.T) {
			faked(t, Options{Reduce: halve, Aside: file}, func(t *testing.T, b *fakeBroker, c *Client, q *spool.Queue) {
				c.SetRetained("m/a", []byte("normal"))
				stop := run(t, c)
				r := rand.New(rand.NewPCG(1, 2))
				n := 0
				for start := time.Now(); time.Since(start) < 2*time.Hour; {
					for range 3 {
						sized(t, q, r.IntN(500))
						n++
					}
					flaky(b, r)
					b.note(func() { b.conns = slices.DeleteFunc(b.conns, func(c net.Conn) bool { return false }) })
				}
				b.note(func() { b.late, b.refuse = 0, nil })
				time.Sleep(30 * time.Minute)
				stop()
				s := c.Stats()
				if s.SetAside != 0 || s.Truncated != 0 || s.Denied || q.Len() != 0 {
					t.Errorf("%+v, %d left", s, q.Len())
				}
				wantNumbers(t, numbers(firsts(b.on(eventTopic))), n)
			})
		})
	}
}

// A broker that acknowledges later messages and one never gets on with the later ones.
func TestRefused_neverAcknowledged(t *testing.T) {
	file := filepath.Join(t.TempDir(), "refused.jsonl")
	faked(t, Options{Aside: file}, func(t *testing.T, b *fakeBroker, c *Client, q *spool.Queue) {
		b.note(func() {
			b.mute = func(p *packets.PublishPacket) bool { return bytes.HasPrefix(p.Payload, []byte("3 ")) }
		})
		defer run(t, c)()
		for range 30 {
			sized(t, q, 10)
			time.Sleep(5 * time.Second)
		}
		if s := c.Stats(); s.SetAside != 1 || q.Len() != 0 || s.Acked != 29 {
			t.Errorf("%+v, %d left", s, q.Len())
		}
	})
}

// A broker that refuses the connection because of the will is connected to without it.
// One that refuses now and then is not.
func TestWill_refused(t *testing.T) {
	for _, code := range []byte{5, 0xff} {
		faked(t, Options{}, func(t *testing.T, b *fakeBroker, c *Client, q *spool.Queue) {
			b.note(func() {
				b.admit = func(p *packets.ConnectPacket) byte {
					if p.WillFlag {
						return code
					}
					return 0
				}
			})
			appendN(t, q, 5)
			defer run(t, c)()
			time.Sleep(10 * time.Minute)
			wantNumbers(t, firsts(b.on(eventTopic)), 5)
			s := c.Stats()
			if !s.Connected || time.Since(s.Since) < 5*time.Minute || len(b.on(statusTopic)) == 0 {
				t.Errorf("%+v", s)
			}
		})
		faked(t, Options{}, func(t *testing.T, b *fakeBroker, c *Client, q *spool.Queue) {
			n := 0
			b.note(func() {
				b.admit = func(p *packets.ConnectPacket) byte {
					if n++; n < 3 {
						return code
					}
					return 0
				}
			})
			defer run(t, c)()
			time.Sleep(10 * time.Minute)
			will := false
			b.note(func() { will = b.wills[len(b.wills)-1].WillFlag })
			if s := c.Stats(); !s.Connected || !will {
				t.Errorf("will %v, %+v", will, s)
			}
		})
	}
}

// What is offered arrives in order, at most once; without a connection the newest
// 256 KiB wait; a topic that is refused costs one connection.
func TestOffer(t *testing.T) {
	faked(t, Options{}, func(t *testing.T, b *fakeBroker, c *Client, q *spool.Queue) {
		b.note(func() { b.down = true })
		defer run(t, c)()
		time.Sleep(time.Second)
		for i := range 10 {
			c.Offer("plant/gw7/telemetry", append(bytes.Repeat([]byte("x"), 64<<10-1), byte('0'+i)), false)
		}
		b.note(func() { b.down = false })
		time.Sleep(time.Minute)
		var last []string
		for _, p := range b.on("plant/gw7/telemetry") {
			last = append(last, p[len(p)-1:])
		}
		if s := c.Stats(); strings.Join(last, "") != "6789" || s.Offered != 10 || s.OfferDropped != 6 {
			t.Errorf("arrived %v, %+v", last, s.OfferStats)
		}
		c.Offer("large", make([]byte, 2*offerBytes), false)
		time.Sleep(time.Minute)
		if s := c.Stats(); len(b.on("large")) != 1 || s.OfferDropped != 6 {
			t.Errorf("one that is larger than what may wait: %d arrived, %+v", len(b.on("large")), s.OfferStats)
		}
		b.note(func() { b.refuse = func(p *packets.PublishPacket) bool { return p.TopicName == "no" } })
		for range 20 {
			c.Offer("no", []byte("1"), false)
			c.Offer("yes", []byte("2"), false)
			appendN(t, q, 1)
			time.Sleep(10 * time.Second)
		}
		wantNumbers(t, firsts(b.on(eventTopic)), 20)
		s := c.Stats()
		if yes := len(b.on("yes")); yes != 20 || s.Topics != 1 || s.OfferDropped != 26 || s.Connects > 8 {
			t.Errorf("%d of the other topic, %+v", yes, s)
		}
	})
}

// A retained topic that is emptied stays empty, although something waited for it.
func TestOffer_emptied(t *testing.T) {
	faked(t, Options{}, func(t *testing.T, b *fakeBroker, c *Client, _ *spool.Queue) {
		b.note(func() { b.down = true })
		defer run(t, c)()
		time.Sleep(time.Second)
		c.Offer("plant/gw7/telemetry/pump1", []byte("1"), true)
		c.Offer("plant/gw7/telemetry/fan1", []byte("2"), true)
		c.SetRetained("plant/gw7/telemetry/pump1", nil)
		b.note(func() { b.down = false })
		time.Sleep(time.Minute)
		pump, fan := b.on("plant/gw7/telemetry/pump1"), b.on("plant/gw7/telemetry/fan1")
		if s := c.Stats(); len(pump) != 1 || pump[0] != "" || len(fan) != 1 || s.OfferDropped != 1 {
			t.Errorf("pump1 %q, fan1 %q, %+v", pump, fan, s.OfferStats)
		}
	})
}

// TestSameText: what differs in each text of one failure.
func TestSameText(t *testing.T) {
	a := sameText("connection lost: read tcp 127.0.0.1:43210->127.0.0.1:1883: connection reset by peer")
	if b := sameText("connection lost: read tcp 127.0.0.1:2->127.0.0.1:1883: connection reset by peer"); a != b || !strings.Contains(a, ":1883") {
		t.Errorf("%s, %s", a, b)
	}
	if a, b := sameText("publishing message 7: x"), sameText("publishing message 78: x"); a != b {
		t.Errorf("%s, %s", a, b)
	}
	if a, b := sameText("dial tcp 10.0.0.1:1883: refused"), sameText("dial tcp 10.0.0.2:1883: refused"); a == b {
		t.Error("two brokers are one")
	}
}

// A broker that is away for half a minute, after a connection that had lasted or that
// had not, is connected again within 6 s.
func TestRun_awayForHalfAMinute(t *testing.T) {
	faked(t, Options{}, func(t *testing.T, b *fakeBroker, c *Client, q *spool.Queue) {
		defer run(t, c)()
		for _, up := range []time.Duration{time.Hour, 10 * time.Second, 10 * time.Second, 10 * time.Second, time.Minute} {
			for !c.Connected() {
				time.Sleep(time.Second)
			}
			time.Sleep(up)
			b.note(func() { b.down = true })
			b.hangUp()
			time.Sleep(30 * time.Second)
			b.note(func() { b.down = false })
			time.Sleep(6 * time.Second)
			if !c.Connected() {
				t.Fatalf("after a connection of %v: not connected 6 s after the broker is back", up)
			}
		}
	})
}
