package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzParse holds that no file makes Parse panic, that there is a configuration
// or an error, never both, and that every problem has a place.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/*/*/config.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(strings.Replace(fullExample, "MODBUS", "tcp://10.1.2.4", 1)))
	f.Add([]byte("a: &a [*a]\nsensors: *a"))
	f.Fuzz(func(t *testing.T, data []byte) {
		cfg, problems := Parse("config.yaml", data, testDrivers)
		if (cfg == nil) != (problems.Err() != nil) {
			t.Fatalf("configuration %v with problems %v", cfg, problems)
		}
		for _, p := range problems {
			if p.Line < 1 || p.Column < 1 || p.Message == "" {
				t.Fatalf("no place or no message: %+v", p)
			}
			if strings.Contains(p.String(), "\n") {
				t.Fatalf("a problem of two lines: %q", p.String())
			}
		}
		if cfg == nil {
			return
		}
		if len(cfg.Machines) == 0 && len(cfg.Sensors) > 0 {
			t.Fatal("no machine")
		}
		for _, m := range cfg.Machines {
			if len(m.Resolved) == 0 {
				t.Fatalf("machine %q has no channel", m.Name)
			}
			for _, r := range m.Resolved {
				if r.Sensor < 0 || r.Sensor >= len(cfg.Sensors) || !strings.HasPrefix(r.Channel, cfg.Sensors[r.Sensor].Name+".") {
					t.Fatalf("channel %+v belongs to no sensor", r)
				}
			}
		}
	})
}

// FuzzSocket: whatever a file holds, the socket is found or the default is taken.
func FuzzSocket(f *testing.F) {
	for _, s := range []string{"", "control: {socket: s}", "control: {socket: }", "control: 1", "control: {socket: [1]}", "a: *a", "\x00", "control: {socket: \"\"}", "a: [\ncontrol:\n  socket: /s\n"} {
		f.Add([]byte(s))
	}
	path := filepath.Join(f.TempDir(), "c.yaml")
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if s, _ := Socket(path); s != "" && !filepath.IsAbs(s) {
			t.Errorf("socket %q", s)
		}
	})
}
