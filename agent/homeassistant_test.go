package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"iot-edge-anomaly/drivers/sim/modbussim"
)

// assistant behaves like Home Assistant's MQTT integration: it reads discovery, makes
// entities, and gives each what its template makes of the messages on its topic.
type assistant struct {
	t *testing.T
	p *process

	mu       sync.Mutex
	entities map[string]*haEntity // by discovery topic and component
	devices  map[string]string    // discovery topic -> name
	retained map[string]string    // newest messages on the topics that the broker retains
	render   *renderer
}

// haEntity is an entity of the assistant.
type haEntity struct {
	conf      map[string]any
	available bool
	state     string // "" = unknown
	attrs     map[string]any
	events    []string
}

func (e *haEntity) str(key string) string { s, _ := e.conf[key].(string); return s }

// renderer renders templates by Debian's python3-jinja2.
type renderer struct {
	in  io.Writer
	out *bufio.Reader
}

const renderScript = `
import json, sys
from jinja2 import StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
env = ImmutableSandboxedEnvironment(undefined=StrictUndefined)
for line in sys.stdin:
    template, payload = json.loads(line)
    try:
        text = env.from_string(template).render(value=payload, value_json=json.loads(payload))
    except Exception as e:
        text = "error: %r" % e
    print(json.dumps(text), flush=True)
`

func newRenderer(t *testing.T) *renderer {
	t.Helper()
	cmd := exec.Command("/usr/bin/python3", "-c", renderScript)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); cmd.Wait() })
	return &renderer{in, bufio.NewReader(out)}
}

func (r *renderer) do(template, payload string) (text string) {
	b, _ := json.Marshal([]string{template, payload})
	fmt.Fprintf(r.in, "%s\n", b)
	line, err := r.out.ReadString('\n')
	if err != nil || json.Unmarshal([]byte(line), &text) != nil {
		return "error: no renderer: scripts/setup.sh installs python3-jinja2"
	}
	return text
}

// startAssistant starts one that knows nothing but what the broker retains. It says
// that it is online if birth is set.
func startAssistant(t *testing.T, b *broker, birth bool) *assistant {
	t.Helper()
	a := &assistant{t: t, entities: map[string]*haEntity{}, devices: map[string]string{}, retained: map[string]string{}, render: newRenderer(t)}
	a.p = start(t, a.line, b.client("mosquitto_sub", "-q", "1", "-F", `%r\t%t\t%p`, "-t", "homeassistant/#", "-t", "plant/#")...)
	if birth {
		a.birth(b)
	}
	return a
}

func (a *assistant) birth(b *broker) {
	pub := b.client("mosquitto_pub", "-q", "1", "-t", "homeassistant/status", "-m", "online")
	if out, err := exec.Command(pub[0], pub[1:]...).CombinedOutput(); err != nil {
		a.t.Errorf("mosquitto_pub: %v\n%s", err, out)
	}
}

// line takes a message.
func (a *assistant) line(line string) {
	parts := strings.SplitN(line, "\t", 3)
	if len(parts) < 3 {
		return
	}
	retained, topic, payload := parts[0] == "1", parts[1], parts[2]
	a.mu.Lock()
	defer a.mu.Unlock()
	if strings.HasPrefix(topic, "homeassistant/device/") {
		a.discover(topic, payload)
		return
	}
	if strings.HasSuffix(topic, "/status") || strings.Contains(topic, "/machine/") {
		a.retained[topic] = payload
	}
	for _, e := range a.entities {
		a.hear(e, topic, payload, retained)
	}
}

// hear gives an entity a message.
func (a *assistant) hear(e *haEntity, topic, payload string, retained bool) {
	if e.str("avty_t") == topic {
		e.available = payload == "online"
	}
	if e.str("json_attr_t") == topic {
		json.Unmarshal([]byte(payload), &e.attrs)
	}
	if e.str("stat_t") == topic {
		a.update(e, payload, retained)
	}
}

func (a *assistant) update(e *haEntity, payload string, retained bool) {
	text := payload
	if template := e.str("val_tpl"); template != "" {
		text = a.render.do(template, payload)
	}
	if strings.HasPrefix(text, "error:") {
		a.t.Errorf("%s of %s: %s", e.str("name"), payload, text)
	}
	switch e.str("p") {
	case "event":
		var attrs map[string]any
		if retained || text == "" {
			return
		}
		if json.Unmarshal([]byte(text), &attrs) != nil || !slices.Contains(e.conf["evt_typ"].([]any), attrs["event_type"]) {
			a.t.Errorf("event %s", text)
		}
		e.events = append(e.events, fmt.Sprint(attrs["event_type"]))
	case "binary_sensor":
		switch text {
		case e.str("pl_on"):
			e.state = "on"
		case e.str("pl_off"):
			e.state = "off"
		default:
			a.t.Errorf("%s: %q is neither on nor off", e.str("name"), text)
		}
	default:
		if ops, _ := e.conf["ops"].([]any); ops != nil && !slices.Contains(ops, any(text)) {
			a.t.Errorf("%s: %q is no option of %v", e.str("name"), text, ops)
		}
		if e.state = text; text == "None" {
			e.state = ""
		}
	}
}

