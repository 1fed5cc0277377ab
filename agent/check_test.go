package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"iot-edge-anomaly/agent/config"
)

// checkJSON is what check --json prints, which must be a list whatever happens.
func checkJSON(t *testing.T, path string) (int, []config.Problem) {
	t.Helper()
	code, out, errs := call(t, "", "check", "--json", path)
	var raw []struct {
		File, Path, Message, Hint, Severity string
		Line, Column                        int
	}
	if err := json.Unmarshal([]byte(out), &raw); err != nil || raw == nil {
		t.Fatalf("code %d, stdout %q: %v; stderr %s", code, out, err, errs)
	}
	var ps []config.Problem
	for _, r := range raw {
		p := config.Problem{File: r.File, Line: r.Line, Column: r.Column, Path: r.Path, Message: r.Message, Hint: r.Hint}
		switch r.Severity {
		case "warning":
			p.Severity = config.SeverityWarning
		case "impaired":
			p.Severity = config.SeverityImpaired
		}
		if p.Line < 1 || p.Column < 1 || p.Message == "" || p.Hint == "" {
			t.Errorf("%+v: want a place, a message and a hint", p)
		}
		ps = append(ps, p)
	}
	return code, ps
}

// TestCheckJSON: every answer of check --json is a list of problems with place
// and hint, also where the file cannot be read.
func TestCheckJSON(t *testing.T) {
	good := "sensors: [{name: m, driver: replay, file: " + write(t, "rows.csv", wave(3, 3)) + "}]\n"
	for _, tc := range []struct {
		name, path string
		code, want int
	}{
		{"good", write(t, "c.yaml", good), 0, 0},
		{"faulty", write(t, "c.yaml", good+"log: {level: loud}\nspool: {max: 64}\n"), 78, 2},
		{"no YAML", write(t, "c.yaml", "a: ["), 78, 1},
		{"absent", "/nowhere.yaml", 78, 1},
		{"a folder", t.TempDir(), 78, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if code, ps := checkJSON(t, tc.path); code != tc.code || len(ps) != tc.want {
				t.Errorf("code %d and %v, want %d and %d problems", code, ps, tc.code, tc.want)
			}
		})
	}
}

// TestCheckWarnsOfWhatRunNeeds: files that are not there, and machines that would
// start blind or judge in part, are named with their place.
func TestCheckWarnsOfWhatRunNeeds(t *testing.T) {
	m, rows := trainedWave(t)
	damaged := write(t, "damaged.safetensors", "no model at all")
	cfg := write(t, "c.yaml", fmt.Sprintf(`sensors: [{name: m, driver: replay, file: %s}]
machines:
  - {name: fits, channels: [m.load], model: {path: %s}}
  - {name: other, channels: [m.load], model: {path: %s}}
  - {name: broken, channels: [m.speed], model: {path: %s}}
  - {name: never, channels: [m.flow], model: {path: none.safetensors}}
mqtt: {broker: "mqtts://b", ca: none.pem}
http: {listen: ":8080", tls: {cert: none.pem, key: none.key}, token_file: none}
`, rows, filepath.Join(t.TempDir(), "models"), m, damaged))
	code, ps := checkJSON(t, cfg)
	var got []string
	for _, p := range ps {
		if p.Severity != config.SeverityError && !strings.Contains(p.Message, "is watched by machine") {
			got = append(got, fmt.Sprintf("%d:%d %s %s", p.Line, p.Column, p.Severity, p.Path))
		}
	}
	want := []string{"7:7 warning mqtt", "8:7 warning http.tls.cert", "8:7 warning http.tls.key", "8:7 warning http.token_file",
		"4:5 impaired machines[1].model", "5:5 impaired machines[2].model", "6:5 impaired machines[3].model"}
	if code != 1 || strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("code %d, warnings\n%s\nwant\n%s", code, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestCheckWarnsOfBuses: check tells of buses that have no time for what is
// configured.
func TestCheckWarnsOfBuses(t *testing.T) {
	cfg := write(t, "c.yaml", `
buses:
  slow: {modbus: "rtu:///dev/ttyUSB0?baud=1200", timeout: 50ms}
  plc: {modbus: "tcp://10.0.0.5", timeout: 3s}
sensors:
  - {name: a, driver: modbus, bus: slow, unit: 1, registers: [{name: x, at: "input:0", type: f32}]}
  - {name: b, driver: modbus, bus: plc, unit: 1, registers: [{name: x, at: "input:0", type: f32}]}
  - {name: c, driver: modbus, bus: plc, unit: 2, registers: [{name: x, at: "input:0", type: f32}]}
`)
	code, out, errs := call(t, "", "check", cfg)
	for _, want := range []string{":3:3: warning: buses.slow: timeout 50ms is shorter", ":4:3: warning: buses.plc: a device that does not answer is waited for 3s"} {
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("%d, want %q: %s%s", code, want, out, errs)
		}
	}
}

// fullDisk refuses every write.
type fullDisk struct{}

var errFull = errors.New("no space left")

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }

