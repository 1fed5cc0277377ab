package gateway

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/devices"
	"iot-edge-anomaly/agent/keyfiles"
	"iot-edge-anomaly/agent/models"
	"iot-edge-anomaly/agent/mqtt"
	"iot-edge-anomaly/agent/settings"
	"iot-edge-anomaly/agent/spool"
	"iot-edge-anomaly/agent/state"
)

// Foresee tells what a Gateway would start with: machines whose model cannot judge
// as it should (SeverityImpaired), and files that cannot be used at present
// (SeverityWarning). It judges models by the very code that the machines start by.
// path names the configuration in the problems.
func Foresee(path string, c *config.Config) config.Problems {
	ps := append(missingFiles(path, c), exposedFiles(path, c)...)
	if left := leftovers(c); len(left) > 0 {
		ps = append(ps, problem(path, config.Pos{Line: 1, Column: 1}, "state", "remove the files, unless a machine is to have its old name again", errors.New(strings.Join(left, ", ")+": kept of machines that are not configured")))
	}
	return append(ps, impairedMachines(path, c)...)
}

// Startable tells why a Gateway with this configuration could not write its folders of
// state and queue. That is nothing another configuration must cure. Where the folder of
// the queue is not there yet, run ends with 1 and is tried again. It writes nothing. What another user than the agent's may not
// write is no reason.
func Startable(c *config.Config) error {
	for _, f := range [][2]string{{"state", c.State}, {"spool.dir", c.Spool.Dir}} {
		if err := state.OpenModels(filepath.Join(f[1], "models")).Addable(); err != nil && (!errors.Is(err, fs.ErrPermission) || owner(c.State)) {
			what := "run would not start"
			if st, err := os.Stat(c.Spool.Dir); err == nil && st.IsDir() {
				what = "run would start, and could not write"
			}
			return fmt.Errorf("%s: %s: %w: have it written by the agent's user, or set another folder", what, f[0], err)
		}
	}
	return nil
}

// leftovers are the files in the state folder of machines that are not configured. They
// stay, because a machine may get its old name again.
func leftovers(c *config.Config) (out []string) {
	for _, pattern := range []string{"learn/*.rows", "judge/*.state"} {
		found, _ := filepath.Glob(filepath.Join(c.State, pattern)) // the pattern is good
		for _, file := range found {
			name := strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
			if !slices.ContainsFunc(c.Machines, func(m config.Machine) bool { return m.Name == name }) {
				out = append(out, file)
			}
		}
	}
	return out
}

// exposedFiles warns of secrets to which others have access, as the log does of those in
// use.
func exposedFiles(path string, c *config.Config) (ps config.Problems) {
	m, h := c.MQTT, c.HTTP
	for _, f := range []struct {
		pos       config.Pos
		key, file string
	}{{m.Pos, "mqtt.key", m.Key}, {h.Pos, "http.tls.key", h.TLSKey}, {h.Pos, "http.token_file", h.TokenFile}, {c.Metrics.Pos, "metrics.token_file", c.Metrics.TokenFile}} {
		if loose := keyfiles.Loose(f.file); loose != "" {
			ps = append(ps, problem(path, f.pos, f.key, "it is used all the same", errors.New(loose)))
		}
	}
	return ps
}

// warn logs what is left of machines that are not configured.
func (g *Gateway) warn(c *config.Config) {
	if left := leftovers(c); len(left) > 0 {
		g.log.Warn("kept of machines that are not configured", "files", strings.Join(left, ", "))
	}
}

// impairedMachines tells of machines that would start blind or judge in part.
func impairedMachines(path string, c *config.Config) (ps config.Problems) {
	for i, m := range c.Machines {
		a := assess(models.Of(c, m).Models, c, m)
		if lost := lostRows(c, m); a.Learns && lost != "" {
			ps = append(ps, problem(path, m.Pos, fmt.Sprintf("machines[%d]", i), "wait until it is learnt, or let it collect them anew", errors.New(lost)))
		}
		if a.Problem == "" || errors.Is(a.Keep, fs.ErrPermission) && !owner(c.State) {
			continue // what this user may not write, the agent's may
		}
		p := problem(path, m.Pos, fmt.Sprintf("machines[%d].model", i), a.Cure, errors.New("machine "+m.Name+": "+a.Problem))
		if p.Severity = config.SeverityImpaired; errors.Is(a.Err, fs.ErrPermission) && !owner(c.State) {
			p.Severity, p.Hint = config.SeverityWarning, "this user may not read the model: run check as the service's user"
		}
		ps = append(ps, p)
	}
	return ps
}

// lostRows tells how many learning rows of a machine would be of no use: they would be
// collected anew, for days perhaps. It is empty where there are none.
func lostRows(c *config.Config, m config.Machine) string {
	n := state.RowsOfOthers(learning(c, m, settings.Schema(m)).Rows)
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("machine %s: its %s so far would be discarded: its channels, units, period or run_when have changed", m.Name, spool.Count(n, "learning row", "learning rows"))
}

// owner tells whether this user owns the state folder, as the agent's user does.
func owner(state string) bool {
	st, err := os.Stat(state)
	if err != nil {
		return false
	}
	sys, ok := st.Sys().(*syscall.Stat_t)
	return ok && int(sys.Uid) == os.Geteuid()
}

// missingFiles warns of files that the configuration names and that cannot be used at
// present. That is no error, because the files may be put there later.
func missingFiles(path string, c *config.Config) (ps config.Problems) {
	warn := func(pos config.Pos, key, hint string, err error) {
		if err != nil {
			ps = append(ps, problem(path, pos, key, hint, err))
		}
	}
	m, h := c.MQTT, c.HTTP
	o := mqtt.Options{Broker: m.Broker, Username: m.Username, PasswordFile: m.PasswordFile, CA: m.CA, Cert: m.Cert, Key: m.Key}
	if m.Broker != "" {
		warn(m.Pos, "mqtt", "until it is there, messages stay in the queue", o.CheckFiles())
	}
	for i, s := range c.Sensors {
		warn(s.Pos, fmt.Sprintf("sensors[%d]", i), "its values are missing until it is there", devices.CheckFiles(s))
	}
	for _, f := range []struct {
		pos             config.Pos
		key, file, hint string
	}{{h.Pos, "http.tls.cert", h.TLSCert, noHTTP}, {h.Pos, "http.tls.key", h.TLSKey, noHTTP}, {h.Pos, "http.token_file", h.TokenFile, noHTTP},
		{c.Metrics.Pos, "metrics.token_file", c.Metrics.TokenFile, noPush}, {c.Metrics.Pos, "metrics.ca", c.Metrics.CA, noPush}} {
		if f.file != "" {
			st, err := os.Stat(f.file)
			if err == nil && st.IsDir() {
				err = fmt.Errorf("%s is a folder", f.file)
			}
			warn(f.pos, f.key, f.hint, err)
		}
	}
	return ps
}

// What happens while a file is missing.
const (
	noHTTP = "run starts without the HTTP endpoint, and tries again"
	noPush = "until it is there, metrics are not pushed"
)

func problem(path string, at config.Pos, key, hint string, err error) config.Problem {
	return config.Problem{File: path, Line: at.Line, Column: at.Column, Path: key,
		Message: strings.ReplaceAll(err.Error(), "\n", "; "), Hint: hint, Severity: config.SeverityWarning}
}
