package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/control"
	"iot-edge-anomaly/agent/gateway"
	"iot-edge-anomaly/quant"
)

// Set by the linker (Makefile).
var (
	version = "dev"
	commit  = "unknown"
)

// Exit codes, as README lists them.
const (
	exitDone    = 0
	exitFailed  = 1
	exitUsage   = 2
	exitRestart = 75 // EX_TEMPFAIL: start me again
	exitConfig  = 78 // EX_CONFIG: configuration or model
)

// defaultConfig is the gateway's own configuration, which the verbs work on if
// --config names no other.
const defaultConfig = "/etc/iot-edge-anomaly/config.yaml"

// kernelVariable forces a kernel of package quant by its name.
const kernelVariable = "IOT_EDGE_ANOMALY_KERNEL"

// env is what a verb may touch of the process.
type env struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	hup            <-chan os.Signal
}

// verb is one word of the command line.
type verb struct {
	name, args, what string
	run              func(ctx context.Context, e env, args []string) error
}

func verbs() []verb {
	return []verb{
		{"status", "[--since 168h] [--config FILE] [--json] [--alive]", "how the running agent is, or what a week came to: 0 healthy, 1 degraded, 2 unhealthy, 3 not running", statusVerb},
		{"event", "list [--json] | ack ID [--note TEXT] [--config FILE]", "the open events, and your word that you have seen one", eventVerb},
		{"mute", "MACHINE (--for 2h | --off) [--note TEXT] [--config FILE]", "for a while, tells nothing of a machine that is worked on", muteVerb},
		{"doctor", "[--bundle FILE] [--config FILE] [--json]", "examines agent, configuration, way to the broker, each device, disk, clock and limits, each finding with its fix", doctorVerb},
		{"check", "[FILE | --config FILE] [--explain [KEY]]", "validates a configuration: every fault with line, column, path, hint; explains keys", checkVerb},
		{"read", "[--config FILE] [--sensor NAME] [--watch]", "reads every sensor once: value, unit, quality, latency, error", readVerb},
		{"config", "apply FILE [--config FILE] [--verify 10s]", "puts FILE in place of the configuration if it is good, and back if the agent is worse with it", configVerb},
		{"init", "[--modbus URL?units=1-5] [--out FILE]", "proposes a configuration from what answers on the buses", initVerb},
		{"scan", "i2c [BUS] | modbus URL --unit N [--at ADDR --count N] | modbus URL --units 1-247", "what answers on a bus, what a device says that it is, and how its registers read", scanVerb},
		{"templates", "[NAME] [--json]", "the device templates in the program, or one of them", templatesVerb},
		{"run", "[--config FILE]", "the agent; what systemd starts", runVerb},
		{"reload", "[--config FILE]", "makes the running agent read its configuration again and waits for the verdict", reloadVerb},
		{"wait-ready", "[--timeout 60s] [--config FILE]", "waits until the agent works: 0, or 1 after that time", waitReadyVerb},
		{"report", "--month [2026-11] [--html FILE] [--config FILE] [--json]", "what a month came to, beside the month before: alarms, time watched, sensors, resources, headroom", reportVerb},
		{"demo", "[--for 60s] [--fault NAME]", "a simulated pump station, learnt and watched", demoVerb},
		{"record", "[--config FILE] --out FILE.csv [--for 24h]", "rows to CSV", recordVerb},
		{"train", "--csv FILE[,FILE] [--rows N] --out MODEL [--report FILE.html]", "learns from the first N rows", trainVerb},
		{"score", "--model MODEL --csv FILE [--out FILE.csv] [--events FILE] [--report FILE.html] | --sweep", "one output row per input row; or what other alarm policies would give", scoreVerb},
		{"model", "list | show VERSION | verify FILE | install FILE | activate VERSION | rollback [--machine NAME] [--config FILE]", "the models of a machine: brings one in after its proof, watches it on probation, and takes the one before back", modelVerb},
		{"bench", "[--config FILE] [--json]", "times every kernel of this CPU, and rows of the active models up to their events; 1 below the target", benchVerb},
		{"mqtt", "check [--for 60s] | disable | enable [--note TEXT] [--config FILE]", "the way to the broker, step by step, and whether events come without a gap; or cuts this gateway off from it", mqttVerb},
		{"spool", "verify [--config FILE]", "whether the queue on disk is whole and no message is missing; also beside the running agent", spoolVerb},
		{"unlatch", "[--config FILE] [--machine NAME]", "closes latched events whose cause is over", unlatchVerb},
		{"backup", "FILE [--config FILE]", "models, state, queue and configuration in one file, without passwords and keys; also beside the running agent", backupVerb},
		{"restore", "FILE [--device ID] [--config FILE]", "puts a backup of this gateway in place, as a whole or not at all; the agent must not run", restoreVerb},
		{"fsck", "[BACKUP] [--config FILE] [--json]", "whether configuration, models, state and queue on disk are whole, or a backup is", fsckVerb},
		{"version", "[--json | --licenses]", "version, commit, Go, kernel chosen; licences of the libraries", versionVerb},
	}
}

