package main

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// Nothing is written before the verb begins: the logger is silent when the metrics
// library is initialised, and speaks again afterwards.
func TestStderrIsClean(t *testing.T) {
	t.Parallel()
	cmd := exec.Command(program(t, "", "")[0], "version")
	cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1") // prints the packages in their order
	var out strings.Builder
	cmd.Stderr = &out
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	var order []string
	for line := range strings.Lines(out.String()) {
		f := strings.Fields(line)
		if len(f) < 3 || f[0] != "init" || !strings.HasPrefix(f[2], "@") {
			t.Errorf("on stderr: %s", line)
			continue
		}
		order = append(order, f[1])
	}
	last := -1
	for _, path := range []string{"iot-edge-anomaly/agent/quiet", "github.com/VictoriaMetrics/metrics", "iot-edge-anomaly/agent/status"} {
		at := slices.Index(order, path)
		if at <= last {
			t.Errorf("%s is initialised as number %d, want it after number %d: %v", path, at, last, order)
		}
		last = at
	}
}