// TestAnswersThatCannotBeWritten: a verb whose output is lost has failed, and
// says so once.
func TestAnswersThatCannotBeWritten(t *testing.T) {
	m, rows := trainedWave(t)
	cfg := write(t, "c.yaml", "sensors: [{name: m, driver: replay, file: "+rows+"}]\n")
	for _, args := range []string{"check " + cfg, "check --json " + cfg, "version", "version --json", "help", "check -h", "bench --time 1ms", "read --config " + cfg,
		"read --json --config " + cfg, "score --model " + m + " --csv " + rows, "record --for 1s --out - --config " + cfg,
		"train --rows 300 --csv " + rows + " --out " + filepath.Join(t.TempDir(), "m")} {
		var errs strings.Builder
		code := dispatch(t.Context(), env{os.Stdin, fullDisk{}, &errs, nil}, strings.Fields(args))
		if code != exitFailed || strings.Count(errs.String(), errFull.Error()) != 1 {
			t.Errorf("%s: code %d, stderr %q: want %d and the cause once", args, code, errs.String(), exitFailed)
		}
	}
}

// A number that the next start may give to another device is warned of.
func TestCheck_kernelNumber(t *testing.T) {
	for _, c := range []struct {
		device string
		warned bool
	}{
		{"hwmon2", true}, {"hwmon12", true}, {"hwmon", false}, {"1-0048", false}, {"28-0316a2795f3d", false}, {"cpu_thermal", false}, {"/sys/bus/i2c/devices/1-0048", false},
	} {
		code, out, stderr := call(t, "", "check", write(t, "config.yaml", "sensors:\n  - {name: a, driver: hwmon, device: \""+c.device+"\", channels: [temp1]}\n"))
		if warned := strings.Contains(out+stderr, "after another start it may be another device"); code != 0 || warned != c.warned {
			t.Errorf("%s: code %d\n%s%s", c.device, code, out, stderr)
		}
	}
}

// TestCheckExplain: one key, several candidates, every key, and one that does not
// exist.
func TestCheckExplain(t *testing.T) {
	for _, tc := range []struct {
		args       []string
		code       int
		want, lack string // in stdout, or stderr where the code is not 0
	}{
		{[]string{"hold"}, 0, "machines[].detect.hold\nAn event closes", "cooldown"},
		{[]string{"shunt"}, 0, "only for   ina219, ina226\n", ""},
		{[]string{"sensors.rate"}, 0, "only for   vibration\n", ""},
		{[]string{"period"}, 0, "machines[].period", "bounds"},
		{[]string{"http.tls"}, 0, "http.tls.cert", "token_file"},
		{nil, 0, "log.level", ""},
		{[]string{"machines[0].detect.holt"}, 2, `did you mean "machines.detect.hold"?`, ""},
		{[]string{"banana"}, 2, "check --explain lists all keys", ""},
	} {
		code, out, errs := call(t, "", append([]string{"check", "--explain"}, tc.args...)...)
		if code != tc.code || !strings.Contains(out+errs, tc.want) || tc.lack != "" && strings.Contains(out, tc.lack) {
			t.Errorf("%v: code %d, %s%s, want %d, %q without %q", tc.args, code, out, errs, tc.code, tc.want, tc.lack)
		}
	}
	code, out, _ := call(t, "", "check", "--explain", "detect.hold", "--json")
	var keys []config.Key
	if err := json.Unmarshal([]byte(out), &keys); err != nil || code != 0 || len(keys) != 1 || keys[0].Max != "1d" || keys[0].Default != "30s" || keys[0].Since != "0.1.0" {
		t.Errorf("code %d, %+v: %v", code, keys, err)
	}
}
