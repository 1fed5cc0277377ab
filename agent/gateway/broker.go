package gateway

import (
	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/mqtt"
	"iot-edge-anomaly/agent/report"
	"iot-edge-anomaly/agent/spool"
)

// mqttOptions are those of the configured broker. The status topic carries birth,
// will and clean stop, all retained.
func (g *Gateway) mqttOptions(c config.MQTT) mqtt.Options {
	status := func(word string) spool.Message {
		return spool.Message{Topic: g.device.Topic + "/status", Payload: []byte(word), Retain: true}
	}
	return mqtt.Options{Broker: c.Broker, ClientID: clientID(g.device), Username: c.Username, PasswordFile: c.PasswordFile,
		CA: c.CA, Cert: c.Cert, Key: c.Key, Birth: status("online"), Will: status("offline"), Offline: status("offline"),
		Cleared: g.retained.cleared, Logger: g.log}
}

// clientID stays the same, so that the broker replaces a connection which it still
// believes in. It differs between sites that share a broker.
func clientID(d report.Device) string {
	id := d.Device
	if d.Site != "" {
		id = d.Site + "-" + id
	}
	return id[:min(len(id), 64)]
}
