package main

import (
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/devices"
)

// TestBetween: what is around the tables stays.
func TestBetween(t *testing.T) {
	const page = "# A\n\n<!-- make footprint writes this -->\nold\n<!-- end of make footprint -->\n\nafter\n"
	got, err := between(page, "| new |\n")
	if err != nil || got != "# A\n\n<!-- make footprint writes this -->\n\n| new |\n\n<!-- end of make footprint -->\n\nafter\n" {
		t.Errorf("%q, %v", got, err)
	}
	if again, err := between(got, "| new |\n"); err != nil || again != got {
		t.Errorf("a second time: %q, %v", again, err)
	}
	if _, err := between("# A\n", "x"); err == nil {
		t.Error("a page without comments")
	}
	text, err := os.ReadFile("../../docs/footprint.md")
	if err == nil {
		_, err = between(string(text), "x")
	}
	if err != nil {
		t.Error(err)
	}
}

// TestCost: what a process and its children use is counted.
func TestCost(t *testing.T) {
	r, err := run(nil, "sh", "-c", "sleep 1000 & while :; do :; done")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		for _, pid := range r.family() {
			syscall.Kill(pid, syscall.SIGKILL)
		}
		r.cmd.Wait()
	}()
	var c cost
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		if c, err = r.cost(200 * time.Millisecond); err != nil {
			t.Fatal(err)
		}
		if c.cpu > 0 && len(r.family()) == 2 {
			break
		}
	}
	if c.cpu <= 0 || c.rss < 100 || c.pss <= 0 || c.pss > c.rss || len(r.family()) != 2 {
		t.Errorf("%+v, processes %v", c, r.family())
	}
}

// TestWorkload: the agent and Telegraf are told to read the same registers, and the
// configuration is one that the agent takes.
func TestWorkload(t *testing.T) {
	for _, w := range workloads {
		s, err := w.open()
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		text := s.agentConfig(dir, "tcp://127.0.0.1:1883", "127.0.0.1:8080")
		c, problems := config.Parse("c", []byte(text), devices.Infos())
		if problems.Err() != nil {
			t.Fatalf("%v\n%s", problems.Err(), text)
		}
		if len(c.Machines) != w.machines || time.Duration(c.Machines[0].Period) != w.period {
			t.Errorf("%d machines every %v, want %+v", len(c.Machines), c.Machines[0].Period, w)
		}
		peer := s.telegrafConfig("tcp://127.0.0.1:1883")
		if n := strings.Count(peer, "UINT16"); n != w.channels() || strings.Count(peer, "slave_id") != w.machines || !strings.Contains(peer, "interval = \""+w.period.String()+"\"") {
			t.Errorf("Telegraf reads %d registers:\n%s", n, peer)
		}
		s.close()
	}
}

// TestLook: the page and the metrics are asked for until it is told to end.
func TestLook(t *testing.T) {
	asked := make(chan string, 100)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go http.Serve(l, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked <- r.URL.Path }))
	stop := look(l.Addr().String())
	if a, b := <-asked, <-asked; a != "/metrics" || b != "/api/v1/state" {
		t.Errorf("asked for %s and %s", a, b)
	}
	stop()
}
