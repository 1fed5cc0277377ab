package config

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Template describes a Modbus device as its maker's document does: everything that
// a sensor of this kind has, except its name, its bus and its unit.
type Template struct {
	Name     string // by which a sensor names it
	Text     string // the file
	Maker    string
	Device   string
	What     string // kind of device, "energy meter"
	Document Document
	Line     string // how the maker delivers its serial port; empty = it has none
	Movable  bool   // addresses count from the sensor's template_at
	Identify Identity
	Example  map[string]float64 // a value of each channel, for tests

	// Sensor has the keys of the template. Name, bus and unit stand in for those
	// that a configuration gives.
	Sensor Sensor

	entries []entry // of the sensor
}

// Document is where the registers of a template are from.
type Document struct{ Name, Revision, Section string }

// String names the document, its revision and the section.
func (d Document) String() string {
	return strings.Join(slices.DeleteFunc([]string{d.Name, d.Revision, d.Section}, func(s string) bool { return s == "" }), ", ")
}

// Identity is how a device is recognised; the zero value means that it is not.
type Identity struct {
	Vendor, Product string     // parts of what the device answers to function 43/14
	SunSpec         []int      // numbers of SunSpec models that have these registers
	Registers       []Register // each has a range or states, and holds one of them
}

// String says how a device is recognised, for people.
func (i Identity) String() string {
	var how []string
	if i.Vendor+i.Product != "" {
		how = append(how, "its identification: "+strings.TrimSpace(i.Vendor+" "+i.Product))
	}
	if len(i.SunSpec) > 0 {
		how = append(how, "SunSpec models "+strings.Trim(fmt.Sprint(i.SunSpec), "[]"))
	}
	for _, r := range i.Registers {
		how = append(how, r.Name)
	}
	return strings.Join(how, ", ")
}

// templateReader reads a template.
type templateReader struct {
	*Template
	driver value   // of the key
	probe  []entry // registers of identify
}

// templateSensorKeys are the keys of a sensor that a template may have.
var templateSensorKeys = []string{"driver", "address_base", "max_gap", "max_registers", "never_read", "join", "timeout", "valid_when", "registers"}

const atTheSensor = "a template describes a device, not where it is: write it at the sensor"

var templateKeys = section[*templateReader]{
	help: "A template: a Modbus device as its maker's document describes it.",
	others: map[string]string{"name": "the name of the file is the template's", "bus": atTheSensor, "unit": atTheSensor, "buses": atTheSensor, "modbus": atTheSensor,
		"period": atTheSensor, "template": "a template is made from no other", "init": "a template only reads"},
	rows: []row[*templateReader]{
		{Key: Key{Name: "maker", Kind: Text, Max: "64", Without: "unknown", Example: "Eastron", Help: "Who makes the device."},
			into: func(t *templateReader) any { return &t.Maker }},
		{Key: Key{Name: "device", Kind: Text, Max: "128", Without: "unknown", Example: "SDM630-Modbus", Help: "Which models it is."},
			into: func(t *templateReader) any { return &t.Device }},
		{Key: Key{Name: "what", Kind: Text, Max: "64", Without: "unknown", Example: "energy meter", Help: "What kind of device it is."},
			into: func(t *templateReader) any { return &t.What }},
		below(Key{Name: "document", Without: "unknown", Example: `{name: "Modbus Protocol", revision: "1.8"}`, Help: "Where the registers are from."},
			&documentKeys, func(t *templateReader) *Document { return &t.Document }),
		{Key: Key{Name: "line", Kind: Text, Max: "128", Without: "unknown", Example: "9600 baud, no parity", Help: "How the maker delivers the serial port."},
			into: func(t *templateReader) any { return &t.Line }},
		{Key: Key{Name: "movable", Kind: Boolean, Default: "false", Example: "true",
			Help: "Whether the addresses count from the `template_at` of the sensor, because the registers stand elsewhere in each device."},
			into: func(t *templateReader) any { return &t.Movable }},
		below(Key{Name: "identify", Without: "the device is not recognised", Example: `{vendor: Schneider, product: iEM3}`, Help: "How `scan` and `init` recognise the device."},
			&identityKeys, func(t *templateReader) *templateReader { return t }),
		{Key: Key{Name: "driver", Kind: kindDriverName, Need: true, Example: "modbus", Help: "The driver of the device, which is of Modbus."},
			read: func(v value, t *templateReader) { t.driver = v }},
		{Key: Key{Name: "example", Kind: kindByChannel, Of: Number, Without: "none", Example: "{voltage: 230.1}", Help: "A value of each channel, for tests."}},
	},
	foreign: func(e entry, t *templateReader, _ bool, names []string) bool {
		if !slices.Contains(templateSensorKeys, e.name) {
			return false
		}
		t.entries = append(t.entries, e)
		return true
	},
	check: func(v value, t *templateReader, g given) { t.check(v, g) },
}

var documentKeys = section[*Document]{path: "document", help: "Where the registers are from.", rows: []row[*Document]{
	{Key: Key{Name: "name", Kind: Text, Max: "200", Need: true, Example: `"Modbus Protocol"`, Help: "Title of the document."},
		into: func(d *Document) any { return &d.Name }},
	{Key: Key{Name: "revision", Kind: Text, Max: "64", Without: "unknown", Example: `"1.8"`, Help: "Revision of the document."},
		into: func(d *Document) any { return &d.Revision }},
	{Key: Key{Name: "section", Kind: Text, Max: "200", Without: "the whole document", Example: `"1.2 Input registers"`, Help: "Which part of it."},
		into: func(d *Document) any { return &d.Section }},
}}

