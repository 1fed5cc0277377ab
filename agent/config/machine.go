package config

import (
	"fmt"
	"math"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Machine is what one model watches.
type Machine struct {
	Pos
	Name     string
	Channels []string // "sensor.channel" names or patterns, as written
	Period   time.Duration
	RunWhen  *RunWhen // nil = always
	Model    Model
	Detect   Detect
	Drift    Drift

	// Resolved are the machine's channels in the order of Channels, each once:
	// the order of its rows and of its model.
	Resolved []ChannelRef
}

// Model says where models are and how they are learnt.
type Model struct {
	Path     string // a folder of versions, or one file (ends in .safetensors or names an existing file)
	OnChange string // "relearn" or "keep_blind"
	Learn    Learn
}

// Learn is the learning policy.
type Learn struct {
	For  time.Duration
	When string  // "no_model" or "never"
	Duty float64 // share of one core that training may take, 0..1
}

// RunWhen tells when the machine runs; NaN = not set.
type RunWhen struct {
	Pos
	Channel      string
	Above, Below float64
	Settle       time.Duration
}

// machineReader reads a machine.
type machineReader struct {
	*Machine
	p         *parser
	badPeriod bool
}

var machineKeys = section[*machineReader]{
	path:   "machines[]",
	help:   "What one model watches.",
	others: map[string]string{"sensors": `write channels: ["sensor.*"]`},
	rows: []row[*machineReader]{
		{Key: Key{Name: "name", Kind: Name, Need: true, Example: "pump1",
			Help: "Name of the machine in messages and metrics; no other machine may have it."},
			into: func(m *machineReader) any { return &m.Name }},
		{Key: Key{Name: "channels", Kind: List, Of: kindPattern, Default: `["*"]`, Example: `["pump.*", cabinet.temperature]`,
			Help: "The channels of the machine, in the order of its rows."},
			read: func(v value, m *machineReader) { m.channels(v) }},
		{Key: Key{Name: "period", Kind: Duration, Min: "10ms", Max: "1d", Default: "1s", Example: "1s",
			Help: "Time between two rows of the machine."},
			read: func(v value, m *machineReader) {
				d, ok := v.duration()
				if m.badPeriod = !ok; ok {
					m.Period = d
				}
			}},
		{Key: Key{Name: "run_when", Kind: kindMapping, Without: "the machine always runs", Example: "{channel: pump.speed, above: 5, settle: 60s}",
			Help: "When the machine runs; rows outside are neither learnt nor scored, and its state is idle."},
			read: func(v value, m *machineReader) { m.runWhen(v) }},
		below(Key{Name: "model", Without: "the defaults of its keys", Example: "{learn: {for: 24h}}",
			Help: "Where the machine's models are, and how they are learnt."},
			&modelKeys, func(m *machineReader) *Model { return &m.Model }),
		below(Key{Name: "detect", Without: "the defaults of its keys", Example: "{open: 3 of 5, hold: 30s}",
			Help: "The alarm policy."},
			&detectKeys, func(m *machineReader) *Detect { return &m.Detect }),
		below(Key{Name: "drift", Without: "the defaults of its keys", Example: "{after: 3d}",
			Help: "When a lasting change stops being an anomaly."},
			&driftKeys, func(m *machineReader) *Drift { return &m.Drift }),
	},
	check: func(v value, m *machineReader, _ given) { m.check(v) },
}

var modelKeys = section[*Model]{
	path: "machines[].model",
	help: "Where the machine's models are, and how they are learnt.",
	rows: []row[*Model]{
		{Key: Key{Name: "path", Kind: File, Without: "the folder `models/` and the machine's name in `state`", Example: "/var/lib/iot-edge-anomaly/models/pump1",
			Help: "A folder of model versions, or one model file; each machine has its own."},
			into: func(m *Model) any { return &m.Path }},
		{Key: Key{Name: "on_change", Kind: Choice, Choices: []string{"relearn", "keep_blind"}, Default: "relearn", Example: "keep_blind",
			Help: "Whether the machine is learnt again (relearn) or not (keep_blind) when its channels, units, period or run_when differ from those of its model; the model is kept in either case."},
			into: func(m *Model) any { return &m.OnChange }},
		below(Key{Name: "learn", Without: "the defaults of its keys", Example: "{for: 24h, when: no_model}",
			Help: "How the agent learns the machine."},
			&learnKeys, func(m *Model) *Learn { return &m.Learn }),
	},
}

var learnKeys = section[*Learn]{
	path: "machines[].model.learn",
	help: "How the agent learns the machine.",
	rows: []row[*Learn]{
		{Key: Key{Name: "for", Kind: Duration, Min: "1s", Max: "366d", Default: "1d", Example: "7d",
			Help: "Running time whose rows are learnt; at least 100 rows."},
			into: func(l *Learn) any { return &l.For }},
		{Key: Key{Name: "when", Kind: Choice, Choices: []string{"no_model", "never"}, Default: "no_model", Example: "never",
			Help: "Whether the agent learns by itself: when the machine has no model, or never."},
			into: func(l *Learn) any { return &l.When }},
		{Key: Key{Name: "duty", Kind: Number, Unit: "of one core", Min: "0.01", Max: "1", Default: "0.5", Example: "0.25",
			Help: "How much of one processor core training may use. Machines of a gateway train one after the other, so it holds for all together."},
			into: func(l *Learn) any { return &l.Duty }},
	},
}

// runWhenReader reads run_when of a machine.
type runWhenReader struct {
	*RunWhen
	m *machineReader
}

var runWhenKeys = section[*runWhenReader]{
	path: "machines[].run_when",
	help: "When the machine runs. At least one of above and below; with both, it runs between them.",
	rows: []row[*runWhenReader]{
		{Key: Key{Name: "channel", Kind: kindChannel, Need: true, Example: "pump.speed",
			Help: "The channel that tells whether the machine runs, one of the machine's own."},
			read: func(v value, r *runWhenReader) { r.channel(v) }},
		{Key: Key{Name: "above", Kind: Number, Unit: "unit of the channel", Without: "no lower bound", Example: "5",
			Help: "The machine runs while the channel is above this."},
			into: func(r *runWhenReader) any { return &r.Above }},
		{Key: Key{Name: "below", Kind: Number, Unit: "unit of the channel", Without: "no upper bound", Example: "55",
			Help: "The machine runs while the channel is below this."},
			into: func(r *runWhenReader) any { return &r.Below }},
		{Key: Key{Name: "settle", Kind: Duration, Min: "0s", Max: "1d", Default: "0s", Example: "60s",
			Help: "How long after a start the machine still counts as idle, so that its warm-up is neither learnt nor scored."},
			into: func(r *runWhenReader) any { return &r.Settle }},
	},
	check: func(v value, r *runWhenReader, _ given) {
		if math.IsNaN(r.Above) && math.IsNaN(r.Below) {
			v.fail("say when the machine runs: above: 5", "above or below is missing")
		}
		if r.Above >= r.Below {
			v.fail("the machine runs between both", "above %g is not less than below %g", r.Above, r.Below)
		}
	},
}

// defaultMachine is the machine of a file that names none: it has every channel.
func (p *parser) defaultMachine() Machine {
	m := machineReader{Machine: &Machine{Name: "main"}, p: p}
	machineKeys.fill(&m)
	m.complete()
	return *m.Machine
}

// machines reads the list of machines.
func (p *parser) machines(v value) {
	byPath := map[string]string{}
	v.named("machine", func(_ int, v value) string {
		m := machineReader{Machine: &Machine{Pos: v.pos}, p: p}
		machineKeys.read(v, &m)
		m.complete()
		m.inputs(v)
		if other := byPath[m.Model.Path]; other != "" && m.Name != "" && other != m.Name {
			v.fail("give each machine its own", "model.path is that of machine %q", other)
		}
		byPath[m.Model.Path] = m.Name
		p.cfg.Machines = append(p.cfg.Machines, *m.Machine)
		return m.Name
	})
}

// complete sets what depends on other keys.
func (m *machineReader) complete() {
	if m.Model.Path == "" {
		m.Model.Path = m.p.cfg.State + "/models/" + m.Name
	}
	if m.Resolved == nil {
		m.Resolved = m.p.resolve(m.Channels, nil)
	}
}

// channels reads the patterns; each must match a channel.
func (m *machineReader) channels(v value) {
	m.Channels = nil
	v.list(func(_ int, v value) {
		v.key = &Key{Kind: Text}
		pattern, ok := v.someText()
		if !ok {
			return
		}
		if slices.Contains(m.Channels, pattern) {
			v.fail("remove one of them", "%q appears twice in the list", quoteShort(pattern))
			return
		}
		m.Channels = append(m.Channels, pattern)
		v.p.resolve([]string{pattern}, &v)
	})
	v.notEmpty()
}

// resolve lists the channels that patterns match, each once, in the order of
// the patterns and then of the sensors. Where at is not nil, a pattern that
// matches none is reported there.
func (p *parser) resolve(patterns []string, at *value) []ChannelRef {
	var out []ChannelRef
	seen := map[string]bool{}
	for _, pattern := range patterns {
		matched := false
		for _, sensor := range p.cfg.Channels {
			for _, c := range sensor {
				if ok, err := path.Match(pattern, c.Channel); err != nil || !ok {
					continue
				}
				matched = true
				if !seen[c.Channel] {
					seen[c.Channel] = true
					out = append(out, c)
				}
			}
		}
		if !matched && at != nil {
			at.unmatched(pattern)
		}
	}
	return out
}

// unmatched explains a pattern without a channel. Where a sensor is faulty its
// channels are unknown, so nothing is said.
func (v value) unmatched(pattern string) {
	var names []string
	for _, sensor := range v.p.cfg.Channels {
		if len(sensor) == 0 {
			return
		}
		for _, c := range sensor {
			names = append(names, c.Channel)
			if prefix, _, _ := strings.Cut(c.Channel, "."); prefix == pattern {
				v.fail(`write "`+pattern+`.*"`, "%q is a sensor, not a channel", pattern)
				return
			}
		}
	}
	if _, err := path.Match(pattern, ""); err != nil {
		v.fail("use * and ? only", "%q is not a pattern", quoteShort(pattern))
		return
	}
	if strings.ContainsAny(pattern, "*?[") {
		v.fail("the channels are "+listed(names), "%q matches no channel", quoteShort(pattern))
		return
	}
	v.fail(didYouMean(pattern, names), "unknown channel %q", quoteShort(pattern))
}

// comparison is a condition as other programs write it: pump.speed > 5.
var comparison = regexp.MustCompile(`^\s*([A-Za-z0-9_.-]+)\s*([<>])=?\s*(-?[0-9.]+)\s*$`)

func (m *machineReader) runWhen(v value) {
	m.Resolved = m.p.resolve(m.Channels, nil)
	if c := comparison.FindStringSubmatch(v.node.Value); v.node.Kind == yaml.ScalarNode && c != nil {
		bound := map[string]string{">": "above", "<": "below"}[c[2]]
		v.fail(fmt.Sprintf("write {channel: %s, %s: %s}", c[1], bound, c[3]), "want a mapping, got a comparison")
		return
	}
	r := &runWhenReader{&RunWhen{Pos: v.pos, Above: math.NaN(), Below: math.NaN()}, m}
	if runWhenKeys.read(v, r) {
		m.RunWhen = r.RunWhen
	}
}

// channel reads the channel of run_when, which must be one of the machine's.
func (r *runWhenReader) channel(v value) {
	name, ok := v.text()
	if !ok {
		return
	}
	r.Channel = name
	var names []string
	for _, c := range r.m.Resolved {
		if c.Channel == name {
			return
		}
		names = append(names, c.Channel)
	}
	for _, sensor := range v.p.cfg.Channels {
		if len(sensor) == 0 {
			return // its channels are unknown
		}
		for _, c := range sensor {
			if c.Channel == name {
				v.fail("add it to the machine's channels", "channel %q is not one of machine %q", name, r.m.Name)
				return
			}
		}
	}
	v.fail(didYouMean(name, names), "unknown channel %q", quoteShort(name))
}

// minRows is the least that anything can be learnt from.
const minRows = 100

// check holds the learning time against the period. It reports at the machine,
// because either of them may be the one to change.
func (m *machineReader) check(v value) {
	if m.badPeriod {
		return // that is reported alone, not what follows from the default
	}
	l := m.Model.Learn
	if rows := int64(l.For / m.Period); rows < minRows && l.When != "never" {
		v.fail("learn for longer, or shorten the period", "model.learn.for %v has %d rows at period %v, want %d or more", l.For, rows, m.Period, minRows)
	}
}
