package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/devices"
	"iot-edge-anomaly/agent/mqtt"
	"iot-edge-anomaly/agent/settings"
	"iot-edge-anomaly/agent/state"
)

func checkVerb(_ context.Context, e env, args []string) error {
	set := flags("check")
	file := configFlag(set)
	asJSON := set.Bool("json", false, "print the problems, or the keys, as a JSON array")
	keys := set.Bool("explain", false, "print what is known about the key that follows, or a line for each key")
	if err := parseRange(e, set, args, 0, 1); err != nil {
		return err
	}
	if *keys {
		return explain(e.stdout, *asJSON, set.Arg(0))
	}
	path := *file
	if set.NArg() == 1 {
		if path = set.Arg(0); *file != defaultConfig && *file != path {
			return usagef("two files, %s and --config %s: name one", path, *file)
		}
	}
	c, err := config.Load(path, devices.Infos())
	var problems config.Problems
	if err != nil && !errors.As(err, &problems) {
		if *asJSON { // whoever reads it wants a list, whatever happens
			problems = config.Problems{{File: path, Line: 1, Column: 1, Message: err.Error(), Hint: "is the path right, and may you read it?"}}
			err = errors.Join(err, json.NewEncoder(e.stdout).Encode(problems))
		}
		return config.Refuse(err)
	}
	if c != nil {
		problems = slices.Concat(c.Warnings, missingFiles(path, c), unfitModels(path, c), devices.LineLoad(path, c), devices.LongWaits(path, c))
	}
	if err := tellProblems(e.stdout, *asJSON, path, c, problems); err != nil {
		return err
	}
	if err != nil {
		return config.Refuse(fmt.Errorf("%s: %s", path, plural(len(problems), "problem", "problems")))
	}
	return nil
}

// tellProblems prints what was found; c is nil where it cannot be used.
func tellProblems(w io.Writer, asJSON bool, path string, c *config.Config, problems config.Problems) error {
	if asJSON {
		if problems == nil {
			problems = config.Problems{}
		}
		return json.NewEncoder(w).Encode(problems)
	}
	text := ""
	if len(problems) > 0 {
		text = problems.Error() + "\n"
	}
	if c != nil {
		text += fmt.Sprintf("%s: good: %s\n", path, summary(c))
	}
	_, err := io.WriteString(w, text)
	return err
}

// missingFiles warns of files that the configuration names and that cannot be used at
// present. That is no error, because the files may be put there later.
func missingFiles(path string, c *config.Config) (ps config.Problems) {
	warn := func(pos config.Pos, key, hint string, err error) {
		if err != nil {
			ps = append(ps, warning(path, pos, key, hint, err))
		}
	}
	m, h := c.MQTT, c.HTTP
	o := mqtt.Options{Broker: m.Broker, Username: m.Username, PasswordFile: m.PasswordFile, CA: m.CA, Cert: m.Cert, Key: m.Key}
	if m.Broker != "" {
		warn(m.Pos, "mqtt", "until it is there, messages stay in the queue", o.CheckFiles())
	}
	for _, f := range [][2]string{{"http.tls.cert", h.TLSCert}, {"http.tls.key", h.TLSKey}, {"http.token_file", h.TokenFile}} {
		if f[1] != "" {
			_, err := os.Stat(f[1])
			warn(h.Pos, f[0], "run does not start without it", err)
		}
	}
	return ps
}

// unfitModels warns of machines whose model run would refuse, or that can never get a
// model. A model that this user may not read is skipped.
func unfitModels(path string, c *config.Config) (ps config.Problems) {
	for i, m := range c.Machines {
		models := state.OpenModels(m.Model.Path)
		loaded, err := models.Active(settings.Schema(m))
		hint := ""
		switch {
		case loaded != nil || errors.Is(err, fs.ErrPermission):
		case !errors.Is(err, state.ErrNone):
			hint = "run does not start with it: learn it for this machine, with train --config, or name another"
		case !models.Writable():
			hint = "the agent learns into a folder only: put a model there, or name a folder"
		}
		if hint != "" {
			ps = append(ps, warning(path, m.Pos, fmt.Sprintf("machines[%d].model.path", i), hint, err))
		}
	}
	return ps
}

func warning(path string, at config.Pos, key, hint string, err error) config.Problem {
	return config.Problem{File: path, Line: at.Line, Column: at.Column, Path: key,
		Message: strings.ReplaceAll(err.Error(), "\n", "; "), Hint: hint, Severity: config.SeverityWarning}
}

func summary(c *config.Config) string {
	channels := 0
	for _, m := range c.Machines {
		channels += len(m.Resolved)
	}
	return fmt.Sprintf("%s, %s, %s with %s", plural(len(c.Buses), "bus", "buses"), plural(len(c.Sensors), "sensor", "sensors"),
		plural(len(c.Machines), "machine", "machines"), plural(channels, "channel", "channels"))
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
