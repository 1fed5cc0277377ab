package config

import (
	"fmt"
	"slices"
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
	if v.p.problems.Err() != nil {
		return // what is unused or shared shows when the rest is right
	}
	for _, b := range c.Buses {
		if !slices.Contains(v.p.used, b.Name) {
			at := value{p: v.p, path: "buses." + b.Name, pos: b.Pos}
			at.warn("", "no sensor uses this bus")
		}
	}
	watched := v.shared(c)
	for i, s := range c.Sensors {
		if !watched[i] {
			at := value{p: v.p, path: fmt.Sprintf("sensors[%d]", i), pos: s.Pos}
			at.warn("", "no machine watches this sensor")
		}
	}
}

// shared warns of a channel that two machines watch, since one fault of it then
// gives two events, and tells which sensors are watched at all.
func (v value) shared(c *Config) map[int]bool {
	sensors := map[int]bool{}
	first := map[string]string{}
	for i, m := range c.Machines {
		for _, r := range m.Resolved {
			sensors[r.Sensor] = true
			if other := first[r.Channel]; other != "" && other != m.Name {
				at := value{p: v.p, path: fmt.Sprintf("machines[%d]", i), pos: m.Pos}
				at.warn("one fault will give two events", "channel %q is watched by machine %q too", r.Channel, other)
				break
			}
			first[r.Channel] = m.Name
		}
	}
	return sensors
}
