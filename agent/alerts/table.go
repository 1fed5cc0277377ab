package alerts

import (
	"slices"
	"time"

	"iot-edge-anomaly/agent/detect"
)

// Alert is one row of the table.
type Alert struct {
	Name  string       // of the rule, and key of the event; words in camel case
	Level detect.Level // label `severity` of the rule
	Expr  string       // PromQL of what is compared
	Op    string       // one of > >= < ==
	Over  float64      // the bound
	And   string       // PromQL that follows the comparison; may be empty
	For   time.Duration
	Text  string // what is wrong; $value is the value, $NAME a label of the series
	Do    string // the first thing to do

	// local is what a gateway compares by itself: NaN = unknown.
	local func(*look) float64
	// plain is a rule whose labels name the gateway already.
	plain bool
	// gone is a rule that holds while the gateway's own series are gone.
	gone bool
}

// started holds for processes that run for some time: what needs a history has one.
const started = "on (job, instance) time() - process_start_time_seconds > "

const minute = time.Minute

// own are the alerts that a gateway watches by itself, the most urgent first.
var own = [...]Alert{
	{Name: "HighMemoryUsage", Level: detect.LevelCritical, Expr: "100 * memory_usage_bytes / memory_limit_bytes", Op: ">", Over: 90, For: 2 * minute, local: memory,
		Text: "$value % of the memory limit is in use", Do: "See what grows; at the limit the kernel ends the agent."},
	{Name: "DiskSpaceCritical", Level: detect.LevelCritical, Expr: "disk_usage_percent", Op: ">", Over: 95, For: minute, local: disk,
		Text: "the disk of the state folder is $value % full", Do: "Make room: events that cannot be stored are sent from memory only."},
	{Name: "HighInferenceLatency", Level: detect.LevelWarning, Expr: "1000 * histogram_quantile(0.95, sum by (job, instance, le) (rate(inference_duration_seconds_bucket[5m])))", Op: ">", Over: 10, For: 5 * minute, local: latency,
		Text: "the 95th percentile of scoring a row is $value ms", Do: "See what else uses the CPU, and whether it is throttled by heat or supply."},
	{Name: "ModelDriftDetected", Level: detect.LevelWarning, Expr: "model_drift_score", Op: ">=", Over: 0.7, For: 10 * minute, local: drift,
		Text: "$machine has moved away from what was learnt, drift $value", Do: "Mend the machine, or accept the change and learn it anew."},
	{Name: "HighCpuUsage", Level: detect.LevelWarning, Expr: "cpu_usage_percent", Op: ">", Over: 80, For: 5 * minute, local: cpu,
		Text: "the CPU of the gateway is $value % busy", Do: "`top` on the gateway shows who; rows may come late."},
	{Name: "FailedAuthenticationAttempts", Level: detect.LevelWarning, Expr: "rate(authentication_failures_total[2m])", Op: ">", Over: 0.1, For: 2 * minute, local: refused,
		Text: "$value requests a second come without the right token", Do: "Find who asks; renew the token if it may be known."},
	{Name: "CertificateExpiringSoon", Level: detect.LevelWarning, Expr: "(certificate_expiry_timestamp - time()) / 86400", Op: "<", Over: 30, For: time.Hour, local: certificate,
		Text: "a certificate ($of) expires in $value days", Do: "Renew it: the agent takes new files without a restart."},
	{Name: "ConfigReloadFailed", Level: detect.LevelWarning, Expr: "config_last_reload_successful", Op: "==", Over: 0, For: minute, local: reload,
		Text: "the newest configuration was refused, the one before is in force", Do: "`check` shows each fault; mend the file and reload."},
}

