package main

import (
	"encoding/json"
	"io"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/devices"
)

// explain prints what the table of keys has about the key called name, or a line
// for each key where name is empty or means several.
func explain(w io.Writer, asJSON bool, name string) error {
	all := config.Keys(devices.Infos())
	keys := all
	if name != "" {
		if keys = config.Find(all, name); len(keys) == 0 {
			if near := config.NearestKey(all, name); near != "" {
				return usagef("unknown key %q: did you mean %q?", name, near)
			}
			return usagef("unknown key %q; check --explain lists all keys", name)
		}
	}
	switch {
	case asJSON:
		return json.NewEncoder(w).Encode(keys)
	case len(keys) > 1:
		return config.WriteKeys(w, keys)
	}
	if err := config.WriteKey(w, keys[0]); err != nil {
		return err
	}
	below := config.Below(all, keys[0].Path)
	if len(below) > 0 {
		io.WriteString(w, "\n")
	}
	return config.WriteKeys(w, below)
}
