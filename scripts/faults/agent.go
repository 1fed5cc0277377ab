package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"iot-edge-anomaly/scripts/child"
)

// plant is what an agent is to watch: machines whose channels rise and fall.
type plant struct {
	machines []machine
	broker   string // host:port, or a URL
	period   string // of the rows, by default 100ms
	hold     string // by default 200ms
	state    string // by default "state" below the folder of the trial
	more     string // further lines of the configuration
	mqtt     string // further keys of mqtt, with a comma before
	http     string // further keys of http, with a comma before
	wrap     []string
	in       *place // nil = where this program is
}

// machine is a machine of a plant, with a replay sensor of its name.
type machine struct {
	name     string
	channels int
	high     func(row, channel int) bool // above both limits
	names    func(channel int) string    // by default c0, c1, ...
}

// rows of each recording; it is then read again.
const rows = 2000

// agent is the program with its configuration.
type agent struct {
	*child.Process
	t            *trial
	args         []string
	config, http string
	state        string
	log          string
	client       *http.Client
	token        string // of the endpoint; "" = none
}

// square is high for half a cycle of rows, low for the other half; the channels follow
// each other.
func square(half int) func(row, channel int) bool {
	return func(row, channel int) bool { return (row+channel)/half%2 == 1 }
}

func (m *machine) name1(channel int) string {
	if m.names != nil {
		return m.names(channel)
	}
	return fmt.Sprintf("c%d", channel)
}

// write writes the recording of a machine.
func (m *machine) write(file string) error {
	var b strings.Builder
	b.WriteString("timestamp")
	for c := range m.channels {
		b.WriteString("," + m.name1(c))
	}
	for row := range rows {
		fmt.Fprintf(&b, "\n%d", row)
		for c := range m.channels {
			if m.high(row, c) {
				b.WriteString(",10")
			} else {
				b.WriteString(",1")
			}
		}
	}
	return os.WriteFile(file, []byte(b.String()+"\n"), 0o644)
}

// or is the first of two texts that is not empty.
func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// configure writes the recordings and the configuration, and returns the agent, which
// does not run yet.
func (t *trial) configure(p plant) (*agent, error) {
	addr, err := child.FreeAddr()
	if err != nil {
		return nil, err
	}
	a := &agent{t: t, config: filepath.Join(t.dir, "config.yaml"), http: addr, log: filepath.Join(t.dir, "log"), state: or(p.state, filepath.Join(t.dir, "state"))}
	a.args, a.client = append(p.wrap, t.program, "run", "--config", a.config), client
	if p.in != nil {
		enter, err := p.in.wrap()
		if err != nil {
			return nil, err
		}
		a.args = append(enter, a.args...)
		a.client = &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, DialContext: p.in.dial}}
	}
	var sensors, machines strings.Builder
	for _, m := range p.machines {
		file := filepath.Join(t.dir, m.name+".csv")
		if err := m.write(file); err != nil {
			return nil, err
		}
		var limits []string
		for c := range m.channels {
			limits = append(limits, m.name1(c)+": {warn: 4, alarm: 8}")
		}
		fmt.Fprintf(&sensors, "  - {name: %s, driver: replay, file: %s, loop: true, limits: {%s}}\n", m.name, file, strings.Join(limits, ", "))
		fmt.Fprintf(&machines, "  - {name: %s, channels: [\"%s.*\"], period: %s, model: {path: %s/models/%s, learn: {for: 10h}}, detect: {hold: %s}}\n",
			m.name, m.name, or(p.period, "100ms"), a.state, m.name, or(p.hold, "200ms"))
	}
	url := p.broker
	if !strings.Contains(url, "://") {
		url = "tcp://" + url
	}
	text := fmt.Sprintf("gateway: {site: s, id: gw7}\nstate: %s\ncontrol: {socket: %s/control.sock}\nsensors:\n%smachines:\n%smqtt: {broker: %q, topic: \"plant/{device}\"%s}\nspool: {dir: %s/spool}\nhttp: {listen: %q%s}\n%s",
		a.state, t.dir, sensors.String(), machines.String(), url, p.mqtt, a.state, a.http, p.http, p.more)
	t.later(func() { a.Process.End(syscall.SIGKILL) })
	return a, os.WriteFile(a.config, []byte(text), 0o644)
}

// begin configures and starts an agent, and waits until it answers.
func (t *trial) begin(p plant) (*agent, error) {
	a, err := t.configure(p)
	if err != nil {
		return nil, err
	}
	if err := a.start(); err != nil {
		return nil, err
	}
	return a, a.answers()
}

// start starts it, also again.
func (a *agent) start() error {
	log, err := os.OpenFile(a.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	a.Process, err = child.Start(log, a.args...)
	return err
}

// answers waits until the endpoint answers.
func (a *agent) answers() error {
	err := await(time.Minute, "the agent answers", func() bool {
		return !a.Running() || a.metrics()["spool_appended_total"] >= 0 && len(a.metrics()) > 0
	})
	if err == nil && !a.Running() {
		err = fmt.Errorf("the agent ended: %v: %s", a.Err(), a.lastLine())
	}
	return err
}

// lastLine is the end of the log.
func (a *agent) lastLine() string {
	lines := strings.Split(strings.TrimSpace(a.text()), "\n")
	return lines[len(lines)-1]
}

// text is the log so far.
func (a *agent) text() string {
	b, _ := os.ReadFile(a.log)
	return string(b)
}

var client = &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
	DisableKeepAlives: true,
	DialContext:       (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
}}

// get asks the endpoint; status is 0 where it does not answer.
func (a *agent) get(path string) (status int, body string) {
	ask, err := http.NewRequest("GET", "http://"+a.http+path, nil)
	if err != nil {
		return 0, err.Error()
	}
	if a.token != "" {
		ask.SetBasicAuth("plant", a.token)
	}
	answer, err := a.client.Do(ask)
	if err != nil {
		return 0, err.Error()
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, err.Error()
	}
	return answer.StatusCode, string(b)
}

// metrics are the present metrics by name and labels; the sum of a name's series under
// the name alone. Empty where the endpoint does not answer.
func (a *agent) metrics() map[string]float64 {
	found := map[string]float64{}
	_, body := a.get("/metrics")
	for line := range strings.Lines(body) {
		series, value, ok := strings.Cut(strings.TrimSpace(line), " ")
		v, err := strconv.ParseFloat(value, 64)
		if !ok || err != nil || strings.HasPrefix(line, "#") {
			continue
		}
		found[series] = v
		if name, _, labelled := strings.Cut(series, "{"); labelled {
			found[name] += v
		}
	}
	return found
}

// health is the status of the gateway and of one check in /health.
func (a *agent) health() (status string, body string) {
	_, body = a.get("/health")
	var h struct{ Status string }
	json.Unmarshal([]byte(body), &h)
	return h.Status, body
}

// fds is how many descriptors the agent has open.
func (a *agent) fds() int {
	entries, _ := os.ReadDir(fmt.Sprintf("/proc/%d/fd", a.Pid()))
	return len(entries)
}

// written is what the agent has caused to be written to storage, in bytes.
func (a *agent) written() (n int) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/io", a.Pid()))
	for line := range strings.Lines(string(text)) {
		if v, ok := strings.CutPrefix(line, "write_bytes: "); ok {
			n, _ = strconv.Atoi(strings.TrimSpace(v))
		}
	}
	return n
}

// drain waits until the queue is empty.
func (a *agent) drain(limit time.Duration) error {
	return await(limit, "the queue is empty", func() bool {
		n, ok := a.metrics()["spool_messages"]
		return ok && n == 0
	})
}
