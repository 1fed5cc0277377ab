package mqttsub

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
	"go.uber.org/goleak"

	"iot-edge-anomaly/drivers"
	"iot-edge-anomaly/drivers/driverstest"
)

func subscriber(b *fakeBroker) *Subscriber {
	s := NewSubscriber(Options{Name: "broker", Open: b.open, ClientID: "edge0001"})
	s.wait = 5 * time.Millisecond
	return s
}

func TestConformance(t *testing.T) {
	driverstest.Run(t, func(t *testing.T) driverstest.Fixture {
		b := &fakeBroker{messages: map[string]string{"a": `{"t": 21.5, "h": "40"}`, "b": "7"}}
		s := subscriber(b)
		sensor := mustNew(t, s, Channel{Name: "t", Topic: "a", Path: path(t, "$.t")}, Channel{Name: "h", Topic: "a", Path: path(t, "$.h")}, Channel{Name: "n", Topic: "b"})
		stop := run(t, s)
		state := func(connected bool) {
			for {
				s.mu.Lock()
				is, changed := s.err == nil, s.changed
				s.mu.Unlock()
				if is == connected {
					return
				}
				<-changed
			}
		}
		state(true)
		return driverstest.Fixture{Sensor: sensor,
			Fail:       func(err error) { b.set(err != nil, func() { b.fail = err }); settle(s, err, state) },
			LineClosed: func() bool { defer stop(); b.mu.Lock(); defer b.mu.Unlock(); return b.clean > 0 },
		}
	}, driverstest.Options{})
}

// settle waits until the subscriber knows the state of the line.
func settle(s *Subscriber, want error, state func(bool)) {
	state(want == nil)
	for {
		s.mu.Lock()
		done, changed := want == nil || errors.Is(s.err, want), s.changed
		s.mu.Unlock()
		if done {
			return
		}
		<-changed
	}
}

// read reads once.
func read(t testing.TB, s *Sensor) ([]float64, error) {
	t.Helper()
	dst := make([]float64, len(s.Channels()))
	return dst, s.Read(context.Background(), dst)
}

// TestValues is what messages of all sorts give.
func TestValues(t *testing.T) {
	for _, c := range []struct {
		path, payload string
		want          float64
		says          string // empty = a value
	}{
		{"", "21.5", 21.5, ""}, {"", " -3e2\n", -300, ""}, {"", `"21.5"`, 21.5, ""}, {"", "true", 1, ""}, {"", "OFF", 0, ""}, {"", `"on"`, 1, ""},
		{"$", "21.5", 21.5, ""}, {"$.t", `{"t": 21.5}`, 21.5, ""}, {"$.t", `{"t": "21.5 "}`, 21.5, ""}, {"$.t", `{"t": false}`, 0, ""},
		{"$.a.b[1]['c d']", `{"a": {"b": [0, {"c d": 7}]}}`, 7, ""}, {`$["a.b"]`, `{"a.b": 1}`, 1, ""}, {"$[2]", "[1, 2, 3]", 3, ""},
		{"$.t", `{"t": 12345678901234567890}`, 12345678901234567890, ""},
		{"$.t", `{"t": null}`, 0, "x is null in the message on a"}, {"", "null", 0, "x is null"}, {"", "NaN", 0, "x is NaN"}, {"", "", 0, "x is empty"},
		{"", "inf", 0, "x is inf"}, {"", "1e999", 0, "x is 1e999, too large for a number"}, {"", "-Infinity", 0, "x is -Infinity"},
		{"", "21,5", 0, `x is "21,5", no number`}, {"", "21.5 °C", 0, `x is "21.5 °C", no number`}, {"", "0x1p4", 0, "no number"}, {"", "1_000", 0, "no number"}, {"", "--5", 0, "no number"},
		{"", "{}", 0, "x is an object; name a value in it with path"}, {"", `{"t": 1, "h": 2}`, 0, "it has h, t"}, {"", "[1]", 0, "x is a list"}, {"$.t", "{}", 0, "it has no members"},
		{"$.t", `{"temp": 1, "hum": 2}`, 0, "no value on a; the newest message has no $.t: it has hum, temp"}, {"$.t", "21.5", 0, "it is a single value"},
		{"$.t", "hello", 0, "it is no JSON"}, {"$[1]", "[1]", 0, "it is a list of 1"}, {"$.t", `{"t": 1} x`, 0, "it is no JSON"}, {"$.t.u", `{"t": 1}`, 0, "it has t"},
		{"$.t", "{\"\\n\": 1}", 0, "it has ?"}, {"", strings.Repeat("x", 100), 0, `x is "` + strings.Repeat("x", 40) + `…", no number`},
		{"", strings.Repeat(" ", MaxPayload+1), 0, "65537 bytes, want at most 65536"},
	} {
		s := subscriber(&fakeBroker{})
		ch := Channel{Name: "x", Topic: "a"}
		if c.path != "" {
			ch.Path = path(t, c.path)
		}
		sensor := mustNew(t, s, ch)
		s.set(time.Now(), nil)
		s.take(received{topic: []byte("a"), payload: []byte(c.payload), length: len(c.payload)})
		got, err := read(t, sensor)
		if c.says == "" && (err != nil || got[0] != c.want) || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says) || !math.IsNaN(got[0])) {
			t.Errorf("%s of %.60s: got %v, %v; want %v %s", c.path, c.payload, got[0], err, c.want, c.says)
		}
	}
}

