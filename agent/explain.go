package main

import (
	"encoding/json"
	"fmt"
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
	if asJSON {
		return json.NewEncoder(w).Encode(keys)
	}
	for _, k := range keys {
		if k.Path != keys[0].Path {
			return config.WriteKeys(w, keys)
		}
	}
	for i, k := range keys { // several kinds of bus or drivers may have a key of one path
		if i > 0 {
			fmt.Fprintln(w)
		}
		if err := config.WriteKey(w, k); err != nil {
			return err
		}
	}
	below := config.Below(all, keys[0].Path)
	if len(below) > 0 {
		fmt.Fprintln(w)
	}
	return config.WriteKeys(w, below)
}
