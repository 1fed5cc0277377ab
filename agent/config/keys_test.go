package config

import (
	"slices"
	"strings"
	"testing"
)

// TestKeys holds that every row is complete, and that its bounds, default and
// example are what the parser takes.
func TestKeys(t *testing.T) {
	for _, k := range Keys(testDrivers) {
		if k.Kind.text().How == "" || k.Of != "" && k.Of.text().How == "" {
			t.Errorf("%s: kind %q is not described", k.Path, k.TypeText())
		}
		if k.Help == "" || !strings.HasSuffix(k.Help, ".") || k.Example == "" {
			t.Errorf("%s: want a sentence and an example: %q, %q", k.Path, k.Help, k.Example)
		}
		if n := len(slices.DeleteFunc([]string{k.Default, k.Without}, func(s string) bool { return s == "" })); n > 1 || (n == 1) == k.Need {
			t.Errorf("%s: want either a default, what holds without the key, or that it is required", k.Path)
		}
		if k.Default == `""` && k.Empty == "" {
			t.Errorf("%s: an empty text means nothing", k.Path)
		}
		for _, text := range slices.Concat([]string{k.Default, k.Example, k.Or, k.Min, k.Max}, k.Choices) {
			bound := text == k.Max && (k.Kind == Text || k.Kind == Bytes || k.Kind == kindTopic)
			if text == "" || bound || k.Of == Interval && text == k.Example {
				continue
			}
			v := k.plain(text)
			if k.Kind == List && text[0] != '[' { // a bound of an element
				v.key = &Key{Kind: k.Of, Choices: k.Choices}
			}
			if _, ok := v.read(); !ok && len(v.p.problems) > 0 {
				t.Errorf("%s: %s cannot be read: %v", k.Path, text, v.p.problems)
			}
		}
	}
}

// TestKinds holds that every kind of a list has a Go type.
func TestKinds(t *testing.T) {
	for _, k := range Keys(testDrivers) {
		if k.Kind == List && goTypes[k.Of] == nil && !strings.HasPrefix(string(k.Of), "register") && k.Of != kindWindow && k.Of != kindPattern {
			t.Errorf("%s: a list of %s has no Go type", k.Path, k.Of)
		}
	}
}

func TestFind(t *testing.T) {
	keys := Keys(testDrivers)
	for _, c := range []struct{ path, want string }{
		{"machines[].detect.hold", "machines[].detect.hold"},
		{"detect.hold", "machines[].detect.hold"},
		{"hold", "machines[].detect.hold"},
		{"machines[3].detect.hold", "machines[].detect.hold"},
		{"machines.detect.hold", "machines[].detect.hold"},
		{"buses.plc.timeout", "buses.NAME.timeout"},
		{"plc.timeout", ""}, // plc may be anything
		{"timeout", "buses.NAME.timeout sensors[].timeout"},
		{"buses.line.modbus?parity", "buses.NAME.modbus?parity"},
		{"sensors[2].limits.temperature.warn", "sensors[].registers[].limits.warn"},
		{"sensors[0].lines[1].scale", "sensors[].registers[].scale"},
		{"sensors[0].lines[1].pin", "sensors[].lines[].pin"},
		{"state", "state"}, // and not states of a register
		{"mqtt", "mqtt"},
		{"key", "mqtt.key http.tls.key"},
		{"gain", "sensors[].gain"},
		{"holt", ""}, {"", ""}, {".", ""}, {"[]", ""},
	} {
		var got []string
		for _, k := range Find(keys, c.path) {
			got = append(got, k.Path)
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("Find(%q) = %q, want %q", c.path, s, c.want)
		}
	}
	for path, want := range map[string]string{"holt": "hold", "detect.holt": "detect.hold", "machines[2].detect.holt": "machines.detect.hold", "banana": ""} {
		if got := NearestKey(keys, path); got != want {
			t.Errorf("NearestKey(%q) = %q, want %q", path, got, want)
		}
	}
	if got := Below(keys, "http"); len(got) != 5 {
		t.Errorf("%d keys below http, want 5", len(got))
	}
}

// TestWriteKey holds what the terminal shows of a key.
func TestWriteKey(t *testing.T) {
	var b strings.Builder
	for _, path := range []string{"sensors.max_gap", "modbus?parity", "homeassistant", "limits.warn", "lines.pin", "detect.mute"} {
		if err := writeKey(&b, Find(Keys(testDrivers), path)[0]); err != nil {
			t.Fatal(err)
		}
		b.WriteByte('\n')
	}
	golden(t, "testdata/explain.txt", b.String())
}

// FuzzFind holds that no path makes a search panic, and that what is found ends in
// the last part of the path.
func FuzzFind(f *testing.F) {
	for _, path := range []string{"hold", "buses.plc.modbus?baud", "sensors[2].registers[0].limits.iso20816.group", "a[", "?.", "NAME"} {
		f.Add(path)
	}
	keys := Keys(testDrivers)
	f.Fuzz(func(t *testing.T, path string) {
		words := parts(path)
		for _, k := range Find(keys, path) {
			if k.Name != words[len(words)-1] {
				t.Errorf("%q finds %s", path, k.Path)
			}
		}
		NearestKey(keys, path)
	})
}
