package gateway

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"iot-edge-anomaly/agent/command"
)

// TestCommands_refused: a day of ten refused commands a minute is 25 alerts that count
// them all, while each is answered and counted; one that is accepted is told all the
// same.
func TestCommands_refused(t *testing.T) {
	c := configured(t)
	c.MQTT.ClientID, c.MQTT.Broker, c.MQTT.Topic, c.MQTT.Commands.Allow = "{device}", "tcp://127.0.0.1:1", "p/{device}", []string{"mute"}
	g := opened(t, c, &strings.Builder{})
	defer runOnce(t, g)
	d, now := g.desk, time.Now()
	d.publish(now)
	const each = 6 * time.Second
	n := uint64(24 * time.Hour / each)
	for range n {
		d.take(asked{command.Ack, []byte(`{"challenge":"guessed","id":"e1","who":"mallory"}`)}, now)
		now = now.Add(each)
	}
	d.tellRefused(now.Add(refusedEvery))
	if s := g.broker.Stats(); s.Offered != n {
		t.Errorf("%d answers to %d commands", s.Offered, n)
	}
	if got := d.count.commands()[0].Refused; got != n {
		t.Errorf("%d of %d counted", got, n)
	}
	alerts := func() (opens, refused int) {
		for id := uint64(0); g.queue.Len() > 0; {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			e, err := g.queue.Next(ctx, id)
			cancel()
			if err != nil {
				break
			}
			id = e.ID
			if text := string(e.Payload); strings.Contains(text, `"state":"open"`) && strings.Contains(text, "mallory") {
				opens++
				refused++
				if _, rest, ok := strings.Cut(text, "; "); ok {
					more := 0
					fmt.Sscanf(rest, "%d others", &more)
					refused += more
				}
			} else if strings.Contains(text, `"state":"open"`) && strings.Contains(text, "from alice over MQTT: accepted") {
				opens += 1000
			}
		}
		return opens, refused
	}
	if opens, refused := alerts(); opens != 25 || refused != int(n) {
		t.Errorf("%d alerts of %d refused commands, want 25 of %d", opens, refused, n)
	}
	d.take(asked{command.Mute, fmt.Appendf(nil, `{"challenge":%q,"machine":"pump1","for":"1h","who":"alice"}`, d.gate.Challenge(now, false))}, now)
	if opens, _ := alerts(); opens != 1025 {
		t.Errorf("an accepted command: %d alerts", opens)
	}
}
