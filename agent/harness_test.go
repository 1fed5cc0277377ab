package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// This file holds what the end-to-end tests stand on: the built program, a real
// broker and a real Modbus server as processes of their own.

// builds remembers the programs built by this test run, by GOARCH and tags.
var builds struct {
	sync.Mutex
	dir  string
	done map[string]string
}

func TestMain(m *testing.M) {
	code := m.Run()
	if builds.dir != "" {
		os.RemoveAll(builds.dir)
	}
	os.Exit(code)
}

// program builds the agent for an architecture ("amd64", "arm64", "armv7"; ""
// is this machine's) and returns the command that runs it.
func program(t *testing.T, arch, tags string) []string {
	t.Helper()
	builds.Lock()
	defer builds.Unlock()
	if builds.dir == "" {
		dir, err := os.MkdirTemp("", "iot-edge-anomaly-test-")
		if err != nil {
			t.Fatal(err)
		}
		builds.dir, builds.done = dir, map[string]string{}
	}
	key := arch + "+" + tags
	if builds.done[key] == "" {
		out := filepath.Join(builds.dir, "agent-"+key)
		cmd := exec.Command("go", "build", "-trimpath", "-tags", "nethttpomithttp2,"+tags, "-ldflags", "-s -w -X main.version=v0.0.0-test", "-o", out, ".")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		switch arch {
		case "":
		case "armv7":
			cmd.Env = append(cmd.Env, "GOARCH=arm", "GOARM=7")
		default:
			cmd.Env = append(cmd.Env, "GOARCH="+arch)
		}
		if b, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("build: %v\n%s", err, b)
		}
		builds.done[key] = out
	}
	switch arch {
	case "arm64":
		return []string{need(t, "qemu-aarch64-static", "qemu-user-static"), "-cpu", "cortex-a72", builds.done[key]}
	case "armv7":
		return []string{need(t, "qemu-arm-static", "qemu-user-static"), "-cpu", "cortex-a7", builds.done[key]}
	}
	return []string{builds.done[key]}
}

// need finds a program that `make test` installs.
func need(t *testing.T, name, pkg string) string {
	t.Helper()
	for _, dir := range append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin") {
		p := filepath.Join(dir, name)
		if st, err := os.Stat(p); err == nil && st.Mode().IsRegular() {
			return p
		}
	}
	t.Fatalf("%s is missing: scripts/setup.sh installs the Debian package %s", name, pkg)
	return ""
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// process is a child that is killed at the end of the test.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	done chan struct{}
	err  error

	mu  sync.Mutex
	out bytes.Buffer // stderr, and stdout where nobody else takes it
}

func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.Write(b)
}

func (p *process) output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

// start runs a command. lines, when not nil, receives stdout line by line.
func start(t *testing.T, lines func(string), args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(args[0], args[1:]...), done: make(chan struct{})}
	p.cmd.Stderr = p
	if lines == nil {
		p.cmd.Stdout = p
	} else {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		p.cmd.Stdout = w
		defer w.Close()
		go func() {
			defer r.Close()
			for s := bufio.NewScanner(r); s.Scan(); {
				lines(s.Text())
			}
		}()
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.err = p.cmd.Wait(); close(p.done) }()
	t.Cleanup(func() {
		p.kill(syscall.SIGKILL)
		if t.Failed() {
			out := p.output()
			t.Logf("%s printed:\n%s", filepath.Base(args[0]), out[max(0, len(out)-6000):])
		}
	})
	return p
}

// kill sends the signal and waits for the end.
func (p *process) kill(sig syscall.Signal) {
	select {
	case <-p.done:
		return
	default:
	}
	p.cmd.Process.Signal(sig)
	select {
	case <-p.done:
	case <-time.After(20 * time.Second):
		p.t.Errorf("pid %d does not end on %v", p.cmd.Process.Pid, sig)
		p.cmd.Process.Kill()
	}
}

// broker is a real mosquitto.
type broker struct {
	t    *testing.T
	port int
	conf string
	p    *process
}

