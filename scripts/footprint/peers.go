package main

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"iot-edge-anomaly/agent/demo"
)

// telegrafModule is Telegraf with the plugins that do the agent's work, and no others.
const (
	telegrafModule = "github.com/influxdata/telegraf/cmd/telegraf@v1.37.2"
	telegrafTags   = "custom,inputs.modbus,aggregators.final,outputs.mqtt,serializers.json"
)

// buildTelegraf builds Telegraf into dir, if it is not there.
func buildTelegraf(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, "telegraf")
	if _, err := os.Stat(file); err == nil {
		return file, nil
	}
	fmt.Fprintln(os.Stderr, "building Telegraf: three minutes")
	build := exec.Command("go", "install", "-ldflags", "-s -w", "-tags", telegrafTags, telegrafModule)
	build.Env = append(os.Environ(), "GOBIN="+dir, "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%v: %w\n%s", build.Args, err, out)
	}
	return file, nil
}

// telegrafOn starts Telegraf on a site.
func telegrafOn(s *site, dir, program, broker string) (*running, error) {
	config := filepath.Join(dir, "telegraf.conf")
	if err := os.WriteFile(config, []byte(s.telegrafConfig(broker)), 0o600); err != nil {
		return nil, err
	}
	return run(nil, program, "--config", config)
}

// netdataIn starts netdata with the collection that it has by default, every second. Its
// data are in dir.
func netdataIn(dir, program string) (*running, error) {
	addr, err := demo.FreeAddr("127.0.0.1:18980")
	if err != nil {
		return nil, err
	}
	config := filepath.Join(dir, "netdata.conf")
	text := fmt.Sprintf("[global]\n\trun as user = root\n[directories]\n\tcache = %[1]s/cache\n\tlib = %[1]s/lib\n\tlog = %[1]s/log\n[web]\n\tbind to = %[2]s\n", dir, addr)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, err
	}
	for _, d := range []string{"cache", "lib", "log"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o700); err != nil {
			return nil, err
		}
	}
	begin := time.Now()
	r, err := run(nil, program, "-D", "-c", config, "-P", filepath.Join(dir, "pid"))
	if err != nil {
		return nil, err
	}
	if err := until(time.Minute, func() bool {
		answer, err := http.Get("http://" + addr + "/api/v1/info")
		if err == nil {
			answer.Body.Close()
		}
		return err == nil
	}); err != nil {
		r.stop()
		return nil, fmt.Errorf("netdata answers: %w\n%s", err, r.said.String())
	}
	r.took = time.Since(begin)
	return r, nil
}
