package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"iot-edge-anomaly/drivers/sim/modbussim"
	"iot-edge-anomaly/scripts/child"
)

const pagePath = "../../docs/runbook.md"

func readPage(t *testing.T) page {
	t.Helper()
	text, err := os.ReadFile(pagePath)
	if err != nil {
		t.Fatal(err)
	}
	p, faults := parse(string(text))
	for _, f := range faults {
		t.Errorf("docs/runbook.md: %s", f)
	}
	return p
}

// TestPage: each command of the page has an outcome and a scene, and no exception is left
// over.
func TestPage(t *testing.T) {
	p := readPage(t)
	if n := len(p.commands); n < 50 {
		t.Errorf("%d commands only: the search is wrong", n)
	}
	text, _ := os.ReadFile(pagePath)
	for c, reason := range elsewhere {
		if !strings.Contains(string(text), "`"+c+"`") && !strings.Contains(string(text), "$ "+c+"\n") || reason == "" {
			t.Errorf("the exception %q is not on the page, or has no reason", c)
		}
	}
	for _, s := range notCommands {
		if !strings.Contains(string(text), "`"+s+"`") {
			t.Errorf("%q, which is no command, is not on the page", s)
		}
	}
	named := p.scenes()
	for _, s := range named {
		if _, ok := scenes[s]; !ok {
			t.Errorf("no such scene: %s", s)
		}
	}
	for s := range scenes {
		if !slices.Contains(named, s) {
			t.Errorf("the page has no scene %q", s)
		}
	}
}

// headings are those that the page has had from its first version on: whoever knows their
// way in it finds it again.
var headings = strings.Split(`# Operational Runbooks
## Alert Response Procedures
### Critical Alerts
#### Application Down
#### High Memory Usage
### Warning Alerts
#### High Inference Latency
#### Model Drift Detected
## Maintenance Procedures
### Routine Maintenance
#### Weekly Health Checks
#### Monthly Performance Review
### Deployment Procedures
#### Model Update Deployment
#### Configuration Update
## Troubleshooting Guide
### Common Issues
#### Container Won't Start
#### High Error Rate
#### Model Performance Degradation
### Performance Optimization
#### Memory Optimization
#### CPU Optimization
## Emergency Procedures
### Complete System Failure
#### Recovery Steps
### Data Corruption
#### Recovery Steps
### Security Incident
#### Response Steps
## Escalation Procedures
### Alert Escalation Matrix
### Contact Information
#### On-Call Rotation
#### Vendor Contacts`, "\n")

func TestHeadings(t *testing.T) {
	p := readPage(t)
	at := 0
	for _, h := range headings {
		i := slices.Index(p.headings[at:], h)
		if i < 0 {
			t.Fatalf("docs/runbook.md has no %q behind %q", h, p.headings[max(0, at-1)])
		}
		at += i + 1
	}
}

func TestParse(t *testing.T) {
	p, faults := parse("# A\n\n1. `top -b` → `CPU`, `MEM` and `top -b`; `spool.max`, `df -h` (exit 1), `du`.\n\n<!-- scene b -->\n\n        $ iot-edge-anomaly status\n        a  ...\n        (exit 3)\n        $ tail -f x\n        line\n        ^C\n\n## C\n\n    plain\n\n`frob it`\n")
	var got []string
	for _, c := range p.commands {
		got = append(got, fmt.Sprintf("%s/%s: %s %q %q %d %v", c.section, c.scene, c.text, c.prints, c.contains, c.code, c.interrupted))
	}
	want := []string{`A/well: top -b [] ["CPU" "MEM"] 0 false`, `A/well: df -h [] [] 1 false`, `A/b: iot-edge-anomaly status ["a  ..."] [] 3 false`, `A/b: tail -f x ["line"] [] 0 true`}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	wantFaults := []string{"line 16: a block that does not begin with a command after $: plain",
		"line 18: is `frob it` a command? Name the program in programs, or the text in notCommands", "line 3: the outcome of `du` is nowhere on the page"}
	if !slices.Equal(faults, wantFaults) {
		t.Errorf("got %q", faults)
	}
}

