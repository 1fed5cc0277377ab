package mqtt

import (
	"context"
	"fmt"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"iot-edge-anomaly/agent/broker"
)

// willWithin is how long a broker may take to publish a will.
const willWithin = 3 * time.Second

// testWill logs in a second time, with a will, loses that connection, and wants to hear
// the will. Its topic is not that of the status: subscribers must not take the gateway
// for gone.
func (c *check) testWill(ctx context.Context, b *broker.Broker, password string) {
	conn, err := b.Open(ctx, nil)
	if c.found("will", err, "") {
		return
	}
	g := &guard{Conn: conn, most: checkPacket, lost: func(error) {}}
	o := clientOptions(b, c.id[:min(len(c.id), clientIDLongest-1)]+"2", password, g)
	o.SetWill(c.willTopic, "will", qos, false)
	client := paho.NewClient(o)
	err = answered(ctx, client.Connect(), g)
	conn.Close() // without a DISCONNECT: the broker publishes the will
	if err != nil {
		c.found("will", fmt.Errorf("%w; the broker may refuse a will: the agent goes on without one, and nobody is told when the gateway dies", explainLogin(b, c.id, err)), "")
		return
	}
	late := time.NewTimer(willWithin)
	defer late.Stop()
	select {
	case <-c.will:
		c.found("will", nil, "published by the broker when the connection was lost")
	case <-late.C:
		c.found("will", nil, fmt.Sprintf("taken by the broker, and not heard on %s: is %s allowed to write there?", c.willTopic, user(b)))
	case <-ctx.Done():
	}
}
