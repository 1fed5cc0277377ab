package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"iot-edge-anomaly/agent/gateway"
	"iot-edge-anomaly/drivers/driverstest"
	"iot-edge-anomaly/drivers/sim/modbussim"
)

// pumpServer is a Modbus server whose registers move, and a configuration for
// it with a second unit that never answers.
func pumpServer(t *testing.T) (cfg string, server *modbussim.Server) {
	t.Helper()
	bank := &modbussim.Bank{}
	set := func(i int) {
		speed := 40 + 3*math.Sin(float64(i)/3)
		bank.SetInput(15, uint16(speed*10))
		bank.SetHoldingFloat32(39, float32(0.2*speed))
		bank.SetHolding(60, 65000)
	}
	set(0)
	s, err := modbussim.Listen("127.0.0.1:0", map[uint8]*modbussim.Bank{7: bank, 9: {}})
	if err != nil {
		t.Fatal(err)
	}
	s.SetSilent(9, true)
	stop := make(chan struct{})
	t.Cleanup(func() { close(stop); s.Close() })
	go func() {
		for i := 1; ; i++ {
			select {
			case <-stop:
				return
			case <-time.After(10 * time.Millisecond):
				set(i)
			}
		}
	}()
	dir := t.TempDir()
	text := fmt.Sprintf(`gateway: {site: s, id: gw7}
state: %[1]s
buses:
  plc: {modbus: "tcp://%[2]s", timeout: 1s}
sensors:
  - name: pump
    driver: modbus
    bus: plc
    unit: 7
    address_base: 1
    registers:
      - {name: speed, at: "input:16", type: u16, scale: 0.1, unit: Hz}
      - {name: current, at: "holding:40", type: f32, unit: A}
      - {name: wild, at: "holding:61", type: u16, range: [0, 100]}
  - name: dead
    driver: modbus
    bus: plc
    unit: 9
    registers:
      - {name: level, at: "holding:0", type: u16, unit: mm}
machines:
  - {name: pump1, channels: ["pump.speed", "pump.current"], period: 20ms, model: {path: %[1]s/model.safetensors}, detect: {hold: 1s}}
  - {name: rest, channels: ["pump.wild", "dead.level"], period: 20ms, model: {path: %[1]s/rest, learn: {when: never}}}
spool: {dir: %[1]s/spool}
http: {listen: %[3]q}
`, dir, s.Addr(), driverstest.FreeAddr(t))
	cfg = filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(cfg, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return cfg, s
}

func TestRead(t *testing.T) {
	cfg, server := pumpServer(t)
	stalls, begin := driverstest.WatchStalls(t), time.Now()
	code, out, stderr := call(t, "", "read", "--config", cfg)
	if d := stalls.Own(begin); d > 2*time.Second {
		t.Errorf("took %v with one dead device, want a second a device", d)
	}
	if code != 1 || !strings.Contains(stderr, "1 of 2 sensors did not read right: dead") || !strings.Contains(stderr, "dead: is the unit right?") {
		t.Errorf("code %d, stderr %q: want 1 for the dead device, and what to try", code, stderr)
	}
	for _, want := range [][]string{{"pump.speed", "Hz", "good"}, {"pump.current", "A", "good"}, {"pump.wild", "65000", "suspect", "outside its range"}, {"dead.level", "-", "missing", "unit 9"}} {
		if !hasLine(out, want) {
			t.Errorf("no line with %v in\n%s", want, out)
		}
	}
	code, out, _ = call(t, "", "read", "--config", cfg, "--sensor", "pump", "--json")
	var rs []struct {
		Sensor, Channel string
		Value           *float64
	}
	if err := json.Unmarshal([]byte(out), &rs); err != nil || code != 0 || len(rs) != 3 || rs[0].Value == nil || rs[0].Sensor != "pump" || rs[0].Channel != "pump.speed" {
		t.Errorf("code %d, %v: %s", code, err, out)
	}
	if code, _, stderr := call(t, "", "read", "--config", cfg, "--sensor", "pmp"); code != 2 || !strings.Contains(stderr, "pmp") {
		t.Errorf("unknown sensor: code %d, %s", code, stderr)
	}
	for fc := range server.Requests() {
		if fc < 1 || fc > 4 {
			t.Errorf("function code %d on the wire: want 1 to 4 only", fc)
		}
	}
}

func hasLine(text string, words []string) bool {
	for line := range strings.Lines(text) {
		all := true
		for _, w := range words {
			all = all && strings.Contains(line, w)
		}
		if all {
			return true
		}
	}
	return false
}

// TestRecordTrainRun: what record writes, train takes with the configuration's
// units, and run accepts the model.
func TestRecordTrainRun(t *testing.T) {
	cfg, _ := pumpServer(t)
	csvPath := filepath.Join(t.TempDir(), "rows.csv")
	stalls, begin := driverstest.WatchStalls(t), time.Now()
	code, _, stderr := call(t, "", "record", "--config", cfg, "--machine", "pump1", "--out", csvPath, "--for", "5s")
	if code != 0 {
		t.Fatalf("record ended with %d: %s", code, stderr)
	}
	b, err := os.ReadFile(csvPath)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	lost := int(stalls.Between(begin, time.Now())/(20*time.Millisecond)) + stalls.Longer(0, begin, time.Now())
	if lines[0] != "timestamp,pump.speed,pump.current" || len(lines) < 200-lost || len(lines) > 260 {
		t.Fatalf("%d lines in 5 s at 20 ms, of which the machine took %d, head %q", len(lines), lost, lines[0])
	}
	desk := write(t, "desk.yaml", fmt.Sprintf("sensors:\n  - {name: pump, driver: replay, file: %q}\n", csvPath))
	if code, out, errs := call(t, "", "read", "--config", desk); code != 0 || !strings.Contains(out, "pump.speed") || !strings.Contains(out, "pump.current") {
		t.Errorf("a recording played under its sensor's name: code %d, %s%s", code, out, errs)
	}
	modelPath := filepath.Join(filepath.Dir(cfg), "model.safetensors")
	if code, out, stderr := call(t, "", "train", "--csv", csvPath, "--config", cfg, "--machine", "pump1", "--out", modelPath); code != 0 {
		t.Fatalf("train ended with %d: %s%s", code, out, stderr)
	}
	c, err := loadConfig(cfg)
	if err != nil {
		t.Fatal(err)
	}
	aim(t, easy)
	if code, out, errs := call(t, "", "bench", "--config", cfg, "--time", "1ms"); code != 0 || !strings.Contains(out, "active:pump1") || !strings.Contains(errs, "machine rest has no model yet") {
		t.Errorf("bench of one model and none: code %d, %s%s", code, out, errs)
	}
	g, err := gateway.New(gateway.Options{Config: c, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if st := g.Snapshot().Machines[0].State; st != "normal" {
		t.Errorf("machine is %s with a model, want normal", st)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := g.Run(ended); err != nil {
		t.Error(err)
	}
	if code, _, stderr := call(t, "", "record", "--config", cfg, "--out", csvPath); code != 2 || !strings.Contains(stderr, "pump1, rest") {
		t.Errorf("two machines and none named: code %d, %s", code, stderr)
	}
}