func startBroker(t *testing.T) *broker {
	t.Helper()
	b := &broker{t: t, port: freePort(t), conf: filepath.Join(t.TempDir(), "mosquitto.conf")}
	// Sessions are kept over a restart, so that a subscriber misses nothing.
	dir := filepath.Dir(b.conf)
	text := fmt.Sprintf("listener %d 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\nuser root\npersistence true\npersistence_location %s/\n", b.port, dir)
	if err := os.WriteFile(b.conf, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	os.Chmod(filepath.Dir(b.conf), 0o755)
	b.start()
	return b
}

func (b *broker) start() {
	b.p = start(b.t, nil, need(b.t, "mosquitto", "mosquitto"), "-c", b.conf)
	waitFor(b.t, 10*time.Second, "mosquitto listens", func() bool {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", b.port))
		if err == nil {
			c.Close()
		}
		return err == nil
	})
}

func (b *broker) stop() { b.p.kill(syscall.SIGTERM) }

func (b *broker) url() string { return fmt.Sprintf("tcp://127.0.0.1:%d", b.port) }

// message is one line of mosquitto_sub -v.
type message struct {
	topic   string
	payload string
	json    map[string]any // nil where the payload is no JSON object
	heard   time.Time
}

func (m message) str(key string) string { s, _ := m.json[key].(string); return s }

// subscriber collects what a real mosquitto_sub sees.
type subscriber struct {
	mu  sync.Mutex
	all []message
}

// subscribers numbers them: a session that is kept needs a name.
var subscribers atomic.Int64

func subscribe(t *testing.T, b *broker, topic string) *subscriber {
	t.Helper()
	s := &subscriber{}
	started := make(chan struct{}, 1)
	start(t, func(line string) {
		topic, payload, _ := strings.Cut(line, " ")
		if topic == "test/subscribed" {
			select {
			case started <- struct{}{}:
			default:
			}
			return
		}
		m := message{topic: topic, payload: payload, heard: time.Now()}
		json.Unmarshal([]byte(payload), &m.json)
		s.mu.Lock()
		s.all = append(s.all, m)
		s.mu.Unlock()
	}, need(t, "mosquitto_sub", "mosquitto-clients"), "-h", "127.0.0.1", "-p", fmt.Sprint(b.port), "-q", "1", "-v", "-c", "-i", fmt.Sprintf("sub%d", subscribers.Add(1)), "-t", topic, "-t", "test/subscribed")
	// It is subscribed once it hears a message of ours.
	pub := need(t, "mosquitto_pub", "mosquitto-clients")
	for range 50 {
		exec.Command(pub, "-h", "127.0.0.1", "-p", fmt.Sprint(b.port), "-t", "test/subscribed", "-m", "x").Run()
		select {
		case <-started:
			return s
		case <-time.After(100 * time.Millisecond):
		}
	}
	t.Fatal("mosquitto_sub does not hear its broker")
	return nil
}

func (s *subscriber) messages() []message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]message(nil), s.all...)
}

// find returns the first message that fits.
func (s *subscriber) find(fits func(message) bool) (message, bool) {
	for _, m := range s.messages() {
		if fits(m) {
			return m, true
		}
	}
	return message{}, false
}

func waitFor(t *testing.T, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("waited %v in vain: %s", limit, what)
}

// getJSON fetches a page of the agent; nil where it does not answer.
func getJSON(url string) map[string]any {
	c := http.Client{Timeout: 2 * time.Second}
	r, err := c.Get(url)
	if err != nil {
		return nil
	}
	defer r.Body.Close()
	var v map[string]any
	json.NewDecoder(r.Body).Decode(&v)
	return v
}

// startRows serves a CSV's rows by pymodbus and returns the port.
func startRows(t *testing.T, csv string, again int) int { return startRowsAt(t, csv, again, 0) }

func startRowsAt(t *testing.T, csv string, again, at int) int {
	t.Helper()
	portFile := filepath.Join(t.TempDir(), "port")
	start(t, nil, "/usr/bin/python3", "testdata/modbus_rows.py", csv, fmt.Sprint(again), portFile, fmt.Sprint(at))
	var port int
	waitFor(t, 20*time.Second, "pymodbus serves (Debian packages python3-pymodbus, python3-serial-asyncio)", func() bool {
		b, err := os.ReadFile(portFile)
		if err != nil {
			return false
		}
		n, _ := fmt.Sscan(string(b), &port)
		return n == 1
	})
	return port
}

// sharedData is the folder of labelled recordings, or the test is skipped.
func sharedData(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("DATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "data")
	}
	if _, err := os.Stat(dir); err != nil {
		return ""
	}
	return dir
}