// A value beyond what a float64 holds is impossible, not absent: the sampler flags
// it as bad.
func TestValues_bad(t *testing.T) {
	for payload, bad := range map[string]bool{"inf": true, "1e999": true, "null": false, "x": false} {
		_, why := parse(payload)
		if why == nil || why.bad != bad {
			t.Errorf("%s: %+v, want bad %v", payload, why, bad)
		}
	}
}

func TestParsePath_refuses(t *testing.T) {
	for text, at := range map[string]string{"": "begin with $", "t": "begin with $", "$.": "character 2", "$..t": "character 2", "$.t[": "character 4", "$.t[x]": "character 4",
		"$.t[-1]": "character 4", "$.t[99999]": "character 4", "$['t": "character 2", "$['t'": "character 2", "$.ä b": "character 4", "$.*": "character 2", "$.t[+1]": "character 4"} {
		if _, err := ParsePath(text); err == nil || !strings.Contains(err.Error(), at) {
			t.Errorf("%q: %v, want %s", text, err, at)
		}
	}
}

func TestNew_refuses(t *testing.T) {
	good := Channel{Name: "x", Topic: "a", MaxAge: time.Second}
	for want, change := range map[string]func(c *Channel){
		"topic of 0 bytes": func(c *Channel) { c.Topic = "" }, "stand for many topics": func(c *Channel) { c.Topic = "a/#" },
		"NUL": func(c *Channel) { c.Topic = "a\x00" }, "max age 0s": func(c *Channel) { c.MaxAge = 0 },
	} {
		c := good
		change(&c)
		if _, err := New(subscriber(&fakeBroker{}), []Channel{c}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if _, err := New(subscriber(&fakeBroker{}), []Channel{good, good}); err == nil {
		t.Error("two channels of one name are accepted")
	}
}

// TestAge follows one channel through silence, an outage and a repeated message.
func TestAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &fakeBroker{messages: map[string]string{}}
		s := subscriber(b)
		sensor := mustNew(t, s, Channel{Name: "x", Topic: "a", Path: path(t, "$.t"), Scale: 2, Offset: 1, MaxAge: time.Minute})
		expect := func(when string, want float64, age time.Duration, says string) {
			t.Helper()
			synctest.Wait()
			got, err := read(t, sensor)
			switch {
			case says == "" && (err != nil || got[0] != want || sensor.Age(0) != age):
				t.Errorf("%s: %v, %v old, %v; want %v, %v old", when, got[0], sensor.Age(0), err, want, age)
			case says != "" && (err == nil || !strings.Contains(err.Error(), says) || !math.IsNaN(got[0])):
				t.Errorf("%s: %v, %v; want an error with %q", when, got[0], err, says)
			}
		}
		expect("before the start", 0, 0, "broker: connecting to the broker")
		stop := run(t, s)
		synctest.Wait()
		if _, err := read(t, sensor); !drivers.OnlyLater(err) {
			t.Errorf("no message yet: %v, want no failure", err)
		}
		time.Sleep(30 * time.Second)
		expect("half a minute without a message", 0, 0, "broker: no message on a in the first 30s; up to max_age, 1m0s, that is no fault")
		time.Sleep(31 * time.Second)
		expect("a minute without a message", 0, 0, "broker: no message on a for 1m1s")
		if _, err := read(t, sensor); drivers.OnlyLater(err) {
			t.Errorf("a minute without a message: %v, want a failure", err)
		}
		b.send(t, message("a", `{"t": 10}`, false))
		expect("a message", 21, 0, "")
		time.Sleep(40 * time.Second)
		expect("40 s later", 21, 40*time.Second, "")
		b.send(t, message("a", `{"h": 10}`, false))
		expect("a partial message", 21, 40*time.Second, "")
		time.Sleep(21 * time.Second)
		expect("too old", 0, 0, "no value on a for 1m1s, max_age is 1m0s; the newest message has no $.t: it has h")

		b.send(t, message("a", `{"t": 11}`, false))
		expect("another message", 23, 0, "")
		time.Sleep(20 * time.Second)
		b.set(true, func() { b.fail = io.ErrClosedPipe })
		time.Sleep(time.Second)
		expect("an outage", 0, 0, "broker: bus unavailable: connecting: io: read/write on closed pipe")
		b.set(false, func() { b.fail = nil; b.messages["a"] = `{"t": 11}` })
		time.Sleep(35 * time.Second)
		expect("the same message again after the outage", 23, 56*time.Second, "")
		b.set(true, func() { b.messages["a"] = `{"t": 12}` })
		time.Sleep(35 * time.Second)
		expect("a changed retained message", 25, s.connectedFor(), "")
		stop()
		if b.clean != 1 {
			t.Errorf("%d clean ends, want 1", b.clean)
		}
	})
}

