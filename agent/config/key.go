package config

import (
	"cmp"
	"slices"
	"strings"
)

// Key is one row of the table of keys: everything that the parser, its messages,
// `check --explain` and docs/configuration.md know about one key. Bounds, choices
// and defaults are written as in the file, and they are written nowhere else.
type Key struct {
	Name string   `json:"-"`              // last part of the path
	Path string   `json:"path"`           // "machines[].detect.hold"; Sections fills it in
	Also []string `json:"also,omitempty"` // other paths at which the same key stands

	Kind Kind   `json:"kind"`
	Of   Kind   `json:"of,omitempty"`   // of the elements of a List
	Unit string `json:"unit,omitempty"` // of a number

	// What a value may be. In a Text, Max is the length in bytes; in a list of
	// mappings, the number of elements; in a List, the bounds are those of each
	// element.
	Min     string   `json:"min,omitempty"`
	Max     string   `json:"max,omitempty"`
	Above   string   `json:"above,omitempty"` // a lower bound that is itself excluded
	Or      string   `json:"or,omitempty"`    // one value outside the bounds that is allowed, such as 0s for never
	Choices []string `json:"choices,omitempty"`
	Empty   string   `json:"empty,omitempty"` // what an empty text means; without it an empty text is refused

	Need    bool   `json:"required,omitempty"`
	Default string `json:"default,omitempty"`
	Without string `json:"without,omitempty"` // what holds without the key where there is no fixed default

	Help    string   `json:"help"` // one sentence
	Example string   `json:"example"`
	Since   string   `json:"since"`              // version that brought the key; empty in a row = the first version
	NotYet  string   `json:"not_yet,omitempty"`  // why the key has no effect in this version
	For     []string `json:"only_for,omitempty"` // kinds of bus or drivers that have the key; nil = all

	// Keys are those of a Mapping, or of each element of Mappings or Channels, in
	// a driver's rows.
	Keys []Key `json:"-"`
	// Aliases are other programs' words for the choices.
	Aliases map[string]string `json:"-"`
	// Others are hints for other programs' keys that may be written into a mapping.
	Others map[string]string `json:"-"`
	// Check tells what else is wrong with a value, or with one element of a list,
	// that can be read. Its argument has the Go type of the kind. May be nil.
	Check func(value any) []Fault `json:"-"`
}

// firstVersion brought every key that does not say otherwise.
const firstVersion = "0.1.0"

// Fault is something wrong with a value.
type Fault struct {
	Key     string // where, relative to what was checked: "samples", "registers[2]"; empty = there
	Message string
	Hint    string // may be empty
	Warning bool
}

// Error says what is wrong and what to do about it.
func (f *Fault) Error() string {
	if f.Hint == "" {
		return f.Message
	}
	return f.Message + ": " + f.Hint
}

// Bounds says what a value may be, such as "10ms to 1d". It is empty where only
// the kind limits it.
func (k *Key) Bounds() string {
	s := ""
	switch many := k.Kind == Channels || k.Kind == ByName || k.Kind == Mappings; {
	case len(k.Choices) > 0:
		return oneOf(k.Choices)
	case k.Kind == Text && k.Max != "":
		s = "at most " + k.Max + " bytes"
	case many && k.Max != "":
		s = "at most " + k.Max + " elements"
	case k.Min != "" && k.Max != "":
		s = k.Min + " to " + k.Max
	default:
		s = strings.Join(slices.DeleteFunc([]string{
			prefixed("above ", k.Above), prefixed("at least ", k.Min), prefixed("at most ", k.Max),
		}, func(s string) bool { return s == "" }), " and ")
	}
	if k.Or != "" {
		s = k.Or + ", or " + s
	}
	return s
}

// hint completes "use …".
func (k *Key) hint() string {
	if len(k.Choices) == 0 && k.Or == "" && (k.Min == "" || k.Max == "") {
		return "a value " + k.Bounds()
	}
	return k.Bounds()
}

func prefixed(prefix, s string) string {
	if s == "" {
		return ""
	}
	return prefix + s
}

// DefaultText says what holds without the key; it is empty for required keys.
func (k *Key) DefaultText() string {
	switch {
	case k.Default == `""`:
		return k.Empty
	case k.Default != "":
		return k.Default
	}
	return k.Without
}

// forNames are the kinds of bus as a sentence names them.
var forNames = map[string]string{busI2C: "I2C", busModbus: "Modbus", busKernel: "devices of the kernel", busNone: "drivers without a bus", busDerived: "derived channels"}

// ForText says which kinds of bus or drivers have the key; empty = all.
func (k *Key) ForText() string {
	var out []string
	for _, kind := range k.For {
		switch name := cmp.Or(forNames[kind], kind); {
		case kind == busHeard: // told with Modbus
		case kind == busModbus && !slices.Contains(k.For, busHeard):
			out = append(out, name+" without listen=true")
		default:
			out = append(out, name)
		}
	}
	return strings.Join(out, ", ")
}

// ExampleText is the key with an example of its value, as it is in the file.
func (k *Key) ExampleText() string {
	if strings.Contains(k.Path, "?") {
		return k.Name + "=" + k.Example
	}
	return k.Name + ": " + k.Example
}

// TypeText names the kind of the key's value.
func (k *Key) TypeText() string {
	if k.Of == "" || k.Kind == kindByChannel {
		return string(k.Kind)
	}
	return string(k.Kind) + " of " + string(k.Of) + "s"
}

// has tells whether a kind of bus or driver has the key. An unknown one has all.
func (k *Key) has(kind string) bool {
	return kind == "" || len(k.For) == 0 || slices.Contains(k.For, kind)
}