// others are those that need somebody who scrapes, or that the gateway tells as another
// event. The agent does not link them.
func others() []Alert {
	return []Alert{
		{Name: "ApplicationDown", Level: detect.LevelCritical, Expr: `up{job="iot-edge-anomaly"}`, Op: "==", Over: 0, For: minute, gone: true,
			Text: "the agent does not answer", Do: "Ask `systemctl status iot-edge-anomaly` on the gateway."},
		{Name: "ApplicationSilent", Level: detect.LevelCritical, For: 5 * minute, plain: true,
			Expr: `(max by (job, instance, device_id, site) (last_over_time(build_info{device_id!=""}[1h])) unless on (job, instance) build_info{device_id!=""} unless on (job, instance) up)`, Op: "==", Over: 1,
			Text: "the agent pushes no metrics any more", Do: "Look whether the gateway has power and network, then at `systemctl status iot-edge-anomaly`."},
		{Name: "WatchdogStalled", Level: detect.LevelCritical, Expr: "watchdog_progress", Op: "==", Over: 0, For: minute,
			Text: "a stage of the agent makes no progress", Do: "`/health` names the stage; systemd restarts the agent."},
		{Name: "ModelInferenceFailures", Level: detect.LevelCritical, Expr: "100 * sum by (job, instance, machine) (rate(inference_errors_total[5m])) / sum by (job, instance, machine) (rate(samples_processed_total[5m]))", Op: ">", Over: 10, For: minute,
			Text: "$value % of the rows of $machine cannot be judged", Do: "`status` says why: no usable model, or values are missing."},
		{Name: "CriticalEventOpen", Level: detect.LevelCritical, Expr: `sum by (job, instance, machine, kind) (events_open{severity="critical"})`, Op: ">", Over: 0,
			Text: "critical event of kind $kind on $machine", Do: "`status` names the causes; look at the machine."},
		{Name: "CriticalAnomalyRateSpike", Level: detect.LevelCritical, Expr: `round(sum by (job, instance) (increase(anomalies_detected_total{severity="critical"}[15m])))`, Op: ">=", Over: 3, For: 2 * minute,
			Text: "$value critical events within 15 minutes", Do: "Look for a common cause: supply, bus, a change of the plant."},
		{Name: "AnomalyRateSpike", Level: detect.LevelWarning, Expr: "round(sum by (job, instance) (increase(anomalies_detected_total[1h])))", Op: ">", Over: 10, For: 5 * minute,
			Text: "$value events within an hour", Do: "See which sensor or machine they name; check wires first."},
		{Name: "HighErrorRate", Level: detect.LevelWarning, Expr: `100 * sum by (job, instance) (rate(http_requests_total{status=~"5.."}[5m])) / sum by (job, instance) (rate(http_requests_total[5m]))`, Op: ">", Over: 5, For: 3 * minute,
			Text: "$value % of the HTTP requests end with an error", Do: "`/health` answers 503 while the agent cannot do its work, and says why."},
		{Name: "PossibleMemoryLeak", Level: detect.LevelWarning, Expr: "3600 * deriv(memory_usage_bytes[2h]) / 1e6", Op: ">", Over: 5, And: started + "7200", For: 30 * minute,
			Text: "memory grows by $value MB an hour", Do: "Note go_* metrics, restart the agent, and report it with both."},
		{Name: "NoDataReceived", Level: detect.LevelWarning, Expr: "time() - sensor_last_good_timestamp_seconds", Op: ">", Over: 900, For: minute,
			And:  "on (job, instance, bus, sensor) increase(sensor_reads_total[15m]) > 0 and " + started + "900",
			Text: "$sensor has brought no value for 15 minutes", Do: "`read --watch` shows the error; check supply, wires, address."},
		{Name: "MachineBlind", Level: detect.LevelWarning, Expr: `machine_state{state="blind"}`, Op: "==", Over: 1, For: 5 * minute,
			Text: "$machine is not watched", Do: "`status` says why it is blind."},
		{Name: "BrokerDisconnected", Level: detect.LevelWarning, Expr: "mqtt_connected", Op: "==", Over: 0, For: 10 * minute,
			Text: "the broker is not connected, events wait", Do: "`mqtt check` names the step that fails."},
		{Name: "MessagesLost", Level: detect.LevelWarning, Expr: "round(increase(spool_dropped_total[1h]) + increase(spool_corrupt_total[1h]))", Op: ">", Over: 0,
			Text: "$value messages were lost within an hour", Do: "Bring the broker back, make room, or replace the card."},
		{Name: "LowThroughput", Level: detect.LevelInfo, Expr: "100 * rate(samples_dropped_total[10m]) / (rate(samples_processed_total[10m]) + rate(samples_dropped_total[10m]))", Op: ">", Over: 1, For: 10 * minute,
			Text: "$value % of the rows of $machine are dropped", Do: "Give the machine a longer period, or the gateway less to do."},
		{Name: "SlowStartup", Level: detect.LevelInfo, Expr: "application_startup_duration_seconds", Op: ">", Over: 30, And: "on (job, instance) time() - process_start_time_seconds < 3600",
			Text: "the agent needed $value s to start", Do: "Check the disk and what else starts with the gateway."},
		{Name: "AlertFrequencyHigh", Level: detect.LevelInfo, Expr: "round(sum by (job, instance) (increase(alerts_generated_total[1h])))", Op: ">", Over: 10,
			Text: "$value alerts of the gateway within an hour", Do: "Mend what comes back; `status` lists what is open."},
		{Name: "ModelVersionMismatch", Level: detect.LevelInfo, Expr: "machine_model_problem", Op: "==", Over: 1, For: 10 * minute,
			Text: "the model of $machine is not that of its configuration", Do: "`check` says which channels differ; learn it anew."},
		{Name: "UnusualNetworkActivity", Level: detect.LevelInfo, Expr: "sum by (job, instance) (rate(network_bytes_total[10m])) / 1e6", Op: ">", Over: 1, For: 10 * minute,
			Text: "the gateway sends and receives $value MB a second", Do: "See which program does it: `ss -tp`."},
	}
}

// Table is every alert, the most urgent first.
func Table() []Alert {
	all := append(own[:len(own):len(own)], others()...)
	slices.SortStableFunc(all, func(a, b Alert) int { return b.Level.Rank() - a.Level.Rank() })
	return all
}
