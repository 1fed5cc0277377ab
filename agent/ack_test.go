package main

import (
	"encoding/json"
	"os/user"
	"strings"
	"syscall"
	"testing"
	"time"

	"iot-edge-anomaly/agent/control"
)

// restart ends the agent by a signal and starts it again on the same state.
func (r *reloadable) restart(sig syscall.Signal) {
	r.t.Helper()
	r.agent.kill(sig)
	r.agent = start(r.t, nil, append(r.prog, "run", "--config", r.path)...)
	waitFor(r.t, 20*time.Second, "the agent answers", func() bool { code, _ := r.verb("status"); return code != exitNotRunning })
}

// speed is what the pump's register reads from now on. Its limit is 100.
func (r *reloadable) speed(v uint16) { r.pump.SetHolding(0, v, 8) }

// openIDs are the ids that event list shows.
func (r *reloadable) openIDs() (ids []string) {
	r.t.Helper()
	code, out := r.verb("event", "list", "--json")
	var open control.Events
	if err := json.Unmarshal([]byte(out), &open); code != 0 || err != nil {
		r.t.Fatalf("event list: %d, %v, %s", code, err, out)
	}
	for _, ev := range open.Events {
		ids = append(ids, ev.ID)
	}
	return ids
}

// step is the newest message of an event of the pump in a state.
func step(s *subscriber, state string) (message, bool) {
	all := s.messages()
	for i := len(all) - 1; i >= 0; i-- {
		if m := all[i]; strings.HasSuffix(m.topic, "/event") && m.str("machine") == "pump1" && m.str("state") == state {
			return m, true
		}
	}
	return message{}, false
}

// acknowledged is by whom a message's event is acknowledged.
func acknowledged(m message) string {
	a, _ := m.json["acknowledged"].(map[string]any)
	by, _ := a["by"].(string)
	return by
}

// TestEventAck: an operator acknowledges an event; that is told, retained, and there
// after a restart.
func TestEventAck(t *testing.T) {
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	b := startBroker(t)
	sub := subscribe(t, b, "plant/gw7/#")
	r := startReloadable(t, b.url(), "")
	r.edit("{name: pump1,", "{name: pump1, detect: {hold: 1s},")
	r.reload(0, "machine pump1 changed")
	if code, out := r.verb("event", "list"); code != 0 || out != "no event is open\n" {
		t.Errorf("event list: %d, %q", code, out)
	}
	r.speed(200)
	waitFor(t, 20*time.Second, "the limit event", func() bool { _, ok := step(sub, "open"); return ok })
	open, _ := step(sub, "open")
	id := open.str("event")
	if ids := r.openIDs(); len(ids) != 1 || ids[0] != id {
		t.Fatalf("event list shows %q, the open event is %s", ids, id)
	}
	if code, out := r.verb("event", "ack", "gw7-none"); code != 1 || !strings.Contains(out, "not open; open are "+id) {
		t.Errorf("an unknown id: %d, %s", code, out)
	}
	if code, out := r.verb("event", "ack"); code != 2 || !strings.Contains(out, "event list shows them") {
		t.Errorf("no id: %d, %s", code, out)
	}
	if code, out := r.verb("event", "ack", id, "--note", "on my way"); code != 0 || !strings.HasPrefix(out, id+": acknowledged") {
		t.Fatalf("event ack: %d, %s", code, out)
	}
	check := func(when string) {
		t.Helper()
		waitFor(t, 20*time.Second, "the retained state has the acknowledgement "+when, func() bool {
			all := sub.messages()
			for i := len(all) - 1; i >= 0; i-- {
				if all[i].topic == "plant/gw7/machine/pump1" {
					return strings.Contains(all[i].payload, `"by":"`+me.Username+`","note":"on my way"`)
				}
			}
			return false
		})
		if code, out := r.verb("event", "list"); code != 0 || !strings.Contains(out, me.Username) || !strings.Contains(out, "on my way") {
			t.Errorf("event list %s: %d, %s", when, code, out)
		}
	}
	check("at once")
	waitFor(t, 20*time.Second, "the acknowledgement is told", func() bool { m, ok := step(sub, "update"); return ok && acknowledged(m) == me.Username })
	r.restart(syscall.SIGTERM)
	check("after a restart")
	r.speed(7)
	waitFor(t, 60*time.Second, "the close", func() bool {
		m, ok := step(sub, "close")
		return ok && m.str("event") == id && acknowledged(m) == me.Username
	})
	if code, out := r.verb("event", "ack", id); code != 1 || !strings.Contains(out, "not open; no event is") {
		t.Errorf("a closed event: %d, %s", code, out)
	}
	_, out := r.verb("status", "--json")
	var s control.Status
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		t.Fatal(err)
	}
	var acks []string
	for _, c := range s.Changes {
		if c.Verb == "ack" {
			acks = append(acks, c.Outcome)
		}
	}
	if strings.Join(acks, " ") != "failed done failed" {
		t.Errorf("audit of ack: %q", acks)
	}
}

