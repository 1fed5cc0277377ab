//go:build demo

package demo

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

func TestStartBroker_carriesMessages(t *testing.T) {
	url, stop, err := StartBroker("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	c := mqtt.NewClient(mqtt.NewClientOptions().AddBroker(url).SetProtocolVersion(4).SetAutoReconnect(false))
	if tok := c.Connect(); !tok.WaitTimeout(time.Minute) || tok.Error() != nil {
		t.Fatalf("connecting: %v", tok.Error())
	}
	defer c.Disconnect(50)
	publish := func(topic, payload string, retain bool) {
		if tok := c.Publish(topic, 1, retain, payload); !tok.WaitTimeout(time.Minute) || tok.Error() != nil {
			t.Fatalf("publishing: %v", tok.Error())
		}
	}
	publish(Topic+"/machine/pump1", `{"state":"learning"}`, true)

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	messages := Subscribe(ctx, url, Topic+"/#")
	var before Message
	expect := func(topic, payload string) {
		t.Helper()
		for {
			select {
			case m := <-messages:
				if m.Topic == before.Topic && string(m.Payload) == string(before.Payload) {
					continue // QoS 1: a message may arrive twice
				}
				if m.Topic != topic || string(m.Payload) != payload {
					t.Fatalf("got %s %s, want %s %s", m.Topic, m.Payload, topic, payload)
				}
				before = m
				return
			case <-time.After(time.Minute):
				t.Fatalf("no message on %s", topic)
			}
		}
	}
	expect(Topic+"/machine/pump1", `{"state":"learning"}`) // retained, for late subscribers
	publish(Topic+"/event", `{"event":"e1"}`, false)
	expect(Topic+"/event", `{"event":"e1"}`)
}

func TestStartBroker_takesTheNextPort(t *testing.T) {
	first, stop, err := StartBroker("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	second, stopSecond, err := StartBroker(strings.TrimPrefix(first, "tcp://"))
	if err != nil {
		t.Fatal(err)
	}
	defer stopSecond()
	if first == second {
		t.Errorf("both at %s", first)
	}
}

func TestStartBroker_stops(t *testing.T) {
	url, stop, err := StartBroker("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	stop()
	stop()
	if c, err := net.Dial("tcp", strings.TrimPrefix(url, "tcp://")); err == nil {
		c.Close()
		t.Error("still listening after stop")
	}
	for _, bad := range []string{"0.0.0.0:1883", "nowhere"} {
		if _, stop, err := StartBroker(bad); err == nil {
			stop()
			t.Errorf("started at %s", bad)
		}
	}
}
