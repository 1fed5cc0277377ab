package config

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
)

// testDrivers stand in for those that the agent passes. The driver chip has own
// keys of every kind.
var testDrivers = map[string]DriverInfo{
	"modbus": {Bus: "modbus", Types: testTypes, Orders: []ByteOrder{
		{Name: "ABCD"}, {Name: "DCBA", Aliases: []string{"little"}}, {Name: "BADC"}, {Name: "CDAB"}, {Name: "ABCDEFGH", Bytes: 8}, {Name: "GHEFCDAB", Bytes: 8}, {Name: "EFABCDGH", Bytes: 8, Rare: true}}},
	"bme280": {Bus: "i2c", Addresses: []uint16{0x76, 0x77}, Channels: []ChannelInfo{
		{"temperature", "°C"}, {"pressure", "Pa"}, {"humidity", "%"}}},
	"lm75": {Bus: "i2c", Channels: []ChannelInfo{{"temperature", "°C"}}},
	"chip": {Bus: "i2c", Addresses: []uint16{0x48, 0x49, 0x4A, 0x4B}, Check: checkTestChip, Keys: []Key{
		{Name: "gain", Kind: Integer, Choices: []string{"1", "2", "4"}, Need: true, Example: "2", Help: "The gain."},
		{Name: "mode", Kind: Choice, Choices: []string{"slow", "fast"}, Default: "slow", Example: "fast", Help: "The mode.", Aliases: map[string]string{"quick": "fast"}},
		{Name: "offsets", Kind: List, Of: Number, Min: "-5", Max: "5", Without: "none", Example: "[1]", Help: "Offsets."},
		{Name: "bands", Kind: List, Of: Interval, Empty: "none", Without: "none", Example: "[[1, 2]]", Help: "Bands."},
		{Name: "setup", Kind: Mappings, Empty: "nothing", Without: "nothing", Example: "[{at: 1}]", Help: "Setup.", Keys: []Key{
			{Name: "at", Kind: Bytes, Need: true, Max: "4", Example: "1", Help: "Place."},
			{Name: "mask", Kind: Bits, Without: "all", Example: "1", Help: "Mask."},
			{Name: "wait", Kind: Duration, Min: "0s", Max: "1s", Default: "0s", Example: "5ms", Help: "Wait."}}},
		{Name: "lines", Kind: Channels, Need: true, Max: "3", Example: "[{name: a, pin: 0}]", Help: "Lines.", Others: map[string]string{"pins": "write pin:"}, Keys: []Key{
			{Name: "pin", Kind: Choice, Choices: []string{"0", "1", "2-3"}, Need: true, Example: "0", Help: "Pin."},
			{Name: "codes", Kind: Patterns, Without: "none", Example: "1", Help: "Codes."}}},
	}},
	"replay": {Keys: []Key{{Name: "file", Kind: File, Need: true, Example: "a.csv", Help: "Recording."}, {Name: "loop", Kind: Boolean, Default: "false", Example: "true", Help: "Loop."}},
		List: func(s Sensor) ([]ChannelInfo, error) {
			return []ChannelInfo{{Name: "flow"}, {Name: "pressure"}}, nil
		}},
	"thermal": {Bus: "kernel", Channels: []ChannelInfo{{"temperature", "°C"}}},
	"hwmon": {Bus: "kernel", Channel: func(name string) (ChannelInfo, error) {
		if name == "temp1" || name == "temp2" {
			return ChannelInfo{name, "°C"}, nil
		}
		return ChannelInfo{}, fmt.Errorf("hwmon: channel %q, want temp1 or the like", name)
	}},
}

// checkTestChip refuses one setting together with another, and warns of it alone.
func checkTestChip(s *Sensor) []Fault {
	if Get[int](s.Own, "gain") != 1 {
		return nil
	}
	if Get[string](s.Own, "mode") == "fast" {
		return []Fault{{Key: "mode", Message: "fast needs a gain of 2", Hint: "raise the gain"}}
	}
	return []Fault{{Key: "gain", Message: "a gain of 1 is noisy", Hint: "raise the gain", Warning: true}}
}

// testTypes are of each sort that the configuration tells apart.
var testTypes = []RegisterType{
	{Name: "bit", Registers: 1, Bits: 1, Whole: true, Max: 1},
	{Name: "u8l", Registers: 1, Bits: 8, Whole: true, Max: 255, Raw: testRaw},
	{Name: "u16", Registers: 1, Bits: 16, Whole: true, Max: 65535, Span: 65536, Fields: true, Raw: testRaw, Aliases: []string{"uint16"}},
	{Name: "i16", Registers: 1, Bits: 16, Whole: true, Min: -32768, Max: 32767, Span: 65536, Fields: true, Raw: testRaw},
	{Name: "u32", Registers: 2, Bits: 32, Whole: true, Max: 1<<32 - 1, Span: 1 << 32, Fields: true, Raw: testRaw},
	{Name: "f32", Registers: 2, Bits: 32, Raw: testRaw, Aliases: []string{"float32"}},
	{Name: "u64", Registers: 4, Bits: 64, Whole: true, Max: 1<<63 - 1, Raw: testRaw},
	{Name: "s16", Registers: 1, Bits: 16, Whole: true, Min: -32767, Max: 32767, Meant: "i16", Raw: testRaw},
	{Name: "date", Registers: 6, Bits: 64, Clock: true, Raw: testRaw},
}

func testRaw(s string) (uint64, error) { return strconv.ParseUint(s, 0, 16) }

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
	// The bus plc and the sensor cabinet serve nobody.
	if got, want := len(problems), 2; got != want {
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
