package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/mqtt"
)

// loadConfig reads a configuration with the drivers this binary was built
// with. Problems are an error with the configuration's exit code.
func loadConfig(path string) (*config.Config, error) {
	c, err := config.Load(path, driverInfos())
	if err != nil {
		return nil, &exitError{exitConfig, err}
	}
	return c, nil
}

func checkVerb(_ context.Context, e env, args []string) error {
	fs := flags("check")
	asJSON := fs.Bool("json", false, "print the problems as a JSON array")
	if err := parse(e, fs, args, 1); err != nil {
		return err
	}
	path := fs.Arg(0)
	c, err := config.Load(path, driverInfos())
	var problems config.Problems
	if err != nil && !errors.As(err, &problems) {
		return &exitError{exitConfig, err}
	}
	if c != nil {
		problems = slices.Concat(c.Warnings, missingFiles(path, c), lineLoad(path, c))
	}
	if *asJSON {
		if problems == nil {
			problems = config.Problems{}
		}
		if err := json.NewEncoder(e.stdout).Encode(problems); err != nil {
			return err
		}
	} else if len(problems) > 0 {
		fmt.Fprintln(e.stdout, problems.Error())
	}
	if err != nil {
		return &exitError{exitConfig, fmt.Errorf("%s: %s", path, plural(len(problems), "problem", "problems"))}
	}
	if !*asJSON {
		fmt.Fprintf(e.stdout, "%s: good: %s\n", path, summary(c))
	}
	return nil
}

// missingFiles warns of files that the configuration names and that cannot be
// used as they are now. They may come later, so this is no error.
func missingFiles(path string, c *config.Config) (ps config.Problems) {
	warn := func(pos config.Pos, key string, err error) {
		if err != nil {
			ps = append(ps, config.Problem{File: path, Line: pos.Line, Column: pos.Column, Path: key, Message: strings.ReplaceAll(err.Error(), "\n", "; "), Severity: config.SeverityWarning})
		}
	}
	m := c.MQTT
	o := mqtt.Options{Broker: m.Broker, Username: m.Username, PasswordFile: m.PasswordFile, CA: m.CA, Cert: m.Cert, Key: m.Key}
	if m.Broker != "" {
		warn(m.Pos, "mqtt", o.CheckFiles())
	}
	for _, f := range [][2]string{{"http.tls.cert", c.HTTP.TLSCert}, {"http.tls.key", c.HTTP.TLSKey}, {"http.token_file", c.HTTP.TokenFile}} {
		if f[1] != "" {
			_, err := os.Stat(f[1])
			warn(config.Pos{Line: 1, Column: 1}, f[0], err)
		}
	}
	return ps
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
