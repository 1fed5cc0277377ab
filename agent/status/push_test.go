package status

import (
	"compress/gzip"
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// receiver takes pushes, or does whatever answer says.
type receiver struct {
	mu     sync.Mutex
	bodies []string
	auth   []string
	conns  int
	answer func(w http.ResponseWriter, r *http.Request) bool // true = it has answered; may be nil
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.auth = append(r.auth, req.Header.Get("Authorization"))
	if r.answer != nil && r.answer(w, req) {
		return
	}
	var from io.Reader = req.Body
	if req.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(req.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		from = z
	}
	b, err := io.ReadAll(from)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.bodies = append(r.bodies, string(b))
	w.WriteHeader(http.StatusNoContent)
}

func (r *receiver) note(_ net.Conn, s http.ConnState) {
	if s == http.StateNew {
		r.mu.Lock()
		r.conns++
		r.mu.Unlock()
	}
}

// times are those of the bodies, in milliseconds.
func (r *receiver) times(t *testing.T) (out []int64) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, b := range r.bodies {
		line, _, _ := strings.Cut(b, "\n")
		f := strings.Fields(line)
		ms, err := strconv.ParseInt(f[len(f)-1], 10, 64)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		out = append(out, ms)
	}
	return out
}

// pushes is a Pusher whose every scrape is a second after the one before.
type pushes struct {
	*Pusher
	at      time.Time
	quality string
}

func newPushes(t *testing.T, o PushOptions) *pushes {
	t.Helper()
	p := &pushes{at: time.Unix(1764000000, 0), quality: "synced"}
	o.Metrics, o.Log, o.Interval = NewMetrics(), slog.New(slog.DiscardHandler), time.Hour
	o.Collect = func() Snapshot {
		s := good()
		p.at = p.at.Add(time.Second)
		s.Now, s.TimeQuality, s.Device = p.at, p.quality, `gw"7`
		return s
	}
	var err error
	if p.Pusher, err = NewPusher(o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.hangUp)
	return p
}

func (p *pushes) times(n int) {
	for range n {
		p.push(context.Background())
	}
}

// TestPush: what arrives are samples with the gateway's labels and their time, over one
// connection.
func TestPush(t *testing.T) {
	r := &receiver{}
	s := httptest.NewUnstartedServer(r)
	s.Config.ConnState = r.note
	s.Start()
	defer s.Close()
	p := newPushes(t, PushOptions{URL: s.URL + "/api/v1/import/prometheus?extra_label=site=x"})
	p.times(3)
	if got := r.times(t); !slices.Equal(got, []int64{1764000001000, 1764000002000, 1764000003000}) || r.conns != 1 {
		t.Errorf("times %v over %d connections", got, r.conns)
	}
	for _, want := range []string{"samples_processed_total{job=\"iot-edge-anomaly\",instance=\"gw\\\"7\",machine=\"pump1\"} 100 1764000001000\n",
		"\nconfig_last_reload_successful{job=\"iot-edge-anomaly\",instance=\"gw\\\"7\"} 1 1764000001000\n", "\nprocess_start_time_seconds{job="} {
		if !strings.Contains(r.bodies[0], want) {
			t.Errorf("no %s in %s", want, r.bodies[0])
		}
	}
	if strings.Contains(r.bodies[0], "#") {
		t.Error("comments are sent")
	}
	if st := p.Stats(); st != (PushStats{Sent: 3}) {
		t.Errorf("%+v", st)
	}
}

// TestPush_waits: while the receiver is away scrapes wait, with their times; beyond the
// bound every second one is dropped, so that what is left reaches back to the begin.
func TestPush_waits(t *testing.T) {
	r := &receiver{answer: func(w http.ResponseWriter, _ *http.Request) bool {
		http.Error(w, "later\nor never", http.StatusServiceUnavailable)
		return true
	}}
	s := httptest.NewServer(r)
	defer s.Close()
	p := newPushes(t, PushOptions{URL: s.URL + "/x", maxWaiting: 40 << 10})
	p.times(100)
	st := p.Stats()
	if st.Waiting > 40<<10 || st.Waiting < 15<<10 || st.Errors != 100 || st.Trouble != "the receiver answers 503: later" {
		t.Fatalf("%+v", st)
	}
	r.answer = nil
	p.times(1)
	got := r.times(t)
	if !slices.IsSorted(got) || got[0] != 1764000001000 || got[len(got)-1] != 1764000101000 || len(got) < 5 {
		t.Errorf("times %v: want them in order, from the begin to now", got)
	}
	if st := p.Stats(); st.Waiting != 0 || st.Trouble != "" || st.Sent != uint64(len(got)) || st.Sent+st.Dropped != 101 {
		t.Errorf("%+v", st)
	}
}

