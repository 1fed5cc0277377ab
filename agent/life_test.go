package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"iot-edge-anomaly/drivers/driverstest"
)

// supervisor stands in for systemd: it listens where sd_notify(3) sends.
type supervisor struct {
	mu  sync.Mutex
	got []string
}

func supervise(t *testing.T) (*supervisor, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	s := &supervisor{}
	go func() {
		b := make([]byte, 4096)
		for {
			n, err := c.Read(b)
			if err != nil {
				return
			}
			s.mu.Lock()
			s.got = append(s.got, string(b[:n]))
			s.mu.Unlock()
		}
	}()
	return s, path
}

func (s *supervisor) count(word string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range s.got {
		if strings.Contains(g, word) {
			n++
		}
	}
	return n
}

// TestSystemdSeesProgressAndReload: READY once, the watchdog fed, a good reload
// put into force, a bad one refused while the agent goes on, a clean stop.
func TestSystemdSeesProgressAndReload(t *testing.T) {
	t.Parallel()
	prog := program(t, "", "")
	b := startBroker(t)
	listen := driverstest.FreeAddr(t)
	cfg := toggleConfig(t, startRows(t, toggling(t, 4000), 10), b.url(), listen, 50*time.Millisecond)
	sup, socket := supervise(t)
	sub := subscribe(t, b, "plant/#")
	agent := start(t, nil, append([]string{"/usr/bin/env", "NOTIFY_SOCKET=" + socket, "WATCHDOG_USEC=2000000"}, append(prog, "run", "--config", cfg)...)...)
	waitFor(t, 10*time.Second, "READY=1", func() bool { return sup.count("READY=1") == 1 })
	waitFor(t, 10*time.Second, "the watchdog is fed", func() bool { return sup.count("WATCHDOG=1") >= 3 })

	good, err := os.ReadFile(cfg)
	if err != nil {
		t.Fatal(err)
	}
	reload := func(text []byte, want string) {
		t.Helper()
		if err := os.WriteFile(cfg, text, 0o600); err != nil {
			t.Fatal(err)
		}
		n := sup.count("RELOADING=1")
		agent.cmd.Process.Signal(syscall.SIGHUP)
		waitFor(t, 15*time.Second, "RELOADING and READY again", func() bool {
			return sup.count("RELOADING=1") == n+1 && sup.count("READY=1") == n+2
		})
		health := "http://" + listen + "/health"
		waitFor(t, 10*time.Second, "/health says "+want, func() bool { return getJSON(health)["status"] == want })
	}
	waitFor(t, 10*time.Second, "systemctl status tells what the machine does", func() bool { return sup.count("STATUS=tank1 learning") > 0 })
	if sup.count("MONOTONIC_USEC") != 0 {
		t.Error("MONOTONIC_USEC without a reload")
	}
	reload(bytes.Replace(good, []byte("period: 50ms"), []byte("perod: 50ms"), 1), "degraded")
	waitFor(t, 10*time.Second, "the log tells what is wrong with the reloaded file", func() bool { return strings.Contains(agent.output(), "did you mean") })
	before := len(events(sub, "plant/gw7/event"))
	waitFor(t, 20*time.Second, "events under the old configuration", func() bool { return len(events(sub, "plant/gw7/event")) > before })
	moved := append([]byte("# a line more at the top\n"), good...)
	reload(bytes.Replace(moved, []byte("warn: 4, alarm: 8"), []byte("warn: 400, alarm: 800"), 1), "healthy")
	if sup.count("MONOTONIC_USEC") != 2 {
		t.Error("RELOADING without MONOTONIC_USEC: systemd would wait for ever")
	}
	ms := settled(t, sub, "plant/gw7/event", 30*time.Second)
	agent.kill(syscall.SIGTERM)
	waitFor(t, 10*time.Second, "STOPPING=1", func() bool { return sup.count("STOPPING=1") > 0 })
	if agent.err != nil || sup.count("STOPPING=1") != 1 {
		t.Errorf("ended with %v, STOPPING seen %d times", agent.err, sup.count("STOPPING=1"))
	}
	balance(t, ms)
}

