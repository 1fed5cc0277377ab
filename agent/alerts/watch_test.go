package alerts

import (
	"math"
	"strings"
	"testing"
	"time"

	"iot-edge-anomaly/agent/guard"
	"iot-edge-anomaly/agent/judge"
	"iot-edge-anomaly/agent/machine"
	"iot-edge-anomaly/agent/status"
)

// healthy is a gateway of which nothing is to be told.
func healthy() status.Snapshot {
	return status.Snapshot{Now: time.Unix(1764000000, 0), Memory: 20 << 20, MemoryLimit: 128 << 20, ReloadOK: true, ReadyAfter: time.Second,
		Host: status.Host{Figures: guard.Figures{CPU: 10, Disks: []guard.Disk{{Path: "/", Percent: 40}}}},
		Machines: []machine.Status{{Name: "pump1", Drift: judge.Drift{Score: 0.2}}, {Name: "fan", Drift: judge.Drift{Score: math.NaN()}},
			{Name: "washed", Drift: judge.Drift{Score: 0.9}, Mute: &machine.Mute{}}},
		Certificates: []status.Certificate{{Of: "http", Expires: time.Unix(1764000000, 0).Add(40 * 24 * time.Hour)}}}
}

// faults break a healthy gateway.
var faults = map[string]struct {
	spoil func(s *status.Snapshot, look int)
	says  string
}{
	"HighMemoryUsage":    {func(s *status.Snapshot, _ int) { s.Memory = 120 << 20 }, "93.8 % of the memory limit is in use. See what grows"},
	"DiskSpaceCritical":  {func(s *status.Snapshot, _ int) { s.Host.Disks[0].Percent = 96 }, "is 96 % full"},
	"ModelDriftDetected": {func(s *status.Snapshot, _ int) { s.Machines[0].Drift.Score = 0.7 }, "pump1 has moved away from what was learnt, drift 0.7. "},
	"HighCpuUsage":       {func(s *status.Snapshot, _ int) { s.Host.CPU = 99.5 }, "99.5 % busy"},
	"HighInferenceLatency": {func(s *status.Snapshot, look int) { s.Inference[8] = uint64(50 * look) },
		"the 95th percentile of scoring a row is 24.2 ms"},
	"FailedAuthenticationAttempts": {func(s *status.Snapshot, look int) { s.Unauthorized = uint64(20 * look) }, "2 requests a second come without the right token"},
	"CertificateExpiringSoon":      {func(s *status.Snapshot, _ int) { s.Certificates[0].Expires = s.Now.Add(120 * time.Hour) }, "a certificate (http) expires in 5 days"},
	"ConfigReloadFailed":           {func(s *status.Snapshot, _ int) { s.ReloadOK = false }, "refused"},
}

// TestWatch: each alert opens after its time and not before, is the only one, is not
// opened by what passes sooner, and ends once what is wrong is over for the same time.
func TestWatch(t *testing.T) {
	for _, a := range Local() {
		t.Run(a.Name, func(t *testing.T) {
			fault, ok := faults[a.Name]
			if !ok {
				t.Fatal("no fault is injected")
			}
			var w Watch
			at, looks := time.Now(), 0
			var total status.Durations
			var unauthorized uint64
			run := func(d time.Duration, broken bool) (open bool, text string) {
				for end := at.Add(d); at.Before(end); at = at.Add(Every) {
					s := healthy()
					if s.Inference, s.Unauthorized = total, unauthorized; broken {
						looks++
						fault.spoil(&s, looks)
					}
					total, unauthorized = s.Inference, s.Unauthorized
					w.Look(at, &s, func(b *Alert, told string) {
						if told != "" && b != a {
							t.Errorf("%s: %s", b.Name, told)
						}
						if b == a {
							open, text = told != "", told
						}
					})
				}
				return open, text
			}
			run(time.Minute, false)
			if a.For > 2*Every {
				if open, text := run(a.For-Every, true); open {
					t.Errorf("open too early: %s", text)
				}
				run(time.Hour, false)
			}
			open, text := run(2*a.For+2*Every, true)
			if !open || !strings.Contains(text, fault.says) || !strings.Contains(text, "docs/runbook.md#"+a.Anchor()) || len(text) > 300 {
				t.Errorf("%q, want %q", text, fault.says)
			}
			if a.For > 2*Every {
				if open, _ := run(a.For-Every, false); !open {
					t.Error("over too early")
				}
			}
			if open, text := run(time.Hour+2*a.For, false); open {
				t.Errorf("still open: %s", text)
			}
		})
	}
}

// TestWatch_resume: an alert that was open before a restart goes on, and ends once its
// value has been back for its time.
func TestWatch_resume(t *testing.T) {
	var w Watch
	if w.Resume("ApplicationDown", "x") || w.Resume("spool", "x") || !w.Resume("HighCpuUsage", "busy") {
		t.Fatal("not the gateway's own alerts are resumed")
	}
	at, told := time.Now(), []string{}
	for range 40 {
		s := healthy()
		w.Look(at, &s, func(a *Alert, text string) {
			if a.Name == "HighCpuUsage" {
				told = append(told, text)
			}
		})
		at = at.Add(Every)
	}
	if told[0] != "busy" || told[29] != "busy" || told[30] != "" || told[39] != "" {
		t.Errorf("%q: want it to go on for five minutes", told)
	}
}

// TestWatch_besideTheBound: a value that swings about the bound opens one alert, and
// what is not known is no alert.
func TestWatch_besideTheBound(t *testing.T) {
	var w Watch
	changes, was := 0, false
	at := time.Now()
	for i := range 2000 {
		s := healthy()
		s.Host.Disks[0].Percent = 96
		if i%20 >= 10 {
			s.Host.Disks[0].Percent = 94
		}
		s.Host.CPU, s.Memory, s.Machines, s.Certificates = math.NaN(), 0, nil, nil
		w.Look(at.Add(time.Duration(i)*Every), &s, func(a *Alert, text string) {
			switch {
			case a.Name != "DiskSpaceCritical" && text != "":
				t.Fatalf("%s: %s", a.Name, text)
			case a.Name == "DiskSpaceCritical" && (text != "") != was:
				was = !was
				changes++
			}
		})
	}
	if changes != 1 {
		t.Errorf("%d changes, want it to open once", changes)
	}
}
