package status

import (
	"bytes"
	"io"
	"slices"
	"strings"
)

// help says what each metric means, in Prometheus' HELP lines. The library that
// keeps the metrics leaves them empty.
var help = map[string]string{
	"http_requests_total":                  "answers of the endpoint, by HTTP status",
	"i2c_errors_total":                     "transfers that failed: no_answer (a chip that still measures too), stuck, gone, open or other",
	"i2c_opens_total":                      "times the bus was opened",
	"i2c_retries_total":                    "attempts at a transfer beyond the first",
	"i2c_transfer_underway_seconds":        "how long the transfer under way has been in the controller",
	"i2c_transfers_total":                  "transfers on the bus, good or not",
	"inference_duration_seconds":           "time from a row to its score",
	"reconstruction_error":                 "scores; 1 is the threshold",
	"anomalies_detected_total":             "events opened, by kind, severity and the sensor to blame",
	"anomaly_score":                        "newest score, 1 is the threshold; NaN while there is none",
	"application_startup_duration_seconds": "time from the start to ready",
	"authentication_failures_total":        "requests refused for want of the token",
	"build_info":                           "1; version, device and site stand in the labels",
	"bus_overruns_total":                   "readings skipped because the one before took too long",
	"bus_panics_total":                     "panics of drivers on the bus",
	"config_last_reload_successful":        "1 if the newest reload worked, or none was asked for",
	"disk_bytes_written_total":             "bytes the queue wrote to disk",
	"learning_progress_ratio":              "how far learning is; 1 once there is a model",
	"machine_errors_total":                 "errors of the model, its rows or its reports",
	"machine_last_row_timestamp_seconds":   "time of the newest row",
	"machine_state":                        "1 for the state the machine is in",
	"memory_limit_bytes":                   "memory this process may take",
	"memory_usage_bytes":                   "resident memory of this process",
	"model_drift_score":                    "how far the machine has moved from what was learnt, 0 to 1; from 0.7 it has drifted; absent while it cannot be said",
	"model_drift_sensor_score":             "the same of each channel",
	"model_info":                           "1; version and sha256 of the active model stand in the labels",
	"modbus_connects_total":                "connections to the line, or its port, opened",
	"modbus_errors_total":                  "requests without values: timeout, frame (length, checksum), exception, hangup, connect, refused (not a read)",
	"modbus_listen_bytes_total":            "bytes overheard on the line",
	"modbus_listen_exchanges_total":        "reads of another master whose values were believed",
	"modbus_listen_opens_total":            "times the port was opened",
	"modbus_listen_passed_total":           "what was overheard and gave no value: exception, write, foreign function, unanswered, unpaired, ambiguous, noise",
	"modbus_listen_understood_bytes_total": "bytes in frames whose part in the traffic is known",
	"modbus_listen_understood_ratio":       "share of the bytes overheard that was understood",
	"modbus_requests_total":                "requests made on the line, attempts to connect among them; none while a line that failed is left alone",
	"modbus_resync_total":                  "frames passed over on the way to an answer: late ones, echoes",
	"modbus_retries_total":                 "requests made again",
	"mqtt_connected":                       "1 while the broker is connected",
	"mqtt_connects_total":                  "connections made to the broker",
	"mqtt_disconnects_total":               "connections to the broker lost",
	"mqtt_publish_acked_total":             "messages the broker has acknowledged",
	"mqtt_publish_errors_total":            "messages that could not be handed to the broker",
	"mqtt_publish_resent_total":            "messages sent again",
	"mqtt_publish_sent_total":              "messages handed to the broker",
	"samples_dropped_total":                "rows dropped because scoring was behind",
	"samples_late_total":                   "rows completed at the end of their period, a sensor not having answered",
	"samples_processed_total":              "rows taken",
	"samples_scored_total":                 "rows that got a score",
	"sensor_flags_total":                   "cells of a machine's rows by the quality of their value: good, suspect, bad, stale or missing",
	"sensor_last_good_timestamp_seconds":   "end of the newest read that brought a value; 0 = never",
	"sensor_quality":                       "quality of the newest value after QARTOD: 1 good, 3 suspect, 4 bad, 9 missing; 7 stale",
	"sensor_read_duration_seconds":         "time the newest read took",
	"sensor_read_errors_total":             "reads that failed: timeout, bus, device (it answered with an error) or panic",
	"sensor_reads_total":                   "reads made, good or not",
	"sensor_value":                         "newest value in the channel's unit; NaN unless its quality is good",
	"spool_appended_total":                 "messages queued",
	"spool_bytes":                          "bytes the queue takes",
	"spool_corrupt_total":                  "records lost to damage",
	"spool_dropped_total":                  "messages dropped for want of room",
	"spool_messages":                       "messages waiting for the broker",
	"spool_oldest_age_seconds":             "age of the oldest message waiting",
	"watchdog_progress":                    "1 while every stage progresses",
}

// helpOf finds the text of a metric; those of the Go runtime and of the process
// are named by their own documentation.
func helpOf(name string) string {
	switch {
	case strings.HasPrefix(name, "go_"):
		return "of the Go runtime, see runtime/metrics"
	case strings.HasPrefix(name, "process_"):
		return "of this process, see proc(5)"
	}
	return help[name]
}

// misnamed are metrics of the library that Prometheus' own checker objects to,
// names of histograms without being one. Nobody needs them.
var misnamed = []string{"go_cgo_calls_count ", "go_cpu_count ", "go_gc_forced_count "}

// writeHelped copies an exposition as Prometheus' checker wants it: it completes
// the HELP lines (one that nobody wrote a text for is left out), leaves out what
// is misnamed, and calls the bytes and calls of the process what they are,
// counters.
func writeHelped(w io.Writer, text []byte) {
	const helpMark, typeMark = "# HELP ", "# TYPE "
	var b bytes.Buffer
	b.Grow(len(text) + 4096)
	for line := range bytes.Lines(text) {
		rest, isHelp := strings.CutPrefix(string(line), helpMark)
		rest, isType := strings.CutPrefix(rest, typeMark)
		if isHelp {
			rest = strings.TrimSpace(rest) + " "
		}
		switch {
		case slices.ContainsFunc(misnamed, func(name string) bool { return strings.HasPrefix(rest, name) }):
		case isHelp:
			if h := helpOf(strings.TrimSpace(rest)); h != "" {
				b.WriteString(helpMark + rest + h + "\n")
			}
		case isType && strings.HasPrefix(rest, "process_io_"):
			b.WriteString(strings.Replace(string(line), " gauge", " counter", 1))
		default:
			b.Write(line)
		}
	}
	w.Write(b.Bytes()) // an error means that the reader has gone
}
