package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"iot-edge-anomaly/drivers/driverstest"
)

// TestIsolate: a gateway that is cut off from its broker goes on watching, also over a
// restart and a reload; what happened meanwhile is sent when it is let back.
func TestIsolate(t *testing.T) {
	t.Parallel()
	b := startBroker(t)
	heard := subscribe(t, b, "plant/#")
	r := startReloadable(t, b.url(), driverstest.FreeAddr(t))
	if code, out := r.verb("wait-ready", "--timeout", "60s"); code != 0 || !strings.Contains(out, "gw7 is ") {
		t.Fatalf("wait-ready: %d, %s", code, out)
	}
	status := func(word string) func() bool {
		return func() bool {
			all := heard.messages()
			for i := len(all) - 1; i >= 0; i-- {
				if all[i].topic == "plant/gw7/status" {
					return all[i].payload == word
				}
			}
			return false
		}
	}
	waitFor(t, 20*time.Second, "online", status("online"))
	code, out := r.verb("mqtt", "disable", "--note", "incident 12")
	if code != 0 || !strings.Contains(out, "isolated by ") || !strings.Contains(out, ": incident 12; detection goes on") {
		t.Fatalf("mqtt disable: %d, %s", code, out)
	}
	waitFor(t, 20*time.Second, "offline", status("offline"))
	isolated := func() {
		t.Helper()
		if code, out := r.verb("status"); code != 1 || !strings.Contains(out, "isolated by ") || !strings.Contains(out, "incident 12") {
			t.Errorf("status: %d, %s", code, out)
		}
	}
	isolated()
	if code, out := r.verb("mqtt", "disable", "--note", "a\x1b[2J"); code != 1 || !strings.Contains(out, "the note has a control character") {
		t.Errorf("a note that steers terminals: %d, %q", code, out)
	}
	r.verb("mqtt", "disable") // again, without a word: the first one stands
	isolated()
	if _, out := r.verb("doctor"); !strings.Contains(out, "isolated: it was not asked") || strings.Contains(out, "login") {
		t.Errorf("doctor asks the broker of a gateway that is isolated:\n%s", out)
	}
	r.speed(150) // an event begins
	waitFor(t, 20*time.Second, "the event is open", func() bool { return len(r.openIDs()) == 1 })
	r.restart(syscall.SIGKILL)
	isolated()
	r.edit("max: 8MiB", "max: 9MiB")
	r.reload(0, "spool.max")
	r.edit("topic: \"plant/{device}\"", "topic: \"plant/{device}\", homeassistant: false")
	r.verb("reload")
	isolated()
	var id []string // of the event, or of its next one: SIGKILL may have come before it was on the disk
	waitFor(t, busy, "the event is open again", func() bool { id = r.openIDs(); return len(id) == 1 })
	if _, told := step(heard, "open"); told || status("online")() {
		t.Error("something was published while isolated")
	}
	if code, out := r.verb("mqtt", "enable"); code != 0 || !strings.Contains(out, "what waits is sent") {
		t.Fatalf("mqtt enable: %d, %s", code, out)
	}
	if code, out := r.verb("mqtt", "enable"); code != 0 || !strings.Contains(out, "it was not isolated: nothing has changed") {
		t.Errorf("mqtt enable of a gateway that is not isolated: %d, %s", code, out)
	}
	waitFor(t, 20*time.Second, "the event is told", func() bool { m, told := step(heard, "open"); return told && m.str("event") == id[0] })
	waitFor(t, 20*time.Second, "online again", status("online"))
	if _, err := os.Stat(filepath.Join(filepath.Dir(r.path), "state", "isolated.json")); !os.IsNotExist(err) {
		t.Errorf("the file is left: %v", err)
	}
	if _, out := r.verb("status"); !strings.Contains(out, "isolate by ") {
		t.Errorf("no audit:\n%s", out)
	}
	r.agent.kill(syscall.SIGTERM)
	if code, out := r.verb("wait-ready", "--timeout", "300ms"); code != 1 || !strings.Contains(out, "not ready within 300ms") || !strings.Contains(out, "no agent answers") {
		t.Errorf("wait-ready without an agent: %d, %s", code, out)
	}
	if code, out := r.verb("wait-ready", "--timeout", "-1s"); code != 2 || !strings.Contains(out, "--timeout -1s: want more than 0") {
		t.Errorf("wait-ready with a time below 0: %d, %s", code, out)
	}
	// A file that cannot be read isolates: nothing leaves a gateway by mistake.
	if err := os.WriteFile(filepath.Join(filepath.Dir(r.path), "state", "isolated.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.agent = start(t, nil, append(r.prog, "run", "--config", r.path)...)
	waitFor(t, 20*time.Second, "isolated by unknown", func() bool { _, out := r.verb("status"); return strings.Contains(out, "isolated by unknown") })
}
