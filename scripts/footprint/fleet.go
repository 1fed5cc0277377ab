package main

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"iot-edge-anomaly/agent/demo"
	"iot-edge-anomaly/agent/state"
	"iot-edge-anomaly/drivers/sim/modbussim"
	"iot-edge-anomaly/model"
	"iot-edge-anomaly/model/train"
	"iot-edge-anomaly/quant"
)

// The fleet: machines of 16 channels at 10 Hz, one Modbus TCP unit each.
const (
	fleetMachines = 64
	fleetChannels = 16
	fleetPeriod   = 100 * time.Millisecond
)

// measureFleet prints what a fleet costs in the whole program, from the requests on
// Modbus TCP to the scores, with the portable loops and with the best kernel.
func measureFleet(binary string) error {
	kernels := quant.Kernels()
	for _, k := range []string{kernels[0], kernels[len(kernels)-1]} {
		rss, cpu, scored, err := fleet(binary, k)
		if err != nil {
			return fmt.Errorf("fleet: %w", err)
		}
		fmt.Printf("%d machines x %d channels at 10 Hz, kernel %-8s %5.2f %% of one core, %.1f MiB, %.0f %% of the rows scored\n", fleetMachines, fleetChannels, k, 100*cpu, float64(rss)/1024, 100*scored)
	}
	return nil
}

// plant makes the rows of one machine: registers that follow a load.
type plant struct {
	rnd  *rand.Rand
	load float64
}

func (p *plant) row(dst []float64) {
	p.load += p.rnd.NormFloat64() - p.load/16
	for j := range dst {
		dst[j] = float64(uint16(1000 + 50*p.load/float64(1+j%5) + 15*p.rnd.NormFloat64()))
	}
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
	if err := fleetModels(dir); err != nil {
		return 0, 0, 0, err
	}
	banks := map[uint8]*modbussim.Bank{}
	for u := range fleetMachines {
		banks[uint8(u+1)] = new(modbussim.Bank)
	}
	defer turn(banks)()
	server, err := modbussim.Listen("127.0.0.1:0", banks)
	if err != nil {
		return 0, 0, 0, err
	}
	defer server.Close()
	addr, err := demo.FreeAddr("127.0.0.1:18080")
	if err != nil {
		return 0, 0, 0, err
	}
	r, err := start(binary, dir, fleetConfig(dir, server.Addr(), addr), addr, "IOT_EDGE_ANOMALY_KERNEL="+kernel)
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
	want := fleetMachines * took.Seconds() / fleetPeriod.Seconds()
	if scored = (last - first) / want; scored < 0.5 {
		return 0, 0, 0, fmt.Errorf("%.0f scores in %v, want %.0f\n%s", last-first, took, want, r.said.String())
	}
	return statusKiB(r.pid(), "VmRSS:"), cpu, scored, nil
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

// turn moves the machines' registers until the returned function is called.
func turn(banks map[uint8]*modbussim.Bank) (stop func()) {
	done := make(chan bool)
	go func() {
		t := time.NewTicker(fleetPeriod)
		defer t.Stop()
		p, row := plant{rnd: rand.New(rand.NewPCG(2, 3))}, make([]float64, fleetChannels)
		for {
			p.row(row)
			for _, b := range banks {
				for j, v := range row {
					b.SetHolding(j, uint16(v))
				}
			}
			select {
			case <-done:
				return
			case <-t.C:
			}
		}
	}()
	return func() { close(done) }
}

// fleetModels learns one machine and writes the model for each of the fleet.
func fleetModels(dir string) error {
	p, row := plant{rnd: rand.New(rand.NewPCG(1, 2))}, make([]float64, fleetChannels)
	var rows []float64
	for range 600 {
		p.row(row)
		rows = append(rows, row...)
	}
	m, _, err := train.Train(context.Background(), fleetSchema(0), rows, train.Options{Seed: 1, Epochs: 5, Version: "v1"})
	if err != nil {
		return err
	}
	for u := range fleetMachines {
		parts := m.Parameters()
		parts.Schema = fleetSchema(u)
		each, err := model.New(parts)
		if err != nil {
			return err
		}
		if err := state.SaveModel(filepath.Join(dir, fmt.Sprintf("m%d.safetensors", u)), each); err != nil {
			return err
		}
	}
	return nil
}

func fleetSchema(u int) model.Schema {
	s := model.Schema{Period: fleetPeriod}
	for j := range fleetChannels {
		s.Channels = append(s.Channels, model.Channel{Name: fmt.Sprintf("u%d.r%d", u, j)})
	}
	return s
}

func fleetConfig(dir, server, addr string) string {
	var sensors, machines strings.Builder
	for u := range fleetMachines {
		fmt.Fprintf(&sensors, "  - name: u%d\n    driver: modbus\n    bus: plc\n    unit: %d\n    registers:\n", u, u+1)
		for j := range fleetChannels {
			fmt.Fprintf(&sensors, "      - {name: r%d, at: \"holding:%d\", type: u16}\n", j, j)
		}
		fmt.Fprintf(&machines, "  - {name: m%d, channels: [\"u%d.*\"], period: %v, model: {path: %s/m%d.safetensors}}\n", u, u, fleetPeriod, dir, u)
	}
	return fmt.Sprintf("state: %s\nbuses: {plc: {modbus: \"tcp://%s\"}}\nhttp: {listen: %q}\nsensors:\n%smachines:\n%s", dir, server, addr, sensors.String(), machines.String())
}
