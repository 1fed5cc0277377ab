package gateway

import (
	"time"

	"iot-edge-anomaly/agent/alerts"
	"iot-edge-anomaly/agent/detect"
	"iot-edge-anomaly/agent/machine"
	"iot-edge-anomaly/agent/report"
)

// alertSorts are the alerts that there may be, so that each is counted from 0 on.
var alertSorts = sorts()

func sorts() (out []report.Count) {
	add := func(key string, of ...detect.Severity) {
		for _, s := range of {
			out = append(out, report.Count{Kind: detect.Alert, Severity: s, Alert: key})
		}
	}
	add(lossKey, detect.High)
	add(clashKey, detect.High)
	add(refusedKey, detect.High)
	add(commandKey, detect.Warning)
	for _, key := range machine.AlertKeys {
		add(key, detect.Warning, detect.High)
	}
	add(report.CommonKey, detect.Severities()...)
	for _, a := range alerts.Local() {
		add(a.Name, a.Severity())
	}
	return out
}

// watchAlerts looks at the gateway itself, and tells the alerts that it can judge without
// anybody who scrapes it.
func (g *Gateway) watchAlerts(now time.Time) {
	if !g.lookAtHost(now) {
		return
	}
	s := g.Snapshot()
	g.keepDay(now, &s)
	g.watch.Look(now, &s, func(a *alerts.Alert, text string) { g.alert(a.Name, text, a.Severity(), now) })
}
