package devices

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"net"
	"sync"
	"time"

	"iot-edge-anomaly/agent/broker"
	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/drivers"
	"iot-edge-anomaly/drivers/mqttsub"
)

var mqttKeys = append(config.BrokerKeys(), config.Key{
	Name: "channels", Kind: config.ByName, Need: true, Max: "1000", Example: `{temp: {topic: "mbus/boiler", path: "$.t", unit: °C, max_age: 5m}}`,
	Help: "The channels that are read from messages.",
	Keys: []config.Key{
		{Name: "topic", Kind: config.Text, Need: true, Max: "1000", Example: `"mbus/boiler"`, Check: checkTopic,
			Help: "The topic, without wildcards."},
		{Name: "path", Kind: config.Text, Without: "the message itself is the value", Max: "200", Example: `"$.t"`, Check: checkPath,
			Help: "Where the value is in a JSON message: `$` is the message, `.name` or `['any name']` a member, `[0]` an element."},
		{Name: "max_age", Kind: config.Duration, Min: "1s", Max: "7d", Default: "60s", Example: "5m",
			Help: "How long a value counts after its message arrived; then it is missing."},
	},
	Others: map[string]string{"json_path": "write path:", "value_template": "write path:", "value_json": "write path:", "state_topic": "write topic:", "expire_after": "write max_age:"},
})

func checkTopic(x any) []config.Fault {
	if err := mqttsub.CheckTopic(x.(string)); err != nil {
		return []config.Fault{{Message: err.Error(), Hint: "write the one topic on which the value is published"}}
	}
	return nil
}

func checkPath(x any) []config.Fault {
	if _, err := mqttsub.ParsePath(x.(string)); err != nil {
		return []config.Fault{{Message: err.Error(), Hint: "write it like $.temperature or $.values[0]['flow rate']"}}
	}
	return nil
}

// subscription is a connection to a broker that sensors read from, and the goroutine
// that takes messages.
type subscription struct {
	*mqttsub.Subscriber
	cancel context.CancelFunc // nil = not started
	done   sync.WaitGroup
}

func (s *subscription) start(ctx context.Context) {
	ctx, s.cancel = context.WithCancel(ctx)
	s.done.Go(func() { s.Run(ctx) })
}

// Close ends the connection.
func (s *subscription) Close() error {
	if s.cancel != nil {
		s.cancel()
	}
	s.done.Wait()
	return nil
}

// brokerOptions are those of a sensor of driver mqtt.
func brokerOptions(c config.Sensor) broker.Options {
	get := func(name string) string { return config.Get[string](c.Own, name) }
	return broker.Options{URL: get("broker"), Username: get("username"), PasswordFile: get("password_file"), CA: get("ca"), Cert: get("cert"), Key: get("key")}
}

// CheckFiles reads the password and the certificates that a sensor needs for its
// broker, and returns all errors; nil for other sensors.
func CheckFiles(c config.Sensor) error {
	if c.Driver != "mqtt" {
		return nil
	}
	return brokerOptions(c).CheckFiles()
}

// brokerBus names the bus of sensors that read from the same broker: its address,
// which no bus of the configuration can be called.
func brokerBus(c config.Sensor) string {
	b, err := broker.New(brokerOptions(c))
	if err != nil {
		return c.Name
	}
	return b.Address()
}

// subscription is the connection of a sensor. Sensors that reach the same broker in
// the same way share one.
func (b *Buses) subscription(c config.Sensor) (*subscription, error) {
	o := brokerOptions(c)
	if s := b.brokers[o]; s != nil {
		return s, nil
	}
	at, err := broker.New(o)
	if err != nil {
		return nil, err
	}
	s := &subscription{Subscriber: mqttsub.NewSubscriber(mqttsub.Options{
		Name: "mqtt " + at.Address(), ClientID: clientID(), Explain: at.ExplainConnect,
		Open:        func(ctx context.Context) (net.Conn, error) { return at.Open(ctx, nil) },
		Credentials: func() (string, string, error) { password, err := at.Password(); return at.Username(), password, err },
	})}
	b.brokers[o] = s
	b.closers = append(b.closers, s)
	return s, nil
}

// clientID is a new one each time, so that `read` takes no connection from the
// running agent. Every broker takes 23 letters and digits [MQTT-3.1.3-5].
func clientID() string {
	var random [8]byte
	rand.Read(random[:]) // never fails
	return "edge" + hex.EncodeToString(random[:])
}

// makeMQTT makes a sensor on the connection to its broker.
func makeMQTT(c config.Sensor, b bus) (drivers.Sensor, error) {
	if b.err != nil {
		return nil, b.err
	}
	var channels []mqttsub.Channel
	for _, m := range config.Get[[]config.Measurand](c.Own, "channels") {
		ch := mqttsub.Channel{Name: m.Name, Quantity: drivers.Quantity{Unit: m.UnitOf}, Scale: m.Scale, Offset: m.Offset,
			Topic: config.Get[string](m.Own, "topic"), MaxAge: config.Get[time.Duration](m.Own, "max_age")}
		if text := config.Get[string](m.Own, "path"); text != "" {
			p, err := mqttsub.ParsePath(text)
			if err != nil {
				return nil, err
			}
			ch.Path = &p
		}
		channels = append(channels, ch)
	}
	return mqttsub.New(b.broker.Subscriber, channels)
}
