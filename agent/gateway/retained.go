package gateway

import (
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/state"
)

const (
	// retainedMost bounds the topics that are remembered; older ones are forgotten.
	retainedMost = 1024
	// retainedBytes bounds their file; more is damage.
	retainedBytes = 1 << 20
)

// retainedTopics remembers, over restarts, which retained topics were published, so
// that a machine or an id that is configured no more leaves nothing behind on the
// broker. It is safe for concurrent use.
type retainedTopics struct {
	path string
	log  *slog.Logger

	mu      sync.Mutex
	topics  []string // published, and not known to be empty; oldest first
	current []string // of the configuration in force
}

// loadRetained reads what earlier runs published. What cannot be read is forgotten.
func loadRetained(folder string, log *slog.Logger) *retainedTopics {
	r := &retainedTopics{path: filepath.Join(folder, "retained.json"), log: log}
	b, err := state.ReadFile(r.path, retainedBytes)
	if err == nil {
		err = json.Unmarshal(b, &r.topics)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		log.Warn("retained topics of earlier runs", "error", err)
		r.topics = nil
	}
	return r
}

// use takes the topics of a configuration and returns those to be emptied.
func (r *retainedTopics) use(current []string) (gone []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.current = current
	before := len(r.topics)
	for _, t := range current {
		if !slices.Contains(r.topics, t) {
			r.topics = append(r.topics, t)
		}
	}
	if len(r.topics) != before {
		r.topics = r.topics[max(0, len(r.topics)-retainedMost):]
		r.save()
	}
	for _, t := range r.topics {
		if !slices.Contains(current, t) {
			gone = append(gone, t)
		}
	}
	return gone
}

// cleared takes a topic that the broker holds empty.
func (r *retainedTopics) cleared(topic string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if i := slices.Index(r.topics, topic); i >= 0 && !slices.Contains(r.current, topic) {
		r.topics = slices.Delete(r.topics, i, i+1)
		r.save()
	}
}

// left tells whether there are topics that are to be emptied.
func (r *retainedTopics) left() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.ContainsFunc(r.topics, func(t string) bool { return !slices.Contains(r.current, t) })
}

// save writes the topics; a loss costs a retained message that stays behind.
func (r *retainedTopics) save() {
	b, err := json.Marshal(r.topics)
	if err == nil {
		err = state.WriteFile(r.path, append(b, '\n'), 0o600)
	}
	if err != nil {
		r.log.Warn("retained topics", "error", err)
	}
}

// clearRetained empties the retained topics that an earlier configuration published
// and this one does not: those of machines that were removed or renamed, and all of
// an earlier site, id or topic. What the broker refused is tried again. Then it announces
// what there is to Home Assistant.
func (g *Gateway) clearRetained(c *config.Config) {
	if g.broker == nil {
		return
	}
	g.live.turn.Lock() // else a value of a machine that is gone could follow
	defer g.live.turn.Unlock()
	current := []string{g.device.GatewayTopic("status")}
	if len(c.MQTT.Commands.Allow) > 0 {
		current = append(current, g.device.GatewayTopic(challengeTopic))
	}
	for _, m := range c.Machines {
		current = append(current, g.device.MachineTopic(m.Name, "machine"))
		if t := c.MQTT.Telemetry; t.On && t.Retain {
			current = append(current, g.device.MachineTopic(m.Name, "telemetry"))
		}
	}
	g.broker.Reconsider()
	devices := g.haDevices(c)
	for _, topic := range g.retained.use(append(current, topicsOf(devices)...)) {
		g.broker.SetRetained(topic, nil) // an empty retained message deletes [MQTT-3.3.1-10]
	}
	g.announced.use(g.broker.Client, devices)
}
