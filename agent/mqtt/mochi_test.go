package mqtt

import (
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"

	"iot-edge-anomaly/drivers/driverstest"
)

// otherBroker is a broker of another make. Unlike mosquitto it ends the connection of a
// client that publishes on a topic which is not allowed.
type otherBroker struct {
	mochi.HookBase
	url string

	mu    sync.Mutex
	deny  string // a topic that ends so is not allowed
	heard []string
}

func (*otherBroker) ID() string { return "test" }

func (*otherBroker) Provides(b byte) bool {
	return b == mochi.OnConnectAuthenticate || b == mochi.OnACLCheck || b == mochi.OnPublished
}

func (*otherBroker) OnConnectAuthenticate(*mochi.Client, packets.Packet) bool { return true }

func (o *otherBroker) OnACLCheck(_ *mochi.Client, topic string, _ bool) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.deny == "" || !strings.HasSuffix(topic, o.deny)
}

func (o *otherBroker) OnPublished(_ *mochi.Client, pk packets.Packet) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.heard = append(o.heard, pk.TopicName+" "+string(pk.Payload))
}

// on returns the payloads heard on a topic.
func (o *otherBroker) on(topic string) (out []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, h := range o.heard {
		if p, ok := strings.CutPrefix(h, topic+" "); ok {
			out = append(out, p)
		}
	}
	return out
}

func newOtherBroker(t *testing.T, deny string, packet uint32) *otherBroker {
	t.Helper()
	o := &otherBroker{deny: deny}
	caps := mochi.NewDefaultServerCapabilities()
	caps.MaximumPacketSize = packet
	server := mochi.New(&mochi.Options{Logger: slog.New(slog.DiscardHandler), Capabilities: caps})
	if err := server.AddHook(o, nil); err != nil {
		t.Fatal(err)
	}
	addr := driverstest.FreeAddr(t)
	if err := server.AddListener(listeners.NewTCP(listeners.Config{ID: "test", Address: addr})); err != nil {
		t.Fatal(err)
	}
	if err := server.Serve(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	o.url = "tcp://" + addr
	return o
}

// Two clients with one id at a broker of another make find out too.
func TestOtherBroker_clash(t *testing.T) {
	t.Parallel()
	o := newOtherBroker(t, "", 0)
	a, b := mustNew(t, Options{Broker: o.url}, mustSpool(t)), mustNew(t, Options{Broker: o.url}, mustSpool(t))
	a.wait, b.wait = time.Second, time.Second
	run(t, a)
	run(t, b)
	eventually(t, busy, "both notice the clash", func() bool { return a.Stats().Clash && b.Stats().Clash })
}

// A denied status, or a denied machine, does not stop the events.
func TestOtherBroker_denied(t *testing.T) {
	for _, deny := range []string{"/status", "/machine/a"} {
		t.Run(deny[1:], func(t *testing.T) {
			t.Parallel()
			o := newOtherBroker(t, deny, 0)
			q := mustSpool(t)
			c := mustNew(t, Options{Broker: o.url}, q)
			c.SetRetained("plant/gw7/machine/a", []byte("normal"))
			c.SetRetained("plant/gw7/machine/b", []byte("normal"))
			appendN(t, q, 50)
			run(t, c)
			eventually(t, time.Minute, "50 events and the other topic", func() bool {
				return len(firsts(o.on(eventTopic))) == 50 && len(o.on("plant/gw7/machine/b")) > 0
			})
			wantNumbers(t, firsts(o.on(eventTopic)), 50)
			eventually(t, time.Minute, "the topic told", func() bool { return c.Stats().Topics == 1 && strings.Contains(c.Stats().Trouble, "plant/gw7"+deny) })
		})
	}
}

// A packet that is too long arrives reduced.
func TestOtherBroker_packetLimit(t *testing.T) {
	t.Parallel()
	o := newOtherBroker(t, "", 700)
	q := mustSpool(t)
	for range 40 {
		sized(t, q, 100)
	}
	sized(t, q, 1000)
	sized(t, q, 100)
	c := mustNew(t, Options{Broker: o.url, Reduce: halve, Aside: filepath.Join(t.TempDir(), "refused.jsonl")}, q)
	run(t, c)
	eventually(t, time.Minute, "42 events", func() bool { return len(firsts(numbers(o.on(eventTopic)))) == 42 })
	wantNumbers(t, firsts(numbers(o.on(eventTopic))), 42)
	eventually(t, time.Minute, "the long one noted", func() bool { return c.Stats().Truncated == 1 })
	if s := c.Stats(); s.SetAside != 0 {
		t.Errorf("%+v", s)
	}
}
