package commission

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"iot-edge-anomaly/agent/devices"
	"iot-edge-anomaly/drivers/sim/sysfssim"
)

const derivedConfig = `sensors:
  - {name: cpu, driver: thermal, device: cpu-thermal}
  - {name: cabinet, driver: hwmon, device: 1-0048, channels: [temp1]}
  - {name: gone, driver: hwmon, device: 1-0055, channels: [temp1]}
  - name: calc
    driver: derived
    channels:
      rise:  {expr: "cpu.temperature - cabinet.temp1", unit: K}
      mean:  {expr: "mean(calc.rise, 10)", unit: K}
      cold:  {expr: "gone.temp1 - 1", unit: °C}
      ratio: {expr: "calc.rise / (calc.rise - calc.mean)"}
      high:  {expr: "cpu.temperature", unit: °C, range: [0, 40]}
`

// Read shows derived channels beside what they are computed from, and says why one
// has no value.
func TestRead_derived(t *testing.T) {
	tree, err := sysfssim.Lay(t.TempDir(), sysfssim.Pi4)
	if err != nil {
		t.Fatal(err)
	}
	for only, failed := range map[string]string{"": "2 of 4 sensors did not read right: gone, calc", "calc": "1 of 1 sensors did not read right: calc"} {
		var out, hints bytes.Buffer
		err = Read(t.Context(), parse(t, derivedConfig), ReadOptions{Sensor: only, Out: &out, Hints: &hints, Host: devices.Host{Root: tree.Root}})
		if err == nil || err.Error() != failed {
			t.Errorf("%v, want %s", err, failed)
		}
		for _, want := range [][]string{
			{"calc.rise", "31.569", "K", "good"}, {"calc.mean", "31.569", "K", "good"}, {"calc.cold", "-", "missing", "cold is missing because gone.temp1 is"},
			{"calc.ratio", "-", "missing", "ratio is no finite number, as after a division by zero"}, {"calc.high", "53.069", "suspect", "outside its range"},
		} {
			if !hasLine(out.String(), want) {
				t.Errorf("no line with %v in\n%s", want, &out)
			}
		}
		if has := strings.Contains(out.String(), "cabinet.temp1 "); has != (only == "") {
			t.Errorf("sensor %q: the inputs are shown: %v\n%s", only, has, &out)
		}
	}
}

// Record writes derived channels as it writes others.
func TestRecord_derived(t *testing.T) {
	file := filepath.Join(t.TempDir(), "rows.csv")
	if err := os.WriteFile(file, []byte("timestamp,pump.flow,pump.power\n0,6,2\n1,8,0\n2,,4\n3,9,3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := parse(t, fmt.Sprintf(`sensors:
  - {name: calc, driver: derived, channels: {ratio: {expr: "pump.flow / pump.power"}, mean: {expr: "mean(pump.flow, 2)"}}}
  - {name: pump, driver: replay, file: %s}
machines: [{name: m, channels: ["calc.*", "pump.*"], period: 20ms, model: {learn: {when: never}}}]
`, file))
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		out := &lines{most: 5, done: cancel}
		r, err := Record(ctx, c, c.Machines[0], RecordOptions{Out: out, Live: true, Faults: &bytes.Buffer{}})
		if err != nil {
			t.Fatal(err)
		}
		got := strings.Split(out.String(), "\n")
		for i, want := range []string{"calc.ratio,calc.mean,pump.flow,pump.power", "3,6,6,2", ",7,8,0", ",,,4", "3,9,9,3"} {
			if _, row, _ := strings.Cut(got[i], ","); row != want {
				t.Errorf("row %d is %q, want %q", i, row, want)
			}
		}
		if !strings.Contains(r.LeftOut(), "calc: ") {
			t.Errorf("left out: %q", r.LeftOut())
		}
	})
}

// lines calls done once that many have been written.
type lines struct {
	bytes.Buffer
	most int
	done func()
}

func (l *lines) Write(p []byte) (int, error) {
	if l.most -= bytes.Count(p, []byte("\n")); l.most <= 0 {
		l.done()
	}
	return l.Buffer.Write(p)
}
