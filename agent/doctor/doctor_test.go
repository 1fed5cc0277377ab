package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/devices"
)

// examined is what Examine finds on a computer with these files below its root.
func examined(t *testing.T, cfg string, files map[string]string) (text string, good bool) {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	o := Options{File: "c.yaml", Socket: filepath.Join(root, "s"), Host: devices.Host{Root: root},
		Foresee: func() (config.Problems, error) { return nil, nil },
		Broker:  func(context.Context, func(string, bool, string)) bool { t.Error("asked a broker"); return false },
		Tell: func(f Finding) {
			text += fmt.Sprintf("%s %v %s -> %s\n", f.Step, f.Good, f.Text, f.Fix)
		}}
	c, problems := config.Parse("c.yaml", []byte(strings.ReplaceAll(cfg, "ROOT", root)), devices.Infos())
	if o.Config = c; c == nil {
		o.Refuse = problems.Err()
	}
	good = Examine(t.Context(), o)
	return text, good
}

func wants(t *testing.T, what, text string, lines ...string) {
	t.Helper()
	for _, l := range lines {
		if !strings.Contains(text, l) {
			t.Errorf("%s: no %q in\n%s", what, l, text)
		}
	}
}

func TestExamine_computer(t *testing.T) {
	text, good := examined(t, "state: ROOT\n", map[string]string{
		"sys/fs/cgroup/system.slice/iot-edge-anomaly.service/memory.max":     "1048576\n",
		"sys/fs/cgroup/system.slice/iot-edge-anomaly.service/memory.peak":    "900000\n",
		"sys/fs/cgroup/system.slice/iot-edge-anomaly.service/memory.current": "100\n",
		"sys/class/watchdog/watchdog0/identity":                              "bcm2835\n",
		"sys/class/watchdog/watchdog0/state":                                 "inactive\n",
		"etc/group":                                                          "i2c:x:1:\ndialout:x:2:\n",
		"usr/lib/systemd/system/iot-edge-anomaly.service":                    "[Unit]\n",
	})
	if good {
		t.Error("all is good")
	}
	wants(t, "computer", text, "memory false the service used up to 0 of 1 MiB -> raise MemoryHigh=",
		"watchdog true watchdog0 bcm2835 is not used: a kernel that hangs stays so -> RuntimeWatchdogSec=30",
		"groups false missing: iio, iot-edge-anomaly -> systemd-sysusers",
		"agent false ", "no agent answers -> systemctl start iot-edge-anomaly", "config true c.yaml can be used", "broker true none is configured", "disk ")
	text, _ = examined(t, "state: ROOT\n", map[string]string{"sys/class/watchdog/watchdog0/state": "active\n"})
	wants(t, "fed watchdog", text, "watchdog true watchdog0 is fed", "memory true no limit of the service is known")
	if strings.Contains(text, "groups") {
		t.Errorf("groups of a computer without the service:\n%s", text)
	}
}

func TestExamine_buses(t *testing.T) {
	text, good := examined(t, "state: ROOT\nbuses:\n  i: {i2c: auto}\n  line: {modbus: \"rtu:///dev/ttyNONE?baud=9600&parity=even\"}\n  mine: {modbus: \"rtu:///dev/ttyMINE?baud=9600&parity=even\"}\n"+
		"sensors: [{name: q, driver: modbus, bus: line, unit: 1, registers: [{name: a, at: \"input:1\", type: u16}]}]\n",
		map[string]string{"dev/ttyMINE": ""})
	if good {
		t.Error("all is good")
	}
	wants(t, "buses", text, "kernel false bus i: there is no I2C bus: the module i2c-dev", "modprobe i2c-dev",
		"kernel false bus line: stat ", "is the adapter plugged in?", "devices false q: ")
	if os.Geteuid() == 0 {
		wants(t, "a port of root", text, "rights false bus mine: ", "belongs to root alone")
	}
}

func TestExamine_configuration(t *testing.T) {
	text, good := examined(t, "nonsense: 1\n", nil)
	if good {
		t.Error("all is good")
	}
	wants(t, "refused", text, `config false c.yaml:1:1: nonsense: unknown key`, "iot-edge-anomaly check names every fault", "clock ")
	e := &examination{good: true, Options: Options{Config: &config.Config{}, Tell: func(f Finding) { text += fmt.Sprintln(f) }, Foresee: func() (config.Problems, error) {
		return config.Problems{{Path: "machines[0].model", Message: "no model", Hint: "learn one"}}, errors.New("state cannot be written")
	}}}
	if !e.configuration() || e.good {
		t.Error("what check finds is no finding")
	}
	wants(t, "foreseen", text, "machines[0].model: no model", "learn one", "state cannot be written")
}
