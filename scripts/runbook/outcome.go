package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"
)

// gateway is where commands run: this one, or one of a test.
type gateway struct {
	path    []string          // folders before those of PATH
	env     []string          // more of the environment
	replace map[string]string // names of the page by what they are here
	dir     string            // the working folder
}

// again is for how long a question is asked until its outcome is right: a state needs some
// seconds to come about, and more on a busy machine.
const again = 90 * time.Second

// changing are commands that change something: they run once.
var changing = regexp.MustCompile(`event ack|mute |config apply|anomaly reload|unlatch|backup|restore|bundle|model (install|activate|rollback)|mqtt (disable|enable)|systemctl (restart|stop|start|reload)|apt-get|vacuum|^(mv|cp|rm) `)

// run runs the command and compares.
func (c *command) run(g *gateway) error {
	end := time.Now().Add(again)
	for {
		out, code := g.run(c)
		err := c.compare(g.named(out), code)
		if err == nil || changing.MatchString(c.text) || time.Now().After(end) {
			return err
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// compare says in what an outcome is another than that of the page.
func (c *command) compare(out string, code int) error {
	out = squeeze(out)
	wrong := func(what string) error { return fmt.Errorf("%s; it printed (exit %d):\n%s", what, code, out) }
	if code != c.code && !c.interrupted {
		return wrong(fmt.Sprintf("exit code %d, the page says %d", code, c.code))
	}
	for _, s := range c.contains {
		if !pattern(s).MatchString(out) {
			return wrong(fmt.Sprintf("%q is not in what it prints", s))
		}
	}
	if c.prints == nil {
		return nil
	}
	var re strings.Builder
	re.WriteString(`^`)
	for _, l := range c.prints {
		if l == "..." {
			re.WriteString(`(?:.*\n)*?`)
			continue
		}
		re.WriteString(pattern(l).String() + `\n`)
	}
	if !c.interrupted {
		re.WriteString(`$`)
	}
	if !regexp.MustCompile(re.String()).MatchString(out) {
		return wrong("it prints something else than the page")
	}
	return nil
}

// pattern is a text in which "..." is any text of a line, with the spaces around it.
func pattern(s string) *regexp.Regexp {
	return regexp.MustCompile(anything.ReplaceAllLiteralString(regexp.QuoteMeta(strings.TrimSpace(spaces.ReplaceAllString(s, " "))), `[^\n]*`))
}

var anything = regexp.MustCompile(` ?\\\.\\\.\\\. ?`)

var spaces = regexp.MustCompile(`[ \t]+`)

// squeeze makes every gap one space, and takes those around a line and empty lines away.
func squeeze(s string) string {
	var b strings.Builder
	for l := range strings.Lines(s) {
		if l = strings.TrimSpace(spaces.ReplaceAllString(l, " ")); l != "" {
			b.WriteString(l + "\n")
		}
	}
	return b.String()
}

// here and named replace the names of the page by those here, and back.
func (g *gateway) here(s string) string {
	for name, is := range g.replace {
		s = strings.ReplaceAll(s, name, is)
	}
	return s
}

func (g *gateway) named(s string) string {
	for name, is := range g.replace {
		s = strings.ReplaceAll(s, is, name)
	}
	return s
}

// run runs a command by bash; one that is interrupted is so when it has printed what it
// must, or the time is over.
func (g *gateway) run(c *command) (string, int) {
	cmd := exec.Command("bash", "-c", g.here(c.text))
	cmd.Dir = g.dir
	cmd.Env = append(os.Environ(), g.env...)
	cmd.Env = append(cmd.Env, "PATH="+strings.Join(append(g.path, os.Getenv("PATH"), "/usr/sbin", "/sbin"), ":"), "SYSTEMD_PAGER=", "LC_ALL=C.UTF-8", "COLUMNS=500")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var out output
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		return err.Error(), -1
	}
	ended := make(chan struct{})
	go func() { cmd.Wait(); close(ended) }()
	end := time.Now().Add(again)
	for signal := syscall.SIGINT; ; {
		select {
		case <-ended:
			return out.String(), cmd.ProcessState.ExitCode()
		case <-time.After(50 * time.Millisecond):
		}
		if over := time.Now().After(end); over || c.interrupted && c.compare(g.named(out.String()), 0) == nil {
			syscall.Kill(-cmd.Process.Pid, signal)
			if over {
				signal = syscall.SIGKILL
			}
		}
	}
}

type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}
