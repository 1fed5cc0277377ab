package status

import (
	"math"
	"runtime"

	"iot-edge-anomaly/agent/devices"
	"iot-edge-anomaly/agent/guard"
	"iot-edge-anomaly/agent/judge"
	"iot-edge-anomaly/agent/machine"
	"iot-edge-anomaly/agent/mqtt"
	"iot-edge-anomaly/agent/sampler"
	"iot-edge-anomaly/agent/spool"
)

// table holds every metric of the agent but those that the metrics library
// writes about the process and the Go runtime (go_* and process_*).
//
// `sensor` is always a configured sensor, `channel` always a full channel name
// (sensor.channel), `bus` a configured bus and `machine` a configured machine.
// A counter whose label values are known beforehand has all of them from the
// first scrape on, with the value 0.
var table = []section{
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
			help:    "Resident memory of the process.",
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

	{"Sensors", []metric{
		{name: "sensor_value", kind: gauge, labels: labels("machine", "channel"),
			help:    "Newest value in the channel's unit; NaN unless its quality is good.",
			meaning: "For trends and dashboards.",
			collect: perChannel(func(m *machine.Status, channel int) float64 { return m.Values[channel] })},
		{name: "sensor_quality", kind: gauge, labels: labels("machine", "channel"),
			help:    "Quality of the newest value: 1 good, 3 suspect, 4 bad, 7 stale, 9 missing.",
			meaning: "Anything but 1 is not scored. See docs/quality.md; the page and /api/v1/state give the reason.",
			collect: perChannel(func(m *machine.Status, channel int) float64 { return float64(m.Quality[channel]) })},
		{name: "sensor_flags_total", kind: counter, labels: labels("machine", "sensor", "quality"),
			help:    "Values of the sensor in the machine's rows, by quality: good, suspect, bad, stale or missing.",
			meaning: "The share that is not good says how much of the sensor's data the model cannot use.",
			collect: func(s *scrape, put put) {
				for i := range s.Machines {
					for _, f := range s.Machines[i].Sampling.Flags {
						put(float64(f.N), s.Machines[i].Name, f.Sensor, f.Quality.String())
					}
				}
			}},
		{name: "sensor_reads_total", kind: counter, labels: labels("bus", "sensor"),
			help:    "Reads of the sensor, successful or not.",
			meaning: "Divide sensor_read_errors_total by it for the error rate.",
			collect: perSensor(func(r *sampler.Reading) uint64 { return r.Reads })},
		{name: "sensor_read_errors_total", kind: counter, labels: labels("bus", "sensor", "reason"),
			help:    "Reads that failed, by reason: timeout (no answer), bus (the shared line), device (an error or a wrong answer from the device), panic (a fault of the driver).",
			meaning: "timeout: check supply and address; bus: check cable and adapter; device: check the configuration; panic: report it.",
			collect: func(s *scrape, put put) {
				for j, reason := range sampler.Reasons {
					perSensor(func(r *sampler.Reading) uint64 { return r.Errors[j] })(s, func(v float64, labels ...string) { put(v, append(labels, reason)...) })
				}
			}},
		{name: "sensor_last_good_timestamp_seconds", kind: gauge, labels: labels("bus", "sensor"),
			help:    "End of the newest read that brought a value, in seconds since 1970; 0 before the first.",
			meaning: "`time()` minus it is how long the sensor has been silent.",
			collect: perSensor(func(r *sampler.Reading) float64 { return seconds(r.LastGood) })},
		{name: "sensor_read_duration_seconds", kind: gauge, labels: labels("bus", "sensor"),
			help:    "Duration of the newest read.",
			meaning: "The reads of all sensors of a bus together must fit into the period.",
			collect: perSensor(func(r *sampler.Reading) float64 { return r.Latency.Seconds() })},
	}},

	{"Buses", []metric{
		{name: "bus_overruns_total", kind: counter, labels: labels("bus"),
			help:    "Reads skipped because the one before took longer than the period.",
			meaning: "When it rises steadily, give the sensors of the bus a longer period or a shorter timeout.",
			collect: perBus(func(b *sampler.BusStats) uint64 { return b.Overruns })},
		{name: "bus_panics_total", kind: counter, labels: labels("bus"),
			help:    "Panics of drivers on the bus, each confined to its sensor.",
			meaning: "Any is a fault of the program: report it with the stack trace from the log.",
			collect: perBus(func(b *sampler.BusStats) uint64 { return b.Panics })},
	}},

	{"Modbus", []metric{
		{name: "modbus_requests_total", kind: counter, labels: labels("bus"),
			help:    "Requests made on the bus, attempts to connect included.",
			meaning: "It stands still while a connection that failed is left alone.",
			collect: perModbus(func(n *devices.ModbusStats) int64 { return n.Requests })},
		{name: "modbus_retries_total", kind: counter, labels: labels("bus"),
			help:    "Requests made a second time at once.",
			meaning: "Many on a serial line mean noise: check termination, bias resistors and shield.",
			collect: perModbus(func(n *devices.ModbusStats) int64 { return n.Retries })},
		{name: "modbus_resync_total", kind: counter, labels: labels("bus"),
			help:    "Frames skipped on the way to an answer: late answers and echoes.",
			meaning: "Late answers mean that `timeout` is too short for a device; docs/modbus.md says what they cost.",
			collect: perModbus(func(n *devices.ModbusStats) int64 { return n.Resyncs })},
		{name: "modbus_out_of_step_total", kind: counter, labels: labels("bus"),
			help:    "Over TCP: answers that belong to an earlier request, or may; their values are missing or suspect.",
			meaning: "The gateway gives late answers to the next request. Give it, and the bus, a longer timeout; restart a gateway that stays behind.",
			collect: perModbus(func(n *devices.ModbusStats) int64 { return n.Unmatched })},
		{name: "modbus_foreign_frames_total", kind: counter, labels: labels("bus"),
			help:    "On serial lines and serial servers: requests of another master, and answers to them.",
			meaning: "Any is a fault of the wiring: two masters share a line. Use `listen=true`, or give each its own line.",
			collect: perModbus(func(n *devices.ModbusStats) int64 { return n.Foreign })},
		{name: "modbus_connects_total", kind: counter, labels: labels("bus"),
			help:    "Connections made, or serial ports opened.",
			meaning: "When it rises steadily, the device closes the connection or the adapter is unplugged again and again.",
			collect: perModbus(func(n *devices.ModbusStats) int64 { return n.Connects })},
		{name: "modbus_errors_total", kind: counter, labels: labels("bus", "reason"),
			help:    "Requests that brought no values, by reason: timeout, frame (length, checksum or function), exception, hangup, connect, refused (not a read, so it was not sent).",
			meaning: "timeout: device or wiring; frame: noise or wrong baud rate and parity; exception: a register that the device does not have; hangup and connect: network, port or too many clients.",
			collect: modbusErrors},
	}},

	{"Modbus, listening", []metric{
		{name: "modbus_listen_bytes_total", kind: counter, labels: labels("bus"),
			help:    "Bytes overheard on the line.",
			meaning: "When it stands still, the other master does not poll or the wires are not connected.",
			collect: perListener(func(n *devices.Heard) int64 { return n.Bytes })},
		{name: "modbus_listen_understood_bytes_total", kind: counter, labels: labels("bus"),
			help:    "Overheard bytes that belong to frames whose part in the traffic is known.",
			meaning: "Divide its rate by that of modbus_listen_bytes_total for the present share.",
			collect: perListener(func(n *devices.Heard) int64 { return n.Understood })},
		{name: "modbus_listen_understood_ratio", kind: gauge, labels: labels("bus"),
			help:    "Share of the overheard bytes that was understood, 0 to 1.",
			meaning: "Below 0.99 check baud rate, parity and noise. Absent before the first byte.",
			collect: func(s *scrape, put put) {
				for i := range s.Heard {
					if n := &s.Heard[i]; n.Bytes > 0 {
						put(n.Share(), n.Bus)
					}
				}
			}},
		{name: "modbus_listen_exchanges_total", kind: counter, labels: labels("bus"),
			help:    "Reads of the other master whose values were used.",
			meaning: "When it stands still, no value of the bus is renewed.",
			collect: perListener(func(n *devices.Heard) int64 { return n.Exchanges })},
		{name: "modbus_listen_opens_total", kind: counter, labels: labels("bus"),
			help:    "Times that the serial port was opened.",
			meaning: "When it rises, the adapter is unplugged again and again.",
			collect: perListener(func(n *devices.Heard) int64 { return n.Opens })},
		{name: "modbus_listen_passed_total", kind: counter, labels: labels("bus", "reason"),
			help:    "Overheard traffic that brought no value, by reason: exception, write, foreign (another function), unanswered, unpaired, ambiguous, noise.",
			meaning: "unanswered: a device is dead; unpaired and ambiguous: answers that could not be assigned safely; noise: check baud rate, parity and wiring.",
			collect: listenPassed},
	}},

	{"I2C", []metric{
		{name: "i2c_transfers_total", kind: counter, labels: labels("bus"),
			help:    "Transfers that ended, successful or not; a repeated one counts once.",
			meaning: "Divide i2c_errors_total by it for the error rate.",
			collect: perI2C(func(n *devices.I2CStats) uint64 { return n.Transfers })},
		{name: "i2c_retries_total", kind: counter, labels: labels("bus"),
			help:    "Attempts at a transfer beyond the first.",
			meaning: "Many mean long or disturbed wires, weak pull-up resistors or too fast a bus.",
			collect: perI2C(func(n *devices.I2CStats) uint64 { return n.Retries })},
		{name: "i2c_opens_total", kind: counter, labels: labels("bus"),
			help:    "Times that the bus was opened.",
			meaning: "More than 1 means that the bus was reopened after many errors or after its adapter was unplugged.",
			collect: perI2C(func(n *devices.I2CStats) uint64 { return n.Opens })},
		{name: "i2c_errors_total", kind: counter, labels: labels("bus", "reason"),
			help:    "Transfers that failed, by reason: no_answer, stuck, gone (the adapter), open (the bus cannot be opened), other.",
			meaning: "no_answer: wiring, address, or a chip that is still measuring; stuck: a chip holds a wire low, switch the supply off and on; gone: the adapter was unplugged; open: driver or permissions.",
			collect: func(s *scrape, put put) {
				for i := range s.I2C {
					for j, reason := range devices.I2CReasons {
						put(float64(s.I2C[i].Errors[j]), s.I2C[i].Bus, reason)
					}
				}
			}},
		{name: "i2c_transfer_underway_seconds", kind: gauge, labels: labels("bus"),
			help:    "How long the present transfer has been in the controller; 0 when there is none.",
			meaning: "Above some seconds the controller hangs and its sensors bring no values.",
			collect: perI2C(func(n *devices.I2CStats) float64 { return n.Underway.Seconds() })},
	}},

	{"Delivery", []metric{
		{name: "mqtt_connected", kind: gauge,
			help:    "1 while the broker is connected, else 0.",
			meaning: "At 0 messages wait in the queue; /health carries the error. The mqtt_* metrics are absent where no broker is configured.",
			collect: ofBroker(func(b *mqtt.Stats) float64 { return truth(b.Connected) })},
		{name: "mqtt_connects_total", kind: counter,
			help:    "Connections that the broker accepted.",
			meaning: "When it rises steadily, two clients may be using one client id, or the network is unstable.",
			collect: ofBroker(func(b *mqtt.Stats) uint64 { return b.Connects })},
		{name: "mqtt_disconnects_total", kind: counter,
			help:    "Connections to the broker that ended.",
			meaning: "See mqtt_connects_total.",
			collect: ofBroker(func(b *mqtt.Stats) uint64 { return b.Disconnects })},
		{name: "mqtt_publish_sent_total", kind: counter,
			help:    "Messages from the queue handed to a connection.",
			meaning: "When it runs ahead of mqtt_publish_acked_total, the broker is slow.",
			collect: ofBroker(func(b *mqtt.Stats) uint64 { return b.Published })},
		{name: "mqtt_publish_acked_total", kind: counter,
			help:    "Messages from the queue that the broker acknowledged.",
			meaning: "These are delivered and have left the queue.",
			collect: ofBroker(func(b *mqtt.Stats) uint64 { return b.Acked })},
		{name: "mqtt_publish_resent_total", kind: counter,
			help:    "Messages sent again after a connection was lost.",
			meaning: "Receivers may see them twice; the event's id and seq tell.",
			collect: ofBroker(func(b *mqtt.Stats) uint64 { return b.Resent })},
		{name: "mqtt_publish_errors_total", kind: counter,
			help:    "Connections to the broker that could not be made or broke.",
			meaning: "The log and /health carry the text of the newest error.",
			collect: ofBroker(func(b *mqtt.Stats) uint64 { return b.Errors })},
		{name: "mqtt_refused_total", kind: counter,
			help:    "Messages from the queue that the broker does not take in any form, and that were set aside.",
			meaning: "They are in refused.jsonl in the state folder, each with the likely reason: the broker's packet limit or its rules.",
			collect: ofBroker(func(b *mqtt.Stats) uint64 { return b.SetAside })},
		{name: "mqtt_truncated_total", kind: counter,
			help:    "Messages from the queue that the broker took only without causes and detail.",
			meaning: "Raise the broker's packet limit. The whole messages are in refused.jsonl in the state folder.",
			collect: ofBroker(func(b *mqtt.Stats) uint64 { return b.Truncated })},
		{name: "mqtt_topics_refused", kind: gauge,
			help:    "Retained topics that the broker does not take at present.",
			meaning: "Allow them in the broker's access control list; they are tried again every hour and at a reload.",
			collect: ofBroker(func(b *mqtt.Stats) int { return b.Topics })},
		{name: "commands_total", kind: counter, labels: labels("verb", "result"),
			help:    "Commands that came over MQTT, by verb (ack, mute) and result: accepted, refused, ignored (it was retained).",
			meaning: "A rise of refused means that somebody guesses, or uses an old challenge; the alerts with the source `command` say more.",
			collect: func(s *scrape, put put) {
				for _, c := range s.Commands {
					put(float64(c.Accepted), c.Verb, "accepted")
					put(float64(c.Refused), c.Verb, "refused")
					put(float64(c.Ignored), c.Verb, "ignored")
				}
			}},
		{name: "sparkplug_connected", kind: gauge,
			help:    "1 while the edge node of Sparkplug is connected to the broker, else 0.",
			meaning: "At 0 hosts show the gateway as dead; /health carries the error. The sparkplug_* metrics are absent where `sparkplug` is off.",
			collect: ofEdge(func(e *Sparkplug) float64 { return truth(e.Line.Connected) })},
		{name: "sparkplug_births_total", kind: counter,
			help:    "NBIRTH messages: one for each connection, each rebirth and each step of the clock.",
			meaning: "A steady rise is a connection that does not last, or a host that misses messages.",
			collect: ofEdge(func(e *Sparkplug) uint64 { return e.Node.Births })},
		{name: "sparkplug_rebirths_total", kind: counter,
			help:    "NBIRTH messages that a host asked for.",
			meaning: "At most three in 30 s are granted.",
			collect: ofEdge(func(e *Sparkplug) uint64 { return e.Node.Rebirths })},
		{name: "sparkplug_messages_total", kind: counter,
			help:    "Messages that the edge node published.",
			meaning: "They are sent at most once, with QoS 0 as the specification wants, and are never on disk.",
			collect: ofEdge(func(e *Sparkplug) uint64 { return e.Node.Messages })},
		{name: "sparkplug_commands_ignored_total", kind: counter,
			help:    "NCMD messages that asked for something else than a rebirth, or could not be read.",
			meaning: "Somebody tries to write to the gateway, which takes nothing.",
			collect: ofEdge(func(e *Sparkplug) uint64 { return e.Node.Ignored })},
		{name: "telemetry_messages_total", kind: counter,
			help:    "Messages with telemetry or health handed to the connection.",
			meaning: "They wait in memory, 256 KiB of them, and are never on disk.",
			collect: ofBroker(func(b *mqtt.Stats) uint64 { return b.Offered })},
		{name: "telemetry_dropped_total", kind: counter,
			help:    "Messages with telemetry or health that were not delivered.",
			meaning: "Rises while the broker is away for long, and by one with each lost connection. Events are not among them.",
			collect: ofBroker(func(b *mqtt.Stats) uint64 { return b.OfferDropped })},
		{name: "metrics_pushed_total", kind: counter,
			help:    "Scrapes that the receiver of `metrics.push` took.",
			meaning: "It rises by one per `metrics.interval`. The metrics_* metrics are absent where nothing is pushed.",
			collect: ofPush(func(p *PushStats) uint64 { return p.Sent })},
		{name: "metrics_push_errors_total", kind: counter,
			help:    "Attempts to push that failed.",
			meaning: "/health and the log say why.",
			collect: ofPush(func(p *PushStats) uint64 { return p.Errors })},
		{name: "metrics_push_dropped_total", kind: counter,
			help:    "Scrapes that were not pushed: every second one of those that waited when they reached 1 MiB, those that the receiver refused, and those without a time of their own.",
			meaning: "The receiver was away for long, or refuses the content.",
			collect: ofPush(func(p *PushStats) uint64 { return p.Dropped })},
		{name: "metrics_push_waiting_bytes", kind: gauge,
			help:    "Compressed scrapes that wait in memory for the receiver.",
			meaning: "A lasting rise means that nothing is pushed.",
			collect: ofPush(func(p *PushStats) int { return p.Waiting })},
		{name: "spool_messages", kind: gauge,
			help:    "Messages in the queue that the broker has not acknowledged.",
			meaning: "A lasting rise means that nothing is delivered.",
			collect: ofSpool(func(q *spool.Stats) int { return q.Messages })},
		{name: "spool_bytes", kind: gauge,
			help:    "Disk space that the queue uses.",
			meaning: "At `spool.max` the oldest messages are dropped.",
			collect: ofSpool(func(q *spool.Stats) int64 { return q.Bytes })},
		{name: "spool_oldest_age_seconds", kind: gauge,
			help:    "Age of the oldest message in the queue; 0 when it is empty.",
			meaning: "How far the receivers of events are behind.",
			collect: ofSpool(func(q *spool.Stats) float64 { return q.Oldest.Seconds() })},
		{name: "spool_appended_total", kind: counter,
			help:    "Messages that became durable in the queue.",
			meaning: "The number of event messages made.",
			collect: ofSpool(func(q *spool.Stats) uint64 { return q.Appended })},
		{name: "spool_dropped_total", kind: counter,
			help:    "Messages dropped because the queue or the disk was full.",
			meaning: "Any are lost for good: bring the broker back, free disk space or raise `spool.max`.",
			collect: ofSpool(func(q *spool.Stats) uint64 { return q.Dropped })},
		{name: "spool_corrupt_total", kind: counter,
			help:    "Messages in the queue lost to damaged storage.",
			meaning: "Any means that the SD card or disk is failing: replace it.",
			collect: ofSpool(func(q *spool.Stats) uint64 { return q.Corrupt })},
		{name: "disk_wait_seconds", kind: gauge,
			help:    "How long the oldest operation on the disk of the state folder has been under way; 0 = none is.",
			meaning: "Seconds mean that the card is worn out or overloaded; events wait meanwhile.",
			collect: one(func(s *scrape) float64 { return s.DiskWait.Seconds() })},
		{name: "spool_spared_total", kind: counter,
			help:    "Of the dropped messages, updates of events.",
			meaning: "They go first; what is dropped beyond them were opens and closes.",
			collect: ofSpool(func(q *spool.Stats) uint64 { return q.Spared })},
		{name: "spool_volatile_total", kind: counter,
			help:    "Messages sent before they were on the disk, because it failed or did not answer for ten seconds.",
			meaning: "Any means that the SD card or disk is failing or overloaded.",
			collect: ofSpool(func(q *spool.Stats) uint64 { return q.Told })},
		{name: "event_updates_merged_total", kind: counter,
			help:    "Updates of events that waited and went into a later message of their event.",
			meaning: "More was written to the disk than `budget.disk_per_day` allows.",
			collect: one(func(s *scrape) uint64 { return s.Merged })},
		{name: "disk_bytes_written_total", kind: counter,
			help:    "Bytes that the agent wrote to disk, in whole pages of 4 KiB: queue, learning rows, models and state.",
			meaning: "Its daily rate is the agent's share of the wear of the SD card.",
			collect: one(func(s *scrape) uint64 { return s.DiskWritten })},
		{name: "disk_budget_used_ratio", kind: gauge,
			help:    "What is used of the bytes that may be written to disk at once, a quarter of `budget.disk_per_day`.",
			meaning: "From 1 on updates of events are merged.",
			collect: one(func(s *scrape) float64 { return s.BudgetUsed })},
	}},
}

// renamed are labels that had another name before. docs/metrics.md lists them.
var renamed = []struct{ metric, before, now string }{
	{"sensor_value", "sensor", "channel"},
	{"sensor_quality", "sensor", "channel"},
	{"model_drift_sensor_score", "sensor", "channel"},
	{"anomalies_detected_total", "sensor (of a bus_fault: the bus)", "bus"},
}
