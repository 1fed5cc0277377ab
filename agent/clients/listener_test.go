package clients

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"iot-edge-anomaly/drivers/driverstest"
)

// serve answers each request with handler on a Listener of so many places.
func serve(t *testing.T, o Options, handler http.HandlerFunc) (addr string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: handler, ConnState: Note, ConnContext: Context}
	done := make(chan struct{})
	go func() { srv.Serve(Limit(ln, o)); close(done) }()
	t.Cleanup(func() { srv.Close(); <-done })
	return ln.Addr().String()
}

// dial connects and sends text.
func dial(t *testing.T, addr, text string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(time.Minute))
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	return c
}

const request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

// answer is the status line of the answer on c; an error where there is none.
func answer(c net.Conn) (string, error) {
	r, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return "", err
	}
	defer r.Body.Close()
	_, err = io.Copy(io.Discard, r.Body)
	return r.Status, err
}

func ok(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") }

// TestNewcomer: whatever the others do, who asks is answered, and of the others no
// more than there are places keep their connection.
func TestNewcomer(t *testing.T) {
	for name, text := range map[string]string{"silent": "", "half a header": "GET / HTTP/1.1\r\nHost: a\r\n", "idle": request} {
		t.Run(name, func(t *testing.T) {
			var displaced atomic.Int64
			watch := driverstest.WatchStalls(t)
			addr := serve(t, Options{Places: 8, Waiting: 8, Displaced: func(string) { displaced.Add(1) }}, ok)
			var others []net.Conn
			defer func() {
				if n := displaced.Load(); n < 12 || n > 13 {
					t.Errorf("%d connections were closed for others, want 12 or 13", n)
				}
			}()
			for range 20 {
				c := dial(t, addr, text)
				if text == request {
					if _, err := answer(c); err != nil {
						t.Fatal(err)
					}
				}
				others = append(others, c)
			}
			start := time.Now()
			if s, err := answer(dial(t, addr, request)); s != "200 OK" {
				t.Errorf("%q, %v", s, err)
			}
			if d := watch.Own(start); d > 5*time.Second {
				t.Errorf("answered after %v", d)
			}
			gone := make(chan bool, len(others))
			for _, c := range others {
				go func() {
					_, err := c.Read(make([]byte, 1)) // until the end of the test, where it is not closed
					gone <- !errors.Is(err, os.ErrDeadlineExceeded)
				}()
			}
			for range 12 { // 8 of 20 have places
				if !<-gone {
					t.Fatal("fewer than 12 of 20 connections were closed, though there are 8 places")
				}
			}
		})
	}
}

// TestAllAtWork: a newcomer waits for those that work, and is served when one of them
// has done.
func TestAllAtWork(t *testing.T) {
	open := make(chan struct{})
	entered := make(chan struct{}, 3)
	addr := serve(t, Options{Places: 2, Waiting: 8}, func(w http.ResponseWriter, r *http.Request) {
		defer Hold(r.Context())()
		entered <- struct{}{}
		<-open
		ok(w, r)
	})
	a, b := dial(t, addr, request), dial(t, addr, request)
	<-entered
	<-entered
	c := dial(t, addr, request)
	select {
	case <-entered:
		t.Error("three are at work, want two")
	case <-time.After(2 * answerPatience): // beyond which one that is not held would be closed
	}
	close(open)
	for _, c := range []net.Conn{a, b, c} {
		if s, err := answer(c); s != "200 OK" {
			t.Errorf("%q, %v", s, err)
		}
	}
}

// TestLeast: who makes room, in order.
func TestLeast(t *testing.T) {
	now := time.Now()
	l := &Listener{places: room{most: 8}, freed: make(chan struct{}, 1)}
	add := func(owner string, local bool, p phase, age time.Duration) *conn {
		c := &conn{l: l, owner: owner, local: local, phase: p, since: now.Add(-age), gone: make(chan struct{})}
		l.places.conns = append(l.places.conns, c)
		return c
	}
	remoteOne := &conn{owner: "new"}
	heldOne := add("a", false, held, time.Hour)
	asks := add("a", false, fresh, time.Hour)
	asks.asks = true
	work := add("b", false, working, time.Minute)
	hello := add("c", false, fresh, time.Millisecond)
	hello.asks, hello.tls = true, true
	turn := add("c", false, queued, time.Minute)
	rest := add("d", false, idle, time.Second)
	older := add("e", false, idle, time.Minute)
	slow := add("f", false, fresh, time.Second)
	stuck := add("f", false, fresh, 3*headerPatience)
	stuck.asks, stuck.tls = true, true
	own := add("::1", true, idle, time.Hour)
	flood := []*conn{add("x", false, working, 3*time.Second), add("x", false, idle, time.Second), add("x", false, fresh, time.Second)}
	for i, want := range []*conn{flood[2], stuck, slow, older, rest, flood[1], turn, work, flood[0], hello, nil} {
		if i == 1 { // the address has no more than its share now
			flood[0].since = now.Add(-2 * time.Second)
			flood[1].since = now
		}
		got := l.places.least(remoteOne, now)
		if got != want {
			t.Fatalf("%d: %+v, want %+v", i, got, want)
		}
		if got != nil {
			l.leave(got)
		}
	}
	if got := l.places.least(&conn{local: true}, now); got != own {
		t.Errorf("for a client on this computer: %+v, want %+v; never %+v or %+v", got, own, heldOne, asks)
	}
}

// TestWhole: what is handed to the server.
func TestWhole(t *testing.T) {
	for text, want := range map[string]bool{
		"GET / HTTP/1.1\r\nHost: a\r\n\r\n": true, "GET / HTTP/1.0\n\n": true, "GET / HTTP/1.1\r\nHost: a\r\n\r": false, "GET / HTTP/1.1\r\n": false,
		"GET / HTTP/1.1": false, "rubbish": false, "rubbish\n": true, "\n": true, "GET / HTTP/1.1\r\n\r\nGET": true,
		"\x16\x03\x01\x00\x02ab": true, "\x16\x03\x01\x00\x02a": false, "\x16": false, strings.Repeat("a", 8<<10): true,
	} {
		b := append(make([]byte, 0, 8<<10), text...)
		if _, got := whole(b); got != want {
			t.Errorf("%.40q: %v, want %v", text, got, want)
		}
	}
}

// TestAddress: an IPv6 client is known by its network.
func TestAddress(t *testing.T) {
	for ip, want := range map[string]string{"10.1.2.3": "10.1.2.3", "::ffff:10.1.2.3": "10.1.2.3", "2001:db8:1:2:3::4": "2001:db8:1:2::"} {
		c := at{addr: &net.TCPAddr{IP: net.ParseIP(ip)}}
		if got := address(c); got != want {
			t.Errorf("%s: %s, want %s", ip, got, want)
		}
	}
	if isLocal(at{addr: &net.TCPAddr{IP: net.ParseIP("10.1.2.3")}}) || !isLocal(at{addr: &net.TCPAddr{IP: net.IPv6loopback}}) {
		t.Error("local and remote are mixed up")
	}
}

type at struct {
	net.Conn
	addr net.Addr
}

func (a at) RemoteAddr() net.Addr { return a.addr }

// TestTurns: who takes long loses the turn, and whoever has gone does not wait.
func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := NewTurns(2)
		ended := 0
		start := time.Now()
		first := turns.Take(t.Context(), func() { ended++ })
		second := turns.Take(t.Context(), func() { t.Error("the second was ended") })
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if turns.Take(ctx, nil) != nil {
			t.Error("three turns of two")
		}
		third := turns.Take(t.Context(), func() { t.Error("the newest was ended") })
		if d := time.Since(start); ended != 1 || d < turnPatience || d > turnPatience+lookAgain {
			t.Errorf("the oldest was ended %d times, after %v", ended, d)
		}
		first()
		second()
		third()
		if len(turns.taken) != 0 {
			t.Errorf("%d turns are taken, want none", len(turns.taken))
		}
	})
}

// BenchmarkLeast is a full house of the endpoint.
func BenchmarkLeast(b *testing.B) {
	r := room{most: 64}
	for i := range r.most {
		r.conns = append(r.conns, &conn{owner: fmt.Sprint("10.0.0.", i%16)})
	}
	next, now := &conn{}, time.Now()
	for b.Loop() {
		r.least(next, now)
	}
}
