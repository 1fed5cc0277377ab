package mqtt

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

const (
	deathTopic = "plant/gw7/death"
	askTopic   = "plant/gw7/ask"
	dataTopic  = "plant/gw7/data"
)

// talker is a protocol that numbers its connections, and publishes what it is given.
type talker struct {
	mu    sync.Mutex
	n     int
	not   error       // Ready
	say   chan string // published on dataTopic
	quit  chan error  // ends Serve
	serve int
}

func newTalker() *talker { return &talker{say: make(chan string), quit: make(chan error)} }

func (p *talker) protocol() Protocol {
	return Protocol{
		Ready: func() error { p.mu.Lock(); defer p.mu.Unlock(); return p.not },
		Will: func() (string, []byte) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.n++
			return deathTopic, fmt.Append(nil, p.n)
		},
		Serve: func(done <-chan struct{}, publish func(string, []byte) error) error {
			p.mu.Lock()
			p.serve++
			birth := fmt.Sprintf("birth %d", p.n)
			p.mu.Unlock()
			if err := publish(dataTopic, []byte(birth)); err != nil {
				return err
			}
			for {
				select {
				case <-done:
					return nil
				case err := <-p.quit:
					return err
				case text := <-p.say:
					if err := publish(dataTopic, []byte(text)); err != nil {
						return err
					}
				}
			}
		},
	}
}

// ready sets what Ready returns.
func (p *talker) ready(err error) { p.mu.Lock(); p.not = err; p.mu.Unlock() }

func (p *talker) served() int { p.mu.Lock(); defer p.mu.Unlock(); return p.serve }

// sideline runs one until the end of the test, or until the function is called.
func sideline(t *testing.T, o Options, p *talker) (*Sideline, func()) {
	t.Helper()
	if o.ClientID == "" {
		o.ClientID = "gw7-side"
	}
	o.Logger = quiet
	s, err := NewSideline(o, "test", p.protocol())
	if err != nil {
		t.Fatal(err)
	}
	s.wait = time.Second
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); s.Run(ctx) }()
	stop := func() { cancel(); <-ended }
	t.Cleanup(stop)
	return s, stop
}

// TestSideline: what is published arrives in order, what others say is heard, and the will
// is heard once: from the broker when the connection breaks, from the client when it
// ends in order.
func TestSideline(t *testing.T) {
	t.Parallel()
	m := newMosquitto(t)
	l, e, p := listen(t, m), &ear{}, newTalker()
	s, _ := sideline(t, Options{Broker: "tcp://" + m.addr, Listen: []Listener{{Topic: askTopic, Take: e.take}}}, p)
	var want []string
	for i := range 300 {
		p.say <- fmt.Sprint(i)
		want = append(want, fmt.Sprint(i))
	}
	data := strings.Join(append([]string{"birth 1"}, want...), " ")
	eventually(t, busy, "all in order", func() bool { return strings.Join(l.on(dataTopic), " ") == data })
	say(t, m, askTopic, "again")
	eventually(t, busy, "what is asked", func() bool { return e.all() == "again" })
	if st := s.Stats(); !st.Connected || st.Connects != 1 || st.Errors != 0 {
		t.Errorf("%+v", st)
	}

	s.Renew() // in order, and again at once
	eventually(t, busy, "a second connection", func() bool { return p.served() == 2 })
	eventually(t, busy, "the will of the first", func() bool { return strings.Join(l.on(deathTopic), " ") == "1" })

	clash := newTalker()
	clash.n = 10
	other, _ := sideline(t, Options{Broker: "tcp://" + m.addr}, clash) // the broker ends the older connection
	eventually(t, busy, "both find out", func() bool {
		return strings.Contains(s.Stats().LastError, "another client uses the client id") && strings.Contains(other.Stats().LastError, "another client uses the client id")
	})
	if got := l.on(deathTopic); len(got) < 4 || got[1] != "2" {
		t.Errorf("wills %q", got)
	}
}

// TestSideline_end: a stop publishes the will once, and so does an error of the protocol,
// after which there is another connection as soon as the protocol is ready.
func TestSideline_end(t *testing.T) {
	t.Parallel()
	m := newMosquitto(t)
	l, p := listen(t, m), newTalker()
	s, stop := sideline(t, Options{Broker: "tcp://" + m.addr}, p)
	broken := errors.New("the clock is not set")
	eventually(t, busy, "a connection", func() bool { return s.Stats().Connected })
	p.ready(broken)
	p.quit <- broken
	eventually(t, busy, "the error", func() bool { st := s.Stats(); return !st.Connected && st.LastError == broken.Error() && st.Errors > 1 })
	if p.served() != 1 {
		t.Error("connected although the protocol is not ready")
	}
	p.ready(nil)
	eventually(t, busy, "a second connection", func() bool { return p.served() == 2 && s.Stats().Connected })
	stop()
	eventually(t, busy, "the wills", func() bool { return strings.Join(l.on(deathTopic), " ") == "1 2" })
	time.Sleep(200 * time.Millisecond) // the broker's own would come at once
	if got := strings.Join(l.on(deathTopic), " "); got != "1 2" {
		t.Errorf("wills %s", got)
	}
}