// muted is the mute of the pump as status shows it.
func (r *reloadable) muted() (silent uint64, on bool) {
	r.t.Helper()
	_, out := r.verb("status", "--json")
	var s control.Status
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		r.t.Fatal(err)
	}
	m := s.Machines["pump1"].Muted
	if m == nil {
		return 0, false
	}
	return m.Silent, true
}

// TestMute: what a muted machine has is not told until the mute ends, also over a crash.
func TestMute(t *testing.T) {
	b := startBroker(t)
	sub := subscribe(t, b, "plant/gw7/#")
	r := startReloadable(t, b.url(), "")
	r.edit("{name: pump1,", "{name: pump1, detect: {hold: 1s},")
	r.reload(0, "machine pump1 changed")
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"mute", "pump1"}, 2, "--for 2h"},
		{[]string{"mute", "pump1", "--for", "1h", "--off"}, 2, "either"},
		{[]string{"mute", "pump1", "--for", "25h"}, 1, "at most 24h"},
		{[]string{"mute", "none", "--for", "1h"}, 1, `machine "none": unknown`},
		{[]string{"mute", "pump1", "--for", "1h", "--note", "bearing"}, 0, "pump1: muted until"},
	} {
		if code, out := r.verb(c.args...); code != c.code || !strings.Contains(out, c.says) {
			t.Errorf("%v: %d, %s; want %d, %s", c.args, code, out, c.code, c.says)
		}
	}
	waitFor(t, 20*time.Second, "the mute in the retained state", func() bool {
		_, ok := sub.find(func(m message) bool {
			return m.topic == "plant/gw7/machine/pump1" && m.str("muted_until") != "" && m.str("muted_by") != ""
		})
		return ok
	})
	r.speed(200)
	waitFor(t, 20*time.Second, "the event is silent", func() bool { n, _ := r.muted(); return n == 1 })
	r.restart(syscall.SIGKILL)
	waitFor(t, 20*time.Second, "the event is silent after a crash", func() bool { n, on := r.muted(); return on && n == 1 })
	if code, out := r.verb("status"); code == exitNotRunning || !strings.Contains(out, ": bearing") {
		t.Errorf("status: %d, %s", code, out)
	}
	if m, ok := step(sub, "open"); ok || len(r.openIDs()) != 0 {
		t.Errorf("told in spite of the mute: %s", m.payload)
	}
	if code, out := r.verb("mute", "pump1", "--off"); code != 0 || out != "pump1: no longer muted\n" {
		t.Errorf("mute --off: %d, %s", code, out)
	}
	waitFor(t, 20*time.Second, "what still holds is told", func() bool { _, ok := step(sub, "open"); return ok })
	if code, out := r.verb("mute", "pump1", "--for", "1s"); code != 0 {
		t.Errorf("mute: %d, %s", code, out)
	}
	waitFor(t, 20*time.Second, "the mute ends by itself", func() bool { _, on := r.muted(); return !on })
	r.speed(7)
	waitFor(t, 60*time.Second, "the close", func() bool { _, ok := step(sub, "close"); return ok })
}
