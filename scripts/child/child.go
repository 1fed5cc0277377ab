// Package child runs programs that end when the program that started them ends,
// however that ends: brokers, emulators and agents of the scripts that inject faults.
//
// # Why
//
// A child gets SIGKILL by PDEATHSIG, prctl(2), when the thread that made it ends. Go
// ends threads at will, so one thread that lives as long as the process makes them all.
package child

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// patience is how long a program may take to end by a signal, and how long the pipes of
// a killed one may stay open.
const patience = 20 * time.Second

var starter = make(chan func())

func init() {
	go func() {
		runtime.LockOSThread()
		for f := range starter {
			f()
		}
	}()
}

// Process is a running program, the first of its process group. Its methods are safe for
// concurrent use.
type Process struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error
}

// Start starts a program; both its outputs go to out.
func Start(out io.Writer, args ...string) (*Process, error) {
	p := &Process{cmd: exec.Command(args[0], args[1:]...), done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = out, out
	p.cmd.WaitDelay = 5 * time.Second
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	starter <- func() { started <- p.cmd.Start() }
	if err := <-started; err != nil {
		return nil, fmt.Errorf("starting %s: %w", filepath.Base(args[0]), err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// Pid is the program's process id.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Done is closed when the program has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err says how the program ended; it waits for the end.
func (p *Process) Err() error {
	<-p.done
	return p.err
}

// Running tells whether the program has not ended yet. Nil is a program that never ran.
func (p *Process) Running() bool {
	if p == nil {
		return false
	}
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// End sends a signal that ends the process group, and waits for the program. One that
// does not end within 20 s is killed.
func (p *Process) End(s syscall.Signal) {
	if !p.Running() {
		return
	}
	syscall.Kill(-p.Pid(), s) // it may end meanwhile
	select {
	case <-p.done:
	case <-time.After(patience):
		syscall.Kill(-p.Pid(), syscall.SIGKILL)
		<-p.done
	}
}

// Find finds a program of a Debian package, in root's PATH too.
func Find(name, pkg string) (string, error) {
	if p, err := exec.LookPath(name); err == nil {
		return p, nil
	}
	p := filepath.Join("/usr/sbin", name)
	if st, err := os.Stat(p); err == nil && st.Mode().IsRegular() {
		return p, nil
	}
	return "", fmt.Errorf("%s is missing: scripts/setup.sh %s", name, pkg)
}
