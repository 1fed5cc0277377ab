package config

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// finish fills in what the file left out and checks what only the whole file
// shows.
func (v value) finish(c *Config) {
	if len(c.Machines) == 0 && len(c.Sensors) > 0 {
		m := v.p.defaultMachine()
		m.Pos = v.pos
		c.Machines = []Machine{m}
	}
	if len(c.Sensors) == 0 && v.p.problems.Err() == nil {
		v.warn("propose a configuration by `iot-edge-anomaly init`", "nothing is configured: there are no sensors")
	}
	v.folders(c)
	v.checkPlaces(c)
	v.sparkplugSite(c)
	if v.p.problems.Err() != nil {
		return // what is unused or shared shows when the rest is right
	}
	for _, b := range c.Buses {
		if !slices.Contains(v.p.used, b.Name) {
			at := value{p: v.p, path: "buses." + b.Name, pos: b.Pos}
			at.warn("name it in a sensor, or remove it", "no sensor uses this bus")
		}
	}
	v.ages(c)
	watched := v.shared(c)
	for i, s := range c.Sensors {
		at := value{p: v.p, path: fmt.Sprintf("sensors[%d]", i), pos: s.Pos}
		seen := false
		for _, r := range v.p.cfg.Channels[i] {
			seen = seen || watched[r.Channel] != ""
			if watched[r.Channel] == "" && r.Limits != nil {
				at.warn("add it to a machine", "channel %q has limits but no machine watches it", r.Channel)
			}
		}
		if !seen {
			at.warn("add its channels to a machine, or remove it", "no machine watches this sensor")
		}
	}
}

// folders refuses what is written to where a file is: nothing could be kept there.
func (v value) folders(c *Config) {
	told := ""
	for _, f := range []struct {
		folder string
		keys   []string
	}{{c.State, []string{"state"}}, {c.Spool.Dir, []string{"spool", "dir"}}} {
		file := fileAbove(f.folder)
		if file == "" || file == told {
			continue
		}
		told = file
		at := v.at(f.keys...)
		at.path = strings.Join(f.keys, ".")
		at.fail("name a folder, or move the file away", "%s is a file", file)
	}
}

// fileAbove is the path, or the next one above it that is there, if that is no folder.
func fileAbove(path string) string {
	for ; path != "" && path != "/" && path != "."; path = filepath.Dir(path) {
		if st, err := os.Stat(path); err == nil {
			if st.IsDir() {
				return ""
			}
			return path
		}
	}
	return ""
}

// shared warns of a channel that two machines watch, since one fault of it then
// gives two events, and tells by which machine each channel is watched.
func (v value) shared(c *Config) map[string]string {
	first := map[string]string{}
	for i, m := range c.Machines {
		warned := false
		for _, r := range m.Resolved {
			other := first[r.Channel]
			if other == "" {
				first[r.Channel] = m.Name
			} else if !warned {
				warned = true
				at := value{p: v.p, path: fmt.Sprintf("machines[%d]", i), pos: m.Pos}
				at.warn("one fault will give two events", "channel %q is watched by machine %q too", r.Channel, other)
			}
		}
	}
	return first
}

// flatPeriods is the least number of periods that a value must stay the same to
// be called flat: fewer say nothing.
const flatPeriods = 5

// ages checks the sensors' periods against what reads them: a value that is
// older than max_age is stale, so it must be good until the next reading.
func (v value) ages(c *Config) {
	for i, s := range c.Sensors {
		at := value{p: v.p, path: fmt.Sprintf("sensors[%d]", i), pos: s.Pos}
		period := v.p.readPeriod(c, i)
		if s.MaxAge != 0 && s.MaxAge < period {
			at.fail("values would be stale before the next reading", "max_age %v is shorter than the period %v", s.MaxAge, period)
		}
		for _, r := range v.p.cfg.Channels[i] {
			if f := r.Checks.FlatAfter; f != 0 && f < flatPeriods*period {
				at.fail(fmt.Sprintf("want %d periods or more", flatPeriods), "flat_after %v of %s is too short for the period %v", f, r.Channel, period)
			}
		}
	}
}

// readPeriod is how often a sensor is read.
func (p *parser) readPeriod(c *Config, sensor int) time.Duration {
	period := c.Sensors[sensor].Period
	for _, m := range c.Machines {
		uses := slices.ContainsFunc(m.Resolved, func(r ChannelRef) bool { return r.Sensor == sensor })
		if uses && c.Sensors[sensor].Period == 0 && (period == 0 || m.Period < period) {
			period = m.Period
		}
	}
	return period
}