// TestPush_away: without a listener, with one that hangs up, and with one that never
// answers.
func TestPush_away(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := newPushes(t, PushOptions{URL: "http://" + ln.Addr().String() + "/x", timeout: 50 * time.Millisecond})
	p.times(1)
	if st := p.Stats(); st.Waiting == 0 || st.Trouble == "" {
		t.Errorf("never answered: %+v", st)
	}
	ln.Close()
	p.times(1)
	if st := p.Stats(); !strings.Contains(st.Trouble, "refused") {
		t.Errorf("not there: %+v", st)
	}
	r := &receiver{}
	s := httptest.NewServer(r)
	defer s.Close()
	p = newPushes(t, PushOptions{URL: s.URL + "/x"})
	p.times(1)
	s.CloseClientConnections() // it was idle
	p.times(1)
	if st := p.Stats(); st.Sent != 2 || st.Errors != 0 {
		t.Errorf("after a connection that was closed while it was idle: %+v", st)
	}
}

// TestPush_refused: what the receiver does not take for its content is dropped, and does
// not keep the next from arriving.
func TestPush_refused(t *testing.T) {
	n := 0
	r := &receiver{answer: func(w http.ResponseWriter, _ *http.Request) bool {
		if n++; n == 2 {
			http.Error(w, "cannot parse", http.StatusBadRequest)
		}
		return n == 2
	}}
	s := httptest.NewServer(r)
	defer s.Close()
	p := newPushes(t, PushOptions{URL: s.URL + "/x"})
	p.times(4)
	if st := p.Stats(); st != (PushStats{Sent: 3, Errors: 1, Dropped: 1}) {
		t.Errorf("%+v", st)
	}
}

// TestPush_endless: an answer whose header never ends is given up, and not kept in memory;
// and what a receiver says of a push cannot steer a terminal.
func TestPush_endless(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	const all = 64 << 20
	written := make(chan int, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			written <- all
			return
		}
		defer c.Close()
		n, _ := io.WriteString(c, "HTTP/1.1 200 OK\r\nX: ")
		for junk := strings.Repeat("x", 1<<20); n < all && err == nil; {
			var more int
			more, err = io.WriteString(c, junk)
			n += more
		}
		written <- n
	}()
	p := newPushes(t, PushOptions{URL: "http://" + l.Addr().String() + "/x", timeout: time.Minute})
	p.times(1)
	if n := <-written; n >= all {
		t.Errorf("all %d bytes of a header were read", n)
	}
	if st := p.Stats(); st.Errors != 1 || st.Sent != 0 || st.Trouble == "" {
		t.Errorf("%+v", st)
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadGateway)
		io.WriteString(w, "up\x1b[2J\xffstream\x07 is away")
	}))
	defer s.Close()
	p = newPushes(t, PushOptions{URL: s.URL + "/x"})
	p.times(1)
	if got, want := p.Stats().Trouble, "the receiver answers 502: up[2Jstream is away"; got != want {
		t.Errorf("trouble %q, want %q", got, want)
	}
}

// TestPush_clockUnset: without a clock samples have no time, and are not sent later.
func TestPush_clockUnset(t *testing.T) {
	down := true
	r := &receiver{answer: func(w http.ResponseWriter, _ *http.Request) bool {
		if down {
			http.Error(w, "", http.StatusBadGateway)
		}
		return down
	}}
	s := httptest.NewServer(r)
	defer s.Close()
	p := newPushes(t, PushOptions{URL: s.URL + "/x"})
	p.quality = "unset"
	p.times(3)
	down = false
	p.times(1)
	if st := p.Stats(); st.Sent != 1 || st.Dropped != 3 || !strings.Contains(r.bodies[0], "machine=\"pump1\"} 100\n") {
		t.Errorf("%+v", st)
	}
}

