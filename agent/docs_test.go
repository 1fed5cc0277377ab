package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/devices"
)

// TestReadme: the configuration that README shows is one, and lacks nothing but
// the files that it names.
func TestReadme(t *testing.T) {
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindSubmatch(text)
	if block == nil {
		t.Fatal("nothing to copy")
	}
	c, problems := config.Parse("README.md", block[1], devices.Infos())
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	for _, p := range devices.LineLoad("README.md", c) {
		t.Error(p)
	}
	for _, v := range verbs() {
		if !strings.Contains(string(text), "| `"+v.name) {
			t.Errorf("the verb %s is not in the table", v.name)
		}
	}
}

// TestExamples: the configurations that packages show as examples are good.
func TestExamples(t *testing.T) {
	files, err := filepath.Glob("../board/examples/*.yaml")
	if err != nil || len(files) < 2 {
		t.Fatalf("examples %v, error %v", files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		c, problems := config.Parse(file, text, devices.Infos())
		if len(problems) > 0 {
			t.Error(problems)
			continue
		}
		for _, p := range devices.LineLoad(file, c) {
			t.Error(p)
		}
	}
}

// TestDocsDetect: what docs/detect.md offers to copy is a configuration. The keys
// of detect are in docs/configuration.md, which has a test of its own.
func TestDocsDetect(t *testing.T) {
	text, err := os.ReadFile("../docs/detect.md")
	if err != nil {
		t.Fatal(err)
	}
	const before = "buses:\n  plc: {modbus: \"tcp://10.1.2.3:502\"}\nsensors:\n  - {name: pump, driver: modbus, bus: plc, unit: 1, registers: [{name: speed, at: \"holding:0\", type: u16}]}\n"
	block := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindSubmatch(text)
	if block == nil {
		t.Fatal("nothing to copy")
	}
	line := regexp.MustCompile(`(?m)^    detect: .*$`).FindString(string(text))
	for _, yaml := range []string{before + string(block[1]), before + "machines:\n  - name: m\n" + line + "\n"} {
		if _, problems := config.Parse("detect.md", []byte(yaml), devices.Infos()); problems.Err() != nil {
			t.Errorf("%v\n%s", problems, yaml)
		}
	}
}

// TestDocsMQTT: what the pages about MQTT offer to copy is configurations.
func TestDocsMQTT(t *testing.T) {
	for page, n := range map[string]int{"mqtt.md": 3, "homeassistant.md": 1} {
		text, err := os.ReadFile("../docs/" + page)
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range regexp.MustCompile("(?s)```yaml\n(mqtt:.*?)```").FindAllSubmatch(text, -1) {
			n--
			yaml := "sensors:\n  - {name: cpu, driver: thermal, device: cpu-thermal}\n" + string(block[1])
			if _, problems := config.Parse(page, []byte(yaml), devices.Infos()); len(problems) > 0 {
				t.Errorf("%v\n%s", problems, yaml)
			}
		}
		if n != 0 {
			t.Errorf("%s: %d configurations are missing", page, n)
		}
	}
}

// TestDocsCommands: each verb that a page tells to run is one, and has the flags
// that it is given there.
func TestDocsCommands(t *testing.T) {
	pages, err := filepath.Glob("../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	// In backticks, or on a line of its own that is indented.
	command := regexp.MustCompile("(?m)(?:`|^    (?:\\$ )?)iot-edge-anomaly ([a-z-]+)([^`\n#]*)")
	flag := regexp.MustCompile(`\s--([a-z-]+)`)
	found := 0
	for _, page := range append(pages, "../README.md", "../CONTRIBUTING.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range command.FindAllStringSubmatch(string(text), -1) {
			found++
			code, help, _ := call(t, "", m[1], "-h")
			if code != exitDone {
				t.Errorf("%s: %s is no verb", page, m[1])
				continue
			}
			for _, f := range flag.FindAllStringSubmatch(m[2], -1) {
				if !strings.Contains(help, "  --"+f[1]) {
					t.Errorf("%s: %s has no flag --%s", page, m[1], f[1])
				}
			}
		}
	}
	if found < 30 {
		t.Errorf("found %d commands only: the search is wrong", found)
	}
}
