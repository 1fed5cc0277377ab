package gateway

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/devices"
	"iot-edge-anomaly/agent/mqtt"
	"iot-edge-anomaly/agent/state"
)

// Foresee tells what a Gateway would start with: machines whose model cannot judge
// as it should (SeverityImpaired), and files that cannot be used at present
// (SeverityWarning). It judges models by the very code that the machines start by.
// path names the configuration in the problems.
func Foresee(path string, c *config.Config) config.Problems {
	return append(missingFiles(path, c), impairedMachines(path, c)...)
}

// impairedMachines tells of machines that would start blind or judge in part.
func impairedMachines(path string, c *config.Config) (ps config.Problems) {
	for i, m := range c.Machines {
		a := assess(state.OpenModels(m.Model.Path), c, m)
		if a.Problem == "" {
			continue
		}
		p := problem(path, m.Pos, fmt.Sprintf("machines[%d].model", i), a.Cure, errors.New("machine "+m.Name+": "+a.Problem))
		if p.Severity = config.SeverityImpaired; errors.Is(a.Err, fs.ErrPermission) && !owner(c.State) {
			p.Severity, p.Hint = config.SeverityWarning, "this user may not read the model: run check as the service's user"
		}
		ps = append(ps, p)
	}
	return ps
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
	for _, f := range [][2]string{{"http.tls.cert", h.TLSCert}, {"http.tls.key", h.TLSKey}, {"http.token_file", h.TokenFile}} {
		if f[1] != "" {
			_, err := os.Stat(f[1])
			warn(h.Pos, f[0], "run starts without the HTTP endpoint, and tries again", err)
		}
	}
	return ps
}

func problem(path string, at config.Pos, key, hint string, err error) config.Problem {
	return config.Problem{File: path, Line: at.Line, Column: at.Column, Path: key,
		Message: strings.ReplaceAll(err.Error(), "\n", "; "), Hint: hint, Severity: config.SeverityWarning}
}
