package status

import (
	"math"
	"runtime"
	"slices"

	"iot-edge-anomaly/agent/guard"
	"iot-edge-anomaly/agent/judge"
	"iot-edge-anomaly/agent/machine"
)

// table holds every metric of the agent but those that the metrics library
// writes about the process and the Go runtime (go_* and process_*).
//
// `sensor` is always a configured sensor, `channel` always a full channel name
// (sensor.channel), `bus` a configured bus and `machine` a configured machine.
// A counter whose label values are known beforehand has all of them from the
// first scrape on, with the value 0.
var table = slices.Concat([]section{
	{"The agent", []metric{
		{name: "build_info", kind: gauge, labels: labels("version", "commit", "go", "kernel", "arch", "device_id", "site"),
			help:    "Always 1; the labels name the binary, the compute kernel in use and the gateway.",
			meaning: "Join other series with it to see which version and which gateway they come from.",
			collect: func(s *scrape, put put) {
				b := &s.Build
				put(1, b.Version, b.Commit, b.Go, b.Kernel, runtime.GOARCH, s.Device, s.Site)
			}},
		{name: "application_startup_duration_seconds", kind: gauge,
			help:    "Time from the start of the process until it was ready; 0 while it is starting.",
			meaning: "Above 30 s the gateway is overloaded or its disk is slow.",
			collect: one(func(s *scrape) float64 { return s.ReadyAfter.Seconds() })},
		{name: "config_last_reload_successful", kind: gauge,
			help:    "1 if the newest reload of the configuration worked or none was requested, else 0.",
			meaning: "At 0 the previous configuration is still in force: run `check` on the file and reload.",
			collect: one(func(s *scrape) float64 { return truth(s.ReloadOK) })},
		{name: "watchdog_progress", kind: gauge,
			help:    "1 while sampling, scoring and delivery all make progress, else 0.",
			meaning: "At 0 systemd restarts the agent when its watchdog interval ends; /health names the stage that is stuck.",
			collect: one(func(s *scrape) float64 { return truth(s.Stalled == "") })},
		{name: "memory_usage_bytes", kind: gauge,
			help:    "Memory of the process without pages of files, which the kernel takes back where memory is short; process_resident_memory_bytes has them too.",
			meaning: "Compare it with memory_limit_bytes; steady growth over days is a leak worth a report.",
			collect: one(func(s *scrape) uint64 { return s.Memory })},
		{name: "memory_limit_bytes", kind: gauge,
			help:    "Memory that the process may use: the smallest of the memory of the gateway, the limits of its control groups and `budget.memory`.",
			meaning: "From 80 % of it on the agent saves memory, at 95 % for a minute it ends with 75 to be started again. Absent where the limit is unknown.",
			collect: func(s *scrape, put put) {
				if s.MemoryLimit > 0 {
					put(float64(s.MemoryLimit))
				}
			}},
		{name: "cpu_usage_percent", kind: gauge,
			help:    "How busy the CPU of the gateway is, over all cores and processes, on the average of ten seconds; 0 to 100.",
			meaning: "Above 80 % for minutes rows may come late; process_cpu_seconds_total tells what the agent itself takes. Absent before the first ten seconds.",
			collect: func(s *scrape, put put) {
				if !math.IsNaN(s.Host.CPU) {
					put(s.Host.CPU)
				}
			}},
		{name: "disk_usage_percent", kind: gauge, labels: labels("path"),
			help:    "How full the file system of the state folder is, and that of `spool.dir` where it is another folder, as df(1) counts; 0 to 100.",
			meaning: "Above 95 % make room: events that cannot be stored are sent from memory only.",
			collect: func(s *scrape, put put) {
				for _, d := range s.Host.Disks {
					put(d.Percent, d.Path)
				}
			}},
		{name: "network_bytes_total", kind: counter, labels: labels("direction"),
			help:    "Bytes over all network interfaces of the gateway but the loopback, by direction: received or sent.",
			meaning: "What a metered link costs, and all programs of the gateway take. An unusual rate is worth a look.",
			collect: func(s *scrape, put put) {
				put(float64(s.Host.Received), "received")
				put(float64(s.Host.Sent), "sent")
			}},
		{name: "certificate_expiry_timestamp", kind: gauge, labels: labels("of"),
			help:    "When a certificate expires, in seconds since 1970: that of the endpoint (http), the client certificate (mqtt), or the one that the broker showed last (broker).",
			meaning: "Renew it in time: after that, connections fail. Absent where no certificate is in use.",
			collect: func(s *scrape, put put) {
				for _, c := range s.Certificates {
					put(seconds(c.Expires), c.Of)
				}
			}},
		{name: "temperature_celsius", kind: gauge,
			help:    "Temperature of the part of the gateway that is nearest to what it may have: 80 °C, or 10 K below the temperature at which the kernel switches off.",
			meaning: "Cool the cabinet before the processor is slowed down; /health names the part. Absent where the kernel knows none.",
			collect: func(s *scrape, put put) {
				if !math.IsNaN(s.Host.Heat.Celsius) {
					put(s.Host.Heat.Celsius)
				}
			}},
		{name: "guard_level", kind: gauge, labels: labels("of"),
			help:    "How scarce something is, with hysteresis: 0 fine, 1 high, 2 critical; of memory (80 and 95 %), cpu (80 % for five minutes), disk_space (80 and 95 %), temperature or supply.",
			meaning: "/health and the log say what to do. supply is 1 while a Raspberry Pi tells of under-voltage or slows down.",
			collect: func(s *scrape, put put) {
				for _, of := range guard.Kinds {
					put(float64(guard.Worst(s.Troubles, of)), of)
				}
			}},
		{name: "memory_collections_total", kind: counter,
			help:    "Times that the agent gave back all memory it could, because it used more than 80 % of its limit.",
			meaning: "At most one a minute. When it rises, memory is short: see memory_usage_bytes.",
			collect: one(func(s *scrape) uint64 { return s.Collections })},
		{name: "telemetry_shed_total", kind: counter,
			help:    "Rows of telemetry that were not published because memory was short.",
			meaning: "Events are not among them.",
			collect: one(func(s *scrape) uint64 { return s.Shed })},
		{name: "http_requests_total", kind: counter, labels: labels("status"),
			help:    "Requests that the HTTP endpoint answered, by HTTP status.",
			meaning: "A rising 500 or 503 means that the agent reports itself unhealthy; 421 that a client uses a host name the endpoint does not accept. 200, 401, 404, 405, 421, 500 and 503 exist from the start, other statuses from their first answer on.",
			collect: requests},
		{name: "authentication_failures_total", kind: counter,
			help:    "Requests refused because they did not carry the token.",
			meaning: "A burst is a scanner or a client with an old token.",
			collect: one(func(s *scrape) uint64 { return s.metrics.Unauthorized() })},
		{name: "key_files_unusable", kind: gauge, labels: labels("of"),
			help:    "1 while the newest certificates, keys, token or password of the endpoint (http) or of the broker connection (mqtt) cannot be used, else 0.",
			meaning: "What was read before stays in force, until it expires; /health and the log name the file.",
			collect: keyFiles},
		{name: "http_connections_displaced_total", kind: counter,
			help:    "Connections to the endpoint that were closed because a newer one needed the place.",
			meaning: "When it rises, clients hold connections without using them, or somebody floods the endpoint; the log names one address.",
			collect: one(func(s *scrape) uint64 { return s.metrics.displaced.Load() })},
	}},

	{"Machines", []metric{
		{name: "machine_state", kind: gauge, labels: labels("machine", "state"),
			help:    "1 for the state that the machine is in, 0 for the others: blind, anomaly, limit, drift, learning, idle or normal.",
			meaning: "If several apply, it is the first of them in this order. A machine that is blind is not watched: /health says why.",
			collect: func(s *scrape, put put) {
				for i := range s.Machines {
					for _, st := range judge.States() {
						put(truth(s.Machines[i].State == st), s.Machines[i].Name, string(st))
					}
				}
			}},
		{name: "machine_last_row_timestamp_seconds", kind: gauge, labels: labels("machine"),
			help:    "Time of the newest row, in seconds since 1970; 0 before the first.",
			meaning: "When it is older than three periods, no data arrives and /health is unhealthy.",
			collect: perMachine(func(m *machine.Status) float64 { return seconds(m.RowTime) })},
		{name: "machine_errors_total", kind: counter, labels: labels("machine"),
			help:    "Errors of the machine's model, its stored rows or its event messages.",
			meaning: "It should not rise: the log carries the text, and /health as long as the trouble lasts.",
			collect: perMachine(func(m *machine.Status) uint64 { return m.Errors })},
		{name: "machine_panics_total", kind: counter, labels: labels("machine"),
			help:    "Panics while the machine judged or learnt, each confined to the machine, which is started again after a pause.",
			meaning: "Any is a fault of the program: report it with the stack trace from the log.",
			collect: perMachine(func(m *machine.Status) uint64 { return m.Panics })},
		{name: "machine_model_problem", kind: gauge, labels: labels("machine"),
			help:    "1 while the machine has no model that judges all of its channels, and it is not just being learnt for the first time.",
			meaning: "When it is 1, the machine is blind or judges in part: an alert event, /health and check say why and what to do.",
			collect: perMachine(func(m *machine.Status) float64 {
				if m.Problem != "" {
					return 1
				}
				return 0
			})},
		{name: "machine_model_refused", kind: gauge, labels: labels("machine"),
			help:    "1 while an alert tells that a model for the machine was refused, or was taken back on probation.",
			meaning: "The model before it judges on. The alert `model_update`, /health and the log say why; `model list` shows what is in use.",
			collect: perMachine(func(m *machine.Status) float64 { return truth(m.Refused != "") })},
		{name: "machine_model_probation", kind: gauge, labels: labels("machine"),
			help:    "1 while the model of the machine is on probation after it was installed or activated.",
			meaning: "It ends by itself: the model is kept, or the one before it is taken back.",
			collect: perMachine(func(m *machine.Status) float64 { return truth(m.Trial.Span > 0 && !m.Trial.Passed()) })},
		{name: "model_updates_total", kind: counter, labels: labels("machine", "result"),
			help:    "What became of models that somebody brought or chose: installed, activated, rolled_back by somebody, taken_back on probation, or refused.",
			meaning: "taken_back and refused mean that a model was not what somebody took it for; [models.md](models.md) has the gates.",
			collect: func(s *scrape, put put) {
				for _, u := range s.Updates {
					for i, result := range UpdateResults {
						put(float64(u.Count[i]), u.Machine, result)
					}
				}
			}},
		{name: "learning_rows_lost_total", kind: counter, labels: labels("machine"),
			help:    "Rows collected for learning that were lost: damaged or removed on disk, or refused by it for long.",
			meaning: "They are collected again, so learning takes longer; an alert event says how many. Look at the disk.",
			collect: perMachine(func(m *machine.Status) uint64 { return m.RowsLost })},
		{name: "samples_unjudged_total", kind: counter, labels: labels("machine"),
			help:    "Rows that came while the machine waited to be learnt, and were too many to be judged afterwards.",
			meaning: "They have no score; limits were watched. It stays 0 unless many machines learn at once.",
			collect: perMachine(func(m *machine.Status) uint64 { return m.Unjudged })},
		{name: "machine_muted", kind: gauge, labels: labels("machine"),
			help:    "1 while somebody has muted the machine, else 0.",
			meaning: "Its anomalies and warnings are not told. It ends by itself; `status` says when.",
			collect: perMachine(func(m *machine.Status) float64 { return truth(m.Mute != nil) })},
		{name: "machine_muted_events_total", kind: counter, labels: labels("machine"),
			help:    "Events that did not open because the machine was muted.",
			meaning: "Those that still hold when the mute ends open then.",
			collect: perMachine(func(m *machine.Status) uint64 { return m.Silent })},
		{name: "learning_progress_ratio", kind: gauge, labels: labels("machine"),
			help:    "How much of the learning is done, 0 to 1; 1 when the machine is not learning.",
			meaning: "When it stands still, the machine is idle or its rows have no values.",
			collect: perMachine(func(m *machine.Status) float64 {
				if m.Learns() {
					return m.Learning.Done
				}
				return 1
			})},
		{name: "samples_processed_total", kind: counter, labels: labels("machine"),
			help:    "Rows taken from the sensors.",
			meaning: "It rises by one per period; the difference to samples_scored_total is rows without a score.",
			collect: perMachine(func(m *machine.Status) uint64 { return m.Rows })},
		{name: "samples_scored_total", kind: counter, labels: labels("machine"),
			help:    "Rows that received a score.",
			meaning: "It stands still while the machine is learning, idle or blind.",
			collect: perMachine(func(m *machine.Status) uint64 { return m.Scored })},
		{name: "inference_errors_total", kind: counter, labels: labels("machine", "reason"),
			help:    "Rows that should have been judged and could not be, by reason: no_model (none can be used, and none is learnt) or no_values (more than half of the channels, or that of run_when, were missing).",
			meaning: "While it rises the machine is not watched: `status` and /health say why.",
			collect: func(s *scrape, put put) {
				for i := range s.Machines {
					for j, reason := range machine.FailReasons {
						put(float64(s.Machines[i].Failed[j]), s.Machines[i].Name, reason)
					}
				}
			}},
		{name: "samples_late_total", kind: counter, labels: labels("machine"),
			help:    "Rows completed only at the end of their period because a sensor had not answered.",
			meaning: "When most rows are late, a sensor is too slow for the machine's period; sensor_read_duration_seconds shows which.",
			collect: perMachine(func(m *machine.Status) uint64 { return m.Sampling.Late })},
		{name: "samples_dropped_total", kind: counter, labels: labels("machine"),
			help:    "Rows dropped because scoring had fallen behind, or missed because the agent did not get to run for more than a period.",
			meaning: "A rise means that the CPU is too slow for the periods.",
			collect: perMachine(func(m *machine.Status) uint64 { return m.Sampling.Dropped })},
		{name: "inference_duration_seconds", kind: distrib,
			help:      "Time from a row to its score.",
			meaning:   "A 95th percentile above 10 ms means an overloaded or throttled CPU.",
			histogram: func(m *Metrics) *histogram { return m.inference }},
	}},

	{"Scores and events", []metric{
		{name: "anomaly_score", kind: gauge, labels: labels("machine"),
			help:    "Newest score, where 1 is the threshold; NaN while there is none.",
			meaning: "Lasting values above 1 become an event of kind process_anomaly.",
			collect: perMachine(func(m *machine.Status) float64 { return m.Score })},
		{name: "reconstruction_error", kind: distrib,
			help:      "Distribution of the scores of all machines, where 1 is the threshold.",
			meaning:   "More than a few per cent of scores above 1 in normal operation mean that the model no longer fits.",
			histogram: func(m *Metrics) *histogram { return m.scores }},
		{name: "events_open", kind: gauge, labels: labels("machine", "kind", "severity"),
			help:    "Events that are open now, by kind (process_anomaly, limit, sensor_fault, bus_fault, drift, alert) and severity (warning, high, critical); of faults that machines share, machine is absent.",
			meaning: "Page on a series above 0 of a kind and severity that you act on. It survives a restart: events that stay open are counted at once.",
			collect: eventsOpen},
		{name: "events_acknowledged", kind: gauge,
			help:    "Open events that somebody has acknowledged.",
			meaning: "The rest of the open events waits for somebody.",
			collect: one(func(s *scrape) float64 {
				n := 0
				for i := range s.Events {
					if s.Events[i].Ack != nil {
						n++
					}
				}
				return float64(n)
			})},
		{name: "anomalies_detected_total", kind: counter, labels: labels("severity", "sensor", "kind", "bus"),
			help:    "Events opened, by severity (warning, high, critical) and kind (process_anomaly, limit, sensor_fault, bus_fault, drift).",
			meaning: "Alert on an increase of the kinds and severities you act on. `sensor` is the faulty sensor, or the sensor of the channel most to blame when the event opened; a bus_fault has no sensor but a `bus`. Every configured sensor and bus has its series from the start.",
			collect: eventsOpened},
		{name: "alerts_generated_total", kind: counter, labels: labels("severity", "type"),
			help:    "Events of kind alert that were opened: trouble of the gateway itself, by severity (warning, high, critical) and type, the key of the alert.",
			meaning: "docs/runbook.md says for each type what to do.",
			collect: alertsOpened},
	}},

	{"Models and drift", []metric{
		{name: "model_info", kind: gauge, labels: labels("machine", "model_version", "sha"),
			help:    "Always 1; the labels carry the version and the SHA-256 of the machine's active model.",
			meaning: "Shows which model judged at a given time. Absent while the machine has no model.",
			collect: func(s *scrape, put put) {
				for i := range s.Machines {
					if m := &s.Machines[i]; m.Model.Version != "" {
						put(1, m.Name, m.Model.Version, m.Model.SHA256)
					}
				}
			}},
		{name: "model_drift_score", kind: gauge, labels: labels("machine"),
			help:    "How far the machine has moved from what was learnt, 0 to 1; from 0.7 on it has drifted.",
			meaning: "Above 0.7 find out whether the change is wanted, then learn the machine anew. Absent until there is enough data to judge.",
			collect: func(s *scrape, put put) {
				for i := range s.Machines {
					if m := &s.Machines[i]; !math.IsNaN(m.Drift.Score) {
						put(m.Drift.Score, m.Name)
					}
				}
			}},
		{name: "model_drift_sensor_score", kind: gauge, labels: labels("machine", "channel"),
			help:    "How far one channel has moved from what was learnt, 0 to 1.",
			meaning: "Shows which channels make up the machine's drift. In spite of its name it is per channel, not per sensor. Absent until there is enough data to judge.",
			collect: func(s *scrape, put put) {
				for i := range s.Machines {
					m := &s.Machines[i]
					for j, d := range m.Drift.Channels {
						if !math.IsNaN(d.Score) {
							put(d.Score, m.Name, m.Channels[j].Name)
						}
					}
				}
			}},
	}},
}, fieldTable, deliveryTable)

// renamed are labels that had another name before. docs/metrics.md lists them.
var renamed = []struct{ metric, before, now string }{
	{"sensor_value", "sensor", "channel"},
	{"sensor_quality", "sensor", "channel"},
	{"model_drift_sensor_score", "sensor", "channel"},
	{"anomalies_detected_total", "sensor (of a bus_fault: the bus)", "bus"},
}
