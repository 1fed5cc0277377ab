package homeassistant

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
)

// renderer is run by Debian's python3 with python3-jinja2, which is what Home Assistant
// renders templates with. It takes a list of [template, payload] and prints what each
// gives, or the error.
const renderer = `
import json, sys
from jinja2 import StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
env = ImmutableSandboxedEnvironment(undefined=StrictUndefined)
out = []
for template, payload in json.load(sys.stdin):
    try:
        out.append(env.from_string(template).render(value=payload, value_json=json.loads(payload)))
    except Exception as e:
        out.append("error: %r" % e)
json.dump(out, sys.stdout)
`

func render(t *testing.T, pairs [][2]string) (out []string) {
	t.Helper()
	in, err := json.Marshal(pairs)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/usr/bin/python3", "-c", renderer)
	cmd.Stdin = strings.NewReader(string(in))
	b, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: scripts/setup.sh installs python3-jinja2", err)
	}
	if err := json.Unmarshal(b, &out); err != nil || len(out) != len(pairs) {
		t.Fatalf("%v: %s", err, b)
	}
	return out
}

// TestTemplates renders every template with a payload of its topic, as Home Assistant
// does.
func TestTemplates(t *testing.T) {
	const (
		state     = `{"state":"anomaly","level":"warning","problem":true}`
		telemetry = `{"score":null,"drift":0.25,"channels":{"pump.current":4.2,"pump.speed":null,"pump.power_factor":0.9,"hall.humidity":40,"valve.position":7,"board.temp:Core 0":51.5,"oil.flow":3,"meter.energy":12,"meter.water":1,"odd.it's":293.1},"counts":{"meter.energy":1234570.42,"meter.water":3}}`
		health    = `{"status":"degraded","plant":"high","queue":{"messages":3,"dropped":0},"machines":{"pump1":{"model":"20261120T100000Z-1"}}}`
		mine      = `{"machine":"pump1","kind":"limit","state":"open","severity":"critical","causes":[{"channel":"pump.<current>"}]}`
		shared    = `{"machine":"","kind":"bus_fault","state":"close"}`
	)
	var pairs [][2]string
	var want []string
	ds := Devices(theGateway, []Machine{thePump})
	add := func(device, name, payload, value string) {
		t.Helper()
		e, ok := ds[map[string]int{"gateway": 0, "machine": 1}[device]].message.Entities[name]
		if !ok {
			t.Fatalf("no entity %s", name)
		}
		pairs, want = append(pairs, [2]string{e.Template, payload}), append(want, value)
	}
	add("machine", "state", state, "anomaly")
	add("machine", "level", state, "warning")
	add("machine", "problem", state, "True")
	add("machine", "problem", strings.Replace(state, "true", "false", 1), "False")
	add("machine", "score", telemetry, "None") // Home Assistant's word for unknown
	add("machine", "drift", telemetry, "0.25")
	add("machine", "pump_-current", telemetry, "4.2")
	add("machine", "pump_-speed", telemetry, "None")
	add("machine", "board_-temp_3aCore_200", telemetry, "51.5")
	add("machine", "odd_-it_27s", telemetry, "293.1")
	add("machine", "meter_-energy", telemetry, "12")
	add("machine", "meter_-energy_xcount", telemetry, "1234570.42")
	add("machine", "model", health, "20261120T100000Z-1")
	add("gateway", "health", health, "degraded")
	add("gateway", "plant", health, "high")
	add("gateway", "queue", health, "3")
	add("gateway", "dropped", health, "0")
	add("machine", "event", shared, "")
	add("gateway", "event", mine, "")
	add("gateway", "event", shared, `{"event_type": "bus_fault_close", "kind": "bus_fault", "machine": "", "state": "close"}`)
	add("machine", "event", mine, `{"causes": [{"channel": "pump.\u003ccurrent\u003e"}], "event_type": "limit_open", "kind": "limit", "machine": "pump1", "severity": "critical", "state": "open"}`)
	for i, got := range render(t, pairs) {
		if got != want[i] {
			t.Errorf("%s\nof %s\ngives %s\nwant  %s", pairs[i][0], pairs[i][1], got, want[i])
		}
	}
	for i := range ds {
		for name, e := range ds[i].message.Entities {
			found := e.Template == ""
			for _, p := range pairs {
				found = found || p[0] == e.Template
			}
			if !found && !strings.HasPrefix(e.Template, "{{ value_json.channels[") && !strings.HasPrefix(e.Template, "{{ value_json.counts[") {
				t.Errorf("%s is not tried", name)
			}
		}
	}
}
