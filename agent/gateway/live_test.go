package gateway

import (
	"strings"
	"testing"
	"time"

	"iot-edge-anomaly/agent/config"
)

// TestLive_order: retained topics are not emptied while telemetry of what was in force
// before may still be offered, what is offered next is of what is in force then, and a
// broker that is left gets nothing any more.
func TestLive_order(t *testing.T) {
	c := configured(t)
	c.MQTT.ClientID, c.MQTT.Broker, c.MQTT.Topic = "{device}", "tcp://127.0.0.1:1", "p/{device}"
	c.MQTT.Telemetry = config.Telemetry{On: true, Interval: time.Second, Batch: 1, Retain: true}
	g := opened(t, c, &strings.Builder{})
	defer runOnce(t, g)
	l, now := g.live, time.Now()
	if l.look(now); len(l.units) != 2 {
		t.Fatalf("telemetry of %d machines", len(l.units))
	}
	l.turn.Lock() // as while it offers
	cleared, looked := make(chan bool), make(chan bool)
	go func() { g.clearRetained(c); close(cleared) }()
	go func() { l.look(now.Add(time.Second)); close(looked) }()
	select {
	case <-cleared:
		t.Error("emptied while telemetry is offered")
	case <-looked:
		t.Error("telemetry is offered twice at a time")
	case <-time.After(100 * time.Millisecond):
	}
	all := g.plant
	g.mu.Lock()
	g.plant = &plant{cfg: c, group: all.group, life: all.life, units: all.units[:1], plantOptions: all.plantOptions}
	g.mu.Unlock()
	l.turn.Unlock()
	<-cleared
	if <-looked; len(l.units) != 1 {
		t.Errorf("telemetry of %d machines, one is configured any more", len(l.units))
	}
	g.mu.Lock()
	g.plant = all
	g.mu.Unlock()
	g.broker.leaving = true
	before := g.broker.Stats().Offered
	if l.look(now.Add(time.Hour)); g.broker.Stats().Offered != before {
		t.Error("a broker that is left is told something")
	}
}