// TestPush_gateway: a Pushgateway gets plain text with comments, without times or labels
// of its own, and only what is new.
func TestPush_gateway(t *testing.T) {
	down := true
	r := &receiver{answer: func(w http.ResponseWriter, req *http.Request) bool {
		if down || req.Header.Get("Content-Encoding") != "" || req.URL.Path != "/metrics/job/iot-edge-anomaly/instance/gw7" {
			http.Error(w, "", http.StatusInternalServerError)
			return true
		}
		return false
	}}
	s := httptest.NewServer(r)
	defer s.Close()
	p := newPushes(t, PushOptions{URL: s.URL + "/metrics/job/iot-edge-anomaly/instance/gw7"})
	p.times(3)
	down = false
	p.times(1)
	if st := p.Stats(); st.Sent != 1 || len(r.bodies) != 1 || !strings.Contains(r.bodies[0], "samples_processed_total{machine=\"pump1\"} 100\n") || !strings.Contains(r.bodies[0], "# TYPE ") {
		t.Errorf("%+v, %d bodies", st, len(r.bodies))
	}
}

// TestPush_tls: the receiver's certificate must be signed by the CA; the token goes with
// each push, and a new one comes into force without a restart.
func TestPush_tls(t *testing.T) {
	r := &receiver{}
	r.answer = func(w http.ResponseWriter, req *http.Request) bool {
		wrong := !strings.HasPrefix(req.Header.Get("Authorization"), "Bearer s3cret")
		if wrong {
			http.Error(w, "who are you?", http.StatusUnauthorized)
		}
		return wrong
	}
	s := httptest.NewUnstartedServer(r)
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	s.StartTLS()
	defer s.Close()
	dir := t.TempDir()
	token, ca := filepath.Join(dir, "token"), filepath.Join(dir, "ca")
	put := func(path string, b []byte) {
		t.Helper()
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := newPushes(t, PushOptions{URL: s.URL + "/x", TokenFile: token, CA: ca})
	tells := func(want string) {
		t.Helper()
		if p.times(1); !strings.Contains(p.Stats().Trouble, want) {
			t.Errorf("%q, want %q", p.Stats().Trouble, want)
		}
	}
	tells("no such file")
	put(token, []byte("old\n"))
	put(ca, []byte("half"))
	tells("no PEM certificate")
	put(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}))
	tells("401: who are you?")
	put(token, []byte("s3cret\n"))
	p.times(1)
	if st := p.Stats(); st.Sent != 4 || st.Trouble != "" {
		t.Errorf("%+v", st)
	}
	if last := r.auth[len(r.auth)-1]; last != "Bearer s3cret" {
		t.Errorf("token %q", last)
	}
	stranger := newPushes(t, PushOptions{URL: s.URL + "/x"})
	if stranger.times(1); !strings.Contains(stranger.Stats().Trouble, "unknown authority") {
		t.Errorf("a certificate that nobody trusts: %q", stranger.Stats().Trouble)
	}
}

// TestPush_looseToken: a token to which others have access is said once, although it is
// read again and again while it cannot be used.
func TestPush_looseToken(t *testing.T) {
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("two\nlines\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(token, 0o644); err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	p := newPushes(t, PushOptions{URL: "http://127.0.0.1:9/x", TokenFile: token})
	p.o.Log = slog.New(slog.NewTextHandler(&log, nil))
	p.times(5)
	if n := strings.Count(log.String(), "others have access"); n != 1 {
		t.Errorf("said %d times:\n%s", n, &log)
	}
}

// TestPush_run: it pushes in time, and once more at its end; a receiver that hangs does
// not keep it from ending.
func TestPush_run(t *testing.T) {
	for _, hangs := range []bool{false, true} {
		t.Run(fmt.Sprint(hangs), func(t *testing.T) {
			release := make(chan struct{})
			defer close(release)
			r := &receiver{answer: func(http.ResponseWriter, *http.Request) bool {
				if hangs {
					<-release
				}
				return hangs
			}}
			s := httptest.NewServer(r)
			p := newPushes(t, PushOptions{URL: s.URL + "/x"})
			p.o.Interval = 10 * time.Millisecond
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan struct{})
			go func() { p.Run(ctx); close(ended) }()
			for end := time.Now().Add(time.Minute); !hangs && p.Stats().Sent < 3; time.Sleep(time.Millisecond) {
				if time.Now().After(end) {
					t.Fatal("nothing is pushed")
				}
			}
			time.Sleep(20 * time.Millisecond)
			cancel()
			select {
			case <-ended:
			case <-time.After(time.Minute):
				t.Error("it does not end")
			}
			if !hangs {
				s.Close()
			}
		})
	}
}