func TestCompare(t *testing.T) {
	out := "HEAD   a    b\n\nx 1\ny 2\nend\n"
	for _, tc := range []struct {
		c    command
		code int
		ok   bool
	}{
		{command{prints: []string{"HEAD a b", "x 1", "y 2", "end"}}, 0, true},
		{command{prints: []string{"HEAD ... b", "...", "end"}}, 0, true},
		{command{prints: []string{"...", "y 2", "..."}}, 0, true},
		{command{prints: []string{"...", "end", "..."}}, 0, true},
		{command{prints: []string{"...", "y 2"}}, 0, false},
		{command{prints: []string{"y 2", "..."}}, 0, false},
		{command{prints: []string{"..."}, code: 1}, 0, false},
		{command{prints: []string{"..."}, code: 1}, 1, true},
		{command{prints: []string{}}, 0, false},
		{command{prints: []string{"HEAD a b"}, interrupted: true}, 130, true},
		{command{contains: []string{"HEAD a", "y..."}}, 0, true},
		{command{contains: []string{"HEAD b"}}, 0, false},
		{command{code: 3}, 3, true},
	} {
		if err := tc.c.compare(out, tc.code); (err == nil) != tc.ok {
			t.Errorf("%+v, exit %d: %v", tc.c, tc.code, err)
		}
	}
	if err := (&command{prints: []string{}}).compare("", 0); err != nil {
		t.Errorf("nothing printed: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("# A\n\n    $ top\n    ...\n    ^C\n\n`df -h` → `x` (exit 1)\n<!-- scene b -->\n")
	f.Fuzz(func(t *testing.T, text string) {
		p, _ := parse(text)
		for _, c := range p.commands {
			c.compare(text, 0)
		}
	})
}

// quickPrograms are those of commands that need no systemd.
var quickPrograms = []string{"iot-edge-anomaly", "curl", "grep", "df", "du"}

var pipes = regexp.MustCompile(`&&|[|;]`)

// quick tells whether a command is run by TestRunbook.
func quick(c command, own map[string]func() error) bool {
	if own[c.text] != nil {
		return true
	}
	inQuotes := regexp.MustCompile(`'[^']*'`).ReplaceAllString(c.text, "")
	for _, part := range pipes.Split(inQuotes, -1) {
		first, _, _ := strings.Cut(strings.TrimSpace(part), " ")
		if !slices.Contains(quickPrograms, first) {
			return false
		}
	}
	return elsewhere[c.text] == ""
}

// TestRunbook runs the commands that need no systemd on an agent of their own for each
// scene, beside a real mosquitto. scripts/systemd.sh runs all.
func TestRunbook(t *testing.T) {
	if testing.Short() {
		t.Skip("needs installed programs")
	}
	p := readPage(t)
	bin := t.TempDir()
	build := exec.Command("go", "build", "-trimpath", "-tags", "nethttpomithttp2", "-o", filepath.Join(bin, "agent"), "./agent")
	build.Dir = "../.."
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	// --config names what is at its default on a gateway
	script := `#!/bin/bash
case $1 in
check | fsck) if [ $# = 1 ]; then set -- "$@" --config "$CONFIG"; elif [ "$1" = fsck ]; then set -- "$@" --config "$CONFIG"; fi ;;
version) ;;
*) set -- "$@" --config "$CONFIG" ;;
esac
exec -a iot-edge-anomaly ` + filepath.Join(bin, "agent") + ` "$@"
`
	if err := os.WriteFile(filepath.Join(bin, "iot-edge-anomaly"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	ran := 0
	for _, name := range p.scenes() {
		var chosen []command
		for _, c := range p.of(name) {
			if quick(c, (&own{}).commands()) {
				chosen = append(chosen, c)
			}
		}
		if name == "it is refused at its start" || len(chosen) == 0 {
			continue // what systemd makes of it
		}
		ran += len(chosen)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := startOwn(t, bin, name)
			for _, c := range chosen {
				err := error(nil)
				if f := o.commands()[c.text]; f != nil {
					err = f()
				} else {
					err = c.run(o.g)
				}
				if err != nil {
					t.Errorf("docs/runbook.md, line %d, %s: %s: %v", c.line, c.section, c.text, err)
				}
			}
		})
	}
	if ran < 40 {
		t.Errorf("%d commands only", ran)
	}
}

// own is an agent of a test, with its broker and its device.
type own struct {
	t      *testing.T
	g      *gateway
	s      site
	bin    string
	device *modbussim.Server
	broker *child.Process
	agent  *child.Process
	log    *os.File
}

// commands are those of systemctl that a test can do without systemd.
func (o *own) commands() map[string]func() error {
	return map[string]func() error{
		"systemctl stop iot-edge-anomaly":    func() error { o.agent.End(syscall.SIGTERM); return o.agent.Err() },
		"systemctl start iot-edge-anomaly":   func() error { return o.start() },
		"systemctl restart iot-edge-anomaly": func() error { o.agent.End(syscall.SIGTERM); return o.start() },
	}
}

func (o *own) start() (err error) {
	o.agent, err = child.Start(o.log, filepath.Join(o.bin, "agent"), "run", "--config", filepath.Join(o.s.etc, "config.yaml"))
	return err
}

func (o *own) away(what string) error {
	if what == "plc" {
		return o.device.Close()
	}
	o.broker.End(syscall.SIGTERM)
	return nil
}

func (o *own) spoil() { service{o.g, o.s}.spoil() }

func (o *own) do(text string) error {
	service{o.g, o.s}.do(text) // a refusal is what is wanted
	return nil
}

// startOwn starts an agent and brings it into a scene.
func startOwn(t *testing.T, bin, name string) *own {
	dir := t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	addr := func() string {
		a, err := child.FreeAddr()
		must(err)
		return a
	}
	o := &own{t: t, bin: bin, s: site{etc: filepath.Join(dir, "etc"), http: addr(), plc: addr(), broker: addr()}}
	state, work, socket := filepath.Join(dir, "state"), filepath.Join(dir, "work"), filepath.Join(dir, "control.sock")
	o.s.lines = fmt.Sprintf("state: %s\nspool: {dir: %s/spool}\ncontrol: {socket: %s}\n", state, state, socket)
	for _, d := range []string{o.s.etc, state, work} {
		must(os.MkdirAll(d, 0o755))
	}
	o.g = &gateway{path: []string{bin}, env: []string{"CONFIG=" + filepath.Join(o.s.etc, "config.yaml")}, dir: work, replace: map[string]string{
		"/etc/iot-edge-anomaly": o.s.etc, "/var/lib/iot-edge-anomaly": state, "/run/iot-edge-anomaly/control.sock": socket, "127.0.0.1:8080": o.s.http}}
	must(o.s.write(work, scenes[name].level))

	var bank modbussim.Bank
	bank.SetHolding(0, 100)
	bank.SetHolding(1, 101)
	var err error
	o.device, err = modbussim.Listen(o.s.plc, map[uint8]*modbussim.Bank{1: &bank})
	must(err)
	t.Cleanup(func() { o.device.Close() })
	o.log, err = os.Create(filepath.Join(dir, "log"))
	must(err)
	mosquitto, err := child.Find("mosquitto", "mosquitto")
	must(err)
	host, port, _ := net.SplitHostPort(o.s.broker)
	conf := filepath.Join(dir, "mosquitto.conf")
	must(os.WriteFile(conf, []byte(fmt.Sprintf("listener %s %s\nallow_anonymous true\n", port, host)), 0o644))
	o.broker, err = child.Start(o.log, mosquitto, "-c", conf)
	must(err)
	t.Cleanup(func() { o.broker.End(syscall.SIGTERM) })
	for end := time.Now().Add(again); ; time.Sleep(20 * time.Millisecond) {
		c, err := net.Dial("tcp", o.s.broker)
		if err == nil {
			c.Close()
			break
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
	must(o.start())
	t.Cleanup(func() {
		o.agent.End(syscall.SIGTERM)
		if b, _ := os.ReadFile(o.log.Name()); t.Failed() {
			t.Logf("the log:\n%s", b[max(0, len(b)-4000):])
		}
	})
	must((&command{text: "iot-edge-anomaly wait-ready --timeout 60s"}).run(o.g))
	must((&command{text: "iot-edge-anomaly status", contains: []string{"connected to"}}).run(o.g))
	if then := scenes[name].then; then != nil {
		must(then(o))
	}
	if scenes[name].level == "high.csv" {
		must(o.g.openEvent())
	}
	return o
}
