// Command alerts has a real Prometheus, a real vmalert and a real Alertmanager evaluate
// the rules of board/monitoring while faults are injected into agents that watch the
// demonstration's pump station. It prints which alert fired, when each evaluator's
// notification reached its receiver, and when it was resolved. It ends with 1 if one did
// not fire, took another way or did not clear.
//
//	alerts [-program FILE] [-keep]
//
// The rules are those of the table, thirty times as fast. Everything listens on free
// ports of the loopback. A limit of memory is injected in a mount namespace, which needs
// root.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"iot-edge-anomaly/agent/demo"
	"iot-edge-anomaly/scripts/child"
)

// faster is by how much the rules are faster than in use.
const faster = 30

// patience is how long an alert may take to fire or to clear.
const patience = 3 * time.Minute

func main() {
	program := flag.String("program", "./iot-edge-anomaly", "the built program")
	keep := flag.Bool("keep", false, "keep the folder with logs")
	flag.Parse()
	dir, err := os.MkdirTemp("", "alerts")
	if err == nil {
		err = trial(*program, dir)
	}
	if *keep || err != nil {
		fmt.Println("logs:", dir)
	} else {
		os.RemoveAll(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "alerts:", err)
		os.Exit(1)
	}
}

// trial goes through the faults.
func trial(program, dir string) error {
	program, err := filepath.Abs(program)
	if err != nil {
		return err
	}
	station, err := demo.Start(demo.Options{})
	if err != nil {
		return err
	}
	defer station.Close()
	if err := routes("board/monitoring/alertmanager.yml"); err != nil {
		return err
	}
	received, err := listen()
	if err != nil {
		return err
	}
	pump, err := newPump(program, dir, station)
	if err != nil {
		return err
	}
	victoria, err := demo.FreeAddr("127.0.0.1:0")
	if err != nil {
		return err
	}
	fan, err := newFan(program, dir, victoria)
	if err != nil {
		return err
	}
	mill, err := newMill(program, dir)
	if err != nil {
		return err
	}
	defer func() { pump.end(syscall.SIGTERM); fan.end(syscall.SIGTERM); mill.end(syscall.SIGTERM) }()
	if err := errors.Join(pump.start(nil), fan.start(nil), mill.start(nil)); err != nil {
		return err
	}
	s, err := startStack(dir, received.addr, victoria, pump, fan, mill)
	if err != nil {
		return err
	}
	defer s.end()
	if err := s.waitForSeries(`count(samples_scored_total > 0)`, 3); err != nil {
		return fmt.Errorf("the machines were not learnt: %w", err)
	}
	fmt.Println("three machines are learnt; Prometheus and VictoriaMetrics scrape their agents")
	c := &checker{received: received, begin: time.Now(), patience: patience}
	latency(c, mill)
	if err := errors.Join(down(c, pump), memory(c, pump, s)); err != nil {
		return err
	}
	if err := errors.Join(pushed(c, s), dashboard(c, s)); err != nil {
		return err
	}
	drift(c, fan)
	return c.verdict()
}

// down kills the agent, and starts it again.
func down(c *checker, a *agent) error {
	a.end(syscall.SIGKILL)
	c.fires("ApplicationDown", a, "on-call", "the agent was killed")
	if err := a.start(nil); err != nil {
		return err
	}
	c.clears("ApplicationDown", a, "it was started")
	return nil
}

// latency takes the CPU away from the agent.
func latency(c *checker, a *agent) {
	stop := a.throttle()
	c.fires("HighInferenceLatency", a, "operations", "the agent gets the CPU for half a millisecond in 15 at the most")
	stop()
	c.clears("HighInferenceLatency", a, "it gets it again")
}

// memory starts the agent in a group whose limit is hardly above what it needs. The
// gateway itself must find it too, after its two minutes, as an event.
func memory(c *checker, a *agent, s *stack) error {
	if os.Getuid() != 0 {
		fmt.Println("HighMemoryUsage: not tried, a mount namespace needs root")
		return nil
	}
	used, err := s.value(`max(memory_usage_bytes{instance="` + a.addr + `"})`)
	if err != nil {
		return err
	}
	limit := used / 0.93
	for range 8 { // Go collects harder below a limit, and what a start takes may be above 95 % of it
		a.end(syscall.SIGTERM)
		if err := a.start(limited(dirOf(a.log), int(limit))); err != nil {
			return err
		}
		time.Sleep(75 * time.Second)
		used, err = s.value(`max(memory_usage_bytes{instance="` + a.addr + `"})`)
		if err != nil { // it has ended itself
			limit *= 1.02
		} else if used < 0.91*limit {
			limit *= 0.985
		} else {
			break
		}
	}
	c.fires("HighMemoryUsage", a, "on-call", fmt.Sprintf("the agent, which uses %.0f MB, has a limit of %.0f MB", used/1e6, limit/1e6))
	if err := s.waitForSeries(`sum(events_open{kind="alert",severity="critical",instance="`+a.addr+`"})`, 1); err != nil {
		c.fail("the gateway itself did not tell HighMemoryUsage: %v", err)
	} else {
		c.say("HighMemoryUsage: the gateway itself has an event of kind alert")
		c.repeats("HighMemoryUsage", a, 5) // every ten seconds, for two minutes
	}
	a.end(syscall.SIGTERM)
	if err := a.start(nil); err != nil {
		return err
	}
	c.clears("HighMemoryUsage", a, "it was started without the limit")
	return nil
}

// drift waits for what the recording of the fan does: after a minute it runs at another
// level, which after ten minutes is taken for drift; then it returns.
func drift(c *checker, a *agent) {
	c.patience = 15 * time.Minute
	c.fires("ModelDriftDetected", a, "operations", "the fan has run at another level for ten minutes")
	c.clears("ModelDriftDetected", a, "it runs as before")
}

// pushed stops VictoriaMetrics for ten seconds: what the fan's agent pushes every second
// must be there without a gap afterwards.
func pushed(c *checker, s *stack) error {
	c.say("metrics.push: VictoriaMetrics is stopped for ten seconds")
	s.victoriaMetrics.End(syscall.SIGTERM)
	time.Sleep(10 * time.Second)
	if err := s.startVictoria(); err != nil {
		return err
	}
	time.Sleep(10 * time.Second)
	got, err := ask(s.victoria, `count_over_time(samples_processed_total{job="iot-edge-anomaly",instance="fan"}[25s])`)
	if err != nil || got < 23 {
		c.fail("metrics.push: %v samples of the last 25 s, want one a second (%v)", got, err)
		return nil
	}
	c.say("metrics.push: %v samples of the last 25 s are there", got)
	return nil
}

// routes has amtool say where each severity goes.
func routes(file string) error {
	amtool, err := child.Find("amtool", "prometheus-alertmanager")
	if err != nil {
		return err
	}
	if out, err := exec.Command(amtool, "check-config", file).CombinedOutput(); err != nil {
		return fmt.Errorf("amtool: %s", out)
	}
	for severity, receiver := range map[string]string{"critical": "on-call", "warning": "operations", "info": "mail", "other": "operations"} {
		out, err := exec.Command(amtool, "config", "routes", "test", "--config.file="+file, "--verify.receivers="+receiver, "severity="+severity).CombinedOutput()
		if err != nil {
			return fmt.Errorf("amtool: severity %s does not go to %s: %s", severity, receiver, out)
		}
	}
	fmt.Println("amtool: critical goes to on-call, warning to operations, info to mail")
	return nil
}