var identityKeys = section[*templateReader]{path: "identify", help: "How `scan` and `init` recognise the device.", rows: []row[*templateReader]{
	{Key: Key{Name: "vendor", Kind: Text, Max: "64", Without: "not compared", Example: "Schneider", Help: "A part of the vendor's name that the device answers to function 43/14."},
		into: func(t *templateReader) any { return &t.Identify.Vendor }},
	{Key: Key{Name: "product", Kind: Text, Max: "64", Without: "not compared", Example: "iEM3", Help: "A part of the product code that it answers."},
		into: func(t *templateReader) any { return &t.Identify.Product }},
	{Key: Key{Name: "sunspec", Kind: List, Of: Integer, Min: "1", Max: "65534", Without: "none", Example: "[101, 103]", Help: "SunSpec models that have these registers."},
		into: func(t *templateReader) any { return &t.Identify.SunSpec }},
	{Key: Key{Name: "registers", Kind: Channels, Without: "none", Example: `[{name: code, at: "holding:11", type: u16, states: {340: EM340}}]`,
		Help: "Registers with a range or states; the device is recognised where each of them holds such a value."},
		read: func(v value, t *templateReader) {
			t.probe = []entry{{name: "registers", at: v, value: v}}
		}},
}}

// TemplateSections are the keys of a template beside those of a sensor.
func TemplateSections() []Section {
	return []Section{templateKeys.list(), documentKeys.list(), identityKeys.list()}
}

// TemplateSensorKeys are the keys of a sensor that a template may have.
func TemplateSensorKeys() []string { return slices.Clone(templateSensorKeys) }

// maxTemplate bounds the file of a template in bytes.
const maxTemplate = 256 << 10

// ParseTemplate checks a template. name is the template's, file is what every
// problem begins with. The template is nil if a problem is an error. It opens no
// file.
func ParseTemplate(name, file string, data []byte, drivers map[string]DriverInfo) (*Template, Problems) {
	p := &parser{file: file, drivers: drivers, most: maxTemplate, what: "template", cfg: &Config{Buses: []Bus{{Name: name, Modbus: &ModbusURL{Scheme: "tcp"}}}}}
	t := &Template{Name: name, Text: string(data)}
	if root := p.syntax(data); root != nil {
		templateKeys.read(p.value(root, ""), &templateReader{Template: t})
	}
	p.problems.sort()
	if p.problems.Err() != nil {
		return nil, p.problems
	}
	return t, p.problems
}

// check reads the sensor that the template describes, and what needs it.
func (t *templateReader) check(v value, g given) {
	if t.driver.node == nil {
		return
	}
	driver := entry{name: "driver", at: t.driver, value: t.driver}
	if info, known := v.p.drivers[t.driver.node.Value]; known && info.Bus != busModbus {
		t.driver.fail("use modbus", "a template is of a Modbus device")
		return
	}
	t.entries = append(t.entries, driver)
	s := t.sensor(v, t.entries)
	t.Sensor = *s.Sensor
	if t.probe != nil {
		t.identify(v, driver)
	}
	if at, has := g["example"]; has {
		t.example(at, s.channels)
	}
}

// sensor reads entries as those of a sensor; its name, its bus and its unit are not
// the template's business.
func (t *templateReader) sensor(v value, entries []entry) *sensorReader {
	s := &sensorReader{Sensor: &Sensor{Pos: v.pos}, p: v.p}
	entries = append([]entry{v.given("name", t.Name), v.given("bus", t.Name), v.given("unit", "1")}, entries...)
	sensorKeys.entries(v, entries, s)
	return s
}

// given is an entry as if it stood in v.
func (v value) given(name, text string) entry {
	n := &yaml.Node{Kind: yaml.ScalarNode, Value: text}
	if name != "unit" {
		n.Tag = "!!str"
	}
	e := value{p: v.p, node: n, path: join(v.path, name), pos: v.pos}
	return entry{name: name, at: e, value: e}
}

// identify reads the registers by which the device is recognised.
func (t *templateReader) identify(v value, driver entry) {
	entries := append([]entry{driver}, t.probe...)
	if i := slices.IndexFunc(t.entries, func(e entry) bool { return e.name == "address_base" }); i >= 0 {
		entries = append(entries, t.entries[i])
	}
	t.Identify.Registers = t.sensor(v, entries).Registers
	for _, r := range t.Identify.Registers {
		if r.Range == nil && r.States == nil {
			t.probe[0].at.fail("add range or states", "any value of %s would recognise the device", r.Name)
		}
	}
}

// example reads a value of each channel.
func (t *templateReader) example(v value, channels []ChannelRef) {
	entries, _ := v.mapping()
	t.Example = map[string]float64{}
	var names []string
	for _, r := range t.Sensor.Registers {
		names = append(names, r.Name)
	}
	for _, e := range entries {
		e.value.key = &Key{Kind: Number}
		switch x, ok := e.value.number(); {
		case !slices.Contains(names, e.name):
			e.at.fail(didYouMean(e.name, names), "the template has no register %q", quoteShort(e.name))
		case ok:
			t.Example[e.name] = x
		}
	}
}
