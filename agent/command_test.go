package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"iot-edge-anomaly/drivers/driverstest"
)

// commander sends commands over a real broker to a real agent, which is connected to it
// by TLS.
type commander struct {
	t      *testing.T
	b      *broker
	sub    *subscriber
	r      *reloadable
	listen string
}

func startCommander(t *testing.T) *commander {
	t.Helper()
	c := &commander{t: t, b: startBroker(t), listen: driverstest.FreeAddr(t)}
	dir, tls := filepath.Dir(c.b.conf), driverstest.FreeAddr(t)
	selfSigned(t, filepath.Join(dir, "cert"), filepath.Join(dir, "key"), "broker")
	conf, err := os.ReadFile(c.b.conf)
	if err != nil {
		t.Fatal(err)
	}
	host, port, _ := net.SplitHostPort(tls)
	conf = fmt.Appendf(conf, "listener %s %s\nallow_anonymous true\ncertfile %s/cert\nkeyfile %[3]s/key\n", port, host, dir)
	if err := os.WriteFile(c.b.conf, conf, 0o644); err != nil {
		t.Fatal(err)
	}
	c.b.stop()
	c.b.start()
	c.publish("cmd/ack", true, `{"challenge":"","id":"x","who":"somebody"}`) // from before the agent
	c.sub = subscribe(t, c.b, "plant/gw7/#")
	c.r = startReloadable(t, "", c.listen)
	authority, err := os.ReadFile(filepath.Join(dir, "cert"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(filepath.Dir(c.r.path), "ca"), authority, 0o600); err != nil {
		t.Fatal(err)
	}
	c.r.edit("{name: pump1,", "{name: pump1, detect: {hold: 1s},")
	c.r.edit(`mqtt: {broker: "",`, fmt.Sprintf("mqtt: {broker: %q, ca: ca, commands: {allow: [ack]},", "mqtts://"+tls))
	c.r.reload(0, "mqtt")
	return c
}

func (c *commander) publish(topic string, retain bool, payload string) {
	c.t.Helper()
	args := []string{"-q", "1", "-t", "plant/gw7/" + topic, "-m", payload}
	if retain {
		args = append(args, "-r")
	}
	cmd := c.b.client("mosquitto_pub", args...)
	if out, err := exec.Command(cmd[0], cmd[1:]...).CombinedOutput(); err != nil {
		c.t.Fatalf("mosquitto_pub: %v\n%s", err, out)
	}
}

// challenge is the newest challenge that is not the one before.
func (c *commander) challenge(before string) (now string) {
	c.t.Helper()
	waitFor(c.t, 20*time.Second, "a challenge", func() bool {
		for _, m := range c.sub.messages() {
			if m.topic == "plant/gw7/cmd/challenge" && m.payload != "(null)" {
				now = m.payload
			}
		}
		return now != "" && now != before
	})
	return now
}

// answer waits for the answer to a request with the challenge.
func (c *commander) answer(challenge string, fits func(message) bool) message {
	c.t.Helper()
	var found message
	waitFor(c.t, 20*time.Second, "an answer", func() bool {
		m, ok := c.sub.find(func(m message) bool {
			return m.topic == "plant/gw7/cmd/answer" && m.str("challenge") == challenge && fits(m)
		})
		found = m
		return ok
	})
	return found
}

// accepted sends a command until it counts, as people do: the challenge may be another
// one by the time the command arrives. It returns the challenge that counted.
func (c *commander) accepted(before string, send func(challenge string)) string {
	c.t.Helper()
	for range 4 {
		challenge := c.challenge(before)
		send(challenge)
		m := c.answer(challenge, func(message) bool { return true })
		if m.str("result") == "accepted" {
			return challenge
		}
		if !strings.Contains(m.str("reason"), "challenge") {
			c.t.Fatalf("not accepted: %s", m.payload)
		}
		before = challenge
	}
	c.t.Fatal("never accepted")
	return ""
}

func (c *commander) metric(line string) {
	c.t.Helper()
	waitFor(c.t, 20*time.Second, line, func() bool {
		resp, err := http.Get("http://" + c.listen + "/metrics")
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		text, _ := io.ReadAll(resp.Body)
		return strings.Contains(string(text), "\n"+line+"\n")
	})
}

func refused(m message) bool { return m.str("result") == "refused" }

// TestCommands: over MQTT an event is acknowledged and a machine muted by who knows the
// challenge, once; retained, replayed and too many commands are not looked at, and each
// is told.
func TestCommands(t *testing.T) {
	c := startCommander(t)
	c.metric(`commands_total{verb="ack",result="ignored"} 1`)
	c.r.speed(200)
	waitFor(t, 20*time.Second, "the limit event", func() bool { _, ok := step(c.sub, "open"); return ok })
	open, _ := step(c.sub, "open")
	ack := func(challenge string) {
		c.publish("cmd/ack", false, fmt.Sprintf(`{"challenge":%q,"id":%q,"who":"alice","note":"coming"}`, challenge, open.str("event")))
	}
	first := c.accepted("", ack)
	waitFor(t, 20*time.Second, "the acknowledgement is told", func() bool {
		m, ok := step(c.sub, "update")
		return ok && acknowledged(m) == "alice (mqtt)"
	})
	told := func(text string) {
		t.Helper()
		waitFor(t, 20*time.Second, "an alert: "+text, func() bool {
			_, ok := c.sub.find(func(m message) bool {
				return m.str("kind") == "alert" && m.str("source") == "command" && m.str("state") == "close" && strings.Contains(m.str("detail"), text)
			})
			return ok
		})
	}
	told("from alice over MQTT: accepted")
	second := c.challenge(first)
	ack(first)
	if m := c.answer(first, refused); !strings.Contains(m.str("reason"), "challenge") {
		t.Errorf("a replay: %s", m.payload)
	}
	told("refused: the challenge is not the present one")
	mute := func(challenge string) {
		c.publish("cmd/mute", false, fmt.Sprintf(`{"challenge":%q,"machine":"pump1","for":"1h","who":"alice"}`, challenge))
	}
	mute(second)
	if m := c.answer(second, refused); !strings.Contains(m.str("reason"), "mqtt.commands.allow") {
		t.Errorf("a verb that is not allowed: %s", m.payload)
	}
	if _, on := c.r.muted(); on {
		t.Error("muted by a verb that is not allowed")
	}
	c.r.edit("allow: [ack]", "allow: [ack, mute]")
	c.r.reload(0, "mqtt")
	c.accepted(second, mute)
	if _, on := c.r.muted(); !on {
		t.Error("not muted")
	}
	if _, out := c.r.verb("status"); !strings.Contains(out, "mute by alice (mqtt): done") || !strings.Contains(out, "muted until") {
		t.Errorf("status says\n%s", out)
	}
	for range 12 {
		c.publish("cmd/ack", false, "{}")
	}
	c.answer("", func(m message) bool { return refused(m) && strings.Contains(m.str("reason"), "more than 10") })
	c.metric(`commands_total{verb="mute",result="accepted"} 1`)
	c.r.edit("commands: {allow: [ack, mute]},", "")
	c.r.reload(0, "mqtt")
	waitFor(t, 20*time.Second, "the challenge is gone", func() bool {
		all := c.sub.messages()
		for i := len(all) - 1; i >= 0; i-- {
			if all[i].topic == "plant/gw7/cmd/challenge" {
				return all[i].payload == "(null)" // as mosquitto_sub shows an empty one
			}
		}
		return false
	})
	for _, m := range c.sub.messages() {
		if strings.HasSuffix(m.topic, "/cmd/answer") && !json.Valid([]byte(m.payload)) {
			t.Errorf("answer %s", m.payload)
		}
	}
}