// discover takes a discovery message. An entity that a later message leaves out stays:
// only a message with its platform alone, or an empty one, removes it.
func (a *assistant) discover(topic, payload string) {
	if payload == "" || payload == "(null)" {
		for key := range a.entities {
			if strings.HasPrefix(key, topic+" ") {
				delete(a.entities, key)
			}
		}
		delete(a.devices, topic)
		return
	}
	var m map[string]any
	if err := json.Unmarshal([]byte(payload), &m); err != nil {
		a.t.Errorf("%s: %v", topic, err)
		return
	}
	a.devices[topic] = m["dev"].(map[string]any)["name"].(string)
	for id, x := range m["cmps"].(map[string]any) {
		conf, key := x.(map[string]any), topic+" "+id
		if len(conf) == 1 {
			delete(a.entities, key)
			continue
		}
		for _, shared := range []string{"avty_t", "stat_t"} {
			if conf[shared] == nil && m[shared] != nil {
				conf[shared] = m[shared]
			}
		}
		if e := a.entities[key]; e != nil {
			e.conf = conf
			continue
		}
		e := &haEntity{conf: conf, available: conf["avty_t"] == nil}
		a.entities[key] = e
		for topic, payload := range a.retained { // what it gets when it subscribes
			a.hear(e, topic, payload, true)
		}
	}
}

// entity is a copy of what device and name are.
func (a *assistant) entity(device, name string) (haEntity, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for key, e := range a.entities {
		topic, _, _ := strings.Cut(key, " ")
		if a.devices[topic] == device && e.str("name") == name {
			c := *e
			c.events = slices.Clone(e.events)
			return c, true
		}
	}
	return haEntity{}, false
}

// shows tells whether an available entity has the state.
func (a *assistant) shows(device, name, state string) bool {
	e, ok := a.entity(device, name)
	return ok && e.available && e.state == state
}

func (a *assistant) names() (devices []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, name := range a.devices {
		devices = append(devices, name)
	}
	slices.Sort(devices)
	return devices
}

// unavailable tells whether every entity but the connection is.
func (a *assistant) unavailable() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, e := range a.entities {
		if e.available != (e.str("dev_cla") == "connectivity") {
			return false
		}
	}
	return len(a.entities) > 0
}

