package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"iot-edge-anomaly/scripts/child"
)

// brokerCases are what every make of broker goes through.
func brokerCases(prefix, broker string) []fault {
	return []fault{
		{name: prefix + "killed", run: brokerKilled, broker: broker},
		{name: prefix + "sessions", run: sessions, broker: broker},
		{name: prefix + "presence", run: presence, broker: broker},
	}
}

// otherCases are those of a make that the other cases do not use.
func otherCases(prefix, broker string) []fault {
	return append([]fault{
		{name: prefix + "away", run: brokerAway, broker: broker},
		{name: prefix + "kill", run: kill, broker: broker},
	}, brokerCases(prefix, broker)...)
}

// brokerKilled kills the broker while events arrive. What it acknowledged is its own to
// keep; what it did not, the program sends again.
func brokerKilled(t *trial) error {
	further := ""
	if t.broker == "" { // else it saves nothing before it ends
		further = "autosave_interval 1\nautosave_on_changes true\n"
	}
	b, err := t.startBroker(further)
	if err != nil {
		return err
	}
	p, err := t.startTap(b.addr)
	if err != nil {
		return err
	}
	a, err := t.begin(stream(p.addr))
	if err != nil {
		return err
	}
	n := t.pick(1, 3, 20)
	for range n {
		before := len(b.all())
		if err := await(2*time.Minute, "messages after a start", func() bool { return len(b.all()) > before+40 }); err != nil {
			return err
		}
		time.Sleep(rand.N(500 * time.Millisecond))
		b.kill()
		if err := b.start(); err != nil {
			return err
		}
	}
	if err := await(time.Minute, "the agent is connected again", func() bool { return a.metrics()["mqtt_connected"] == 1 }); err != nil {
		return err
	}
	if err := a.settle(b); err != nil {
		return err
	}
	fault := fmt.Sprintf("broker killed x%d", n)
	sent := p.sums()
	t.expect(sent.never == 0 && sent.last > 0, fault+": messages that it never acknowledged", "0", "%d of %d", sent.never, sent.last)
	t.expect(sent.again <= uint64(16*n) && sent.untold == 0, fault+": sent again, of those without `resent`", fmt.Sprintf("<= %d, 0", 16*n), "%d, %d", sent.again, sent.untold)
	sum := balanceOf(b.all())
	t.expect(sum.disorder+sum.unequal == 0, fault+": out of order, numbers used twice", "0, 0", "%d, %d", sum.disorder, sum.unequal)
	t.expect(true, fault+": acknowledged by the broker and lost in it", "the broker's own", "%d", p.losses(b.all()))
	return nil
}

// silenced has a RabbitMQ that takes no message as long as the program's. It does not
// close the connection, but acknowledges nothing more on it. Then the limit is lifted.
func silenced(t *trial) error {
	b, err := t.startBroker("max_message_size = 400\n")
	if err != nil {
		return err
	}
	a, err := t.begin(stream(b.addr))
	if err != nil {
		return err
	}
	await(time.Minute, "", func() bool { return a.metrics()["mqtt_disconnects_total"] > 0 })
	status, _ := a.health()
	m := a.metrics()
	b.stop()
	if err := rabbit(b, filepath.Join(t.dir, "broker"), ""); err != nil {
		return err
	}
	b.aide.End(syscall.SIGKILL) // rabbit chose another port for it
	if err := b.start(); err != nil {
		return err
	}
	if err := a.settle(b); err != nil {
		return err
	}
	const fault = "silence after a message that is too long"
	t.expect(m["spool_messages"] > 0 && m["spool_dropped_total"] == 0 && m["mqtt_refused_total"] == 0, fault+": messages that wait, dropped, set aside", "all, 0, 0", "%.0f, %.0f, %.0f", m["spool_messages"], m["spool_dropped_total"], m["mqtt_refused_total"])
	t.expect(status == "degraded", fault+": the health says", "degraded", "%s", status)
	t.inOrder(fault+", then lifted", balanceOf(b.all()))
	return nil
}

