package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"iot-edge-anomaly/scripts/child"
)

// stream is a plant with about forty messages a second.
func stream(broker string) plant {
	return plant{broker: broker, machines: []machine{
		{name: "tank", channels: 10, high: square(5)},
		{name: "pump", channels: 14, high: square(7)},
	}}
}

// streaming starts a broker, with further lines of its configuration, and the agent that
// streams to it.
func (t *trial) streaming(further string) (*broker, *agent, error) {
	b, err := t.startBroker(further)
	if err != nil {
		return nil, nil, err
	}
	a, err := t.begin(stream(b.addr))
	return b, a, err
}

// inOrder tells whether every number has arrived once, in order, with a life of each
// event that makes sense.
func (t *trial) inOrder(fault string, b balance) {
	t.expect(b.missing == 0 && b.messages > 0, fault+": messages lost", "0", "%d of %d", b.missing, uint64(b.messages-b.repeated)+b.missing)
	t.expect(b.disorder+b.unequal+b.illogical == 0, fault+": out of order, numbers used twice, events without an open", "0, 0, 0", "%d, %d, %d", b.disorder, b.unequal, b.illogical)
}

// settle waits until the queue is empty, ends the agent and lets the subscriber hear
// the rest.
func (a *agent) settle(b *broker) error {
	if err := a.answers(); err != nil {
		return err
	}
	if err := a.drain(time.Minute); err != nil {
		return err
	}
	a.End(syscall.SIGTERM)
	for before := -1; before != len(b.all()); time.Sleep(time.Second) {
		before = len(b.all())
	}
	return nil
}

// brokerAway stops the broker for a while.
func brokerAway(t *trial) error {
	b, a, err := t.streaming("")
	if err != nil {
		return err
	}
	if err := await(time.Minute, "messages", func() bool { return len(b.all()) > 20 }); err != nil {
		return err
	}
	away := time.Duration(t.pick(3, 30, 60)) * time.Second
	if t.broker != "" { // one that starts slowly must be back within the minute of short waits
		away = min(away, 30*time.Second)
	}
	b.stop()
	time.Sleep(away)
	if err := b.start(); err != nil {
		return err
	}
	back := time.Now()
	if err := await(time.Minute, "the agent is connected again", func() bool { return a.metrics()["mqtt_connected"] == 1 }); err != nil {
		return err
	}
	took := time.Since(back)
	if err := a.settle(b); err != nil {
		return err
	}
	fault := fmt.Sprintf("broker away for %v", away)
	t.inOrder(fault, balanceOf(b.all()))
	t.expect(took <= 6*time.Second, fault+": connected again after", "<= 6 s", "%.1f s", took.Seconds())
	return nil
}

// crowd opens hundreds of limits of one machine, and then one of another.
func crowd(t *trial) error {
	b, err := t.startBroker("")
	if err != nil {
		return err
	}
	const n = 600
	a, err := t.begin(plant{broker: b.addr, period: "500ms", machines: []machine{
		{name: "bank", channels: n, high: func(row, _ int) bool { return row >= 4 }},
		{name: "boiler", channels: 1, high: func(row, _ int) bool { return row >= 12 }},
	}})
	if err != nil {
		return err
	}
	opened := func(machine string) int {
		return b.count(func(e *event) bool { return e.Machine == machine && e.Kind == "limit" && e.State == "open" })
	}
	listed := func() int {
		var state struct{ Open []json.RawMessage }
		json.Unmarshal([]byte(b.state("/machine/bank")), &state)
		return len(state.Open)
	}
	// It ends early when all is there, else the figures say what is missing.
	await(time.Duration(t.pick(120, 60, 60))*time.Second, "", func() bool {
		return !a.Running() || opened("bank") >= n && opened("boiler") >= 1 && listed() >= n
	})
	t.expect(opened("bank") == n, "600 limits at once: opens told", "600", "%d", opened("bank"))
	t.expect(opened("boiler") == 1, "600 limits at once: critical limit of another machine told", "1", "%d", opened("boiler"))
	t.expect(listed() == n, "600 limits at once: open events in the retained state", "600", "%d", listed())
	return nil
}