// TestLearningGoesOnAfterARestart: rows collected before a stop count after it.
func TestLearningGoesOnAfterARestart(t *testing.T) {
	t.Parallel()
	prog := program(t, "", "")
	rows := simulatedFault(t)
	listen := driverstest.FreeAddr(t)
	b := startBroker(t)
	cfg := rowsConfig(t, columnsOf(t, rows), startRows(t, rows, 400), b.url(), listen, 20*time.Millisecond, 8*time.Second)
	progress := func() float64 {
		m, _ := getJSON("http://" + listen + "/health")["machines"].(map[string]any)
		pump, _ := m["pump1"].(map[string]any)
		l, _ := pump["learning"].(map[string]any)
		p, _ := l["progress"].(float64)
		return p
	}
	agent := start(t, nil, append(prog, "run", "--config", cfg)...)
	waitFor(t, 20*time.Second, "half of the rows", func() bool { return progress() > 0.5 })
	agent.kill(syscall.SIGTERM)
	agent = start(t, nil, append(prog, "run", "--config", cfg)...)
	waitFor(t, 5*time.Second, "progress goes on", func() bool { return progress() > 0 })
	if p := progress(); p < 0.5 {
		t.Errorf("progress %v after the restart, want the half of before", p)
	}
	waitFor(t, 30*time.Second, "a model", func() bool {
		files, _ := filepath.Glob(filepath.Join(filepath.Dir(cfg), "models", "pump1", "*.safetensors"))
		return len(files) == 1
	})
	agent.kill(syscall.SIGTERM)
}

// TestModelOfAnotherMachine: the machine alone is impaired, says so everywhere and
// goes on with its limits; the gateway runs. check foretells it and ends with 1.
func TestModelOfAnotherMachine(t *testing.T) {
	t.Parallel()
	prog := program(t, "", "")
	m, _ := trainedWave(t)
	b := startBroker(t)
	events := subscribe(t, b, "plant/gw7/#")
	rows, listen := driverstest.FreeAddr(t), driverstest.FreeAddr(t)
	cfg := toggleConfig(t, rows, b.url(), listen, 200*time.Millisecond)
	text, err := os.ReadFile(cfg)
	if err != nil {
		t.Fatal(err)
	}
	text = bytes.Replace(text, []byte("model: {path: "+filepath.Dir(cfg)+"/models"), []byte("model: {path: "+m), 1)
	if err := os.WriteFile(cfg, text, 0o600); err != nil {
		t.Fatal(err)
	}
	check := exec.Command(prog[0], append(prog[1:], "check", cfg)...)
	out, err := check.CombinedOutput()
	if code := check.ProcessState.ExitCode(); code != 1 || !strings.Contains(string(out), "impaired: machines[0].model: machine tank1:") {
		t.Errorf("check ends with %d, want 1: %v\n%s", code, err, out)
	}
	agent := start(t, nil, append(prog, "run", "--config", cfg)...)
	waitFor(t, 20*time.Second, "an alert", func() bool {
		_, ok := events.find(func(m message) bool {
			return m.str("kind") == "alert" && m.str("state") == "open" && strings.Contains(m.str("detail"), "no model can be used")
		})
		return ok
	})
	waitFor(t, 20*time.Second, "the state blind", func() bool {
		_, ok := events.find(func(m message) bool { return m.str("machine") == "tank1" && m.str("state") == "blind" })
		return ok
	})
	waitFor(t, 20*time.Second, "degraded health", func() bool {
		return strings.Contains(fmt.Sprint(getJSON("http://"+listen+"/health")), "tank1 is blind")
	})
	agent.kill(syscall.SIGTERM)
	if code := agent.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("ends with %d", code)
	}
}
