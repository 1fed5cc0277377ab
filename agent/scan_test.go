package main

import (
	"encoding/binary"
	"encoding/json"
	"flag"
	"iot-edge-anomaly/agent/commission"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"iot-edge-anomaly/drivers/driverstest"
	"iot-edge-anomaly/drivers/sim/modbussim"
)

var updateScan = flag.Bool("update", false, "renew the expected outputs below testdata")

// meter is a device as a plant has it: values with swapped words, a counter, a
// temperature in tenths, its model as text, and holes in its map.
func meter(t *testing.T) *modbussim.Server {
	t.Helper()
	s, err := modbussim.Listen("127.0.0.1:0", map[uint8]*modbussim.Bank{7: meterBank(), 9: {}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	s.SetSilent(9, true)
	return s
}

func meterBank() *modbussim.Bank {
	b := &modbussim.Bank{}
	swapped := func(at int, u uint32) { b.SetHolding(at, uint16(u), uint16(u>>16)) }
	swapped(100, math.Float32bits(50.02))
	swapped(102, math.Float32bits(231.47))
	swapped(104, 1866000)
	minus := int16(-42)
	b.SetHolding(106, 235, uint16(minus), 0, 0)
	for i, c := range []string{"PM", "55", "60", "-A", "3\x00"} {
		b.SetHolding(110+i, binary.BigEndian.Uint16([]byte(c)))
	}
	b.SetHolding(118, 3, 0x8000)
	b.SetInput(9, 7)
	for i := range 20 {
		b.SetCoil(i, i%3 == 0)
	}
	return b
}

var took = regexp.MustCompile(`, [0-9.]+ ms`)

// TestScanModbus holds what a user sees, except port and time.
func TestScanModbus(t *testing.T) {
	s := meter(t)
	url := "tcp://" + s.Addr()
	for name, args := range map[string]string{
		"blocks": "--at holding:100 --count 8", "holes": "--at 40101 --count 20 --brief --address-base 1",
		"bits": "--at 100 --table holding --count 2 --all --find 50", "coils": "--at coil:0 --count 20",
		"yaml": "--at holding:100 --count 20 --yaml",
	} {
		t.Run(name, func(t *testing.T) {
			stalls, start := driverstest.WatchStalls(t), time.Now()
			code, out, errs := call(t, "", append([]string{"scan", "modbus", url, "--unit", "7", "--timeout", "10s"}, strings.Fields(args)...)...)
			if code != 0 || errs != "" {
				t.Fatalf("ended with %d: %s", code, errs)
			}
			if d := stalls.Own(start); d > 5*time.Second { // below one on a machine that is not loaded
				t.Errorf("took %v", d)
			}
			out = took.ReplaceAllString(strings.ReplaceAll(out, url, "tcp://meter"), ", N ms")
			file := filepath.Join("testdata/scan", name+".txt")
			if *updateScan {
				if err := os.WriteFile(file, []byte(out), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if out != string(want) {
				t.Errorf("%s:\n%s\nwant\n%s", file, out, want)
			}
			for _, line := range strings.Split(out, "\n") {
				if len(line) > 80 && !strings.Contains(line, "#") {
					t.Errorf("a line of %d columns: %s", len(line), line)
				}
			}
		})
	}
	for fc, n := range s.Requests() {
		if n > 0 && (fc < 1 || fc > 4) {
			t.Errorf("%d requests of function %d", n, fc)
		}
	}
}

// What scan prints is a configuration, and read gives the values it showed.
func TestScanModbus_yamlReads(t *testing.T) {
	s := meter(t)
	code, text, errs := call(t, "", "scan", "modbus", "tcp://"+s.Addr(), "--unit", "7", "--at", "40101", "--count", "20", "--address-base", "1", "--yaml")
	if code != 0 {
		t.Fatalf("scan ended with %d: %s", code, errs)
	}
	file := write(t, "scanned.yaml", text)
	if code, _, errs := call(t, "", "check", file); code != 0 {
		t.Fatalf("check ended with %d: %s\n%s", code, errs, text)
	}
	_, out, _ := call(t, "", "read", "--config", file, "--json")
	var rs []struct {
		Channel string
		Value   *float64
	}
	if err := json.Unmarshal([]byte(out), &rs); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	want := map[string]float64{"holding101": float64(float32(50.02)), "holding103": float64(float32(231.47)), "holding105": 1866000, "holding107": 235, "holding108": -42, "holding119": 3}
	for _, r := range rs {
		_, name, _ := strings.Cut(r.Channel, ".")
		if v, ok := want[name]; ok && r.Value != nil && *r.Value == v {
			delete(want, name)
		}
	}
	if len(want) != 0 {
		t.Errorf("not read: %v\nof\n%s\nby\n%s", want, out, text)
	}
}

// The same over a serial line at 9600 baud and over a serial server, where the
// whole range comes at once and where holes make it ask for single registers.
func TestScanModbus_serial(t *testing.T) {
	pty, err := modbussim.OpenPTY()
	if err != nil {
		t.Skipf("no pseudo terminals here: %v", err)
	}
	const baud = 9600
	slave := modbussim.ServeRTU(pty, baud, map[uint8]*modbussim.Bank{7: meterBank()})
	defer slave.Close()
	server, err := modbussim.ListenRTU("127.0.0.1:0", map[uint8]*modbussim.Bank{7: meterBank()})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	for _, url := range []string{"rtu://" + pty.Path + "?baud=9600", "rtutcp://" + server.Addr()} {
		for _, args := range []string{"--at holding:100 --count 15", "--at holding:100 --count 20"} {
			stalls, start := driverstest.WatchStalls(t), time.Now()
			code, out, errs := call(t, "", append([]string{"scan", "modbus", url, "--unit", "7", "--timeout", "10s"}, strings.Fields(args)...)...)
			took := stalls.Own(start)
			if code != 0 || !strings.Contains(out, `{name: holding100, at: "holding:100", type: f32, order: CDAB}   # 50.02`) || took > 10*time.Second {
				t.Errorf("%s %s: %d in %v, %s\n%s", url, args, code, took, errs, out)
			}
			t.Logf("%s %s: %v", url, args, took.Round(time.Millisecond))
		}
	}
	code, _, errs := call(t, "", "scan", "modbus", "rtu://"+pty.Path+"?baud=9600&listen=true", "--unit", "7", "--at", "holding:100", "--count", "2")
	if code != exitUsage || !strings.Contains(errs, "listen=true") {
		t.Errorf("a line that is listened to: %d, %s", code, errs)
	}
}

func TestScanModbus_json(t *testing.T) {
	s := meter(t)
	code, out, errs := call(t, "", "scan", "modbus", "tcp://"+s.Addr(), "--unit", "7", "--at", "holding:114", "--count", "5", "--json")
	if code != 0 {
		t.Fatalf("ended with %d: %s", code, errs)
	}
	var got struct {
		Registers []struct{ Notation, Hex, Error string }
		YAML      string
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Registers) != 5 || got.Registers[0].Notation != "40115" || got.Registers[0].Hex != "3300" || got.Registers[1].Error == "" || !strings.Contains(got.YAML, "holding118") {
		t.Errorf("got %+v", got)
	}
}

// A scan keeps its pauses and its bounds, and gives up on a dead unit.
func TestScanModbus_gentle(t *testing.T) {
	s := meter(t)
	url := "tcp://" + s.Addr()
	start := time.Now()
	code, _, errs := call(t, "", "scan", "modbus", url, "--unit", "7", "--at", "holding:115", "--count", "4")
	if code != 0 {
		t.Fatalf("ended with %d: %s", code, errs)
	}
	n, between := s.RequestsTo(7), 20*time.Millisecond // at most 50 a second
	if d := time.Since(start); d < time.Duration(n-1)*between || n < 5 {
		t.Errorf("%d requests in %v, want %v between two", n, d, between)
	}
	code, _, errs = call(t, "", "scan", "modbus", url, "--unit", "9", "--at", "holding:0", "--count", "100", "--timeout", "1s")
	waitFor(t, time.Second, "the server counts what it got", func() bool { return s.RequestsTo(9) >= 2 })
	if code != exitFailed || s.RequestsTo(9) != 2 || !strings.Contains(errs, "holding 0: no answer: i/o timeout in 1s: is the unit right?") {
		t.Errorf("a dead unit: %d, %d requests, %s", code, s.RequestsTo(9), errs)
	}
	code, _, errs = call(t, "", "scan", "modbus", url, "--unit", "7", "--at", "holding:1000", "--count", "10")
	if code != exitFailed || !strings.Contains(errs, "exception 2 (illegal data address) to function 3: no such registers: try") {
		t.Errorf("registers that are not there: %d, %s", code, errs)
	}
}

func TestScanModbus_usage(t *testing.T) {
	for args, want := range map[string]string{
		"":                                       "name the kind of bus: i2c or modbus",
		"spi":                                    `unknown kind of bus "spi"`,
		"modbus":                                 "1 more argument wanted",
		"modbus tcp://h":                         "--unit is needed",
		"modbus http://h --unit 1":               "unknown scheme",
		"modbus tcp://h --unit 256":              "--unit 256: want 0 to 255",
		"modbus tcp://h --unit 1 --count 2":      "--at is needed",
		"modbus tcp://h --unit 1 --at 100":       `write "holding:100" or "input:100"`,
		"modbus tcp://h --unit 1 --at holding:1": "--count is needed, 1 to 1000",
		"modbus tcp://h --unit 1 --at holding:1 --count 1001":                       "--count 1001: want 1 to 1000",
		"modbus tcp://h --unit 1 --at holding:1 --table input --count 2":            "--at holding:1 is another table",
		"modbus tcp://h --unit 1 --at coil:1 --count 2001":                          "--count 2001: want 1 to 2000",
		"modbus tcp://h --unit 1 --at holding:65535 --count 2":                      "the table ends after 1",
		"modbus tcp://h --units 0-3":                                                "--units 0-3: want units from 1 to 247",
		"modbus tcp://h --units 9-3":                                                "--units 9-3: want units from 1 to 247",
		"modbus tcp://h --units 1-3 --unit 2":                                       "--units goes with none of --unit",
		"modbus tcp://h --unit 1 --at holding:5.1 --count 2":                        "a scan reads whole registers",
		"modbus tcp://h --unit 1 --at holding:0 --address-base 1 --count 2":         "outside the table",
		"modbus tcp://h --unit 1 --at holding:0 --address-base 2 --count 2":         "want 0 or 1",
		"modbus tcp://h --unit 1 --at holding:1 --count 2 --find nothing":           "want a number other than 0",
		"modbus tcp://h --unit 1 --at holding:1 --count 2 --timeout 5ms --find NaN": "want a number other than 0",
	} {
		code, _, errs := call(t, "", append([]string{"scan"}, strings.Fields(args)...)...)
		if code != exitUsage || !strings.Contains(errs, want) {
			t.Errorf("scan %s: %d, %q; want %q", args, code, errs, want)
		}
	}
	if code, out, _ := call(t, "", "scan", "-h"); code != 0 || !strings.Contains(out, "-address-base") {
		t.Errorf("scan -h: %d, %s", code, out)
	}
}

func TestScanI2C_noBus(t *testing.T) {
	code, _, errs := call(t, "", "scan", "i2c", filepath.Join(t.TempDir(), "i2c-9"))
	if code != exitFailed || !strings.Contains(errs, "no such file or directory (ENOENT)") {
		t.Errorf("%d: %s", code, errs)
	}
	if code, _, errs := call(t, "", "scan", "i2c", "1", "2"); code != exitUsage || !strings.Contains(errs, `unexpected argument "2"`) {
		t.Errorf("%d: %s", code, errs)
	}
}

// The name of the bus may stand before or after the flags; a number is a device.
func TestI2CBusName(t *testing.T) {
	for args, want := range map[string]string{"": "auto", "--json": "auto", "1": "/dev/i2c-1", "--json 7": "/dev/i2c-7", "auto --json": "auto", "/dev/i2c-1 --json": "/dev/i2c-1"} {
		name, others := commission.I2CBusName(strings.Fields(args))
		if name != want || len(others) != strings.Count(args, "--") {
			t.Errorf("%q: %s and %v, want %s", args, name, others, want)
		}
	}
}
