package gateway

import (
	"context"
	"time"

	"iot-edge-anomaly/agent/command"
	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/mqtt"
	"iot-edge-anomaly/agent/report"
)

// desk takes what operators ask for over MQTT, and ends mutes whose time is over. It has
// its own goroutine: it writes to the disk, which nothing else may wait for.
type desk struct {
	g     *Gateway
	asked chan asked
	count commandCounts

	// Of its goroutine alone.
	gate     *command.Gate // nil = nothing may be asked
	conf     config.Commands
	broker   *broker // that has the challenge
	connects uint64  // of it, when the challenge was made
	told     string  // the challenge that it has
	refused  refusals
}

// asked is a request as it came.
type asked struct {
	verb    command.Verb
	payload []byte
}

const (
	deskEvery = 500 * time.Millisecond // how often the desk looks
	deskMost  = 16                     // requests that may wait for it
)

func newDesk(g *Gateway) *desk { return &desk{g: g, asked: make(chan asked, deskMost)} }

// listeners are the topics on which the desk is asked. A retained request is from
// before this connection, and is ignored.
func (d *desk) listeners(c config.MQTT, at *report.Device) (out []mqtt.Listener) {
	if len(c.Commands.Allow) == 0 {
		return nil
	}
	for _, v := range command.Verbs() {
		out = append(out, mqtt.Listener{Topic: at.GatewayTopic("cmd/" + string(v)), Take: func(payload []byte, retained bool) {
			if retained {
				d.count.add(v, commandIgnored)
				return
			}
			payload = append([]byte(nil), payload[:min(len(payload), command.MaxPayload+1)]...)
			select {
			case d.asked <- asked{v, payload}:
			default:
				d.count.add(v, commandRefused)
			}
		}})
	}
	return out
}

func (d *desk) run(ctx context.Context) {
	tick := time.NewTicker(deskEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			d.g.endMutes(now)
			d.publish(now)
			d.tellRefused(now)
		case a := <-d.asked:
			now := time.Now()
			d.publish(now)
			if d.gate != nil {
				d.take(a, now)
				d.publish(now)
			}
		}
	}
}

// publish makes the challenge anew where it must be, and gives it to the broker.
func (d *desk) publish(now time.Time) {
	d.g.mu.Lock()
	conf, broker := d.g.cfg.MQTT.Commands, d.g.broker
	d.g.mu.Unlock()
	if broker == nil || len(conf.Allow) == 0 {
		d.gate, d.broker = nil, nil
		return
	}
	if d.gate == nil || !config.Same(conf, d.conf) {
		d.gate, d.conf = command.New(conf.Allow), conf
	}
	connects := broker.Stats().Connects
	challenge := d.gate.Challenge(now, broker != d.broker || connects != d.connects)
	d.connects = connects
	if broker != d.broker || challenge != d.told {
		d.broker, d.told = broker, challenge
		broker.SetRetained(broker.at.GatewayTopic(challengeTopic), []byte(challenge))
	}
}
