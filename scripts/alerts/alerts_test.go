package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"iot-edge-anomaly/agent/demo"
)

var update = flag.Bool("update", false, "write board/monitoring/dashboard.json anew")

// TestDashboard: the file is what the table of panels says, and each query asks for
// metrics that an agent exports. make alerts has Prometheus answer them.
func TestDashboard(t *testing.T) {
	path := filepath.Join("..", "..", dashboardFile)
	want, err := makeDashboard()
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, '\n')
	if *update {
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s is stale: run make golden and read the diff (%v)", path, err)
	}
	page, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	strip := regexp.MustCompile(`\{[^}]*\}|(by|on|group_left) \([^)]*\)|\[[^\]]*\]`)
	for _, r := range rows {
		for _, g := range r.graphs {
			for _, name := range regexp.MustCompile(`[a-z]+(_[a-z0-9]+)+`).FindAllString(strip.ReplaceAllString(g.expr, " "), -1) {
				name = strings.TrimSuffix(name, "_bucket")
				if name != "histogram_quantile" && name != "group_left" && !strings.Contains(string(page), "`"+name+"`") && !strings.Contains(string(page), "`"+name+"{") {
					t.Errorf("%s: no agent exports %s", g.title, name)
				}
			}
		}
	}
}

// TestPump: the configuration of the trial's pump is that of the demonstration without
// the chips.
func TestPump(t *testing.T) {
	station, err := demo.Start(demo.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer station.Close()
	a, err := newPump("iot-edge-anomaly", t.TempDir(), station)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(a.config)
	if err != nil {
		t.Fatal(err)
	}
	for _, gone := range []string{"lm75", "header", "name: cabinet", "bearing", "ENDPOINT"} {
		if strings.Contains(string(b), gone) {
			t.Errorf("%s is in\n%s", gone, b)
		}
	}
	if !strings.Contains(string(b), `channels: ["drive.*", "pump.*"]`) || !strings.Contains(string(b), a.addr) {
		t.Errorf("no pump in\n%s", b)
	}
}
