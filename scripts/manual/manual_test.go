package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// real asks the program of this repository.
func real(t *testing.T) program {
	t.Helper()
	binary := filepath.Join(t.TempDir(), name)
	cmd := exec.Command("go", "build", "-o", binary, "./agent")
	cmd.Dir = "../.."
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, out)
	}
	p, err := ask(binary)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestReal: README, page and completion have every verb and every flag that the program has.
func TestReal(t *testing.T) {
	p := real(t)
	page, completion := p.page(time.Unix(0, 0).UTC()), p.completion()
	if len(p.verbs) < 15 {
		t.Fatalf("%d verbs", len(p.verbs))
	}
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range p.verbs {
		if !strings.Contains(string(readme), "\n| `"+v.name+" ") && !strings.Contains(string(readme), "\n| `"+v.name+"`") {
			t.Errorf("the table of verbs in README.md lacks %s", v.name)
		}
		if !strings.Contains(page, "\n.SS "+roff(v.name)+" ") || v.what == "" {
			t.Errorf("the page lacks verb %s", v.name)
		}
		for _, o := range v.flags {
			if !strings.Contains(page, roff("--"+o.name)) || o.what == "" {
				t.Errorf("the page lacks %s --%s", v.name, o.name)
			}
		}
	}
	complete := func(line string) []string {
		t.Helper()
		words := strings.Split(line, " ")
		script := completion + "\nCOMP_WORDS=(\"$@\") COMP_CWORD=$(($# - 1))\n_iot_edge_anomaly\nprintf '%s\\n' \"${COMPREPLY[@]}\"\n"
		cmd := exec.Command("bash", append([]string{"-c", script, "bash", name}, words...)...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%q: %v\n%s", line, err, out)
		}
		return strings.Fields(string(out))
	}
	if _, err := exec.LookPath("bash"); err != nil {
		t.Fatal("bash is needed")
	}
	for _, v := range p.verbs {
		if got := complete(v.name); !slices.Contains(got, v.name) {
			t.Errorf("%s is completed to %q", v.name, got)
		}
		var want []string
		for _, o := range v.flags {
			want = append(want, "--"+o.name)
		}
		if got := complete(v.name + " -"); !slices.Equal(got, want) {
			t.Errorf("%s - is completed to %q, want %q", v.name, got, want)
		}
	}
	for line, want := range map[string]string{
		"sta":                       "status",
		"event ":                    "list ack",
		"event l":                   "list",
		"scan ":                     "i2c modbus",
		"help unl":                  "unlatch",
		"run --config main":         "main.go",
		"check ma":                  "main.go manual_test.go",
		"mute pump --for ":          "",
		"frobnicate --":             "",
		"config apply ba":           "bash.go",
		"read --config main.go --s": "--sensor",
		"version --licenses --li":   "--licenses",
	} {
		if got := strings.Join(complete(line), " "); got != want {
			t.Errorf("%q is completed to %q, want %q", line, got, want)
		}
	}
}

// TestParse: help of another form is an error, not an empty page.
func TestParse(t *testing.T) {
	for _, text := range []string{"", "iot-edge-anomaly 1: x\n", "usage\n  run  y\n"} {
		if p, err := parseList(text); err == nil {
			t.Errorf("%q gives %+v", text, p)
		}
	}
	for _, text := range []string{"", "usage: iot-edge-anomaly runs\nx", "usage: iot-edge-anomaly run [x]", "usage: iot-edge-anomaly run [x]\nsays\n\n        text\n"} {
		v := verb{name: "run"}
		if err := v.parse(text); err == nil {
			t.Errorf("%q gives %+v", text, v)
		}
	}
	if got := text(".x -y\\z"); got != `\&.x \-y\ez` {
		t.Error(got)
	}
	if _, err := ask("/nonexistent"); err == nil {
		t.Error("no error without a program")
	}
}
