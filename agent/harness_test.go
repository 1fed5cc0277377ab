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

	"iot-edge-anomaly/drivers/driverstest"
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

// starved is how long the process's threads, taken together, were ready to run and
// had no CPU: the second number of schedstat, in ns.
func (p *process) starved() (d time.Duration) {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", p.cmd.Process.Pid))
	for _, f := range files {
		b, _ := os.ReadFile(f)
		var ran, waited int64
		if n, _ := fmt.Sscan(string(b), &ran, &waited); n == 2 {
			d += time.Duration(waited)
		}
	}
	return d
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
	case <-time.After(20*time.Second + busy):
		p.t.Errorf("pid %d does not end on %v", p.cmd.Process.Pid, sig)
		p.cmd.Process.Kill()
	}
}

// broker is a real mosquitto.
type broker struct {
	t    *testing.T
	addr string
	conf string
	p    *process
}

func startBroker(t *testing.T) *broker {
	t.Helper()
	b := &broker{t: t, addr: driverstest.FreeAddr(t), conf: filepath.Join(t.TempDir(), "mosquitto.conf")}
	// Sessions are kept over a restart, so that a subscriber misses nothing.
	dir := filepath.Dir(b.conf)
	host, port, _ := net.SplitHostPort(b.addr)
	text := fmt.Sprintf("listener %s %s\nallow_anonymous true\nmax_queued_messages 0\nuser root\npersistence true\npersistence_location %s/\n", port, host, dir)
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
		c, err := net.Dial("tcp", b.addr)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
}

func (b *broker) stop() { b.p.kill(syscall.SIGTERM) }

func (b *broker) url() string { return "tcp://" + b.addr }

// client is a command of mosquitto-clients that speaks to the broker.
func (b *broker) client(name string, args ...string) []string {
	host, port, _ := net.SplitHostPort(b.addr)
	return append([]string{need(b.t, name, "mosquitto-clients"), "-h", host, "-p", port}, args...)
}

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
	hear := func(line string) {
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
	}
	args := b.client("mosquitto_sub", "-q", "1", "-v", "-c", "-i", fmt.Sprintf("sub%d", subscribers.Add(1)), "-t", topic, "-t", "test/subscribed")
	p := start(t, hear, args...)
	// It is subscribed once it hears a message of ours.
	pub := b.client("mosquitto_pub", "-t", "test/subscribed", "-m", "x")
	waitFor(t, 5*time.Second, "mosquitto_sub hears its broker", func() bool {
		exec.Command(pub[0], pub[1:]...).Run()
		select {
		case <-started:
			return true
		case <-p.done: // it gives up where its first connection is refused
			p = start(t, hear, args...)
			return false
		case <-time.After(100 * time.Millisecond):
			return false
		}
	})
	return s
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

// busy is what other programs on the machine may take from what is waited for.
const busy = 2 * time.Minute

// waitFor waits until ok. The limit is what it takes at the most where the
// machine has time for it; it is no promise that is measured here.
func waitFor(t *testing.T, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	limit += busy
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

// startRows serves a CSV's rows by pymodbus and returns the address.
func startRows(t *testing.T, csv string, again int) string {
	t.Helper()
	addr := driverstest.FreeAddr(t)
	startRowsAt(t, csv, again, addr)
	return addr
}

func startRowsAt(t *testing.T, csv string, again int, addr string) {
	t.Helper()
	host, port, _ := net.SplitHostPort(addr)
	p := start(t, nil, "/usr/bin/python3", "testdata/modbus_rows.py", csv, fmt.Sprint(again), host, port)
	waitFor(t, 20*time.Second, "pymodbus serves (Debian packages python3-pymodbus, python3-serial-asyncio)", func() bool {
		return strings.Contains(p.output(), "serving")
	})
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
