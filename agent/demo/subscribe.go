package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"iot-edge-anomaly/agent/status/page"
)

// Subscribe receives what is published under filter until the context ends, as
// any user's client would. It keeps trying while the broker is away. The
// channel is never closed.
func Subscribe(ctx context.Context, url, filter string) <-chan Message {
	out := make(chan Message, 64)
	o := mqtt.NewClientOptions().AddBroker(url).SetProtocolVersion(4).
		SetConnectRetry(true).SetConnectRetryInterval(time.Second).SetMaxReconnectInterval(time.Second).
		SetConnectTimeout(5 * time.Second).SetWriteTimeout(5 * time.Second)
	o.SetOnConnectHandler(func(c mqtt.Client) {
		// Where the answer to this is lost, so is the connection, and the next
		// one subscribes anew.
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

// Poll hands the page's state to each, twice a second until the context ends. url is
// that of api/v1/state. An agent that does not answer is asked again.
func Poll(ctx context.Context, url string, each func(page.State)) {
	client := &http.Client{Timeout: 2 * time.Second}
	defer client.CloseIdleConnections()
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if s, err := ask(ctx, client, url); err == nil {
			each(s)
		}
	}
}

func ask(ctx context.Context, client *http.Client, url string) (page.State, error) {
	var s page.State
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return s, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return s, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return s, fmt.Errorf("asking %s: status %d", url, resp.StatusCode)
	}
	return s, json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&s)
}