// refused has a broker with a packet limit that one channel's events exceed even when
// they are shortened.
func refused(t *trial) error {
	// The events of the second machine are longer than those of the first, whole, by more
	// than the uptimes that a clock adds which nobody confirms.
	long := strings.Repeat("x", 60)
	p := plant{machines: []machine{
		{name: "tank", channels: 1, high: square(10)},
		{name: long, channels: 1, high: func(row, _ int) bool { return row >= 60 && row < 70 }, names: func(int) string { return long }},
	}}
	b, err := t.startBroker("max_packet_size 700\n") // between the shortened events of the two
	if err != nil {
		return err
	}
	p.broker = b.addr
	a, err := t.begin(p)
	if err != nil {
		return err
	}
	await(90*time.Second, "", func() bool { return a.metrics()["mqtt_refused_total"] >= 1 })
	aside := a.metrics()["mqtt_refused_total"]
	heard := len(b.all())
	await(60*time.Second, "", func() bool {
		return len(b.all()) > heard+5 && b.count(func(e *event) bool { return e.Source == "mqtt_refused" }) > 0
	})
	alerts := b.count(func(e *event) bool { return e.Source == "mqtt_refused" && e.State == "open" })
	t.expect(aside >= 1, "packet limit of the broker: messages set aside", ">= 1", "%.0f", aside)
	t.expect(alerts == 1, "packet limit of the broker: alerts that tell it", "1", "%d", alerts)
	a.drain(30 * time.Second)
	missing := balanceOf(b.all()).missing
	aside = a.metrics()["mqtt_refused_total"]
	t.expect(float64(missing) <= aside, "packet limit of the broker: other messages lost", "0", "%.0f of %d", max(0, float64(missing)-aside), len(b.all()))
	waiting := a.metrics()["spool_oldest_age_seconds"]
	t.expect(waiting < 30, "packet limit of the broker: oldest message that waits behind", "< 30 s", "%.1f s", waiting)
	return nil
}

// deniedStatus has a broker that closes the connection when `status` is published.
func deniedStatus(t *trial) error {
	f, err := t.startFake("/status", false)
	if err != nil {
		return err
	}
	a, err := t.begin(stream(f.addr))
	if err != nil {
		return err
	}
	begin := time.Now()
	await(90*time.Second, "", func() bool { return f.published("/event") > 20 })
	t.expect(f.published("/event") > 20, "topic `status` denied by disconnect: first 20 events told after", "< 60 s", "%.0f s (%d events)", time.Since(begin).Seconds(), f.published("/event"))
	t.expect(a.Running(), "topic `status` denied by disconnect: program runs", "yes", "%t", a.Running())
	return nil
}

// deniedACL has a broker whose list permits events and nothing else. It acknowledges what
// it does not permit, as MQTT 3.1.1 wants, and passes none of it on.
func deniedACL(t *trial) error {
	acl := filepath.Join(t.dir, "acl")
	if err := os.WriteFile(acl, []byte("topic read #\ntopic write plant/gw7/event\n"), 0o644); err != nil {
		return err
	}
	b, a, err := t.streaming("acl_file " + acl + "\n")
	if err != nil {
		return err
	}
	await(time.Minute, "", func() bool { return len(b.all()) > 40 })
	if err := a.settle(b); err != nil {
		return err
	}
	fault := "ACL permits only events"
	t.expect(b.state("/status") == "", fault+": status passed on", "no", "%q", b.state("/status"))
	t.inOrder(fault, balanceOf(b.all()))
	return nil
}

// mutualTLS stops and starts a broker that wants a certificate of the client.
func mutualTLS(t *trial) error {
	cert, key := filepath.Join(t.dir, "tls.pem"), filepath.Join(t.dir, "tls.key")
	certPEM, keyPEM, err := pair(1)
	if err != nil {
		return err
	}
	if err := writeAll(cert, certPEM, key, keyPEM); err != nil {
		return err
	}
	addr, err := child.FreeAddr()
	if err != nil {
		return err
	}
	_, port, _ := net.SplitHostPort(addr)
	b, err := t.startBroker(fmt.Sprintf("listener %s 127.0.0.1\ncafile %s\ncertfile %s\nkeyfile %s\nrequire_certificate true\n", port, cert, cert, key))
	if err != nil {
		return err
	}
	p := stream("mqtts://" + addr)
	p.mqtt = fmt.Sprintf(", ca: %s, cert: %s, key: %s", cert, cert, key)
	a, err := t.begin(p)
	if err != nil {
		return err
	}
	for n := range 3 {
		if err := await(time.Minute, "messages over TLS", func() bool { return len(b.all()) > 40*(n+1) }); err != nil {
			return fmt.Errorf("%w: %s", err, a.lastLine())
		}
		b.stop()
		time.Sleep(time.Second)
		if err := b.start(); err != nil {
			return err
		}
	}
	if err := a.settle(b); err != nil {
		return err
	}
	t.inOrder("broker with mutual TLS restarts x3", balanceOf(b.all()))
	return nil
}

