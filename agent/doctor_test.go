package main

import (
	"encoding/json"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"iot-edge-anomaly/agent/doctor"
	"iot-edge-anomaly/drivers/driverstest"
)

// findings are what doctor says of all but the computer that the test runs on.
func (r *reloadable) findings() (code int, good, bad []string) {
	r.t.Helper()
	code, out := r.verb("doctor", "--json")
	for line := range strings.Lines(out) {
		var f doctor.Finding
		if json.Unmarshal([]byte(line), &f) != nil || slices.Contains([]string{"disk", "wear", "clock", "memory", "watchdog", "groups"}, f.Step) {
			continue
		}
		if text := f.Step + " " + f.Text; f.Good {
			good = append(good, text)
		} else {
			bad = append(bad, text)
		}
	}
	return code, good, bad
}

func hasText(list []string, text string) bool {
	return slices.ContainsFunc(list, func(s string) bool { return strings.Contains(s, text) })
}

// TestDoctor: beside an agent that works nothing is wrong, and what is broken then is
// named.
func TestDoctor(t *testing.T) {
	t.Parallel()
	b := startBroker(t)
	r := startReloadable(t, b.url(), driverstest.FreeAddr(t))
	waitFor(t, 20*time.Second, "the agent is healthy", func() bool { code, _ := r.verb("status"); return code == 0 })
	var good, bad []string
	waitFor(t, 20*time.Second, "nothing is wrong", func() bool { _, good, bad = r.findings(); return len(bad) == 0 })
	for _, want := range []string{"agent gw7 is healthy", "config ", "tcp ", "login as anybody", "acl may subscribe", "will published by the broker", "status online",
		"devices pump: 1 value in ", "devices fan: 1 value in "} {
		if !hasText(good, want) {
			t.Errorf("no %q in %q", want, good)
		}
	}
	b.stop()
	r.fan.Close()
	var code int
	waitFor(t, 30*time.Second, "all that is broken", func() bool {
		code, _, bad = r.findings()
		return hasText(bad, "agent mqtt: degraded") && hasText(bad, "agent sensors: degraded") && hasText(bad, "tcp ") && hasText(bad, "devices fan: ")
	})
	if code != 1 || hasText(bad, "devices pump: ") {
		t.Errorf("code %d, %q", code, bad)
	}
	if _, out := r.verb("doctor"); !strings.Contains(out, "→ are host and port right?") || !strings.Contains(out, net.JoinHostPort("127.0.0.1", "")) {
		t.Errorf("no fix for the bus:\n%s", out)
	}
}
