package doctor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"iot-edge-anomaly/agent/commission"
	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/control"
	"iot-edge-anomaly/agent/devices"
	"iot-edge-anomaly/agent/status"
)

// Finding is what was found of one thing.
type Finding struct {
	Step string `json:"step"`
	Good bool   `json:"good"`
	Text string `json:"text"`
	Fix  string `json:"fix,omitempty"` // what to do; beside something good, what would be better
}

// Options of Examine.
type Options struct {
	File   string         // of the configuration
	Config *config.Config // nil = it cannot be used
	Refuse error          // why
	Socket string         // of the running agent
	Host   devices.Host   // the computer; the zero value is this one

	Foresee func() (config.Problems, error)                                                // what check finds
	Broker  func(ctx context.Context, tell func(step string, good bool, text string)) bool // goes the way to the broker
	Tell    func(Finding)
}

// Examine tells what it finds and reports whether nothing is wrong.
func Examine(ctx context.Context, o Options) bool {
	e := &examination{Options: o, good: true}
	running := e.agent(ctx)
	if e.configuration() {
		switch _, err := os.Lstat(filepath.Join(o.Config.State, "isolated.json")); {
		case o.Config.MQTT.Broker == "":
			e.tell("broker", true, "none is configured: nothing is published", "")
		case e.isolated || err == nil: // an incident: no password goes there
			e.tell("broker", true, "isolated: it was not asked", "mqtt check asks it all the same; mqtt enable ends the isolation")
		default:
			o.Broker(ctx, func(step string, good bool, text string) { e.tell(step, good, text, "") })
		}
		e.devices(ctx, running)
		e.disk()
		e.buses()
	}
	e.computer()
	return e.good
}

// examination is one run of Examine.
type examination struct {
	Options
	good     bool
	isolated bool // the agent says that it must not use its broker
}

func (e *examination) tell(step string, good bool, text, fix string) {
	e.good = e.good && good
	e.Tell(Finding{step, good, text, fix})
}

// agent asks the running agent, and reports whether there is one.
func (e *examination) agent(ctx context.Context) bool {
	var s control.Status
	err := control.Get(ctx, e.Socket, "status", &s)
	if err != nil {
		fix := ""
		if errors.Is(err, control.ErrNotRunning) {
			fix = "systemctl start iot-edge-anomaly; why it ended: journalctl -u iot-edge-anomaly -n 50"
		}
		e.tell("agent", false, err.Error(), fix)
		return !errors.Is(err, control.ErrNotRunning)
	}
	e.isolated = strings.HasPrefix(s.Checks["mqtt"].Detail, "isolated by ")
	for _, name := range slices.Sorted(maps.Keys(s.Checks)) {
		if c := s.Checks[name]; c.Status != status.Healthy {
			e.tell("agent", false, fmt.Sprintf("%s: %s: %s", name, c.Status, strings.ReplaceAll(c.Detail, "\n", "; ")), "")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Machines)) {
		if m := s.Machines[name]; m.Muted != nil {
			e.tell("agent", true, name+" is muted", "mute "+name+" --off ends it")
		}
	}
	if s.Status == status.Healthy {
		e.tell("agent", true, fmt.Sprintf("%s is healthy, version %s", s.Device, s.Version), "")
	}
	return true
}

// configuration reports whether there is one that can be used.
func (e *examination) configuration() bool {
	if e.Config == nil {
		first, _, more := strings.Cut(e.Refuse.Error(), "\n")
		if more {
			first += " …"
		}
		e.tell("config", false, first, "iot-edge-anomaly check names every fault; config apply FILE replaces it safely")
		return false
	}
	problems, err := e.Foresee()
	for _, p := range problems {
		e.tell("config", false, fmt.Sprintf("%s: %s", p.Path, p.Message), p.Hint)
	}
	if err != nil {
		e.tell("config", false, err.Error(), "")
	}
	if len(problems) == 0 && err == nil {
		e.tell("config", true, fmt.Sprintf("%s can be used, sha256 %.12s", e.File, e.Config.SHA256), "")
	}
	return true
}

// devices reads each device once. A serial port belongs to the running agent.
func (e *examination) devices(ctx context.Context, running bool) {
	held := map[string]bool{}
	for _, b := range e.Config.Buses {
		held[b.Name] = running && b.Modbus != nil && b.Modbus.Scheme == "rtu"
	}
	answers, err := commission.Answers(ctx, e.Config, e.Host)
	if err != nil {
		e.tell("devices", false, err.Error(), "")
	}
	told := map[string]bool{}
	for _, a := range answers {
		switch {
		case held[a.Bus] && !told[a.Bus]:
			told[a.Bus] = true
			e.tell("devices", true, "bus "+a.Bus+" is read by the running agent, which alone may use its port", "event list names its faults")
		case held[a.Bus]:
		case a.Good:
			e.tell("devices", true, a.Sensor+": "+a.Text, a.Advice)
		case a.Advice == "":
			e.tell("devices", false, a.Sensor+": "+a.Text, "iot-edge-anomaly read --sensor "+a.Sensor+" shows each channel; docs/troubleshooting.md")
		default:
			e.tell("devices", false, a.Sensor+": "+a.Text, a.Advice)
		}
	}
}
