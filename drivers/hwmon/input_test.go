package hwmon

import (
	"math"
	"strings"
	"testing"

	"iot-edge-anomaly/drivers/sim/sysfssim"
)

const fanChip = "/sys/devices/platform/soc/fe804000.i2c/i2c-1/1-002f/hwmon/hwmon5"

// put sets attributes of the chip emc2305, new ones too.
func put(t *testing.T, tree *sysfssim.Tree, attrs map[string]string) {
	t.Helper()
	for name, text := range attrs {
		if err := tree.Set(fanChip+"/"+name, text); err != nil {
			t.Fatal(err)
		}
	}
}

// After an update of the kernel other numbers may belong to a channel. Its label moves
// along, so what is named by its label stays what it is.
func TestRead_byLabel(t *testing.T) {
	tree := pi4(t)
	put(t, tree, map[string]string{"curr2_input": "85000", "curr2_label": "iout1", "curr1_label": "iin1", "in0_label": "+12V"})
	d, err := New(tree.FS().Root, "emc2305", []string{"iout1"}, Input{Name: "rail", At: "in:+12V", Scale: 2, Offset: 0.5}, Input{Name: "speed", At: "fan:cabinet", Unit: "Hz", Scale: 1. / 60})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	dst := make([]float64, 3)
	near := func(want ...float64) {
		t.Helper()
		err := d.Read(t.Context(), dst)
		for i := range want {
			if err != nil || math.Abs(dst[i]-want[i]) > 1e-9 {
				t.Fatalf("got %v %v, want %v", dst, err, want)
			}
		}
	}
	near(85, 2*11.984+0.5, 4210./60)
	var units []string
	for _, c := range d.Channels() {
		units = append(units, c.Quantity.Unit)
	}
	if got := strings.Join(units, " "); got != "A V Hz" {
		t.Errorf("units %s", got)
	}
	put(t, tree, map[string]string{"curr2_input": "12300", "curr2_label": "iin2", "curr3_input": "85000", "curr3_label": "iout1"})
	d.Close() // a new kernel is a new start
	near(85, 2*11.984+0.5, 4210./60)

	put(t, tree, map[string]string{"curr2_label": "iout1"})
	d.Close()
	if err := d.Read(t.Context(), dst); err == nil || !strings.Contains(err.Error(), `has the label "iout1" at curr2 and curr3`) || !math.IsNaN(dst[0]) {
		t.Errorf("%v, %v", dst, err)
	}
	put(t, tree, map[string]string{"curr2_label": "x", "curr3_label": "y"})
	d.Close()
	if err := d.Read(t.Context(), dst); err == nil || !strings.Contains(err.Error(), `has no label "iout1", it has iin1, x, y`) || !math.IsNaN(dst[0]) || math.IsNaN(dst[1]) {
		t.Errorf("%v, %v", dst, err)
	}
}

// Some chips have no input but an average.
func TestRead_average(t *testing.T) {
	tree := pi4(t)
	put(t, tree, map[string]string{"power2_average": "21220000"})
	d, dst := dev(t, tree, "emc2305", "power1", "power2"), make([]float64, 2)
	if err := d.Read(t.Context(), dst); err != nil || dst[0] != 4.937408 || dst[1] != 21.22 {
		t.Errorf("%v, %v", dst, err)
	}
}

// What chips say of an input without a sensor is no temperature; its neighbours are.
func TestRead_unconnected(t *testing.T) {
	tree := pi4(t)
	put(t, tree, map[string]string{"temp3_input": "21000"})
	d, dst := dev(t, tree, "emc2305", "temp3"), make([]float64, 1)
	for text, want := range map[string]float64{"-273150": math.NaN(), "-61000": math.NaN(), "127500": math.NaN(), "255000": math.NaN(),
		"-60000": -60, "127000": 127, "128000": 128, "254000": 254} {
		put(t, tree, map[string]string{"temp3_input": text})
		err := d.Read(t.Context(), dst)
		if math.IsNaN(want) != math.IsNaN(dst[0]) || math.IsNaN(want) != (err != nil) || err == nil && dst[0] != want {
			t.Errorf("%s: %v, %v", text, dst, err)
		}
	}
}

func TestChannel_names(t *testing.T) {
	for at, unit := range map[string]string{"in0": "V", "temp:Core 0": "°C", "iout1": "A", "vin": "V", "pout2": "W", "vout1a": "V", "power:PPT": "W",
		"temp01": "-", "temp": "-", "temp1:x": "-", "temp:": "-", "volt1": "-", "output1": "-", "vin1/../x": "-"} {
		c, err := Channel(at)
		if (unit == "-") != (err != nil) || err == nil && c.Quantity.Unit != unit {
			t.Errorf("%s: %v, %v", at, c, err)
		}
	}
}