// noPuback has a broker that acknowledges no event.
func noPuback(t *trial) error {
	f, err := t.startFake("", true)
	if err != nil {
		return err
	}
	a, err := t.begin(stream(f.addr))
	if err != nil {
		return err
	}
	if err := await(time.Minute, "many messages wait", func() bool { return a.metrics()["spool_messages"] > 40 }); err != nil {
		return err
	}
	m := a.metrics()
	t.expect(f.window() <= 16 && f.window() > 0, "broker acknowledges no event: messages in flight", "<= 16", "%d", f.window())
	t.expect(m["mqtt_publish_acked_total"] == 0, "broker acknowledges no event: messages taken for delivered", "0", "%.0f", m["mqtt_publish_acked_total"])
	t.expect(m["spool_dropped_total"] == 0, "broker acknowledges no event: messages dropped", "0", "%.0f", m["spool_dropped_total"])
	return nil
}

// flap cuts every connection to the broker again and again.
func flap(t *trial) error {
	b, err := t.startBroker("")
	if err != nil {
		return err
	}
	w, err := t.startWire(b.addr)
	if err != nil {
		return err
	}
	a, err := t.begin(stream(w.addr))
	if err != nil {
		return err
	}
	steady := func() error { // connected and delivering: the descriptors are those of any other such moment
		return await(time.Minute, "connected", func() bool { return a.metrics()["mqtt_connected"] == 1 })
	}
	if err := steady(); err != nil {
		return err
	}
	time.Sleep(3 * time.Second)
	fds, goroutines := a.fds(), a.metrics()["go_goroutines"]
	n := t.pick(3, 20, 1000)
	for range n {
		time.Sleep(time.Second)
		w.cut()
	}
	if err := steady(); err != nil {
		return err
	}
	time.Sleep(3 * time.Second)
	var fds2 int
	var goroutines2 float64
	await(20*time.Second, "", func() bool { // a request under way has a descriptor and goroutines of its own
		fds2, goroutines2 = a.fds(), a.metrics()["go_goroutines"]
		return fds2 <= fds && goroutines2 <= goroutines
	})
	cuts := a.metrics()["mqtt_disconnects_total"]
	if err := a.settle(b); err != nil {
		return err
	}
	fault := fmt.Sprintf("broker flaps every second x%d", n)
	t.expect(fds2 <= fds && goroutines2 <= goroutines && cuts > 0, fault+": descriptors, goroutines more", "+0, +0", "%+d, %+.0f (%.0f connections cut)", fds2-fds, goroutines2-goroutines, cuts)
	t.inOrder(fault, balanceOf(b.all()))
	return nil
}

// reload asks for reloads of good and bad configurations in turn while rows are read.
func reload(t *trial) error {
	b, err := t.startBroker("")
	if err != nil {
		return err
	}
	p := stream(b.addr)
	p.period = "500ms"
	a, err := t.begin(p)
	if err != nil {
		return err
	}
	good, err := os.ReadFile(a.config)
	if err != nil {
		return err
	}
	rows := func() float64 { return a.metrics()[`samples_processed_total{machine="tank"}`] }
	if err := await(time.Minute, "rows", func() bool { return rows() > 0 }); err != nil {
		return err
	}
	lost0, applied := a.metrics()[`samples_dropped_total{machine="tank"}`], 0
	n := t.pick(6, 50, 1000)
	for i := range n {
		text, want := strings.Replace(string(good), "machines:\n", "machines:\n  - {name: ghost, channels: [\"nobody.*\"]}\n", 1), 0.0
		if i%2 == 1 {
			text, want = changed(string(good), "pump", fmt.Sprintf("hold: %dms", 200+i%4*50)), 1
		}
		if err := os.WriteFile(a.config, []byte(text), 0o644); err != nil {
			return err
		}
		syscall.Kill(a.Pid(), syscall.SIGHUP)
		if err := await(time.Minute, "verdict of a reload", func() bool {
			v, ok := a.metrics()["config_last_reload_successful"]
			return ok && v == want || !a.Running()
		}); err != nil {
			return err
		}
		if !a.Running() {
			return fmt.Errorf("the agent ended: %s", a.lastLine())
		}
		time.Sleep(300 * time.Millisecond)
		if _, is := a.metrics()[`samples_processed_total{machine="ghost"}`]; is {
			applied++
		}
	}
	m := a.metrics()
	fault := fmt.Sprintf("reload x%d, good and bad in turn", n)
	t.expect(applied == 0, fault+": bad ones applied", "0", "%d", applied)
	if !t.short { // a busy machine costs rows too
		t.expect(m[`samples_dropped_total{machine="tank"}`] == lost0, fault+": rows lost", "0", "%.0f of %.0f", m[`samples_dropped_total{machine="tank"}`]-lost0, rows())
	}
	if err := a.settle(b); err != nil {
		return err
	}
	t.inOrder(fault, balanceOf(b.all()))
	return nil
}

// changed replaces the hold of one machine of a configuration.
func changed(config, machine, hold string) string {
	at := strings.Index(config, "  - {name: "+machine+", channels")
	return config[:at] + strings.Replace(config[at:], "hold: 200ms", hold, 1)
}