// connectedFor is how old the newest connection is.
func (s *Subscriber) connectedFor() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Since(s.connected)
}

// TestHostileBroker: nothing that a broker sends costs more than the connection, and
// values come again with the next one.
func TestHostileBroker(t *testing.T) {
	long := append([]byte{0x30, 0x80, 0x80, 0x80, 0x01, 0, 1, 'a'}, make([]byte, 1<<21-3)...)
	for name, c := range map[string]struct {
		raw  []byte
		says string // empty = the connection goes on
	}{
		"2 MiB message":      {long, ""},
		"2 MiB topic":        {append([]byte{0x30, 0x80, 0x80, 0x80, 0x01, 0xff, 0xff}, make([]byte, 1<<21-2)...), ""},
		"another topic":      {message("z", "5", false), ""},
		"QoS 1":              {[]byte{0x32, 5, 0, 1, 'a', 0, 1}, "protocol"},
		"topic over the end": {[]byte{0x30, 3, 0, 9, 'a'}, "protocol"},
		"empty PUBLISH":      {[]byte{0x30, 0}, "protocol"},
		"five lengths":       {[]byte{0x30, 0x80, 0x80, 0x80, 0x80, 0x01}, "protocol"},
		"PUBREL":             {[]byte{0x62, 2, 0, 1}, "protocol"},
		"CONNECT":            {[]byte{0x10, 0}, "protocol"},
		"second CONNACK":     {[]byte{0x20, 2, 0, 0}, "protocol"},
		"unasked SUBACK":     {[]byte{0x90, 3, 0, 9, 0}, "protocol"},
		"long SUBACK":        {append([]byte{0x90, 0x80, 0x01, 0, 1}, make([]byte, 126)...), "protocol"},
		"PUBACK":             {[]byte{0x40, 2, 0, 1}, "protocol"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &fakeBroker{messages: map[string]string{"a": "1"}}
				s := subscriber(b)
				s.wait = time.Second
				sensor := mustNew(t, s, Channel{Name: "x", Topic: "a"})
				stop := run(t, s)
				defer stop()
				synctest.Wait()
				b.send(t, c.raw)
				synctest.Wait()
				s.mu.Lock()
				err := s.err
				s.mu.Unlock()
				if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
					t.Errorf("%v, want %q", err, c.says)
				}
				time.Sleep(3 * time.Second)
				b.send(t, message("a", "2", false))
				synctest.Wait()
				if got, err := read(t, sensor); err != nil || got[0] != 2 {
					t.Errorf("%v, %v; want 2", got, err)
				}
			})
		})
	}
}

