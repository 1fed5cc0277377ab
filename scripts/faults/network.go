package main

import (
	"fmt"
	"path/filepath"
	"time"

	"iot-edge-anomaly/scripts/child"
)

// networkCases have the program and the broker in two network namespaces, and a link
// between them that this program makes.
var networkCases = []fault{
	{name: "partition-back", run: partition(weather{back: true}, "answers of the broker vanish")},
	{name: "partition-there", run: partition(weather{there: true}, "what the program sends vanishes")},
	{name: "lossy", run: lossy},
	{name: "half-open", run: halfOpen(stream(""), "half-open connection")},
	{name: "half-open-idle", run: halfOpen(plant{machines: []machine{{name: "tank", channels: 1, high: func(int, int) bool { return false }}}}, "half-open connection of a quiet plant")},
	{name: "moved", run: moved},
}

const brokerHost = "broker.plant"

// network is a broker and a program with a link between them.
type network struct {
	*link
	b     *broker
	a     *agent
	there *place // the broker's
	hosts string // the program's /etc/hosts
}

// networked starts a broker in one place and the program in another, which knows the
// broker by a name.
func (t *trial) networked(p plant) (*network, error) {
	here, err := t.newPlace("10.77.0.1")
	if err != nil {
		return nil, err
	}
	n := &network{hosts: filepath.Join(t.dir, "hosts")}
	if n.there, err = t.newPlace("10.77.0.2"); err != nil {
		return nil, err
	}
	n.link = join(here, n.there)
	addr, err := child.FreeAddr()
	if err != nil {
		return nil, err
	}
	if n.b, err = t.startBrokerIn(n.there, addr, "listener 1883\n"); err != nil {
		return nil, err
	}
	unshare, err := need("unshare", "util-linux")
	if err != nil {
		return nil, err
	}
	p.in, p.broker = here, brokerHost+":1883"
	p.wrap = []string{unshare, "-m", "--propagation", "private", "sh", "-c", "mount --bind " + n.hosts + ` /etc/hosts && exec "$@"`, "sh"}
	if err := n.at("10.77.0.2"); err != nil {
		return nil, err
	}
	if n.a, err = t.begin(p); err != nil {
		return nil, err
	}
	return n, await(time.Minute, "connected", func() bool { return n.a.metrics()["mqtt_connected"] == 1 })
}

// at tells the program where the broker is.
func (n *network) at(addr string) error { return writeAll(n.hosts, addr+" "+brokerHost+"\n") }

// streams waits until messages arrive.
func (n *network) streams() error {
	before := len(n.b.all())
	return await(time.Minute, "messages", func() bool { return len(n.b.all()) > before+20 })
}

// again waits for the next connection, and tells how long it took.
func (n *network) again(since time.Time, before float64) time.Duration {
	await(2*time.Minute, "", func() bool {
		m := n.a.metrics()
		return m["mqtt_connects_total"] > before && m["mqtt_connected"] == 1
	})
	return time.Since(since)
}

// partition is a case in which all packets in one direction vanish for a minute.
func partition(w weather, what string) func(*trial) error {
	return func(t *trial) error {
		n, err := t.networked(stream(""))
		if err != nil {
			return err
		}
		if err := n.streams(); err != nil {
			return err
		}
		const long = time.Minute
		connects := n.a.metrics()["mqtt_connects_total"]
		n.set(w)
		time.Sleep(long)
		vanished := n.dropped()
		n.set(weather{})
		took := n.again(time.Now(), connects)
		if err := n.a.settle(n.b); err != nil {
			return err
		}
		fault, sum := fmt.Sprintf("%s for %v", what, long), balanceOf(n.b.all())
		t.inOrder(fault, sum)
		t.expect(took <= 15*time.Second && vanished > 0, fault+": connected again after (packets that vanished)", "<= 15 s", "%.1f s (%d)", took.Seconds(), vanished)
		t.expect(sum.repeated <= 16 && sum.unmarked == 0, fault+": repeated, of those without `resent`", "<= 16, 0", "%d, %d", sum.repeated, sum.unmarked)
		return nil
	}
}

// lossy has a network that loses a fifth of all packets and is slow.
func lossy(t *trial) error {
	n, err := t.networked(plant{period: "500ms", hold: "1s", machines: []machine{{name: "tank", channels: 4, high: square(5)}}})
	if err != nil {
		return err
	}
	before := len(n.b.all())
	n.set(weather{loss: 0.2, delay: 500 * time.Millisecond})
	time.Sleep(time.Duration(t.pick(10, 90, 600)) * time.Second)
	told := len(n.b.all()) - before
	waiting := n.a.metrics()["spool_messages"]
	cuts := n.a.metrics()["mqtt_disconnects_total"]
	vanished := n.dropped()
	n.set(weather{})
	begin := time.Now()
	err = n.a.drain(2 * time.Minute)
	took := time.Since(begin)
	if err != nil {
		return err
	}
	if err := n.a.settle(n.b); err != nil {
		return err
	}
	const fault = "20 % loss and 500 ms delay in each direction"
	sum := balanceOf(n.b.all())
	t.expect(told > 0 && vanished > 0, fault+": messages told meanwhile", "> 0", "%d (%d packets vanished, %.0f connections ended)", told, vanished, cuts)
	t.expect(took <= 15*time.Second, fault+": what waited arrives after it, within", "<= 15 s", "%.1f s (%.0f messages)", took.Seconds(), waiting)
	t.inOrder(fault, sum)
	t.expect(sum.unmarked == 0, fault+": repeated without `resent`", "0", "%d of %d", sum.unmarked, sum.repeated)
	return nil
}

// halfOpen is a case in which a firewall between program and broker forgets the
// connection: its packets vanish, and nobody is told.
func halfOpen(p plant, fault string) func(*trial) error {
	return func(t *trial) error {
		n, err := t.networked(p)
		if err != nil {
			return err
		}
		if len(p.machines) > 1 {
			if err := n.streams(); err != nil {
				return err
			}
		}
		time.Sleep(2 * time.Second)
		connects := n.a.metrics()["mqtt_connects_total"]
		n.forget()
		took := n.again(time.Now(), connects)
		// Silence is noticed by a PUBACK that does not come for 30 s; without messages, by
		// the answer to a ping: 30 s, then 10 s, each looked at every 5 s. Then the wait.
		bound := 45 * time.Second
		if len(p.machines) == 1 {
			bound = time.Minute
		}
		t.expect(took <= bound, fault+": noticed, and connected again after", fmt.Sprintf("<= %.0f s", bound.Seconds()), "%.1f s", took.Seconds())
		if len(p.machines) == 1 {
			return nil
		}
		if err := n.a.settle(n.b); err != nil {
			return err
		}
		t.inOrder(fault, balanceOf(n.b.all()))
		return nil
	}
}

// moved has a broker that gets another address; its name says so.
func moved(t *trial) error {
	n, err := t.networked(stream(""))
	if err != nil {
		return err
	}
	if err := n.streams(); err != nil {
		return err
	}
	connects := n.a.metrics()["mqtt_connects_total"]
	n.there.do(func() { err = n.there.move("10.77.0.3") })
	if err == nil {
		err = n.at("10.77.0.3")
	}
	if err != nil {
		return err
	}
	took := n.again(time.Now(), connects)
	if err := n.a.settle(n.b); err != nil {
		return err
	}
	const fault = "broker moves to another address"
	t.expect(took <= 45*time.Second, fault+": connected there after", "<= 45 s", "%.1f s", took.Seconds())
	t.inOrder(fault, balanceOf(n.b.all()))
	return nil
}
