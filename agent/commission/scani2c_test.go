package commission

import (
	"context"
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"periph.io/x/conn/v3/i2c"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/devices"
	"iot-edge-anomaly/board"
	"iot-edge-anomaly/drivers/sim/i2csim"
)

// simPorts is a board whose only bus carries the given chips; 0x4F belongs to
// the kernel.
func simPorts(chips map[uint16]i2csim.Chip) i2cPorts {
	bus := i2csim.New("/dev/i2c-1")
	for addr, c := range chips {
		bus.Attach(addr, c)
	}
	return i2cPorts{
		scan: func(_ context.Context, name string) (*board.I2CScan, error) {
			s := &board.I2CScan{I2CBus: board.I2CBus{Path: "/dev/i2c-1", Name: "bcm2835 (i2c@7e804000)", Number: 1}, Drivers: map[uint16]string{}}
			if name != "auto" && name != "/dev/i2c-1" {
				return nil, os.ErrNotExist
			}
			for addr := uint16(board.FirstI2C); addr <= board.LastI2C; addr++ {
				switch _, there := chips[addr]; {
				case addr == 0x4F:
					s.States[addr], s.Drivers[addr] = board.I2CClaimed, "lm75"
				case there:
					s.States[addr] = board.I2CPresent
				default:
					s.States[addr] = board.I2CAbsent
				}
			}
			return s, nil
		},
		open: func(string) (i2c.BusCloser, error) { return keepOpen{bus}, nil },
	}
}

func scanOf(t *testing.T, p i2cPorts) string {
	t.Helper()
	s, err := p.run(t.Context(), "auto")
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := s.Print(&out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

var zoo = map[uint16]i2csim.Chip{
	0x18: i2csim.NewTable(nil), 0x40: i2csim.NewINA219(0.1), 0x41: i2csim.NewINA226(0.1), 0x44: i2csim.NewSHT3x(), 0x45: i2csim.NewSHT4x(),
	0x48: i2csim.NewLM75(11), 0x49: i2csim.NewTMP117(), 0x4A: i2csim.NewADS1115(), 0x4B: i2csim.NewTMP102(),
	0x76: i2csim.NewBME280(), 0x77: i2csim.NewBMP280(),
}

func TestScanI2C(t *testing.T) {
	out := scanOf(t, simPorts(zoo))
	for _, want := range []string{
		"/dev/i2c-1 (bcm2835 (i2c@7e804000))\n     0  1  2  3  4  5  6  7  8  9  a  b  c  d  e  f\n00:                         -- -- ",
		"\n40: 40 41 -- -- 44 45 -- -- 48 49 4a 4b -- -- -- UU\n", "\n70: -- -- -- -- -- -- 76 77\n",
		"0x41  ina226\n", "0x44  sht3x\n", "0x45  sht4x\n", "0x49  tmp117\n",
		"0x4f  UU: the kernel's driver lm75 has it; read it with driver: hwmon or iio\n", "0x76  bme280\n", "0x77  bmp280\n",
		"\n  - {name: ina226_41, driver: ina226, bus: env, address: 0x41, shunt: 0.1}\n",
		"\n0x48  one of ", "\n  # - {name: ina219_40, driver: ina219, bus: env, address: 0x40, shunt: 0.1}\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("lacks %q:\n%s", want, out)
		}
	}
	// What the scan proposes is a valid configuration, the guesses included.
	_, text, _ := strings.Cut(out, "\nbuses:")
	for _, yaml := range []string{text, regexp.MustCompile(`# (- \{name: (ina219_40|lm75_48|ads1115_4a|tmp102_4b))`).ReplaceAllString(text, "$1")} {
		if _, problems := config.Parse("c.yaml", []byte("buses:"+yaml), devices.Infos()); problems.Err() != nil {
			t.Errorf("%v\n%s", problems, yaml)
		}
	}
}

// A chip that does not tell what it is is named by the drivers of its address.
func TestFoundChip_about(t *testing.T) {
	for want, c := range map[string]FoundChip{
		"no driver for this address: driver: regs reads it by a table of its registers": {},
		"ina219, or another chip: it has no id":                                         {Candidates: []string{"ina219"}},
		"one of lm75, tmp102, or another chip: they have no id":                         {Candidates: []string{"lm75", "tmp102"}},
		"sht3x": {Driver: "sht3x"},
	} {
		if got := c.about(); got != want {
			t.Errorf("%+v: %q, want %q", c, got, want)
		}
	}
}

func TestScanI2C_json(t *testing.T) {
	s, err := simPorts(zoo).run(t.Context(), "/dev/i2c-1")
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var got I2CScan
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if got.Bus != "/dev/i2c-1" || len(got.Chips) != len(zoo)+1 {
		t.Errorf("%+v", got)
	}
	if i := slices.IndexFunc(got.Chips, func(c FoundChip) bool { return c.Address == 0x44 }); i < 0 || got.Chips[i].Driver != "sht3x" {
		t.Errorf("%+v", got.Chips)
	}
}

// Where a result tells more about the wiring than about chips, the scan says so, and
// does not ask every address what it is.
func TestScanI2C_wiring(t *testing.T) {
	none := scanOf(t, simPorts(nil))
	if !strings.Contains(none, "0x4f  UU") || strings.Contains(none, "buses:") {
		t.Errorf("kernel only:\n%s", none)
	}
	all := map[uint16]i2csim.Chip{}
	for addr := uint16(board.FirstI2C); addr <= board.LastI2C; addr++ {
		all[addr] = i2csim.NewTable(nil)
	}
	if out := scanOf(t, simPorts(all)); !strings.Contains(out, "111 addresses answer: the data line is held low") || strings.Contains(out, "0x76") {
		t.Errorf("data line low:\n%s", out)
	}
	slow := simPorts(nil)
	scan := slow.scan
	slow.scan = func(ctx context.Context, name string) (*board.I2CScan, error) {
		s, err := scan(ctx, name)
		s.Took, s.States[0x4F] = 12*time.Second, board.I2CAbsent
		return s, err
	}
	if out := scanOf(t, slow); !strings.Contains(out, "nothing answers, and slowly (12s): the clock line is held low") {
		t.Errorf("clock line low:\n%s", out)
	}
	slow.scan = func(ctx context.Context, name string) (*board.I2CScan, error) {
		s, err := scan(ctx, name)
		s.States[0x4F] = board.I2CAbsent
		return s, err
	}
	if out := scanOf(t, slow); !strings.Contains(out, "nothing answers: is the chip powered") {
		t.Errorf("nothing there:\n%s", out)
	}
}

// keepOpen lets a simulated bus be opened again.
type keepOpen struct{ *i2csim.Bus }

func (keepOpen) Close() error { return nil }