// TestRefused: a broker that refuses the connection, or one topic.
func TestRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &fakeBroker{messages: map[string]string{"a": "1"}, refuse: "b", code: 5}
		s := subscriber(b)
		sensor := mustNew(t, s, Channel{Name: "x", Topic: "a"}, Channel{Name: "y", Topic: "b"})
		run(t, s)
		sensor.Wait(t.Context())
		if _, err := read(t, sensor); !errors.Is(err, drivers.ErrBus) || !strings.Contains(err.Error(), "refused the connection: not authorized") {
			t.Errorf("%v", err)
		}
		b.set(false, func() { b.code = 0 })
		time.Sleep(time.Minute)
		got, err := read(t, sensor)
		if got[0] != 1 || err == nil || err.Error() != "broker: subscription to b refused" || errors.Is(err, drivers.ErrBus) {
			t.Errorf("%v, %v", got, err)
		}
	})
}

// TestSilentBroker: a broker that neither answers nor hangs up is noticed.
func TestSilentBroker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewSubscriber(Options{Name: "broker", ClientID: "edge", Open: func(context.Context) (net.Conn, error) {
			ours, theirs := net.Pipe()
			go io.Copy(io.Discard, ours)
			return theirs, nil
		}})
		sensor := mustNew(t, s, Channel{Name: "x", Topic: "a"})
		run(t, s)
		time.Sleep(answerTimeout + time.Millisecond)
		if _, err := read(t, sensor); !errors.Is(err, drivers.ErrBus) || !strings.Contains(err.Error(), "timeout") {
			t.Errorf("%v", err)
		}
	})
}

// recorder is a connection that keeps what is written to it.
type recorder struct {
	net.Conn
	mu      *sync.Mutex
	written *bytes.Buffer
}

func (r recorder) Write(p []byte) (int, error) {
	r.mu.Lock()
	r.written.Write(p)
	r.mu.Unlock()
	return r.Conn.Write(p)
}

// TestMosquitto reads from a real broker what its own client publishes, and holds
// that nothing is ever published: the bytes on the wire are those of four kinds of
// packets.
func TestMosquitto(t *testing.T) {
	addr := mosquitto(t, "")
	mosquittoPub(t, addr, "-t", "zigbee2mqtt/hall", "-r", "-m", `{"battery": 97, "temperature": 21.43, "state": "ON"}`)
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	var mu sync.Mutex
	var written bytes.Buffer
	s := NewSubscriber(Options{Name: "mqtt " + addr, ClientID: "edge0001", Open: func(ctx context.Context) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
		return recorder{c, &mu, &written}, err
	}})
	hall := mustNew(t, s, Channel{Name: "temperature", Topic: "zigbee2mqtt/hall", Path: path(t, "$.temperature")}, Channel{Name: "on", Topic: "zigbee2mqtt/hall", Path: path(t, "$.state")})
	heat := mustNew(t, s, Channel{Name: "power", Topic: "mbus/heat/power"})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { s.Run(ctx); close(done) }()
	limit, end := context.WithTimeout(ctx, 20*time.Second)
	defer end()
	hall.Wait(limit)
	if got, err := read(t, hall); err != nil || !slices.Equal(got, []float64{21.43, 1}) {
		t.Errorf("%v, %v", got, err)
	}
	mosquittoPub(t, addr, "-t", "mbus/heat/power", "-q", "1", "-m", "12.75")
	heat.Wait(limit)
	if got, err := read(t, heat); err != nil || got[0] != 12.75 {
		t.Errorf("%v, %v", got, err)
	}
	cancel()
	<-done
	mu.Lock()
	defer mu.Unlock()
	var kinds []string
	for in := bytes.NewReader(written.Bytes()); in.Len() > 0; {
		p, err := packets.ReadPacket(in)
		if err != nil {
			t.Fatal(err)
		}
		switch p := p.(type) {
		case *packets.ConnectPacket:
			kinds = append(kinds, "CONNECT")
			if p.WillFlag || !p.CleanSession || p.ProtocolVersion != 4 {
				t.Errorf("%v", p)
			}
		case *packets.SubscribePacket:
			kinds = append(kinds, "SUBSCRIBE")
		case *packets.DisconnectPacket:
			kinds = append(kinds, "DISCONNECT")
		default:
			t.Errorf("the subscriber sent %v", p)
		}
	}
	if want := []string{"CONNECT", "SUBSCRIBE", "DISCONNECT"}; !slices.Equal(kinds, want) {
		t.Errorf("sent %v, want %v", kinds, want)
	}
}