// TestSideline_denied: a broker that ends the connection because of a topic is told with the
// topic, and asked less and less.
func TestSideline_denied(t *testing.T) {
	bubble(t, func(b *fakeBroker) {
		b.refuse = func(p *packets.PublishPacket) bool { return p.TopicName == dataTopic }
	}, func(s *Sideline, p *talker) {
		time.Sleep(24 * time.Hour)
		if st := s.Stats(); !strings.Contains(st.LastError, "does it take "+dataTopic) || st.Connects < 200 || st.Connects > 400 {
			t.Errorf("%+v", st)
		}
	})
}

// TestSideline_deaf: where others say what is too long, or the broker does not let us
// listen, we publish all the same.
func TestSideline_deaf(t *testing.T) {
	t.Parallel()
	m := newMosquitto(t)
	say(t, m, askTopic, strings.Repeat("x", maxPacket), "-r")
	l, e, p := listen(t, m), &ear{}, newTalker()
	s, _ := sideline(t, Options{Broker: "tcp://" + m.addr, Listen: []Listener{{Topic: askTopic, Take: e.take}}}, p)
	eventually(t, busy, "a connection that lasts", func() bool { st := s.Stats(); return st.Connected && time.Since(st.Since) > 3*time.Second })
	if st := s.Stats(); st.Connects > 2 || e.all() != "" {
		t.Errorf("%d connections, heard %d bytes", st.Connects, len(e.all()))
	}
	p.say <- "still"
	eventually(t, busy, "the message", func() bool { d := l.on(dataTopic); return d[len(d)-1] == "still" })
}

// TestSideline_tls: certificates and passwords are those of the broker's connection, and
// the newest after Renew.
func TestSideline_tls(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	a := newAuthority(t, dir, "ca")
	a.issue("broker", -time.Hour, time.Hour)
	a.issue("gw7", -time.Hour, time.Hour)
	file := func(name string) string { return filepath.Join(dir, name) }
	m := newMosquitto(t, "allow_anonymous true", "cafile "+file("ca.crt"), "certfile "+file("broker.crt"), "keyfile "+file("broker.key"), "require_certificate true")
	p := newTalker()
	s, _ := sideline(t, Options{Broker: "mqtts://" + m.addr, CA: file("ca.crt"), Cert: file("gw7.crt"), Key: file("gw7.key")}, p)
	eventually(t, busy, "a connection", func() bool { return s.Stats().Connected })
	s.Renew()
	eventually(t, busy, "another connection", func() bool { return p.served() == 2 && s.Stats().Connected })
}

// TestSideline_hostile: a broker that says nothing, nonsense, or goes away at each step does
// no harm; and there are not more attempts than the Client makes in a day without a broker.
func TestSideline_hostile(t *testing.T) {
	for name, prepare := range map[string]func(*fakeBroker){
		"away":            func(b *fakeBroker) { b.down = true },
		"ends on CONNECT": func(b *fakeBroker) { b.admit = func(*packets.ConnectPacket) byte { return 0xff } },
		"not authorised":  func(b *fakeBroker) { b.admit = func(*packets.ConnectPacket) byte { return 5 } },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, prepare, func(s *Sideline, p *talker) {
				time.Sleep(24 * time.Hour)
				if st := s.Stats(); st.Errors < 200 || st.Errors > 330 || st.Connects != 0 || p.served() != 0 {
					t.Errorf("%+v, served %d", st, p.served())
				}
			})
		})
	}
}

// bubble runs a sideline with a broker that was prepared, in virtual time.
func bubble(t *testing.T, prepare func(*fakeBroker), f func(*Sideline, *talker)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b, p := &fakeBroker{}, newTalker()
		prepare(b)
		s, err := NewSideline(Options{Broker: "tcp://b:1883", ClientID: "x", Dial: b.dial, Logger: quiet}, "test", p.protocol())
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); s.Run(ctx) }()
		f(s, p)
		cancel()
		<-ended
	})
}

// TestNewSideline refuses what it cannot use.
func TestNewSideline(t *testing.T) {
	for _, o := range []Options{{Broker: "http://b", ClientID: "x"}, {Broker: "tcp://b"}, {Broker: "tcp://b", ClientID: strings.Repeat("x", 65)}} {
		if _, err := NewSideline(o, "test", Protocol{}); err == nil || !strings.HasPrefix(err.Error(), "mqtt: test: ") {
			t.Errorf("%+v: %v", o, err)
		}
	}
}
