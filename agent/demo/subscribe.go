package demo

import (
	"context"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// Subscribe receives what is published under filter until the context ends, as the
// client of a user would. It keeps trying while the broker is away. The channel is
// never closed.
func Subscribe(ctx context.Context, url, filter string) <-chan Message {
	out := make(chan Message, 64)
	o := mqtt.NewClientOptions().AddBroker(url).SetProtocolVersion(4).
		SetConnectRetry(true).SetConnectRetryInterval(time.Second).SetMaxReconnectInterval(time.Second).
		SetConnectTimeout(5 * time.Second).SetWriteTimeout(5 * time.Second)
	o.SetOnConnectHandler(func(c mqtt.Client) {
		// If the answer to this is lost, the connection is lost too, and the next
		// one subscribes again.
		c.Subscribe(filter, 1, func(_ mqtt.Client, m mqtt.Message) {
			select {
			case out <- Message{m.Topic(), m.Payload()}:
			case <-ctx.Done():
			}
		})
	})
	client := mqtt.NewClient(o)
	client.Connect() // retries by itself until Disconnect
	go func() {
		<-ctx.Done()
		client.Disconnect(100)
	}()
	return out
}