// groups are the headings in the list of verbs, by the verb that each stands before.
var groups = map[string]string{"status": "Daily work", "init": "Setting up", "record": "Recordings and models", "mqtt": "Broker, queue and disk", "version": "About the program"}

func main() {
	// First of all: until a handler stands, SIGHUP ends the process, and systemd
	// takes that for a clean exit.
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second signal ends what a first could not, such as a read that blocks.
	context.AfterFunc(ctx, stop)
	os.Exit(dispatch(ctx, env{os.Stdin, os.Stdout, os.Stderr, hup}, os.Args[1:]))
}

// dispatch runs the verb that args name and returns the exit code.
func dispatch(ctx context.Context, e env, args []string) int {
	if len(args) == 0 {
		io.WriteString(e.stderr, usage())
		return exitUsage
	}
	switch args[0] {
	case "-h", "-help", "--help", "help":
		if len(args) == 1 {
			_, err := io.WriteString(e.stdout, usage())
			return finish(e, verb{name: "help"}, err)
		}
		args = []string{args[1], "-h"}
	case "-version", "--version": // as users of other programs will try
		args = append([]string{"version"}, args[1:]...)
	}
	if name := os.Getenv(kernelVariable); name != "" {
		if err := quant.Use(name); err != nil {
			fmt.Fprintf(e.stderr, "iot-edge-anomaly: %s: %v\n", kernelVariable, err)
			return exitUsage
		}
	}
	for _, v := range verbs() {
		if v.name == args[0] {
			return finish(e, v, v.run(ctx, e, args[1:]))
		}
	}
	fmt.Fprintf(e.stderr, "iot-edge-anomaly: unknown verb %q%s\n", args[0], likelyVerb(args[0]))
	return exitUsage
}

// ended ends a verb with an exit code of its own and nothing on stderr.
type ended struct{ code int }

func (e *ended) Error() string { return fmt.Sprintf("exit code %d", e.code) }

// usageError is a mistake in the arguments.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func usagef(format string, a ...any) error {
	return &usageError{fmt.Errorf(format, a...)}
}

// finish says what went wrong and chooses the exit code.
func finish(e env, v verb, err error) int {
	var mistake *usageError
	var refused *config.Refusal
	var own *ended
	switch {
	case errors.As(err, &own):
		return own.code
	case err == nil || errors.Is(err, flag.ErrHelp):
		return exitDone
	case errors.As(err, &mistake):
		fmt.Fprintf(e.stderr, "iot-edge-anomaly %s: %v\nusage: iot-edge-anomaly %s %s\n", v.name, err, v.name, v.args)
		return exitUsage
	}
	text := strings.ReplaceAll(control.Plain(err.Error()), context.Canceled.Error(), "interrupted")
	fmt.Fprintf(e.stderr, "iot-edge-anomaly %s: %s\n", v.name, text)
	switch {
	case errors.As(err, &refused):
		return exitConfig
	case errors.Is(err, gateway.ErrRestart):
		return exitRestart
	}
	return exitFailed
}
