package homeassistant

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// below is where everything is published below one topic.
type below string

func (b below) GatewayTopic(leaf string) string { return string(b) + "/" + leaf }
func (b below) EventTopic(string) string        { return string(b) + "/event" }
func (b below) MachineTopic(machine, leaf string) string {
	return string(b) + "/" + leaf + "/" + machine
}

var update = flag.Bool("update", false, "write the golden messages anew")

var (
	theGateway = Gateway{Site: "plant-3", Device: "gw7", Topics: below("iot-edge-anomaly/plant-3/gw7"), Version: "1.4.0", URL: "https://gw7.plant:8080/", Silence: time.Minute}
	thePump    = Machine{Name: "pump1", States: []string{"blind", "anomaly", "limit", "drift", "learning", "idle", "normal"}, Silence: time.Minute, Refresh: time.Minute,
		Channels: []Channel{{Name: "pump.current", Unit: "A"}, {Name: "pump.speed", Unit: "1/min"}, {Name: "pump.power_factor"}, {Name: "hall.humidity", Unit: "%"},
			{Name: "valve.position", Unit: "%"}, {Name: "board.temp:Core 0", Unit: "°C"}, {Name: "oil.flow", Unit: "l/min"}, {Name: "meter.energy", Unit: "kW", Counter: true, CountUnit: "kWh"},
			{Name: "meter.water", Unit: "m3/h", Counter: true, CountUnit: "m3"}, {Name: "odd.it's", Unit: "K"}}}
)

// What Home Assistant 2026 knows, written from its documentation and not from this
// package: keys of messages, of devices, of entities by platform.
var (
	messageKeys = []string{"dev", "o", "cmps", "avty_t", "stat_t", "qos"}
	deviceKeys  = []string{"ids", "cns", "name", "mf", "mdl", "mdl_id", "sw", "hw", "sn", "sa", "cu", "via_device"}
	originKeys  = []string{"name", "sw", "url"}
	anyEntity   = []string{"p", "name", "uniq_id", "avty_t", "stat_t", "val_tpl", "dev_cla", "ent_cat", "en", "json_attr_t", "qos", "ic"}
	entityKeys  = map[string][]string{
		"sensor":        {"stat_cla", "unit_of_meas", "ops", "exp_aft", "sug_dsp_prc"},
		"binary_sensor": {"pl_on", "pl_off", "exp_aft", "off_dly"},
		"event":         {"evt_typ"},
	}
	classUnits = map[string][]string{
		"temperature": {"°C", "°F", "K"}, "pressure": {"Pa", "hPa", "kPa", "bar", "cbar", "mbar", "mmHg", "inHg", "psi"},
		"current": {"A", "mA"}, "voltage": {"V", "mV"}, "power": {"W", "kW", "MW"}, "apparent_power": {"VA"}, "reactive_power": {"var"}, "power_factor": {"%", ""},
		"energy": {"Wh", "kWh", "MWh"}, "frequency": {"Hz", "kHz", "MHz", "GHz"}, "humidity": {"%"}, "speed": {"mm/s", "m/s", "km/h"},
		"volume_flow_rate": {"m³/h", "L/min"}, "duration": {"s", "min", "h", "d"},
	}
	binaryClasses = []string{"problem", "connectivity"}
)

type object = map[string]any

func parse(t *testing.T, b []byte) object {
	t.Helper()
	var o object
	if err := json.Unmarshal(b, &o); err != nil {
		t.Fatalf("%v in %s", err, b)
	}
	return o
}

