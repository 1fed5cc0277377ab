package config

import (
	"slices"
	"strings"
)

// finish fills in what the file left out and checks what only the whole file
// shows.
func (v value) finish(c *Config) {
	if len(c.Machines) == 0 && len(c.Sensors) > 0 {
		m := defaultMachine(c, "main")
		m.Pos = v.pos
		m.Resolved = v.p.resolve(m.Channels, nil)
		c.Machines = []Machine{m}
	}
	for _, b := range c.Buses {
		if !slices.Contains(v.p.used, b.Name) {
			at := value{p: v.p, path: "buses." + b.Name, pos: b.Pos}
			at.warn("", "no sensor uses this bus")
		}
	}
	watched := map[string]string{}
	for _, m := range c.Machines {
		for _, r := range m.Resolved {
			sensor, _, _ := strings.Cut(r.Channel, ".")
			watched[sensor] = m.Name
		}
	}
	for _, s := range c.Sensors {
		if watched[s.Name] == "" && s.Name != "" && v.p.problems.Err() == nil {
			at := value{p: v.p, path: "sensors." + s.Name, pos: s.Pos}
			at.warn("", "no machine watches this sensor")
		}
	}
}
