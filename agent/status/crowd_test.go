package status

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"iot-edge-anomaly/agent/machine"
	"iot-edge-anomaly/drivers/driverstest"
)

// serveEnv makes this test binary an endpoint of a large plant and nothing else, so that
// its memory can be measured. Its value is the token file, or "-".
const serveEnv = "STATUS_TEST_SERVE"

func TestMain(m *testing.M) {
	token := os.Getenv(serveEnv)
	if token == "" {
		os.Exit(m.Run())
	}
	s := NewServer(ServerOptions{Listen: "127.0.0.1:0", TokenFile: strings.TrimPrefix(token, "-"), Collect: large, Metrics: NewMetrics(), Log: slog.New(slog.DiscardHandler)})
	go func() {
		io.Copy(io.Discard, os.Stdin) // until the parent goes
		os.Exit(0)
	}()
	go func() {
		for s.Trouble() == "" {
			s.mu.Lock()
			ln := s.ln
			s.mu.Unlock()
			if ln != nil {
				fmt.Println(ln.Addr())
				return
			}
			time.Sleep(time.Millisecond)
		}
	}()
	s.Serve(context.Background())
}

// large is a snapshot of 64 machines.
func large() Snapshot {
	s := good()
	one := s.Machines[0]
	s.Machines = make([]machine.Status, 64)
	for i := range s.Machines {
		s.Machines[i] = one
		s.Machines[i].Name = "machine-with-a-long-name-" + strconv.Itoa(i)
	}
	return s
}

// child is an endpoint in a process of its own.
type child struct {
	addr string
	pid  int
}

func startChild(t *testing.T, token string) child {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), serveEnv+"="+token)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return child{strings.TrimSpace(line), cmd.Process.Pid}
}

// rss is the resident memory in KiB.
func (c child) rss(t *testing.T) int {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.pid))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(b), "VmRSS:")
	n, err := strconv.Atoi(strings.Fields(after)[0])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// files is the number of open descriptors.
func (c child) files(t *testing.T) int {
	d, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", c.pid))
	if err != nil {
		t.Fatal(err)
	}
	return len(d)
}

// bad is a client that does no good until stop is closed.
type bad func(c net.Conn, stop <-chan struct{})

// slowly sends a line of a header each second and never ends it.
func slowly(c net.Conn, stop <-chan struct{}) {
	io.WriteString(c, "GET /health HTTP/1.1\r\nHost: localhost\r\n")
	gone := make(chan struct{})
	go func() { c.Read(make([]byte, 1)); close(gone) }()
	for {
		select {
		case <-stop:
			return
		case <-gone:
			return
		case <-time.After(time.Second):
			io.WriteString(c, "X-a: b\r\n")
		}
	}
}

// idly asks once, keeps its connection and is silent.
func idly(c net.Conn, stop <-chan struct{}) {
	io.WriteString(c, "GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
	untilGone(c, stop)
}

// deafly asks for much and takes nothing.
func deafly(c net.Conn, stop <-chan struct{}) {
	c.(*net.TCPConn).SetReadBuffer(4 << 10)
	io.WriteString(c, strings.Repeat("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", 50))
	select {
	case <-stop:
	case <-time.After(2 * time.Second):
	}
}

// untilGone reads until the other end closes.
func untilGone(c net.Conn, stop <-chan struct{}) {
	gone := make(chan struct{})
	go func() { io.Copy(io.Discard, c); close(gone) }()
	select {
	case <-stop:
	case <-gone:
	}
}

// crowd keeps so many bad clients, each with a new connection when it has lost one.
func crowd(t *testing.T, addr string, n int, b bad) (stop func()) {
	end := make(chan struct{})
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			for {
				if c, err := net.DialTimeout("tcp", addr, 5*time.Second); err == nil {
					b(c, end)
					c.Close()
				}
				select {
				case <-end:
					return
				case <-time.After(50 * time.Millisecond):
				}
			}
		})
	}
	return func() { close(end); all.Wait() }
}

// replies are how an endpoint has answered.
type replies struct {
	took   []time.Duration // sorted
	failed []error
}

func (a *replies) at(percent int) time.Duration {
	return a.took[min(len(a.took)*percent/100, len(a.took)-1)]
}

// probe asks each endpoint in turn for /health and /health/live, by a new connection for
// each. Stalls of this process do not count.
func probe(watch *driverstest.Stalls, lasts time.Duration, of ...child) []replies {
	ask := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	out := make([]replies, len(of))
	for i, end := 0, time.Now().Add(lasts); i < len(of) || time.Now().Before(end); i++ {
		a := &out[i%len(of)]
		start := time.Now()
		r, err := ask.Get("http://" + of[i%len(of)].addr + []string{"/health", "/health/live"}[i/len(of)%2])
		if err == nil {
			_, err = io.Copy(io.Discard, r.Body)
			r.Body.Close()
		}
		if a.took = append(a.took, watch.Own(start)); err != nil {
			a.failed = append(a.failed, err)
		}
		time.Sleep(10 * time.Millisecond / time.Duration(len(of)))
	}
	for i := range out {
		slices.Sort(out[i].took)
	}
	return out
}

// TestCrowd: clients that are slow, idle or deaf, many times more than there are places,
// keep nobody from asking how the agent is, and cost neither memory nor descriptors. An
// endpoint without a crowd is asked beside it, on the same CPUs: what it takes longer is
// not the places' fault. EDGE_LONG has each crowd stay for ten minutes.
func TestCrowd(t *testing.T) {
	lasts, bound := time.Second, 3*time.Second // on a busy computer; without a cure an answer takes from 5 s to 60 s
	if os.Getenv("EDGE_LONG") != "" {
		lasts, bound = 10*time.Minute, 50*time.Millisecond
	}
	memory := 8 << 10 // KiB
	if raced {
		bound, memory = 3*time.Second, 16*memory
	}
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("s3cret"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, token string
		n           int
		do          bad
	}{
		{"500 slow", "-", 500, slowly},
		{"200 idle", "-", 200, idly},
		{"200 idle without the token", token, 200, idly},
		{"100 deaf", "-", 100, deafly},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, quiet, watch := startChild(t, tc.token), startChild(t, "-"), driverstest.WatchStalls(t)
			probe(watch, 300*time.Millisecond, c) // so that memory is that of a server in use
			before := c.rss(t)
			stop := crowd(t, c.addr, tc.n, tc.do)
			got := probe(watch, lasts, c, quiet)
			grown := c.rss(t) - before
			files := c.files(t)
			stop()
			a, b := &got[0], &got[1]
			t.Logf("%d answers, p50 %v, p99 %v, longest %v; without a crowd p50 %v, p99 %v; memory %+d KiB, %d descriptors",
				len(a.took), a.at(50), a.at(99), a.at(100), b.at(50), b.at(99), grown, files)
			if len(a.failed) > 1+len(a.took)/100 || a.at(99) > bound+b.at(99) {
				t.Errorf("%d of %d answers failed, p99 %v, want none and at most %v longer than %v: %v", len(a.failed), len(a.took), a.at(99), bound, b.at(99), a.failed[:min(3, len(a.failed))])
			}
			if grown > memory {
				t.Errorf("memory grew by %d KiB, want at most %d", grown, memory)
			}
			if files > maxConns+maxWaiting+32 {
				t.Errorf("%d descriptors are open, want %d connections and a few", files, maxConns+maxWaiting)
			}
		})
	}
}