// faults says what Home Assistant would refuse in a message, or drop without a word.
func faults(message object) (out []string) {
	fault := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	known := func(where string, o object, keys ...[]string) {
		for k := range o {
			if !slices.Contains(slices.Concat(keys...), k) {
				fault("%s: unknown key %s", where, k)
			}
		}
	}
	known("message", message, messageKeys)
	dev, _ := message["dev"].(object)
	known("dev", dev, deviceKeys)
	if ids, _ := dev["ids"].([]any); len(ids) == 0 {
		fault("the device has no ids")
	}
	o, _ := message["o"].(object)
	if known("o", o, originKeys); o["name"] == nil {
		fault("the origin has no name")
	}
	unique := map[any]bool{}
	for id, x := range message["cmps"].(object) {
		e, _ := x.(object)
		platform, _ := e["p"].(string)
		if entityKeys[platform] == nil {
			fault("%s: platform %q", id, platform)
		}
		if len(e) == 1 {
			continue // its removal
		}
		known(id, e, anyEntity, entityKeys[platform])
		if e["uniq_id"] == nil || unique[e["uniq_id"]] {
			fault("%s: uniq_id %v is missing or there twice", id, e["uniq_id"])
		}
		unique[e["uniq_id"]] = true
		if e["stat_t"] == nil && message["stat_t"] == nil {
			fault("%s: no topic", id)
		}
		class, _ := e["dev_cla"].(string)
		unit, _ := e["unit_of_meas"].(string)
		state, _ := e["stat_cla"].(string)
		switch {
		case platform == "binary_sensor":
			if !slices.Contains(binaryClasses, class) {
				fault("%s: class %q", id, class)
			}
		case class == "enum":
			if e["ops"] == nil || unit != "" || state != "" {
				fault("%s: an enum has options, and neither unit nor state class", id)
			}
		case class != "" && !slices.Contains(classUnits[class], unit):
			fault("%s: class %q does not take unit %q", id, class, unit)
		case class == "energy" && state == "measurement":
			fault("%s: energy is no measurement", id)
		}
		if cat, has := e["ent_cat"]; has && cat != "diagnostic" {
			fault("%s: category %v", id, cat)
		}
		if types, _ := e["evt_typ"].([]any); platform == "event" && len(types) == 0 {
			fault("%s: an event without types", id)
		}
	}
	return out
}

// TestDevices_allowed checks every message by the tables above.
func TestDevices_allowed(t *testing.T) {
	for _, d := range Devices(theGateway, []Machine{thePump}) {
		for _, f := range faults(parse(t, d.Payload(map[string]string{"gone": "sensor"}))) {
			t.Errorf("%s: %s", d.Topic, f)
		}
		if !regexp.MustCompile(`^homeassistant/device/[A-Za-z0-9_-]+/config$`).MatchString(d.Topic) {
			t.Errorf("topic %s", d.Topic)
		}
	}
}

// TestFaults: the tables refuse what is wrong.
func TestFaults(t *testing.T) {
	good := string(Devices(theGateway, []Machine{thePump})[1].Payload(nil))
	for old, wrong := range map[string]string{
		`"unit_of_meas":"A"`:      `"unit_of_meas":"Nm"`,
		`"dev_cla":"current"`:     `"dev_cla":"amps"`,
		`"exp_aft"`:               `"expires"`,
		`"p":"event"`:             `"p":"button"`,
		`"ids"`:                   `"id"`,
		`"val_tpl"`:               `"value_tpl"`,
		`"dev_cla":"enum"`:        `"stat_cla":"measurement","dev_cla":"enum"`,
		`"ent_cat":"diagnostic"`:  `"ent_cat":"none"`,
		`"cmps"`:                  `"qos2":1,"cmps"`,
		`"evt_typ":[`:             `"evt":[`,
		`"uniq_id":"iot`:          `"object_id":"iot`,
		`"p":"binary_sensor",`:    `"p":"binary_sensor","stat_cla":"measurement",`,
		`"stat_cla":"total_incre`: `"stat_cla":"measurement","old":"`,
	} {
		b := strings.ReplaceAll(good, old, wrong)
		if b == good {
			t.Errorf("nothing to edit: %s", old)
		} else if len(faults(parse(t, []byte(b)))) == 0 {
			t.Errorf("accepted: %s", wrong)
		}
	}
}

