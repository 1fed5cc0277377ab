package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"time"

	"iot-edge-anomaly/agent/state"
	"iot-edge-anomaly/drivers/sim/modbussim"
	"iot-edge-anomaly/model"
	"iot-edge-anomaly/model/train"
)

// workload is what a gateway has to do: machines, each of which is one Modbus TCP unit
// with a number of registers, its channels.
type workload struct {
	machines, each int
	period         time.Duration // of the rows
}

func (w workload) channels() int { return w.machines * w.each }

// site is a workload's devices, whose registers move until it is closed.
type site struct {
	workload
	server *modbussim.Server
	stop   func()
}

func (w workload) open() (*site, error) {
	banks := map[uint8]*modbussim.Bank{}
	for u := range w.machines {
		banks[uint8(u+1)] = new(modbussim.Bank)
	}
	stop := w.turn(banks)
	server, err := modbussim.Listen("127.0.0.1:0", banks)
	if err != nil {
		stop()
		return nil, err
	}
	return &site{w, server, stop}, nil
}

func (s *site) close() {
	s.server.Close()
	s.stop()
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

// turn moves the machines' registers until the returned function is called.
func (w workload) turn(banks map[uint8]*modbussim.Bank) (stop func()) {
	done := make(chan bool)
	move := func(p *plant, row []float64) {
		p.row(row)
		words := make([]uint16, len(row))
		for j, v := range row {
			words[j] = uint16(v)
		}
		for _, b := range banks {
			b.SetHolding(0, words...)
		}
	}
	p, row := plant{rnd: rand.New(rand.NewPCG(2, 3))}, make([]float64, w.each)
	move(&p, row) // before the first request
	go func() {
		t := time.NewTicker(w.period)
		defer t.Stop()
		for {
			select {
			case <-done:
				return
			case <-t.C:
				move(&p, row)
			}
		}
	}()
	return func() { close(done) }
}

// models learns one machine and writes the model for each of them to dir.
func (w workload) models(dir string) error {
	p, row := plant{rnd: rand.New(rand.NewPCG(1, 2))}, make([]float64, w.each)
	var rows []float64
	for range 600 {
		p.row(row)
		rows = append(rows, row...)
	}
	m, _, err := train.Train(context.Background(), w.schema(0), rows, train.Options{Seed: 1, Epochs: 5, Version: "v1"})
	if err != nil {
		return err
	}
	for u := range w.machines {
		parts := m.Parameters()
		parts.Schema = w.schema(u)
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

func (w workload) schema(u int) model.Schema {
	s := model.Schema{Period: w.period}
	for j := range w.each {
		s.Channels = append(s.Channels, model.Channel{Name: fmt.Sprintf("u%d.r%d", u, j)})
	}
	return s
}

// agentConfig is the configuration with which the agent watches the workload, with the
// models in dir. With a broker it publishes the newest values every second.
func (s *site) agentConfig(dir, broker, addr string) string {
	var sensors, machines strings.Builder
	for u := range s.machines {
		fmt.Fprintf(&sensors, "  - name: u%d\n    driver: modbus\n    bus: plc\n    unit: %d\n    registers:\n", u, u+1)
		for j := range s.each {
			fmt.Fprintf(&sensors, "      - {name: r%d, at: \"holding:%d\", type: u16}\n", j, j)
		}
		fmt.Fprintf(&machines, "  - {name: m%d, channels: [\"u%d.*\"], period: %v, model: {path: %s/m%d.safetensors}}\n", u, u, s.period, dir, u)
	}
	text := fmt.Sprintf("state: %s\ncontrol: {socket: \"\"}\nbuses: {plc: {modbus: \"tcp://%s\"}}\nhttp: {listen: %q}\nsensors:\n%smachines:\n%s", dir, s.server.Addr(), addr, sensors.String(), machines.String())
	if broker != "" {
		text += fmt.Sprintf("mqtt: {broker: %q, topic: \"plant/{device}\", telemetry: {interval: 1s}}\n", broker)
	}
	return text
}

// telegrafConfig has Telegraf read the same registers as often, and publish the newest
// values every second, one message for each unit.
func (s *site) telegrafConfig(broker string) string {
	var requests strings.Builder
	for u := range s.machines {
		fmt.Fprintf(&requests, "[[inputs.modbus.request]]\nslave_id = %d\nregister = \"holding\"\nmeasurement = \"m%d\"\nfields = [\n", u+1, u)
		for j := range s.each {
			fmt.Fprintf(&requests, "  {address=%d, name=\"r%d\", type=\"UINT16\"},\n", j, j)
		}
		requests.WriteString("]\n")
	}
	return fmt.Sprintf(`[agent]
interval = "%v"
flush_interval = "1s"
omit_hostname = true
[[inputs.modbus]]
name = "plc"
controller = "tcp://%s"
configuration_type = "request"
%s[[aggregators.final]]
period = "1s"
drop_original = true
series_timeout = "1s"
output_strategy = "periodic"
keep_original_field_names = true
[[outputs.mqtt]]
servers = [%q]
topic = "telegraf/{{ .PluginName }}"
qos = 1
data_format = "json"
`, s.period, s.server.Addr(), requests.String(), broker)
}
