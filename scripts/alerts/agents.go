package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"iot-edge-anomaly/agent/demo"
	"iot-edge-anomaly/scripts/child"
)

// agent is the program with a configuration of its own.
type agent struct {
	*child.Process
	program, config, log string
	addr                 string // of its endpoint
	id                   string // of the gateway
}

func dirOf(file string) string { return filepath.Dir(file) }

// newAgent writes a configuration; %s in it is the address of the endpoint.
func newAgent(program, dir, id, text string) (*agent, error) {
	addr, err := demo.FreeAddr("127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	a := &agent{program: program, addr: addr, id: id, config: filepath.Join(dir, id+".yaml"), log: filepath.Join(dir, id+".log")}
	return a, os.WriteFile(a.config, []byte(strings.Replace(text, "ENDPOINT", addr, 1)), 0o600)
}

// newPump watches the pump of the demonstration, without the chips that are in another
// process.
func newPump(program, dir string, station *demo.Station) (*agent, error) {
	text := string(station.Config("", "ENDPOINT", filepath.Join(dir, "pump-state")))
	var kept []string
	skip := false
	for line := range strings.Lines(text) {
		switch {
		case strings.HasPrefix(line, "  header:"), strings.Contains(line, "driver: lm75"), strings.Contains(line, "driver: bme280"), strings.Contains(line, "driver: ina219"):
			continue
		case strings.HasPrefix(line, "  # The cabinet"):
			skip = true
		case line == "\n":
			skip = false
		}
		if !skip {
			kept = append(kept, strings.Replace(line, `, "bearing.*"`, "", 1))
		}
	}
	return newAgent(program, dir, "pump-station", strings.Join(kept, ""))
}

// The recording of the fan, in rows of a tenth of a second: it is learnt, runs on, runs at
// another level for longer than a level must last to become drift, and returns.
const (
	fanLearn = 600
	fanHigh  = fanLearn + 600
	fanBack  = fanHigh + 10*60*10 + 1200
	fanEnd   = fanBack + 16*60*10
)

func newFan(program, dir, victoria string) (*agent, error) {
	file := filepath.Join(dir, "fan.csv")
	var b strings.Builder
	b.WriteString("timestamp,speed,current\n")
	for i := range fanEnd {
		x := float64(i)
		speed := 40 + 3*math.Sin(x/9) + 0.2*math.Sin(x*x)
		current := 0.2*speed + 0.05*math.Sin(7*x*x)
		if i >= fanHigh && i < fanBack {
			current += 3
		}
		fmt.Fprintf(&b, "%.1f,%.4f,%.4f\n", x/10, speed, current)
	}
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		return nil, err
	}
	state := filepath.Join(dir, "fan-state")
	return newAgent(program, dir, "fan", fmt.Sprintf(`gateway: {site: trial, id: fan}
state: %[1]q
control: {socket: ""}
sensors: [{name: fan, driver: replay, file: %[2]q}]
machines:
  - name: fan
    channels: ["fan.*"]
    period: 100ms
    model: {learn: {for: 60s, when: no_model, duty: 1}}
    detect: {open: 3 of 5, hold: 2s}
    drift: {after: 10m}
http: {listen: "ENDPOINT"}
metrics: {push: "http://%[3]s/api/v1/import/prometheus", interval: 1s}
`, state, file, victoria))
}

// newMill is a machine of many channels, whose rows take a while to score.
func newMill(program, dir string) (*agent, error) {
	const channels, rows = 200, 3000
	file := filepath.Join(dir, "mill.csv")
	var b strings.Builder
	b.WriteString("timestamp")
	for c := range channels {
		fmt.Fprintf(&b, ",c%d", c)
	}
	for i := range rows {
		fmt.Fprintf(&b, "\n%.1f", float64(i)/10)
		for c := range channels {
			x := 2 * math.Pi * float64(i) / 300 // what repeats has no seam
			fmt.Fprintf(&b, ",%.4f", 10+math.Sin(x+float64(c))+0.05*math.Sin(float64(i*i*(c+1))))
		}
	}
	b.WriteString("\n")
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		return nil, err
	}
	return newAgent(program, dir, "mill", fmt.Sprintf(`gateway: {site: trial, id: mill}
state: %[1]q
control: {socket: ""}
sensors: [{name: mill, driver: replay, file: %[2]q, loop: true}]
machines: [{name: mill, channels: ["mill.*"], period: 200ms, model: {learn: {for: 60s, when: no_model, duty: 1}}}]
http: {listen: "ENDPOINT"}
`, filepath.Join(dir, "mill-state"), file))
}

// start starts the agent, by way of another command if there is one.
func (a *agent) start(wrap []string) error {
	log, err := os.OpenFile(a.log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	a.Process, err = child.Start(log, append(wrap, a.program, "run", "--config", a.config)...)
	return err
}

func (a *agent) end(s syscall.Signal) { a.Process.End(s) }

// limited runs a command where the control group seems to have a limit of memory.
func limited(dir string, bytes int) []string {
	file := filepath.Join(dir, "memory.max")
	os.WriteFile(file, fmt.Appendln(nil, bytes), 0o600) // the agent would have no limit, and no alert would fire
	return []string{"unshare", "-m", "sh", "-c", `mount -t tmpfs none /sys/fs/cgroup && d=$(sed -n 's/^0:://p' /proc/self/cgroup) && mkdir -p "/sys/fs/cgroup$d" && cp "$0" "/sys/fs/cgroup$d/memory.max" && exec "$@"`, file}
}

// throttle has the agent run for up to half a millisecond in 15 until the returned function is called, as a CPU that others use, or that is too hot.
func (a *agent) throttle() (stop func()) {
	end := make(chan struct{})
	var done sync.WaitGroup
	done.Go(func() {
		for {
			a.signal(syscall.SIGSTOP)
			select {
			case <-end:
				a.signal(syscall.SIGCONT)
				return
			case <-time.After(15 * time.Millisecond):
			}
			a.signal(syscall.SIGCONT)
			run := time.Duration(50+rand.IntN(450)) * time.Microsecond
			for begin := time.Now(); time.Since(begin) < run; {
			}
		}
	})
	return func() { close(end); done.Wait() }
}

func (a *agent) signal(s syscall.Signal) { syscall.Kill(a.Pid(), s) }
