package config

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
)

// dump writes what a configuration sets differently from the defaults, a line each,
// and the warnings. A new key with a default changes no line.
func dump(cfg *Config) string {
	d := &dumper{}
	d.fields("", reflect.ValueOf(cfg).Elem(), baseline(reflect.ValueOf(*cfg)))
	for _, w := range cfg.Warnings {
		d.lines = append(d.lines, w.String())
	}
	return strings.Join(d.lines, "\n") + "\n"
}

type dumper struct{ lines []string }

func (d *dumper) value(path string, v reflect.Value) {
	switch x := v.Interface().(type) {
	case Pos, Problems:
		return
	case ChannelRef:
		d.lines = append(d.lines, strings.TrimRight(fmt.Sprintf("%s: sensor %d cell %d %s %s", path, x.Sensor, x.Cell, x.Channel, x.Unit), " "))
		x.Sensor, x.Cell, x.Channel, x.Unit = 0, 0, "", ""
		d.fields("    its", reflect.ValueOf(x), reflect.ValueOf(ChannelRef{}))
		return
	case Values:
		d.value(path, reflect.ValueOf(set(x)))
		return
	case fmt.Stringer:
		d.lines = append(d.lines, fmt.Sprintf("%s: %v", path, x))
		return
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			d.value(path, v.Elem())
		}
	case reflect.Struct:
		d.fields(path, v, baseline(v))
	case reflect.Slice:
		for i := range v.Len() {
			if e := v.Index(i); e.Kind() != reflect.Struct && e.Kind() != reflect.Map {
				d.lines = append(d.lines, fmt.Sprintf("%s: %v", path, v))
				return
			}
			d.value(fmt.Sprintf("%s[%d]", path, i), v.Index(i))
		}
	case reflect.Map:
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
		for _, k := range keys {
			d.value(fmt.Sprintf("%s[%v]", path, k), v.MapIndex(k))
		}
	case reflect.Float64:
		if f := v.Float(); !math.IsNaN(f) {
			d.lines = append(d.lines, fmt.Sprintf("%s: %v", path, f))
		}
	default:
		d.lines = append(d.lines, fmt.Sprintf("%s: %v", path, v))
	}
}

// fields writes the fields of a struct that are not as in defaults.
func (d *dumper) fields(path string, v, defaults reflect.Value) {
	for i := range v.NumField() {
		f, is, was := v.Type().Field(i), v.Field(i), defaults.Field(i)
		name := strings.TrimPrefix(path+"."+f.Name, ".")
		if f.Anonymous {
			name = path
		}
		own, isOwn := is.Interface().(Values)
		switch {
		case name == "Channels": // the machines show them
		case isOwn:
			d.value(name, reflect.ValueOf(map[string]any(set(own))))
		case reflect.DeepEqual(is.Interface(), was.Interface()):
		case is.Kind() == reflect.Struct && f.Type != reflect.TypeFor[Pos]():
			d.fields(name, is, was)
		default:
			d.value(name, is)
		}
	}
}

// set are a driver's own keys that are not as by default.
func set(own Values) map[string]any {
	out := map[string]any{}
	for name, x := range own {
		isDefault := false
		for _, k := range slices.Concat(testDrivers["chip"].Keys, testDrivers["chip"].Keys[4].Keys, testDrivers["replay"].Keys) {
			isDefault = isDefault || k.Name == name && reflect.DeepEqual(k.fixed(), x)
		}
		if !isDefault {
			out[name] = x
		}
	}
	return out
}

// baseline is a struct of v's type with the defaults of the table.
func baseline(v reflect.Value) reflect.Value {
	var x any
	switch it := v.Interface().(type) {
	case Config:
		c := &Config{}
		rootKeys.fill(c)
		c.Spool.Dir = c.State + "/spool"
		x = *c
	case Bus:
		b := &Bus{I2C: it.I2C, Modbus: it.Modbus}
		busKeys.fill(b)
		b.I2C, b.Modbus = "", nil
		x = *b
	case ModbusURL:
		x = ModbusURL{Serial: &Serial{}}
	case Serial:
		if it.Parity == "" { // rtutcp
			return reflect.Zero(v.Type())
		}
		m := &ModbusURL{Scheme: "rtu", Serial: &Serial{}}
		parameterKeys.fill(m)
		m.Serial.Stop = 1
		x = *m.Serial
	case Sensor:
		s := &sensorReader{Sensor: &Sensor{}, info: testDrivers[it.Driver], known: true}
		sensorKeys.fill(s)
		s.Timeout = it.Timeout
		if s.info.Bus == busModbus {
			s.Timeout, _ = parseDuration(busTimeout().Default)
		}
		x = *s.Sensor
	case Register:
		r := &registerReader{Register: &Register{}, s: &sensorReader{info: testDrivers["modbus"], known: true}}
		registerKeys.fill(r)
		x = *r.Register
	case Measurand:
		m := &Measurand{}
		measurandKeys.fill(&measurandReader{Measurand: m})
		x = *m
	case Machine:
		m := (&parser{cfg: &Config{State: "/var/lib/iot-edge-anomaly"}}).defaultMachine()
		m.Model.Path = "/var/lib/iot-edge-anomaly/models/" + it.Name
		m.Resolved = nil
		x = m
	default:
		return reflect.Zero(v.Type())
	}
	return reflect.ValueOf(x)
}