// TestDevices_golden: the messages as they are published.
func TestDevices_golden(t *testing.T) {
	for i, d := range Devices(theGateway, []Machine{thePump}) {
		var got bytes.Buffer
		if err := json.Indent(&got, d.Payload(nil), "", " "); err != nil {
			t.Fatal(err)
		}
		got.WriteByte('\n')
		path := fmt.Sprintf("testdata/%s.json", []string{"gateway", "machine"}[i])
		if *update {
			if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(want, got.Bytes()) {
			t.Errorf("%s is stale: run make golden and read the diff", path)
		}
	}
}

func TestDevices_what(t *testing.T) {
	ds := Devices(theGateway, []Machine{thePump})
	machine := parse(t, ds[1].Payload(nil))
	gateway := parse(t, ds[0].Payload(nil))
	if via, id := machine["dev"].(object)["via_device"], gateway["dev"].(object)["ids"].([]any)[0]; via != id {
		t.Errorf("via_device %v, the gateway is %v", via, id)
	}
	entity := func(name string) object {
		e, _ := machine["cmps"].(object)[name].(object)
		if e == nil {
			t.Fatalf("no %s in %v", name, slices.Sorted(maps.Keys(machine["cmps"].(object))))
		}
		return e
	}
	for name, want := range map[string]string{
		"pump_-current":          "A current measurement",
		"pump_-speed":            "1/min <nil> measurement",
		"pump_-power__factor":    "<nil> power_factor measurement",
		"hall_-humidity":         "% humidity measurement",
		"valve_-position":        "% <nil> measurement",
		"board_-temp_3aCore_200": "°C temperature measurement",
		"oil_-flow":              "L/min volume_flow_rate measurement",
		"meter_-energy":          "kW power measurement",
		"meter_-energy_xcount":   "kWh energy total_increasing",
		"meter_-water_xcount":    "m3 <nil> total_increasing",
		"odd_-it_27s":            "K <nil> measurement",
	} {
		e := entity(name)
		if got := fmt.Sprint(e["unit_of_meas"], " ", e["dev_cla"], " ", e["stat_cla"]); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
		if e["exp_aft"] != 180.0 {
			t.Errorf("%s expires after %v", name, e["exp_aft"])
		}
	}
	if ops := entity("state")["ops"].([]any); len(ops) != len(thePump.States) {
		t.Errorf("states %v", ops)
	}
	if e := entity("problem"); e["json_attr_t"] != "iot-edge-anomaly/plant-3/gw7/machine/pump1" || e["pl_on"] != "True" {
		t.Errorf("%v", e)
	}
	if en := entity("drift")["en"]; en != false {
		t.Errorf("drift is enabled: %v", en)
	}
	if expire(time.Second) != 30 || expire(time.Hour) != 3*3600 {
		t.Error("expiry is not three times the silence, or 30 s")
	}
}

// TestPayload_removal: what is gone is there with its platform alone.
func TestPayload_removal(t *testing.T) {
	before := Devices(theGateway, []Machine{thePump})[1].Entities
	less := thePump
	less.Channels = less.Channels[1:]
	d := Devices(theGateway, []Machine{less})[1]
	all := parse(t, d.Payload(before))["cmps"].(object)
	if gone, _ := all["pump_-current"].(object); len(gone) != 1 || gone["p"] != "sensor" {
		t.Errorf("%v, want its platform alone", gone)
	}
	if d.Entities["pump_-current"] != "" || len(all) != len(d.Entities)+1 {
		t.Error("Payload has changed the device")
	}
	if now := parse(t, d.Payload(nil))["cmps"].(object); now["pump_-current"] != nil {
		t.Error("it is still there")
	}
}

// TestDevices_bounded: the longest names, more channels than are shown.
func TestDevices_bounded(t *testing.T) {
	long := func(c string) string { return strings.Repeat(c, 64) }
	g := Gateway{Site: long("s"), Device: long("d"), Topics: below(strings.Repeat("t", 200)), Version: "1.4.0+123.gabcdef012345.dirty"}
	m := Machine{Name: long("m"), States: thePump.States}
	for i := range 3 * ChannelsMost {
		m.Channels = append(m.Channels, Channel{Name: fmt.Sprintf("%s.%061d", long("c"), i), Unit: "µm/(m·°C·s)", Counter: i%2 == 0, CountUnit: "µm/(m·°C)"})
	}
	for _, d := range Devices(g, []Machine{m}) {
		if n := len(d.Payload(d.Entities)); n > 64<<10 {
			t.Errorf("%s...: %d bytes", d.Topic[:40], n)
		} else {
			t.Logf("%d bytes", n)
		}
	}
	if d := Devices(g, []Machine{m})[1]; d.Left <= 2*ChannelsMost || d.Left >= 3*ChannelsMost-10 {
		t.Errorf("%d channels left out", d.Left)
	}
	for i := range m.Channels {
		m.Channels[i].Name = fmt.Sprintf("sensor_of_some_length.channel_%d", i)
	}
	if d := Devices(theGateway, []Machine{m})[1]; d.Left != 2*ChannelsMost {
		t.Errorf("%d channels of usual names left out, want all above %d", d.Left, ChannelsMost)
	}
}

// FuzzID: different names have different identifiers of allowed characters.
func FuzzID(f *testing.F) {
	f.Add("a.b", "c", "a", "b.c")
	f.Add("a_", "b", "a", "_b")
	f.Add("a_x", "b", "a", "x_b")
	f.Add("temp:Core 0", "", "temp_3aCore 0", "")
	f.Add("a", "xb", "a_", "b")
	f.Fuzz(func(t *testing.T, a, b, c, d string) {
		x, y := id(a, b), id(c, d)
		if (x == y) != (a == c && b == d) {
			t.Errorf("%q %q is %s, %q %q is %s", a, b, x, c, d, y)
		}
		if strings.ContainsFunc(x, func(r rune) bool {
			return !strings.ContainsRune("_-", r) && (r > 'z' || !regexp.MustCompile(`[A-Za-z0-9]`).MatchString(string(r)))
		}) {
			t.Errorf("%q", x)
		}
	})
}
