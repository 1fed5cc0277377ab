package house

import "strings"

// ban forbids the packages of from, without those of but, to import the packages of
// to, without those of except. Packages of this module are written from the root:
// "./quant". A pattern ends in "/..." (the package and all below it), in "/*" (one
// level below), or is exact. A ban applies to test files only if tests is set.
type ban struct {
	from, but  []string
	to, except []string
	tests      bool
	why        string
}

func in(patterns ...string) []string { return patterns }

var all = in("./...")

// bans hold the direction of imports and keep the binary small and quiet.
var bans = []ban{
	// The folders of the top level.
	{from: in("./quant/..."), to: all, except: in("./quant/..."), tests: true,
		why: "quant is arithmetic; it must be usable and testable without knowing what the numbers mean"},
	{from: in("./board/..."), to: all, except: in("./board/..."), tests: true,
		why: "board says where a bus is; who reads what on it is not its business"},
	{from: in("./drivers/..."), to: all, except: in("./drivers/..."),
		why: "a driver turns bytes into values; who asks, when and why is not its business"},
	{from: in("./drivers/*"), to: in("./drivers/..."), except: in("./drivers", "./drivers/internal/..."),
		why: "a device that leans on another cannot be replaced alone"},
	{from: in("./model/..."), to: all, except: in("./model/...", "./quant/..."), tests: true,
		why: "what is learnt knows no wires, alarms or brokers; evaluation uses it without an agent"},
	{from: in("./model"), to: in("./model/..."), except: in("./model/checkpoint"),
		why: "scoring does not need training; training needs scoring"},
	{from: in("./model/checkpoint"), to: all, tests: true,
		why: "a format of saved fields knows none of the types that it saves"},

	// The agent, from package main down to the packages that import nothing.
	{from: in("./agent"), to: in("./drivers/...", "./board/...", "./agent/sampler", "./agent/machine", "./agent/judge", "./agent/detect", "./agent/report", "./agent/spool"),
		why: "the door parses flags, prints and chooses exit codes; what runs, reads or judges has a room behind it"},
	{from: in("./agent/..."), but: in("./agent/devices", "./agent/demo", "./agent/offline", "./agent/commission"), to: in("./drivers/..."), except: in("./drivers"),
		why: "devices are chosen in one place, the table of agent/devices"},
	{from: in("./agent/devices"), to: all, except: in("./agent/broker", "./agent/config", "./agent/derive", "./agent/sampler", "./board/...", "./drivers/..."),
		why: "a catalogue of devices knows how they are read; what their values mean is decided above it"},
	{from: in("./agent/offline"), to: all, except: in("./agent/config", "./agent/detect", "./agent/htmlreport", "./agent/judge", "./agent/report", "./agent/settings", "./agent/state",
		"./drivers/replay", "./model", "./model/train", "./quant/..."),
		why: "work on recordings and models needs no gateway: no wires, no queue, no broker, no board"},
	{from: in("./agent/commission"), to: all, except: in("./agent/config", "./agent/devices", "./agent/sampler", "./board/...", "./drivers", "./drivers/modbus/..."),
		why: "what one does before trusting a configuration chooses no device, learns nothing and judges nothing"},
	{from: all, but: in("./agent", "./agent/demo", "./scripts/..."), to: in("./agent/gateway"),
		why: "the gateway composes the rest of the agent; what it composes must work without it"},
	{from: in("./agent/gateway"), to: in("./agent/offline", "./agent/htmlreport", "./agent/review", "./agent/demo", "./agent/commission"),
		why: "the running agent works on no recordings and searches no buses"},
	{from: in("./..."), but: in("./agent/devices", "./agent/commission", "./agent/demo", "./agent/doctor", "./agent/gateway", "./scripts/...", "./board/..."), to: in("./board/..."),
		why: "what differs between gateways is settled before the rest starts"},
	{from: in("./agent/config"), to: all, tests: true,
		why: "a configuration can be checked anywhere; what it must know of drivers is handed to it"},
	{from: in("./agent/settings"), to: all, except: in("./agent/config", "./agent/detect", "./model"), tests: true,
		why: "a machine's settings mean the same to the running agent and to recordings; neither's work belongs here"},
	{from: in("./agent/derive"), to: all, tests: true,
		why: "an expression is arithmetic on a row; which channels there are and what they mean is its callers' business"},
	{from: in("./agent/sampler"), to: all, except: in("./agent/derive", "./drivers"),
		why: "rows are the same whether they are learnt, scored or recorded"},
	{from: in("./agent/detect"), to: all, except: in("./model", "./model/checkpoint"),
		why: "the alarm policy judges scores; delivery and wires must not sway it"},
	{from: in("./agent/judge"), to: all, except: in("./agent/detect", "./model/..."),
		why: "rows are judged in one way by the agent, by score and by measurements, which have no clock, wire or broker in common"},
	{from: in("./agent/state"), to: all, except: in("./agent/diskwait", "./agent/lock", "./agent/minisign", "./model/..."),
		why: "what is kept on disk is written without knowing who judges by it"},
	{from: in("./agent/minisign"), to: all, tests: true,
		why: "a signature is of bytes; what they mean is its callers' business"},
	{from: in("./agent/proof"), to: all, except: in("./agent/state", "./model/..."),
		why: "a model is proved against what it is told of a machine; the running agent and a folder without one ask the same"},
	{from: in("./agent/models"), to: all, except: in("./agent/config", "./agent/control", "./agent/minisign", "./agent/proof", "./agent/settings", "./agent/state", "./model"),
		why: "what people do with models needs the socket or the folder, not the running agent itself"},
	{from: in("./agent/machine"), to: all, except: in("./agent/detect", "./agent/judge", "./agent/report", "./agent/sampler", "./agent/state", "./model/..."),
		why: "one machine takes rows and gives events; configuration, wires and delivery are its owner's"},
	{from: in("./agent/report"), to: all, except: in("./agent/detect", "./agent/sampler", "./agent/spool", "./model"),
		why: "one schema is made from events and faults and handed to the queue; delivery is not its business"},
	{from: in("./agent/telemetry"), to: all, except: in("./agent/report", "./agent/sampler"),
		why: "which rows are worth publishing depends on values alone; whoever publishes them hands them over"},
	{from: in("./agent/homeassistant"), to: all, except: in("./agent/detect"), tests: true,
		why: "a description of devices needs their names, not the running agent; delivery is not its business"},
	{from: in("./agent/sparkplug"), to: all, except: in("./agent/report", "./agent/sampler", "./agent/telemetry", "./model"),
		why: "an edge node is made from rows and names; connection, will and disk are its owner's"},
	{from: in("./agent/status"), to: all, except: in("./agent/clients", "./agent/detect", "./agent/devices", "./agent/guard", "./agent/judge", "./agent/keyfiles", "./agent/machine", "./agent/mqtt", "./agent/quiet", "./agent/report", "./agent/sampler", "./agent/sparkplug", "./agent/spool",
		"./agent/status/page", "./drivers", "./model"),
		why: "status shows the counters of the stages in their own structures; it changes nothing and opens no device, and no stage knows it"},
	{from: in("./agent/alerts"), to: all, except: in("./agent/detect", "./agent/status"),
		why: "an alert is judged from what a snapshot shows; telling it is the gateway's business"},
	{from: in("./agent/history"), to: all, except: in("./agent/detect", "./agent/judge", "./agent/machine", "./agent/report", "./agent/sampler", "./agent/state", "./agent/status"),
		why: "a day is the difference of counters that a snapshot shows; nothing here asks the agent or draws"},
	{from: in("./agent/review"), to: all, except: in("./agent/chart", "./agent/config", "./agent/control", "./agent/history", "./agent/htmlreport", "./agent/state", "./agent/status"),
		why: "a report is made of what the agent answers and what is on its disk; it runs no part of the agent"},
	{from: in("./agent/control"), to: all, except: in("./agent/chart", "./agent/clients", "./agent/config", "./agent/lock", "./agent/proof", "./agent/state", "./agent/status"),
		why: "the socket carries requests and answers; what a verb does is handed to it"},
	{from: in("./agent/journal"), to: all, tests: true,
		why: "an entry has texts and levels; what is told is the business of whoever tells it"},
	{from: in("./agent/chart"), to: all, tests: true,
		why: "a drawing shows numbers; what they mean is the page's business"},
	{from: in("./agent/htmlreport"), to: all, except: in("./agent/chart", "./agent/detect", "./agent/status/page", "./model", "./model/train"),
		why: "a page shows what was judged; reading, scoring and delivery must not pass through it"},
	{from: in("./agent/spool"), to: all, except: in("./agent/diskwait", "./agent/lock"), tests: true,
		why: "the queue survives power cuts because it knows bytes only"},
	{from: in("./agent/broker"), to: all, except: in("./agent/keyfiles"), tests: true,
		why: "a connection is opened in the same way for whoever speaks over it"},
	{from: in("./agent/mqtt"), to: all, except: in("./agent/broker", "./agent/spool"),
		why: "delivery publishes what its source hands it; who wrote and finished the message is not its business"},

	// Simulators and tools.
	{from: all, but: in("./drivers/sim/...", "./agent/demo", "./scripts/..."), to: in("./drivers/sim/..."),
		why: "simulated devices answer in tests, the demonstration and board trials, never in the plant"},
	{from: all, to: in("./drivers/driverstest"),
		why: "the conformance suite brings package testing along"},
	{from: all, but: in("./scripts/..."), to: in("./scripts/..."), tests: true,
		why: "scripts stand outside; nothing may depend on them"},

	// Libraries, each imported in one place.
	{from: all, but: in("./agent/mqtt", "./agent/demo"), to: in("github.com/eclipse/paho.mqtt.golang/..."),
		why: "its pitfalls are handled in one place"},
	{from: all, but: in("./drivers/modbus", "./scripts/liars"), to: in("github.com/goburrow/modbus/..."),
		why: "its pitfalls are handled in one place; scripts/liars shows them"},
	{from: all, to: in("github.com/goburrow/serial/..."),
		why: "board opens serial ports with its own code"},
	{from: all, but: in("./agent/config"), to: in("go.yaml.in/yaml/..."),
		why: "there is one configuration file and one reader of it"},
	{from: all, but: in("./agent/status/..."), to: in("github.com/VictoriaMetrics/metrics/..."),
		why: "packages count; names of metrics are given in one place"},
	{from: all, to: in("periph.io/x/host/v3"),
		why: "it opens every GPIO chip, logs, and costs 512 KiB; host/v3/sysfs is enough"},

	// The standard library: what does not belong in a room or in the binary.
	{from: in("./quant/...", "./model/...", "./drivers/...", "./agent/detect", "./agent/judge"), to: in("log", "log/slog"),
		why: "these return errors and counters; who calls decides what is worth a line"},
	{from: in("./quant/...", "./model/...", "./agent/detect", "./agent/judge"), to: in("net", "net/..."),
		why: "arithmetic and policy do not speak to networks"},
	{from: all, but: in("./scripts/...", "./quant/internal/asmgen"), to: in("os/exec"),
		why: "the agent starts no program: its unit forbids it and an attacker has no use for it"},
	{from: all, but: in("./drivers/driverstest"), to: in("testing", "testing/..."),
		why: "test code does not ship"},
	{from: all, to: in("net/http/pprof", "expvar"),
		why: "they register themselves on the default server, and profiles show secrets"},
	{from: all, to: in("html/template", "text/template"),
		why: "2.6 MiB, because they keep every method alive; the page is static and fetches JSON"},
	{from: all, to: in("C"), tests: true,
		why: "one static binary for each architecture, cross-built without a C compiler"},
}

// matches tells whether a pattern takes a path; exact, "/..." or "/*".
func matches(pattern, path string) bool {
	if pattern == "./..." {
		return path == "." || strings.HasPrefix(path, "./")
	}
	if base, ok := strings.CutSuffix(pattern, "/..."); ok {
		return path == base || strings.HasPrefix(path, base+"/")
	}
	if base, ok := strings.CutSuffix(pattern, "/*"); ok {
		rest, below := strings.CutPrefix(path, base+"/")
		return below && !strings.Contains(rest, "/")
	}
	return pattern == path
}

func anyMatches(patterns []string, path string) bool {
	for _, p := range patterns {
		if matches(p, path) {
			return true
		}
	}
	return false
}

// broken returns the ban that an import breaks, or nil. The external tests of a
// package may always import it.
func broken(from, to string, test bool) *ban {
	if from == to {
		return nil
	}
	for i := range bans {
		b := &bans[i]
		if (!test || b.tests) && anyMatches(b.from, from) && !anyMatches(b.but, from) &&
			anyMatches(b.to, to) && !anyMatches(b.except, to) {
			return b
		}
	}
	return nil
}
