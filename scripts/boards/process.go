package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// waitDelay is how long to wait for the pipes of a killed program.
const waitDelay = 5 * time.Second

// starter runs functions on one thread that lives as long as this process: a
// child's PDEATHSIG is sent when the thread that made it ends (prctl(2)).
var starter = make(chan func())

func init() {
	go func() {
		runtime.LockOSThread()
		for f := range starter {
			f()
		}
	}()
}

// process is a running program. It ends with this program, however that ends.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	err  error         // then
}

// start starts a program in a process group of its own; both outputs go to out.
func start(out io.Writer, name string, args ...string) (*process, error) {
	p := &process{cmd: exec.Command(name, args...), done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = out, out
	p.cmd.Env = append(os.Environ(), "QEMU_AUDIO_DRV=none") // qemu looks for sound cards otherwise
	p.cmd.WaitDelay = waitDelay
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	starter <- func() { started <- p.cmd.Start() }
	if err := <-started; err != nil {
		return nil, fmt.Errorf("starting %s: %w", filepath.Base(name), err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// running tells whether it has not ended yet.
func (p *process) running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// signal sends a signal to the process group. If the signal ends it, signal waits.
func (p *process) signal(s syscall.Signal) {
	if p == nil || !p.running() {
		return
	}
	syscall.Kill(-p.cmd.Process.Pid, s) // it may end meanwhile
	if s == syscall.SIGKILL || s == syscall.SIGTERM {
		<-p.done
	}
}

// program finds a program that the boards need, in root's PATH too.
func program(name, pkg string) (string, error) {
	if p, err := exec.LookPath(name); err == nil {
		return p, nil
	}
	if p := filepath.Join("/usr/sbin", name); isFile(p) {
		return p, nil
	}
	return "", fmt.Errorf("%s is missing: scripts/setup.sh %s", name, pkg)
}

func isFile(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.Mode().IsRegular()
}

// residentMiB is the program's resident memory; 0 = unknown.
func (p *process) residentMiB() int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "VmRSS:" {
			kib, _ := strconv.Atoi(f[1])
			return kib / 1024
		}
	}
	return 0
}

// cpuTime is what the program has used so far, in user and system mode.
func (p *process) cpuTime() time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	f := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	user, _ := strconv.Atoi(f[11])
	system, _ := strconv.Atoi(f[12])
	return time.Duration(user+system) * 10 * time.Millisecond // USER_HZ is 100 on Linux
}

// execute runs a command; the error contains its standard error.
func execute(ctx context.Context, cmd *exec.Cmd) error {
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	cmd.WaitDelay = waitDelay
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("running %s: %w\n%s", filepath.Base(cmd.Path), errors.Join(err, ctx.Err()), strings.TrimSpace(stderr.String()))
	}
	return nil
}