// FuzzParsePath holds that a path that is read can be followed, and finds the member
// that it names.
func FuzzParsePath(f *testing.F) {
	for _, s := range []string{"$", "$.a.b[0]['c d']", `$["a\"b"]`, "$.a[", "$..", "$['", "$.ä"} {
		f.Add(s, `{"a": {"b": [1, {"c": null}]}}`)
	}
	f.Fuzz(func(t *testing.T, text, payload string) {
		p, err := ParsePath(text)
		if err != nil {
			return
		}
		var doc any = 7.0
		for i := len(p.steps) - 1; i >= 0; i-- {
			if s := p.steps[i]; s.index < 0 {
				doc = map[string]any{s.name: doc}
			} else if s.index < 100 {
				doc = append(make([]any, s.index), doc)
			} else {
				return
			}
		}
		if got, found := p.find(doc); !found || got != 7.0 {
			t.Fatalf("%q: %v, %v", text, got, found)
		}
		if parsed, isJSON := document([]byte(payload)); isJSON {
			p.find(parsed)
		}
	})
}

// FuzzMessage holds that whatever comes is a finite number or has a reason.
func FuzzMessage(f *testing.F) {
	for _, s := range []string{"21.5", `"21.5"`, "null", "{}", `{"t": [1]}`, "1e999", "\xff", "tRUE", "[[[[", "+inf", `"\n"`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		doc, _ := document(payload)
		v, why := number(doc)
		if (why == nil) != (!math.IsNaN(v) && !math.IsInf(v, 0)) {
			t.Fatalf("%q: %v, %+v", payload, v, why)
		}
		if why != nil && (why.text == "" || strings.ContainsAny(why.text, "\n\r")) {
			t.Fatalf("%q: reason %q", payload, why.text)
		}
	})
}

// FuzzInlet holds that no stream of a broker makes the reader panic or take a
// message that is longer than allowed.
func FuzzInlet(f *testing.F) {
	f.Add([]byte{0x20, 2, 0, 0, 0x90, 3, 0, 1, 0, 0xd0, 0})
	f.Add(message("a", "21.5", true))
	f.Add([]byte{0x30, 0xff, 0xff, 0xff, 0x7f, 0, 1, 'a'})
	f.Fuzz(func(t *testing.T, stream []byte) {
		s := subscriber(&fakeBroker{})
		mustNew(t, s, Channel{Name: "x", Topic: "a"})
		in := newInlet(bytes.NewReader(stream), 1)
		for {
			p, err := in.next()
			if err != nil {
				break
			}
			if len(p.payload) > MaxPayload || len(p.topic) > 1 {
				t.Fatalf("%d bytes on %d bytes of topic", len(p.payload), len(p.topic))
			}
			if p.kind == packetPublish {
				s.take(p)
			}
		}
		if cap(in.body) > MaxPayload {
			t.Fatalf("%d bytes allocated", cap(in.body))
		}
	})
}
