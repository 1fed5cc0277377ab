package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
)

// site is where the files and addresses of an agent are.
type site struct {
	etc, lines, http string // lines: more of the configuration
	plc, broker      string
}

// configuration is that of the page's gateway: a tank whose level is read from a file, and
// a pump on Modbus. hold is what a changed configuration has another of.
func (s site) configuration(level, hold string) string {
	return fmt.Sprintf(`gateway: {site: plant, id: gw7}
%shttp: {listen: %q}
buses:
  line: {modbus: "tcp://%s"}
sensors:
  - {name: tank, driver: replay, file: %s, loop: true, limits: {level: {warn: 3, alarm: 5}}}
  - {name: pump, driver: modbus, bus: line, unit: 1, registers: [{name: current, at: "holding:0", type: u16}, {name: speed, at: "holding:1", type: u16}]}
machines:
  - {name: tank1, channels: ["tank.*"], period: 200ms, detect: {hold: %s}}
  - {name: pump1, channels: ["pump.*"], period: 200ms}
mqtt: {broker: "mqtt://%s"%s}
`, s.lines, s.http, s.plc, filepath.Join(s.etc, level), hold, s.broker, map[bool]string{true: ", username: gw, password_file: /run/credentials/iot-edge-anomaly.service/cred_mqtt"}[s.lines == ""])
}

// write writes the file of the configuration, the rows of the tank, and the files that the
// page names into the working folder.
func (s site) write(dir, level string) error {
	for name, value := range map[string]string{"low.csv": "1", "high.csv": "6"} {
		rows := "timestamp,level\n"
		for i := range 100 {
			rows += fmt.Sprintf("%d,%s\n", i, value)
		}
		if err := os.WriteFile(filepath.Join(s.etc, name), []byte(rows), 0o644); err != nil {
			return err
		}
	}
	// a pump at work, in what was recorded of a month
	month := "timestamp,pump.current,pump.speed\n"
	for i := range 2400 {
		x := 100 + 3*math.Sin(float64(i)/7) + float64(i*i%17)/17
		month += fmt.Sprintf("%.1f,%.3f,%.3f\n", float64(i)/5, x, x+1+float64(i*i%13)/40)
	}
	good := s.configuration(level, "600ms")
	for path, text := range map[string]string{
		filepath.Join(s.etc, "config.yaml"): good,
		filepath.Join(dir, "new.yaml"):      s.configuration(level, "700ms"),
		filepath.Join(dir, "month.csv"):     month,
		filepath.Join(dir, "bad.yaml"):      good + fault,
	} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

const fault = "nonsense: 1\n"

// scenes are the states of the gateway that the page names: what is on the tank, and how
// such a state comes about once the agent is ready.
var scenes = map[string]struct {
	level string
	then  func(actor) error
}{
	usual:                  {"low.csv", nil},
	"an event is open":     {"high.csv", nil},
	"a new file is there":  {"low.csv", nil},
	"an incident":          {"low.csv", nil},
	"the device is away":   {"low.csv", func(a actor) error { return a.away("plc") }},
	"the broker is away":   {"low.csv", func(a actor) error { return a.away("broker") }},
	"a reload was refused": {"low.csv", func(a actor) error { a.spoil(); a.do("iot-edge-anomaly reload"); return nil }},
	"it is refused at its start": {"low.csv", func(a actor) error {
		a.spoil()
		return a.do("systemctl restart iot-edge-anomaly; until systemctl is-failed -q iot-edge-anomaly; do sleep 0.1; done")
	}},
	"a month is over": {"low.csv", func(a actor) error {
		return a.do("iot-edge-anomaly train --csv month.csv --config /etc/iot-edge-anomaly/config.yaml --machine pump1 --out pump1.safetensors")
	}},
	"a model is learnt elsewhere": {"low.csv", func(a actor) error { // one is there, and the next has another second as its version
		return a.do("iot-edge-anomaly train --csv month.csv --config /etc/iot-edge-anomaly/config.yaml --machine pump1 --out first.safetensors && " +
			"iot-edge-anomaly model install first.safetensors --machine pump1 --probation 0s && sleep 1.1")
	}},
	"data is corrupt": {"low.csv", func(a actor) error { return a.do("rm -f *.tar; iot-edge-anomaly backup gw7.tar") }},
}

// actor brings a state about.
type actor interface {
	away(what string) error // the plc or the broker
	spoil()                 // puts a fault into the configuration
	do(text string) error
}

// service is the installed service, with the units plc and broker of scripts/systemd.
type service struct {
	g *gateway
	s site
}

func (v service) away(what string) error { return v.do("systemctl stop " + what) }

func (v service) spoil() {
	path := filepath.Join(v.s.etc, "config.yaml")
	b, err := os.ReadFile(path)
	if err == nil {
		os.WriteFile(path, append(b, fault...), 0o644)
	}
}

func (v service) do(text string) error {
	out, code := v.g.run(&command{text: text})
	if code != 0 {
		return fmt.Errorf("%s: exit %d: %s", text, code, out)
	}
	return nil
}

// enter brings the installed service into a scene.
func enter(name string) (*gateway, error) {
	scene, ok := scenes[name]
	if !ok {
		return nil, fmt.Errorf("no such scene")
	}
	g := &gateway{dir: "/root/runbook-work", replace: map[string]string{}}
	s := site{etc: "/etc/iot-edge-anomaly", http: "127.0.0.1:8080", plc: "127.0.0.1:1502", broker: "127.0.0.1:1883"}
	v := service{g, s}
	if err := os.MkdirAll(g.dir, 0o755); err != nil {
		return nil, err
	}
	if err := s.write(g.dir, scene.level); err != nil {
		return nil, err
	}
	// a scene begins without what one before has left
	if err := v.do("systemctl reset-failed; systemctl stop iot-edge-anomaly; rm -rf /var/lib/private/iot-edge-anomaly/*; " +
		"systemctl start broker plc iot-edge-anomaly && iot-edge-anomaly wait-ready --timeout 60s"); err != nil {
		return nil, err
	}
	if scene.then != nil {
		if err := scene.then(v); err != nil {
			return nil, err
		}
	}
	if scene.level == "high.csv" {
		return g, g.openEvent()
	}
	return g, nil
}

// openEvent has the id of the page stand for that of the event that is open.
func (g *gateway) openEvent() error {
	c := command{text: "iot-edge-anomaly event list --json", contains: []string{`"event":"`}}
	if err := c.run(g); err != nil {
		return err
	}
	out, _ := g.run(&c)
	_, id, _ := strings.Cut(out, `"event":"`)
	g.replace[eventID], _, _ = strings.Cut(id, `"`)
	return nil
}

const eventID = "gw7-a91d-e1" // on the page
