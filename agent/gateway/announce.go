package gateway

import (
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"path/filepath"
	"sync"
	"time"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/homeassistant"
	"iot-edge-anomaly/agent/judge"
	"iot-edge-anomaly/agent/mqtt"
	"iot-edge-anomaly/agent/state"
	"iot-edge-anomaly/agent/telemetry"
)

// removalTime is how long the broker has had the removal of an entity when the message
// without it follows: Home Assistant has read it by then.
const removalTime = 30 * time.Second

// announcements are the discovery messages for Home Assistant. They remember, over
// restarts, which entities were announced, so that one that is gone is removed. They
// are safe for concurrent use.
type announcements struct {
	path string
	log  *slog.Logger

	mu      sync.Mutex
	broker  retainer                     // that has the messages; nil = none yet
	devices []homeassistant.Device       // nil = Home Assistant is not wanted
	known   map[string]map[string]string // topic -> entity -> platform, as announced
	sent    map[string]string            // topic -> payload
	removal time.Time                    // when entities were removed; zero = all is settled
	news    bool                         // something was sent since anybody asked
}

// retainer keeps retained topics at a broker; *mqtt.Client is one.
type retainer interface {
	SetRetained(topic string, payload []byte)
	Stats() mqtt.Stats
}

// loadAnnouncements reads what earlier runs announced. What cannot be read is forgotten.
func loadAnnouncements(folder string, log *slog.Logger) *announcements {
	a := &announcements{path: filepath.Join(folder, "homeassistant.json"), log: log, known: map[string]map[string]string{}}
	b, err := state.ReadFile(a.path, retainedBytes)
	if err == nil {
		err = json.Unmarshal(b, &a.known)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		log.Warn("cannot read what earlier runs announced to Home Assistant", "error", err)
	}
	if err != nil || a.known == nil {
		a.known = map[string]map[string]string{}
	}
	return a
}

// use announces devices to the broker; nil = Home Assistant is not wanted, and whoever
// empties the topics of devices that are gone (see clearRetained) empties all.
func (a *announcements) use(b retainer, devices []homeassistant.Device) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if b != a.broker {
		a.broker, a.sent = b, map[string]string{}
	}
	a.devices = devices
	known := map[string]map[string]string{}
	a.removal = time.Time{}
	for i := range devices {
		d := &devices[i]
		all := maps.Clone(d.Entities)
		for id, platform := range a.known[d.Topic] {
			if all[id] == "" {
				all[id], a.removal = platform, time.Now()
			}
		}
		known[d.Topic] = all
	}
	a.remember(known)
	a.send(false)
}

// send publishes the messages that the broker does not have yet, or all.
func (a *announcements) send(all bool) {
	for i := range a.devices {
		d := &a.devices[i]
		if b := d.Payload(a.known[d.Topic]); all || string(b) != a.sent[d.Topic] {
			a.broker.SetRetained(d.Topic, b)
			a.sent[d.Topic], a.news = string(b), true
		}
	}
}

// remember writes the entities to disk if they are others.
func (a *announcements) remember(known map[string]map[string]string) {
	if maps.EqualFunc(known, a.known, func(x, y map[string]string) bool { return maps.Equal(x, y) }) {
		return
	}
	a.known = known
	b, err := json.Marshal(known)
	if err == nil {
		err = state.WriteFile(a.path, append(b, '\n'), 0o600)
	}
	if err != nil { // costs an entity that stays behind
		a.log.Warn("cannot keep what was announced to Home Assistant", "error", err)
	}
}

// settle ends the removal of entities.
func (a *announcements) settle(now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.removal.IsZero() || now.Sub(a.removal) < removalTime {
		return
	}
	if st := a.broker.Stats(); !st.Connected || now.Sub(st.Since) < removalTime {
		return
	}
	a.removal = time.Time{}
	known := map[string]map[string]string{}
	for i := range a.devices {
		known[a.devices[i].Topic] = a.devices[i].Entities
	}
	a.remember(known)
	a.send(false)
}

// fresh tells whether anything was announced since it was called last.
func (a *announcements) fresh() (news bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	news, a.news = a.news, false
	return news
}

// again publishes all messages again: Home Assistant has started.
func (a *announcements) again() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.send(true)
}

// topics are those that the devices use.
func topicsOf(devices []homeassistant.Device) (topics []string) {
	for i := range devices {
		topics = append(topics, devices[i].Topic)
	}
	return topics
}

// haDevices describes gateway and machines to Home Assistant; nil = it is not wanted.
func (g *Gateway) haDevices(c *config.Config) []homeassistant.Device {
	if !c.MQTT.HomeAssistant || g.broker == nil {
		return nil
	}
	var states []string
	for _, s := range judge.States() {
		states = append(states, string(s))
	}
	p := telemetryPolicy(c.MQTT.Telemetry)
	var machines []homeassistant.Machine
	for _, m := range c.Machines {
		hm := homeassistant.Machine{Name: m.Name, States: states, Silence: p.Silence(m.Period), Refresh: scoreEvery}
		for _, r := range m.Resolved {
			ch := homeassistant.Channel{Name: r.Channel, Unit: r.Unit}
			if r.Counter != nil {
				ch.Counter, ch.CountUnit = true, r.Counter.Unit
			}
			hm.Channels = append(hm.Channels, ch)
		}
		machines = append(machines, hm)
	}
	devices := homeassistant.Devices(homeassistant.Gateway{Site: g.device.Site, Device: g.device.Device, Topics: at(g.device, c.MQTT), Version: g.opts.Build.Version,
		URL: pageURL(c.HTTP), Silence: healthEvery}, machines)
	for i := range devices {
		if n := devices[i].Left; n > 0 {
			g.log.Warn("Home Assistant does not show all channels of the machine", "machine", machines[i-1].Name, "left out", n)
		}
	}
	return devices
}

// pageURL is where others open the page; empty if only the gateway itself can, or its
// address is not in the configuration.
func pageURL(h config.HTTP) string {
	host, _, err := net.SplitHostPort(h.Listen)
	if ip, parsed := netip.ParseAddr(host); err != nil || host == "" || host == "localhost" || parsed == nil && (ip.IsLoopback() || ip.IsUnspecified()) {
		return ""
	}
	if h.TLSCert != "" {
		return "https://" + h.Listen + "/"
	}
	return "http://" + h.Listen + "/"
}

// telemetryPolicy is the policy of a configuration.
func telemetryPolicy(t config.Telemetry) telemetry.Policy {
	return telemetry.Policy{Interval: t.Interval, Absolute: t.Deadband.Absolute, Relative: t.Deadband.Relative, Batch: t.Batch}
}
