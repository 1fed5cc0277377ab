package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// running is a started binary.
type running struct {
	cmd  *exec.Cmd
	said strings.Builder // on standard error
	took time.Duration   // until it was ready
	ends func()          // nil = nothing is to be done before it ends
}

// start runs the binary with the configuration, which it writes to dir, until it
// is ready at addr; env stands beside this process's environment.
func start(binary, dir, config, addr string, env ...string) (*running, error) {
	path := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		return nil, err
	}
	begin := time.Now()
	r, err := run(env, binary, "run", "--config", path)
	if err != nil {
		return nil, err
	}
	if err := until(10*time.Second, func() bool { return ready(addr) }); err != nil {
		r.stop()
		return nil, fmt.Errorf("ready: %w\n%s", err, r.said.String())
	}
	r.took = time.Since(begin)
	return r, nil
}

// run starts a program; env stands beside this process's environment.
func run(env []string, args ...string) (*running, error) {
	r := &running{cmd: exec.Command(args[0], args[1:]...)}
	r.cmd.Env = append(os.Environ(), env...)
	r.cmd.Stderr = &r.said
	return r, r.cmd.Start()
}

func (r *running) pid() int { return r.cmd.Process.Pid }

func (r *running) stop() {
	if r.ends != nil {
		r.ends()
	}
	r.cmd.Process.Signal(syscall.SIGTERM)
	r.cmd.Wait()
}

// load measures for the given time which share of one core the binary uses.
func (r *running) load(long time.Duration) (float64, error) {
	before, err := cpuSeconds(r.pid())
	if err != nil {
		return 0, err
	}
	begin := time.Now()
	time.Sleep(long)
	after, err := cpuSeconds(r.pid())
	return (after - before) / time.Since(begin).Seconds(), err
}
