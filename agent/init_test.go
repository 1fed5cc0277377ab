package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestInit_usage: what init refuses before it looks at anything.
func TestInit_usage(t *testing.T) {
	file := write(t, "config.yaml", "mine\n")
	if code, _, errs := call(t, "", "init", "--out", file); code != exitFailed || !strings.Contains(errs, "init overwrites none") {
		t.Errorf("a file that is there: %d, %s", code, errs)
	}
	if data, err := os.ReadFile(file); err != nil || string(data) != "mine\n" {
		t.Errorf("the file holds %q, %v", data, err)
	}
	for args, want := range map[string]string{
		"init --modbus tcp://h?units=1-999":            "want units from 0 to 255",
		"init --modbus http://h":                       "unknown scheme",
		"init --modbus rtu:///dev/ttyUSB0?listen=true": "never asked",
		"init here":        `unexpected argument "here"`,
		"templates sdm603": `did you mean "sdm630"?`,
		"templates a b":    `unexpected argument "b"`,
	} {
		code, out, errs := call(t, "", strings.Fields(args)...)
		if code != exitUsage || !strings.Contains(errs, want) || out != "" {
			t.Errorf("%s: %d, %q, %q; want %q", args, code, out, errs, want)
		}
	}
}

// TestTemplates prints what the program has, and what it prints is a template of
// one's own as soon as it has another name.
func TestTemplates(t *testing.T) {
	code, text, errs := call(t, "", "templates", "xy_md02")
	if code != 0 || errs != "" || !strings.HasPrefix(text, "# XY-MD02") {
		t.Fatalf("%d: %s%s", code, text, errs)
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "templates"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"templates/my_sensor.yaml": text, "config.yaml": "buses: {line: {modbus: \"tcp://127.0.0.1:1\"}}\ntemplates: templates\nsensors: [{name: room, template: my_sensor, bus: line, unit: 1}]\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if code, out, errs := call(t, "", "check", filepath.Join(dir, "config.yaml")); code != 0 || !strings.Contains(out, "1 machine with 2 channels") {
		t.Errorf("%d: %s%s", code, out, errs)
	}
}
