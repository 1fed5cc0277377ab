package main

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"iot-edge-anomaly/agent/demo"
	"iot-edge-anomaly/quant"
)

// The fleet: machines of 16 channels at 10 Hz, one Modbus TCP unit each.
var fleetLoad = workload{machines: 64, each: 16, period: 100 * time.Millisecond}

// measureFleet prints what a fleet costs in the whole program, from the requests on
// Modbus TCP to the scores, with the portable loops and with the best kernel.
func measureFleet(binary string) error {
	kernels := quant.Kernels()
	for _, k := range []string{kernels[0], kernels[len(kernels)-1]} {
		rss, cpu, scored, err := fleet(binary, k)
		if err != nil {
			return fmt.Errorf("fleet: %w", err)
		}
		fmt.Printf("%d machines x %d channels at 10 Hz, kernel %-8s %5.2f %% of one core, %.1f MiB, %.0f %% of the rows scored\n", fleetLoad.machines, fleetLoad.each, k, 100*cpu, float64(rss)/1024, 100*scored)
	}
	return nil
}

// fleet lets a binary watch the fleet. It returns the resident memory, in KiB, the
// share of a core, and the share of due rows that got a score: on a busy host some
// rows are lost.
func fleet(binary, kernel string) (rss int, cpu, scored float64, err error) {
	dir, err := os.MkdirTemp("", "footprint-")
	if err != nil {
		return 0, 0, 0, err
	}
	defer os.RemoveAll(dir)
	if err := fleetLoad.models(dir); err != nil {
		return 0, 0, 0, err
	}
	site, err := fleetLoad.open()
	if err != nil {
		return 0, 0, 0, err
	}
	defer site.close()
	addr, err := demo.FreeAddr("127.0.0.1:18080")
	if err != nil {
		return 0, 0, 0, err
	}
	r, err := start(binary, dir, site.agentConfig(dir, "", addr), addr, "IOT_EDGE_ANOMALY_KERNEL="+kernel)
	if err != nil {
		return 0, 0, 0, err
	}
	defer r.stop()
	time.Sleep(5 * time.Second) // until the windows are full
	first, err := total(addr, "inference_duration_seconds_count")
	if err != nil {
		return 0, 0, 0, err
	}
	begin := time.Now()
	if cpu, err = r.load(settleFor); err != nil {
		return 0, 0, 0, err
	}
	took := time.Since(begin)
	last, err := total(addr, "inference_duration_seconds_count")
	if err != nil {
		return 0, 0, 0, err
	}
	want := float64(fleetLoad.machines) * took.Seconds() / fleetLoad.period.Seconds()
	if scored = (last - first) / want; scored < 0.5 {
		return 0, 0, 0, fmt.Errorf("%.0f scores in %v, want %.0f\n%s", last-first, took, want, r.said.String())
	}
	return procKiB(r.pid(), "status", "VmRSS:"), cpu, scored, nil
}

// total is the sum of a metric over its labels.
func total(addr, name string) (sum float64, err error) {
	r, err := http.Get("http://" + addr + "/metrics")
	if err != nil {
		return 0, err
	}
	defer r.Body.Close()
	lines := bufio.NewScanner(r.Body)
	for lines.Scan() {
		rest, ok := strings.CutPrefix(lines.Text(), name)
		if !ok || rest == "" || !strings.ContainsRune("{ ", rune(rest[0])) {
			continue
		}
		v, err := strconv.ParseFloat(rest[strings.LastIndexByte(rest, ' ')+1:], 64)
		if err != nil {
			return 0, err
		}
		sum += v
	}
	return sum, lines.Err()
}
