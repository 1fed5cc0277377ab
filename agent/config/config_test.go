package config

import (
	"fmt"
	"strings"
	"testing"
)

// testDrivers are what the agent passes, as far as tests need it.
var testDrivers = map[string]DriverInfo{
	"modbus": {Bus: "modbus"},
	"bme280": {Bus: "i2c", Addresses: []uint16{0x76, 0x77}, Channels: []ChannelInfo{
		{"temperature", "°C"}, {"pressure", "Pa"}, {"humidity", "%"}}},
	"ina219": {Bus: "i2c", Keys: []string{"shunt"}, Channels: []ChannelInfo{
		{"voltage", "V"}, {"current", "A"}, {"power", "W"}}},
	"lm75":    {Bus: "i2c", Channels: []ChannelInfo{{"temperature", "°C"}}},
	"ads1115": {Bus: "i2c", Keys: []string{"inputs", "rate"}, Addresses: []uint16{0x48, 0x49, 0x4A, 0x4B}},
	"regs":    {Bus: "i2c", Keys: []string{"registers", "init", "check"}},
	"replay": {List: func(s Sensor) ([]ChannelInfo, error) {
		return []ChannelInfo{{Name: "flow"}, {Name: "pressure"}}, nil
	}},
	"thermal": {Bus: "kernel", Channels: []ChannelInfo{{"temperature", "°C"}}},
	"hwmon": {Bus: "kernel", Channel: func(name string) (ChannelInfo, error) {
		if name == "temp1" || name == "temp2" {
			return ChannelInfo{name, "°C"}, nil
		}
		return ChannelInfo{}, fmt.Errorf("hwmon: channel %q, want temp1 or the like", name)
	}},
	"vibration": {Bus: "kernel", Keys: []string{"axes", "rate", "samples", "bands"}, List: func(s Sensor) (out []ChannelInfo, err error) {
		for _, a := range s.Axes {
			out = append(out, ChannelInfo{a + "_rms", "m/s²"}, ChannelInfo{a + "_velocity", "mm/s"})
		}
		return out, nil
	}},
}

// fullExample is the configuration of docs, with its serial line replaced.
const fullExample = `
gateway:  {site: plant-3, id: auto}
buses:
  env:    {i2c: auto}                        # the board's header bus; or /dev/i2c-1
  line:   {modbus: "MODBUS", timeout: 300ms}
  plc:    {modbus: "tcp://10.1.2.3:502"}     # also rtutcp://
sensors:
  - {name: cabinet, driver: bme280, bus: env, address: 0x76}
  - name: pump
    driver: modbus
    bus: line
    unit: 7
    address_base: 1
    registers:
      - {name: speed,   at: "input:16",   type: u16, scale: 0.1, unit: Hz, range: [0, 60]}
      - {name: current, at: "holding:40", type: f32, order: CDAB, unit: A, limits: {warn: 12, alarm: 15}}
machines:                                    # left out: one machine "main" with every channel
  - name: pump1
    channels: ["pump.*"]
    period: 1s
    run_when: {channel: pump.speed, above: 5, settle: 60s}     # outside: neither learnt nor scored, state idle
    model: {path: /var/lib/iot-edge-anomaly/models/pump1, learn: {for: 24h, when: no_model}}   # path: a folder of versions, or one file
    detect: {open: 3 of 5, close_below: 0.8, hold: 30s, false_alarms: 1 per month, mute: []}
trust:    {local: true, keys: [/etc/iot-edge-anomaly/model.pub]}
mqtt:     {broker: "mqtts://broker:8883", topic: "iot-edge-anomaly/{site}/{device}", ca: …, cert: …, key: …, username: …, password_file: …, homeassistant: true}
spool:    {dir: /var/lib/iot-edge-anomaly/spool, max: 64MiB}
http:     {listen: "127.0.0.1:8080"}         # another address needs tls + token_file, or insecure: true
metrics:  {push: ""}
log:      {level: info}
`

func TestParse_full(t *testing.T) {
	cfg, problems := Parse("config.yaml", []byte(strings.Replace(fullExample, "MODBUS", "tcp://10.1.2.4:502", 1)), testDrivers)
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	// The bus plc and the sensor cabinet serve nobody; keys and homeassistant
	// are not built.
	if got, want := len(problems), 4; got != want {
		t.Errorf("got %d warnings, want %d:\n%v", got, want, problems)
	}
	var names []string
	for _, r := range cfg.Machines[0].Resolved {
		names = append(names, r.Channel)
	}
	if got, want := strings.Join(names, " "), "pump.speed pump.current"; got != want {
		t.Errorf("got channels %q, want %q", got, want)
	}
}

func TestParse_fullSerialLine(t *testing.T) {
	cfg, problems := Parse("config.yaml", []byte(strings.Replace(fullExample, "MODBUS",
		"rtu:///dev/serial/by-id/…?baud=19200&parity=even", 1)), testDrivers)
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	want := Serial{Baud: 19200, Parity: "even", Stop: 1, RS485: RS485{Mode: "off"}}
	if m := cfg.Buses[1].Modbus; m.Addr != "/dev/serial/by-id/…" || *m.Serial != want || m.Listen {
		t.Errorf("got %+v %+v, want %+v", m, m.Serial, want)
	}
}