// TestHomeAssistant: machines appear in a client that behaves like Home Assistant, with
// the right values in the right entities; they go unavailable with kill -9 and return;
// they are there again after a restart of Home Assistant; what is removed vanishes.
func TestHomeAssistant(t *testing.T) {
	t.Parallel()
	prog := program(t, "", "")
	b := startBroker(t)
	bank := &modbussim.Bank{}
	bank.SetHolding(0, 42, 500, 0, 1000)
	plc, err := modbussim.Listen("127.0.0.1:0", map[uint8]*modbussim.Bank{1: bank})
	if err != nil {
		t.Fatal(err)
	}
	defer plc.Close()
	cfg := filepath.Join(t.TempDir(), "config.yaml")
	text := fmt.Sprintf(`gateway: {site: s, id: gw7}
state: state
control: {socket: ""}
buses: {plc: {modbus: "tcp://%s", timeout: 10s}}
sensors:
  - name: pump
    driver: modbus
    bus: plc
    unit: 1
    registers:
      - {name: current, at: "holding:0", type: u16, scale: 0.1, unit: A, limits: {warn: 8, alarm: 10}}
      - {name: speed, at: "holding:1", type: u16, unit: 1/min}
  - {name: meter, driver: modbus, bus: plc, unit: 1, registers: [{name: energy, at: "holding:2", type: u32, unit: kWh, counter: true}]}
machines:
  - {name: pump1, channels: ["pump.*"], period: 200ms}
  - {name: meter, channels: ["meter.*"], period: 200ms}
mqtt: {broker: %q, topic: "plant/{device}", homeassistant: true, telemetry: {interval: 1s}}
http: {listen: ""}
`, plc.Addr(), b.url())
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(cfg, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(text)
	run := func() *process { return start(t, nil, append(prog, "run", "--config", cfg)...) }

	ha := startAssistant(t, b, true)
	agent := run()
	appeared := func(ha *assistant) func() bool {
		return func() bool {
			return ha.shows("gw7", "connection", "on") && ha.shows("pump1", "pump.current", "4.2") && ha.shows("pump1", "pump.speed", "500") &&
				ha.shows("meter", "meter.energy count", "1000") && ha.shows("pump1", "state", "learning") && ha.shows("pump1", "problem", "off") &&
				ha.shows("pump1", "level", "none") && ha.shows("gw7", "plant", "normal") && ha.shows("pump1", "model", "none") && ha.shows("gw7", "queue", "0")
		}
	}
	waitFor(t, 30*time.Second, "the values in their entities", appeared(ha))
	if got := ha.names(); !slices.Equal(got, []string{"gw7", "meter", "pump1"}) {
		t.Errorf("devices %v", got)
	}

	bank.SetHolding(0, 123)
	waitFor(t, 30*time.Second, "the limit", func() bool {
		e, _ := ha.entity("pump1", "event")
		other, _ := ha.entity("meter", "event")
		return ha.shows("pump1", "pump.current", "12.3") && ha.shows("pump1", "state", "limit") && ha.shows("pump1", "problem", "on") && ha.shows("pump1", "level", "critical") &&
			ha.shows("gw7", "plant", "critical") && slices.Contains(e.events, "limit_open") && len(other.events) == 0
	})
	if e, _ := ha.entity("pump1", "problem"); e.attrs["causes"] == nil {
		t.Errorf("the problem has no causes: %v", e.attrs)
	}

	// Home Assistant is started anew, and knows everything from what is retained; its
	// birth brings the values.
	ha.p.kill(syscall.SIGKILL)
	ha = startAssistant(t, b, false)
	waitFor(t, 30*time.Second, "the entities after a restart of Home Assistant", func() bool {
		e, _ := ha.entity("pump1", "event")
		return ha.shows("pump1", "problem", "on") && ha.shows("pump1", "state", "limit") && len(e.events) == 0 && len(ha.names()) == 3
	})
	ha.birth(b)
	waitFor(t, 20*time.Second, "the values again", func() bool {
		health, _ := ha.entity("gw7", "health")
		return ha.shows("pump1", "pump.current", "12.3") && health.available && health.state != ""
	})

	agent.kill(syscall.SIGKILL)
	waitFor(t, 20*time.Second, "unavailable after kill -9", func() bool { return ha.unavailable() && ha.shows("gw7", "connection", "off") })
	bank.SetHolding(0, 42)
	agent = run()
	waitFor(t, 60*time.Second, "everything back", func() bool {
		return ha.shows("pump1", "pump.current", "4.2") && ha.shows("meter", "meter.energy count", "1000") && ha.shows("gw7", "connection", "on")
	})

	// A sensor's channel is removed while the agent runs.
	const speed = "      - {name: speed, at: \"holding:1\", type: u16, unit: 1/min}\n"
	text = strings.Replace(text, speed, "", 1)
	write(text)
	agent.cmd.Process.Signal(syscall.SIGHUP)
	waitFor(t, 20*time.Second, "the channel is gone, and nothing else", func() bool {
		_, gone := ha.entity("pump1", "pump.speed")
		_, stays := ha.entity("pump1", "pump.current")
		return !gone && stays
	})
	retained := func() string {
		args := b.client("mosquitto_sub", "-t", "homeassistant/#", "-v", "-W", "1", "--retained-only")
		out, _ := exec.Command(args[0], args[1:]...).Output() // ends by its own time limit
		return string(out)
	}
	waitFor(t, 60*time.Second, "the message without it", func() bool { r := retained(); return r != "" && !strings.Contains(r, "pump_-speed") })

	// A machine is removed while the agent is stopped.
	agent.kill(syscall.SIGTERM)
	waitFor(t, 20*time.Second, "unavailable after a stop", ha.unavailable)
	text = strings.Replace(text, "  - {name: meter, channels: [\"meter.*\"], period: 200ms}\n", "", 1)
	write(text)
	agent = run()
	waitFor(t, 30*time.Second, "the machine is gone", func() bool {
		return slices.Equal(ha.names(), []string{"gw7", "pump1"}) && ha.shows("pump1", "pump.current", "4.2")
	})

	// Home Assistant is not wanted any more.
	write(strings.Replace(text, "homeassistant: true", "homeassistant: false", 1))
	agent.cmd.Process.Signal(syscall.SIGHUP)
	waitFor(t, 30*time.Second, "nothing is left", func() bool { return len(ha.names()) == 0 && retained() == "" })
	agent.kill(syscall.SIGTERM)
	if agent.err != nil {
		t.Errorf("ended with %v after SIGTERM, want 0", agent.err)
	}
}
