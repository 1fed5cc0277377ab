package gateway

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"time"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/detect"
	"iot-edge-anomaly/agent/mqtt"
	"iot-edge-anomaly/agent/report"
	"iot-edge-anomaly/agent/spool"
)

// at is the device with the topics of a configuration.
func at(d report.Device, c config.MQTT) *report.Device {
	d.Topic = fill(d, c.Topic)
	return &d
}

// fill writes the names of a device into a template.
func fill(d report.Device, template string) string {
	return strings.NewReplacer("{site}", d.Site, "{device}", d.Device).Replace(template)
}

// mqttOptions are those of the configured broker. The status topic carries birth,
// will and clean stop, all retained.
func (g *Gateway) mqttOptions(c config.MQTT) mqtt.Options {
	at := at(g.device, c)
	topic := at.GatewayTopic("status")
	status := func(word string) spool.Message {
		return spool.Message{Topic: topic, Payload: []byte(word), Retain: true}
	}
	o := reach(c, g.device)
	o.Birth, o.Will, o.Offline = status("online"), status("offline"), status("offline")
	o.Cleared, o.Reduce, o.Aside, o.Logger = g.retained.cleared, report.Reduce, filepath.Join(g.cfg.State, "refused.jsonl"), g.log
	o.Dial = g.opts.dial
	o.Listen = append(g.live.listeners(c), g.desk.listeners(c, at)...)
	return o
}

// reach is how the broker is reached, and as whom.
func reach(c config.MQTT, d report.Device) mqtt.Options {
	return mqtt.Options{Broker: c.Broker, ClientID: clientID(d, c.ClientID), Username: c.Username, PasswordFile: c.PasswordFile, CA: c.CA, Cert: c.Cert, Key: c.Key}
}

// CheckBroker is mqtt.Check with the broker of a configuration, which must have one.
func CheckBroker(ctx context.Context, c *config.Config, d time.Duration, tell func(mqtt.Finding)) bool {
	dev := device(c)
	shared := ""
	if strings.Contains(dev.Topic, report.MachinePlace) {
		shared = dev.Device
	}
	return mqtt.Check(ctx, reach(c.MQTT, dev), mqtt.Topics{Status: dev.GatewayTopic("status"), Event: dev.EventTopic("+"), Device: shared}, d, tell)
}

// clientIDMost is how long a client id is at the most; brokers need not take any.
const clientIDMost = 64

// clientID stays the same, so that the broker replaces a connection which it still
// believes in. It differs between sites that share a broker, and between gateways of a
// site whose name is long.
func clientID(d report.Device, template string) string {
	id := fill(d, template)
	if len(id) > clientIDMost {
		sum := sha256.Sum256([]byte(id))
		id = fmt.Sprintf("%s-%x", id[:clientIDMost-9], sum[:4])
	}
	return id
}

// Keys of the alerts about the broker.
const (
	clashKey   = "mqtt"         // another client uses our id
	refusedKey = "mqtt_refused" // it does not take a message or a topic
)

// tellBroker opens and closes the alerts about the broker. That about another client
// reaches subscribers in the moments in which this gateway is connected.
func (g *Gateway) tellBroker(now time.Time) {
	var st mqtt.Stats
	if g.broker != nil {
		st = g.broker.Stats()
	}
	clash := ""
	if st.Clash {
		clash = fmt.Sprintf("another client uses the client id %q at the broker: both lose their connection again and again; give every gateway its own gateway.id", clientID(g.device, g.cfg.MQTT.ClientID))
	}
	g.alert(clashKey, clash, detect.High, now)
	g.alert(refusedKey, st.Trouble, detect.High, now)
}

// alert opens the alert of a key with this text, or closes it where the text is empty.
// While it is open another text changes nothing: it may be told with each message that
// the broker refuses, and the alert may be one of them.
func (g *Gateway) alert(key, text string, severity detect.Severity, now time.Time) {
	if (text != "") == g.alerts[key] {
		return
	}
	ev := detect.Event{Kind: detect.Alert, Key: key, State: detect.Open, Severity: severity, Time: now, Since: now, Score: math.NaN(), Peak: math.NaN(), Reason: text}
	if text == "" {
		ev.State, ev.Until, ev.Reason = detect.Close, now, detect.ReasonNormal
	}
	if err := g.reporter.Event(ev, report.ModelRef{}); err != nil {
		g.failures.log(g.log, "report alert", err, now)
		return // and tried again
	}
	g.alerts[key] = text != ""
}