// sessions has a session of the gateway's client id on the broker that somebody else
// left, and a subscriber that is away for a while.
func sessions(t *trial) error {
	b, err := t.startBroker("")
	if err != nil {
		return err
	}
	left, err := b.subscriber("s-gw7", "-E")
	if err != nil {
		return err
	}
	p, err := child.Start(io.Discard, left...)
	if err != nil {
		return err
	}
	t.later(func() { p.End(syscall.SIGKILL) })
	if err := await(30*time.Second, "a session is left", func() bool { return !p.Running() }); err != nil {
		return err
	}
	was, err := sessionLeft(b.addr, "s-gw7")
	if err != nil || !was {
		return fmt.Errorf("%s keeps no session: %w", b.make, err)
	}
	a, err := t.begin(stream(b.addr))
	if err != nil {
		return err
	}
	if err := await(time.Minute, "messages", func() bool { return len(b.all()) > 40 }); err != nil {
		return err
	}
	b.client.End(syscall.SIGKILL)
	time.Sleep(5 * time.Second)
	if err := b.listen(); err != nil {
		return err
	}
	if err := a.settle(b); err != nil {
		return err
	}
	is, err := sessionLeft(b.addr, "s-gw7")
	if err != nil {
		return err
	}
	t.inOrder("a foreign session of the client id, subscriber away for 5 s", balanceOf(b.all()))
	t.expect(!is, "a foreign session of the client id: it is left after the program", "no", "%s", yes(is))
	return nil
}

// presence looks at what the broker tells of a gateway: its status, by the will too, and
// what is retained for those who come later.
func presence(t *trial) error {
	b, a, err := t.streaming("")
	if err != nil {
		return err
	}
	status := func(want string) time.Duration {
		begin := time.Now()
		await(20*time.Second, "", func() bool { return b.state("/status") == want })
		return time.Since(begin)
	}
	first := status("online")
	a.End(syscall.SIGKILL)
	gone := status("offline")
	if err := a.start(); err != nil {
		return err
	}
	again := status("online")
	t.expect(max(first, again) < 10*time.Second, "presence: `online` after a start, after kill -9", "< 10 s", "%.1f s, %.1f s", first.Seconds(), again.Seconds())
	t.expect(gone < 10*time.Second, "presence: `offline` by the will after kill -9", "< 10 s", "%.1f s", gone.Seconds())
	if err := await(time.Minute, "a retained state", func() bool { return b.state("/machine/tank") != "" }); err != nil {
		return err
	}
	here, err := b.late(t, "late1")
	if err != nil {
		return err
	}
	now, known := here.state("/status"), here.state("/machine/tank") != ""
	t.expect(now == "online" && known, "presence: a late subscriber reads the status and the state of a machine", "online, yes", "%s, %s", now, yes(known))
	if err := a.answers(); err != nil {
		return err
	}
	said, err := exec.Command(t.program, "mqtt", "check", "--config", a.config, "--for", "3s").CombinedOutput()
	last := strings.TrimSpace(string(said))
	last = strings.Join(strings.Fields(last[strings.LastIndex(last, "\n")+1:]), " ")
	t.expect(err == nil && strings.Contains(last, "none missing"), "presence: `mqtt check` beside the program", "none missing", "%s", last)
	a.End(syscall.SIGTERM)
	b.stop()
	if err := b.start(); err != nil {
		return err
	}
	after, err := b.late(t, "late2")
	if err != nil {
		return err
	}
	t.expect(after.state("/status") == "offline" && after.state("/machine/tank") != "", "presence: the same after a clean end and a restart of the broker", "offline, yes", "%s, %s", after.state("/status"), yes(after.state("/machine/tank") != ""))
	return nil
}

// late is what somebody hears who subscribes to two topics only now.
func (b *broker) late(t *trial, id string) (*heard, error) {
	args, err := b.subscriber(id)
	if err != nil {
		return nil, err
	}
	for i, a := range args { // RabbitMQ passes on what is retained only without wildcards
		if strings.HasSuffix(a, "#") {
			args[i] = "plant/gw7/status"
		}
	}
	h := &heard{retained: map[string]string{}}
	p, err := child.Start(h, append(args, "-t", "plant/gw7/machine/tank")...)
	if err != nil {
		return nil, err
	}
	t.later(func() { p.End(syscall.SIGKILL) })
	await(10*time.Second, "", func() bool { return h.state("/status") != "" && h.state("/machine/tank") != "" })
	return h, nil
}

func yes(is bool) string {
	if is {
		return "yes"
	}
	return "no"
}
