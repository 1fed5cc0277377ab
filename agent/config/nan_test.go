package config

import (
	"fmt"
	"math"
	"reflect"
)

// withoutNaN copies v into maps and slices for JSON, NaN as nil. Zero values
// are left out of structs, so that the golden files show what was set.
func withoutNaN(v any) any { return plain(reflect.ValueOf(v)) }

func plain(v reflect.Value) any {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return nil
		}
		return plain(v.Elem())
	case reflect.Struct:
		out := map[string]any{}
		for i := range v.NumField() {
			if f := v.Field(i); !f.IsZero() {
				out[v.Type().Field(i).Name] = plain(f)
			}
		}
		return out
	case reflect.Slice, reflect.Array:
		out := make([]any, v.Len())
		for i := range out {
			out[i] = plain(v.Index(i))
		}
		return out
	case reflect.Map:
		out := map[string]any{}
		for _, k := range v.MapKeys() {
			out[fmt.Sprint(k.Interface())] = plain(v.MapIndex(k))
		}
		return out
	case reflect.Float64:
		if math.IsNaN(v.Float()) {
			return nil
		}
	}
	if s, ok := v.Interface().(interface{ String() string }); ok {
		return s.String()
	}
	return v.Interface()
}
