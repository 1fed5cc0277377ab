package config

import (
	"cmp"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Section is one mapping of the file with its keys.
type Section struct {
	Path string   // "machines[].detect"; empty = the whole file
	Also []string // other paths of the same mapping
	Of   string   // whose keys they are, where the path does not say it
	Help string   // one sentence
	Keys []Key
}

// Sections is the table of keys with those of the drivers, in the order of the
// page.
func Sections(drivers map[string]DriverInfo) []Section {
	limits, iso := limitKeys.list(), isoKeys.list()
	reg, others := registerKeys.list(), driverSections(drivers)
	for i := range reg.Keys {
		if k := &reg.Keys[i]; !isMeasurandKey(k.Name) {
			k.For = onModbus // the registers of a chip have other keys at this path
		}
	}
	// What a register shares with the channels that a driver's own key lists is
	// in the table once.
	for _, s := range others {
		if !s.channels || s.Path == reg.Path {
			continue
		}
		for i := range reg.Keys {
			if k := &reg.Keys[i]; isMeasurandKey(k.Name) && !(s.byName && k.Name == "name") {
				k.Also = once(k.Also, s.Path+"."+k.Name)
			}
		}
		limits.Also = once(limits.Also, s.Path+".limits")
		iso.Also = once(iso.Also, s.Path+".limits.iso20816")
	}
	valid := conditionKeys.list()
	for _, d := range drivers {
		if d.Types == nil {
			continue
		}
		reg.choices(kindRegisterType, append(typeNames(d.Types), "string:N"))
		valid.choices(kindRegisterType, typeNames(d.Types))
		reg.choices(kindByteOrder, orderNames(d.Orders))
		valid.choices(kindByteOrder, orderNames(d.Orders))
	}
	out := []Section{rootKeys.list(), gatewayKeys.list(), busKeys.list(), parameterKeys.list(), sensorKeys.list()}
	for _, s := range others {
		out = append(out, s.Section)
	}
	out = append(out, reg, valid, limits, iso,
		machineKeys.list(), runWhenKeys.list(), modelKeys.list(), learnKeys.list(), detectKeys.list(), driftKeys.list(),
		mqttKeys.list(), telemetryKeys.list(), commandKeys.list(), spoolKeys.list(), httpKeys.list(), tlsKeys.list(), trustKeys.list(), metricsKeys.list(), controlKeys.list(), budgetKeys.list(), logKeys.list())
	for i := range out {
		out[i].complete()
	}
	return out
}

// once is a new list with one more path, unless the list has it: two drivers may have
// the same one.
func once(list []string, path string) []string {
	if slices.Contains(list, path) {
		return list
	}
	return append(slices.Clone(list), path)
}

// list gives the rows of a section.
func (s *section[T]) list() Section {
	var none T
	return Section{Path: s.path, Also: s.also, Help: s.help, Keys: s.of(none).keys()}
}

// keys gives the keys of all rows.
func (f *filling) keys() (out []Key) {
	for _, r := range f.rows {
		out = append(out, *r.Key)
	}
	return out
}

// choices sets those of the keys of a kind.
func (s *Section) choices(k Kind, names []string) {
	for i := range s.Keys {
		if s.Keys[i].Kind == k {
			s.Keys[i].Choices = names
		}
	}
}

// complete sets what a row leaves to its section.
func (s *Section) complete() {
	for i := range s.Keys {
		k := &s.Keys[i]
		k.Since = cmp.Or(k.Since, firstVersion)
		k.Path = join(s.Path, k.Name)
		k.Also = slices.Clone(k.Also)
		for _, also := range s.Also {
			k.Also = append(k.Also, join(also, k.Name))
		}
	}
}

// join is the path of a key. A parameter of an address has no dot before it.
func join(section, name string) string {
	if section == "" || strings.HasSuffix(section, "?") {
		return section + name
	}
	return section + "." + name
}

func isMeasurandKey(name string) bool {
	return slices.ContainsFunc(measurandRows, func(r row[*Measurand]) bool { return r.Name == name })
}

// driverSection is a section of a driver's own keys.
type driverSection struct {
	Section
	channels bool // each of its elements is a channel
	byName   bool // and has its name before it
}

// driverSections are the drivers' own keys: those of the sensor, and of each
// mapping below. Drivers with the same key share a row.
func driverSections(drivers map[string]DriverInfo) []driverSection {
	own := driverSection{Section: Section{Path: "sensors[]", Of: "single drivers", Help: "Keys that only some drivers have."}}
	var below []driverSection
	for _, name := range slices.Sorted(maps.Keys(drivers)) {
		for _, k := range drivers[name].Keys {
			k.For = []string{name}
			if i := slices.IndexFunc(own.Keys, k.same); i >= 0 {
				own.Keys[i].For = append(own.Keys[i].For, name)
				continue
			}
			own.Keys = append(own.Keys, k)
			below = append(below, k.sections("sensors[]", name)...)
		}
	}
	return append([]driverSection{own}, below...)
}

// same tells whether two drivers have the same key, whoever they are.
func (k Key) same(o Key) bool {
	k.For, k.Check, o.For, o.Check = nil, nil, nil, nil
	return len(k.Keys)+len(o.Keys) == 0 && reflect.DeepEqual(k, o)
}

// sections are those of a driver's key whose elements are mappings.
func (k *Key) sections(path, driver string) []driverSection {
	if len(k.Keys) == 0 {
		return nil
	}
	element := "[]"
	if k.Kind == ByName {
		element = ".NAME"
	}
	out := driverSection{Section: Section{Path: path + "." + k.Name + element, Of: driver, Help: k.Help}, channels: k.Kind == Channels || k.Kind == ByName, byName: k.Kind == ByName}
	for _, e := range k.Keys {
		e.For = []string{driver}
		out.Keys = append(out.Keys, e)
	}
	return []driverSection{out}
}

// Keys are the keys of all sections.
func Keys(drivers map[string]DriverInfo) (out []Key) {
	for _, s := range Sections(drivers) {
		out = append(out, s.Keys...)
	}
	return out
}

// Find gives the keys that a path means. It may be the path of a message
// ("sensors[2].unit", "buses.plc.timeout") or only its last parts ("hold",
// "detect.hold"); a key whose whole path it is goes before those.
func Find(keys []Key, path string) []Key {
	words := parts(path)
	var whole, tails []Key
	for _, k := range keys {
		switch depth := k.match(words); {
		case depth == 0:
		case depth == len(words):
			whole = append(whole, k)
		default:
			tails = append(tails, k)
		}
	}
	if len(whole) > 0 {
		return whole
	}
	return tails
}

// Below gives the keys of the mapping, or of the elements of the list, at path.
func Below(keys []Key, path string) (out []Key) {
	for _, k := range keys {
		if at := strings.LastIndexAny(k.Path, ".?"); at >= 0 {
			switch k.Path[:at] {
			case path, path + "[]", path + ".NAME":
				out = append(out, k)
			}
		}
	}
	return out
}

// match tells how many parts the shortest of the key's paths has that ends in
// words; 0 = none does.
func (k *Key) match(words []string) int {
	shortest := 0
	for _, path := range append([]string{k.Path}, k.Also...) {
		have := parts(path)
		n := len(have) - len(words)
		if n >= 0 && len(words) > 0 && have[n] == words[0] && slices.EqualFunc(have[n:], words, func(have, word string) bool {
			return have == word || have == "NAME" || have == "CHANNEL"
		}) && (shortest == 0 || len(have) < shortest) {
			shortest = len(have)
		}
	}
	return shortest
}

// parts are the names in a path, without the numbers of elements.
func parts(path string) []string {
	var out []string
	for _, part := range strings.FieldsFunc(path, func(r rune) bool { return r == '.' || r == '?' }) {
		name, _, _ := strings.Cut(part, "[")
		out = append(out, name)
	}
	return out
}

// NearestKey gives the path, or the last parts of one, that a slip of the fingers
// turns into path; it is empty where none is near.
func NearestKey(keys []Key, path string) string {
	n := len(parts(path))
	var options []string
	for _, k := range keys {
		if have := parts(k.Path); len(have) >= n {
			options = append(options, strings.Join(have[len(have)-n:], "."))
		}
	}
	return Nearest(strings.Join(parts(path), "."), options)
}
