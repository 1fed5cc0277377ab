package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"iot-edge-anomaly/drivers/driverstest"
)

// TestReview: the weekly check and the report of the month have the event that has just
// opened, also after the agent was killed; the exit code is that of status, and where no
// agent runs the report comes from the disk.
func TestReview(t *testing.T) {
	t.Parallel()
	b := startBroker(t)
	r := startReloadable(t, b.url(), driverstest.FreeAddr(t))
	if code, out := r.verb("wait-ready", "--timeout", "60s"); code != 0 {
		t.Fatalf("wait-ready: %d, %s", code, out)
	}
	r.speed(150) // an event begins
	month := time.Now().UTC().Format("2006-01")
	waitFor(t, time.Minute, "the event is counted", func() bool {
		code, out := r.verb("status", "--since", "168h")
		return code <= 1 && strings.Contains(out, "pump.speed") && strings.Contains(out, "The gateway ran ")
	})
	_, out := r.verb("status", "--since", "1h", "--json")
	var week struct {
		Period struct {
			Starts int
			Alarms []struct{ Machine, Kind, Cause string }
		}
	}
	if err := json.Unmarshal([]byte(out), &week); err != nil || week.Period.Starts != 1 || len(week.Period.Alarms) != 1 || week.Period.Alarms[0].Cause != "pump.speed" {
		t.Errorf("%v: %s", err, out)
	}
	r.restart(syscall.SIGTERM)
	dir := t.TempDir()
	code, out := r.verb("report", "--month", month, "--html", dir)
	if code != 0 || !strings.Contains(out, "pump.speed") || !strings.Contains(out, "ALARMS WANTED AND SEEN") {
		t.Errorf("report: %d, %s", code, out)
	}
	page, err := os.ReadFile(filepath.Join(dir, "gw7-"+month+".html"))
	if err != nil || !strings.Contains(string(page), "pump.speed") {
		t.Errorf("the page: %v", err)
	}
	for args, want := range map[string]string{"report --month=" + month + " --json": `"cause":"pump.speed"`, "report --month": "The gateway ran ", "report " + month: "pump.speed"} {
		if code, out := r.verb(strings.Fields(args)...); code != 0 || !strings.Contains(out, want) {
			t.Errorf("%s: %d, %s", args, code, out)
		}
	}
	for args, want := range map[string]string{"report --month 2026-13": `month "2026-13": want one such as 2026-11`, "status --since -1h": "want a duration such as 168h"} {
		if code, out := r.verb(strings.Fields(args)...); code != 2 || !strings.Contains(out, want) {
			t.Errorf("%s: %d, %s", args, code, out)
		}
	}
}
