package config

import (
	"fmt"
	"math"
	"reflect"
	"strings"
)

// Same tells whether two parts of configurations say the same, wherever in their
// files they stand. Both must have the same type. A number that is not set (NaN) is
// the same as another one that is not set.
func Same(a, b any) bool { return same(reflect.ValueOf(a), reflect.ValueOf(b)) }

func same(a, b reflect.Value) bool {
	if a.IsValid() != b.IsValid() || a.IsValid() && a.Type() != b.Type() {
		return false
	}
	switch a.Kind() {
	case reflect.Invalid:
		return true
	case reflect.Float64, reflect.Float32:
		return a.Float() == b.Float() || math.IsNaN(a.Float()) && math.IsNaN(b.Float())
	case reflect.Pointer, reflect.Interface:
		return a.IsNil() == b.IsNil() && (a.IsNil() || same(a.Elem(), b.Elem()))
	case reflect.Struct:
		return sameFields(a, b)
	case reflect.Slice:
		if a.Len() != b.Len() {
			return false
		}
		for i := range a.Len() {
			if !same(a.Index(i), b.Index(i)) {
				return false
			}
		}
		return true
	case reflect.Map:
		if a.Len() != b.Len() {
			return false
		}
		for _, k := range a.MapKeys() {
			if !same(a.MapIndex(k), b.MapIndex(k)) { // invalid where b lacks it
				return false
			}
		}
		return true
	}
	return a.Equal(b)
}

// sameFields compares two structs without the places in the file.
func sameFields(a, b reflect.Value) bool {
	if a.Type() == reflect.TypeFor[Pos]() {
		return true
	}
	for i := range a.NumField() {
		if !same(a.Field(i), b.Field(i)) {
			return false
		}
	}
	return true
}

// Differences are the sections of the file in which two configurations differ, in the
// order of its reference. Where messages, metrics or the page go is told in full.
func Differences(now, next *Config) (out []string) {
	a, b := reflect.ValueOf(*now), reflect.ValueOf(*next)
	for i := range a.NumField() {
		name := strings.ToLower(a.Type().Field(i).Name)
		alike := same(a.Field(i), b.Field(i))
		switch name {
		case "sensors":
			alike = alike && Same(now.Channels, next.Channels)
		case "channels", "sha256", "warnings":
			continue
		}
		if !alike {
			out = append(out, name+told(name, now, next))
		}
	}
	return out
}

// told names the address of a section that differs.
func told(section string, now, next *Config) string {
	key, a, b := "", "", ""
	switch section {
	case "mqtt":
		key, a, b = "broker", now.MQTT.Broker, next.MQTT.Broker
	case "metrics":
		key, a, b = "push", now.Metrics.Push, next.Metrics.Push
	case "http":
		key, a, b = "listen", now.HTTP.Listen, next.HTTP.Listen
	}
	if a == b {
		return ""
	}
	return HideSecrets(fmt.Sprintf(" (%s %q becomes %q)", key, a, b))
}
