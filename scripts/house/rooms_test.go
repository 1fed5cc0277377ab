package house

import (
	"path/filepath"
	"strings"
	"testing"
)

// rooms are the packages below agent/. A new package needs a line here: what it is
// responsible for that no other package can take.
var rooms = map[string]string{
	"alerts":      "the table of alerts about a gateway: rules for Prometheus, and what it watches itself; status shows and judges nothing",
	"archive":     "the file that backups and evidence are in; it knows neither",
	"backup":      "what a gateway has on disk: kept in a file, brought back, checked; the running agent does none of it",
	"broker":      "connections to MQTT brokers; mqtt and devices share it",
	"chart":       "drawings as SVG",
	"clients":     "who keeps a connection when a server has no more places; the endpoint and the socket share it",
	"command":     "which requests from the network count; it knows neither broker nor events",
	"commission":  "what one does before trusting a configuration: read, scan, record",
	"config":      "the configuration file",
	"control":     "the socket on which the running agent is asked; a server and a client that verbs, not the network, use",
	"demo":        "the demonstration: a simulated plant and its broker",
	"derive":      "the expressions of derived channels; config checks them, sampler computes them",
	"detect":      "the alarm policy",
	"devices":     "buses and sensors of a configuration",
	"diskwait":    "which operations on the disk are under way; spool and state note them, gateway asks",
	"doctor":      "the gateway as a whole, one thing after the other; what other verbs know comes in as functions",
	"gateway":     "the running agent",
	"htmlreport":  "the report files of train and score",
	"journal":     "a line of the log as an entry of systemd's journal; which lines there are is gateway's business",
	"judge":       "the way from a row to its events",
	"keyfiles":    "notices that certificates, keys, tokens or passwords have changed; the endpoint and connections to brokers share it",
	"lock":        "what is one agent's and not another's; state, spool, control, gateway and backup take it in one way",
	"machine":     "one machine: rows, learning, states",
	"minisign":    "verifies minisign's signatures; it knows bytes only, and state and proof share it",
	"models":      "what people do with models: the client of the running agent, and work on the folder without one",
	"mqtt":        "delivery to the broker",
	"offline":     "work on recordings and models: train, score, bench",
	"proof":       "whether a model may become active; gateway and models share the gates",
	"quiet":       "no line of a library on stderr before the program begins; it must be initialised before the library, so it imports nothing",
	"report":      "the schema of messages",
	"review":      "the weekly check and the monthly report; history keeps the days, control answers, htmlreport draws",
	"sampler":     "rows from sensors",
	"settings":    "a machine's settings as learning and judging take them; config imports neither, gateway and offline share it",
	"spool":       "the queue on disk",
	"sparkplug":   "the gateway as hosts of Sparkplug B see it: births, numbers, payloads; it neither connects nor stores",
	"state":       "what is kept in the state folder",
	"status":      "health, metrics and the state that the page shows",
	"status/page": "the page's files, which the demonstration and reports use too",

	"guard":         "which figure of the computer is scarce, and what gives way; gateway acts, status tells",
	"history":       "what each day of a gateway came to, on its disk; status shows the moment, and report sends events",
	"homeassistant": "what Home Assistant must be told of gateway and machines; it publishes nothing",
	"telemetry":     "which rows are worth publishing",
}

func TestRooms(t *testing.T) {
	found := map[string]bool{}
	for _, f := range goFiles(t) {
		if name, ok := strings.CutPrefix(f.dir, "./agent/"); ok && !f.test {
			found[name] = true
		}
	}
	for name := range found {
		if rooms[name] == "" {
			t.Errorf("agent/%s is not in the list of rooms", name)
		}
	}
	for name := range rooms {
		if !found[name] {
			t.Errorf("the list of rooms has %s, and agent/%s is not there", name, name)
		}
	}
}

// TestDocs_rooms checks that the page of the architecture names each of them.
func TestDocs_rooms(t *testing.T) {
	page := read(t, filepath.Join(root, "docs", "architecture.md"))
	for name := range rooms {
		if !strings.Contains(page, "`agent/"+name+"`") {
			t.Errorf("docs/architecture.md does not name agent/%s", name)
		}
	}
}

// TestDoor checks that package main stays small: it parses flags, prints and chooses
// exit codes. Everything else belongs in a package below agent/.
func TestDoor(t *testing.T) {
	const most = 1500
	lines := 0
	for _, f := range goFiles(t) {
		if f.dir == "./agent" && !f.test {
			lines += strings.Count(read(t, filepath.Join(root, f.path)), "\n")
		}
	}
	if lines < 300 || lines > most {
		t.Errorf("package main has %d lines without tests, want at most %d", lines, most)
	}
}
