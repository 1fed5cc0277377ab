package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/devices"
	"iot-edge-anomaly/agent/settings"
	"iot-edge-anomaly/agent/state"
	"iot-edge-anomaly/drivers/sim/modbussim"
	"iot-edge-anomaly/model/train"
)

// This file makes sequences of edits of a configuration, as somebody makes them in the
// first weeks of a plant, and holds what an agent makes of each edit against what check
// says of the file. editsrun_test.go has the agents.

// editRegister is a channel of a Modbus sensor.
type editRegister struct {
	name, unit, kind, more string
	at                     int
}

// editSensor is a sensor of the edited file. Its driver is modbus, replay or derived.
type editSensor struct {
	name, driver, bus string
	unit              int
	period            time.Duration // 0 = none of its own
	registers         []editRegister
	file              string // of replay
	expr              string // of derived
}

// editMachine is a machine of the edited file.
type editMachine struct {
	name     string
	sensors  []string // whose channels it has
	period   time.Duration
	onChange string
	when     string // it learns
	above    int    // run_when on the first channel; 0 = none
}

// editBus is a bus of the edited file.
type editBus struct {
	name    string
	addr    int // of edited.addrs
	timeout int // ms
}

// simulated is what register 0 of every device holds; the others count on from there.
const simulated = 7

// editFile is what a configuration says.
type editFile struct {
	id, broker, listen, level string
	spool                     int // MiB
	buses                     []editBus
	sensors                   []editSensor
	machines                  []editMachine
	breaks                    [2]string // a text and what takes its place, once all else is written
}

func (f editFile) clone() editFile {
	f.buses, f.sensors, f.machines = slices.Clone(f.buses), slices.Clone(f.sensors), slices.Clone(f.machines)
	for i := range f.sensors {
		f.sensors[i].registers = slices.Clone(f.sensors[i].registers)
	}
	for i := range f.machines {
		f.machines[i].sensors = slices.Clone(f.machines[i].sensors)
	}
	return f
}

// edited is a plant whose configuration is edited. All names come from its counter, so
// that none is ever used twice by chance.
type edited struct {
	t      *testing.T
	rnd    *rand.Rand
	dir    string
	path   string // of the configuration
	addrs  []string
	broker string // "" = none
	listen []string
	period time.Duration // the shortest
	file   editFile
	models map[string][]byte // trained ones by schema
	moved  map[string]int    // how often somebody has touched the models of a machine
	n      int
}

// newEdited makes the files and devices of a plant. step is the shortest period.
func newEdited(t *testing.T, seed uint64, step time.Duration) *edited {
	t.Helper()
	e := &edited{t: t, rnd: rand.New(rand.NewPCG(seed, 1)), dir: t.TempDir(), period: step, models: map[string][]byte{}, moved: map[string]int{}}
	e.path = filepath.Join(e.dir, "config.yaml")
	for range 2 {
		units := map[uint8]*modbussim.Bank{}
		for id := range uint8(6) {
			units[id+1] = &modbussim.Bank{}
			for at := range 10 {
				units[id+1].SetHolding(at, uint16(simulated+at))
			}
		}
		s, err := modbussim.Listen("127.0.0.1:0", units)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		e.addrs = append(e.addrs, s.Addr())
	}
	for i, columns := range []string{"speed,load", "speed,load,flow"} {
		rows := "timestamp," + columns + "\n"
		for k := range 50 {
			rows += fmt.Sprintf("%d,%d,%d%s\n", k, 40+k%7, 10+k%3, []string{"", ",5"}[i])
		}
		if err := os.WriteFile(filepath.Join(e.dir, fmt.Sprintf("rows%d.csv", i)), []byte(rows), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	e.file = editFile{id: "gw7", level: "info", spool: 8, buses: []editBus{{"plc", 0, 300}, {"line", 1, 300}}}
	for i := range 3 {
		s := e.newSensor("modbus")
		s.bus, s.unit = []string{"plc", "plc", "line"}[i], i+1
		e.file.sensors = append(e.file.sensors, s)
		e.file.machines = append(e.file.machines, e.newMachine(s.name))
	}
	return e
}

// name makes a name that nothing has.
func (e *edited) name(kind string) string {
	e.n++
	return fmt.Sprint(kind, e.n)
}

func pick[T any](e *edited, of ...T) T { return of[e.rnd.IntN(len(of))] }

func (e *edited) newRegister() editRegister {
	return editRegister{name: e.name("c"), unit: pick(e, "Hz", "A", "°C", ""), kind: pick(e, "u16", "u16", "i16", "u32"), at: e.rnd.IntN(7),
		more: pick(e, "", "", ", scale: 0.1", ", limits: {warn: 100}", ", limits: {warn: 5}", ", counter: true", ", range: [0, 60]")}
}

func (e *edited) newSensor(driver string) editSensor {
	s := editSensor{name: e.name("s"), driver: driver, bus: pick(e, "plc", "line"), unit: 1 + e.rnd.IntN(6)}
	switch driver {
	case "modbus":
		for range 1 + e.rnd.IntN(3) {
			s.registers = append(s.registers, e.newRegister())
		}
	case "replay":
		s.file = pick(e, "rows0.csv", "rows1.csv")
	}
	return s
}

func (e *edited) newMachine(sensors ...string) editMachine {
	return editMachine{name: e.name("m"), sensors: sensors, period: e.period * time.Duration(1+e.rnd.IntN(3)), onChange: pick(e, "relearn", "keep_blind"), when: pick(e, "never", "no_model", "soon")}
}

// text is the file.
func (e *edited) text() string {
	f := &e.file
	var b strings.Builder
	fmt.Fprintf(&b, "gateway: {site: s, id: %s}\nstate: state\ncontrol: {socket: s}\nspool: {max: %dMiB}\nlog: {level: %s}\nhttp: {listen: %q}\n", f.id, f.spool, f.level, f.listen)
	if f.broker != "" {
		fmt.Fprintf(&b, "mqtt: {broker: %q, topic: \"plant/{device}\"}\n", f.broker)
	}
	b.WriteString("buses:\n")
	for _, bus := range f.buses {
		fmt.Fprintf(&b, "  %s\n", e.busLine(bus))
	}
	b.WriteString("sensors:\n")
	for _, s := range f.sensors {
		fmt.Fprintf(&b, "  - %s\n", e.sensorLine(s))
	}
	b.WriteString("machines:\n")
	for _, m := range f.machines {
		fmt.Fprintf(&b, "  - %s\n", e.machineLine(m))
	}
	text := b.String()
	if f.breaks[0] != "" {
		text = strings.Replace(text, f.breaks[0], f.breaks[1], 1)
	}
	return text
}

func (e *edited) busLine(b editBus) string {
	return fmt.Sprintf("%s: {modbus: \"tcp://%s\", timeout: %dms}", b.name, e.addrs[b.addr], b.timeout)
}

func (e *edited) sensorLine(s editSensor) string {
	own := ""
	if s.period > 0 {
		own = fmt.Sprintf("period: %v, ", s.period)
	}
	switch s.driver {
	case "replay":
		return fmt.Sprintf("{name: %s, driver: replay, file: %s, loop: true}", s.name, s.file)
	case "derived":
		return fmt.Sprintf("{name: %s, driver: derived, channels: {x: {expr: %q, unit: \"\"}}}", s.name, s.expr)
	}
	var regs []string
	for _, r := range s.registers {
		regs = append(regs, fmt.Sprintf("{name: %s, at: \"holding:%d\", type: %s, unit: %q%s}", r.name, r.at, r.kind, r.unit, r.more))
	}
	return fmt.Sprintf("{name: %s, driver: modbus, bus: %s, unit: %d, %sregisters: [%s]}", s.name, s.bus, s.unit, own, strings.Join(regs, ", "))
}

func (e *edited) machineLine(m editMachine) string {
	learn := map[string]string{"never": "when: never", "no_model": "for: 1d", "soon": fmt.Sprintf("for: %v, duty: 1", 120*m.period)}[m.when]
	when := ""
	if s := e.sensor(m.sensors[0]); m.above > 0 && s != nil && len(s.registers) > 0 {
		when = fmt.Sprintf(", run_when: {channel: %s.%s, above: %d}", s.name, s.registers[0].name, m.above)
	}
	return fmt.Sprintf("{name: %s, channels: [\"%s.*\"], period: %v%s, model: {on_change: %s, learn: {%s}}}", m.name, strings.Join(m.sensors, ".*\", \""), m.period, when, m.onChange, learn)
}

func (e *edited) sensor(name string) *editSensor {
	i := slices.IndexFunc(e.file.sensors, func(s editSensor) bool { return s.name == name })
	if i < 0 {
		return nil
	}
	return &e.file.sensors[i]
}

// parts is everything that each machine of the file stands on. A machine for which it
// stays is not touched by the edit.
func (e *edited) parts() map[string]string {
	out := map[string]string{}
	for _, m := range e.file.machines {
		text := e.machineLine(m) + fmt.Sprint(e.moved[m.name])
		for _, name := range m.sensors {
			s := e.sensor(name)
			if s == nil {
				continue
			}
			text += e.sensorLine(*s)
			for _, b := range e.file.buses {
				if s.driver == "modbus" && b.name == s.bus {
					text += e.busLine(b)
				}
			}
		}
		out[m.name] = text
	}
	return out
}

// foretold is what check says of the file.
type foretold struct {
	code     int
	impaired map[string]bool // machines
	problems string
}

func (e *edited) check() foretold {
	e.t.Helper()
	code, out, errs := call(e.t, "", "check", "--json", e.path)
	var list []struct{ Severity, Path, Message string }
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		e.t.Fatalf("check ended with %d: %v\n%s%s", code, err, out, errs)
	}
	f := foretold{code: code, impaired: map[string]bool{}}
	for _, p := range list {
		f.problems += p.Severity + " " + p.Path + ": " + p.Message + "\n"
		if p.Severity == "impaired" {
			name, _, _ := strings.Cut(strings.TrimPrefix(p.Message, "machine "), ":")
			f.impaired[name] = true
		}
	}
	if code != 0 && code != 1 && code != 78 || code == 1 && len(f.impaired) == 0 || code == 0 && len(f.impaired) > 0 {
		e.t.Errorf("check ended with %d and said\n%s%s", code, f.problems, errs)
	}
	return f
}

// train is a model of a machine of the file, nil if the file cannot be read.
func (e *edited) train(machine string) []byte {
	c, problems := config.Parse(e.path, []byte(e.text()), devices.Infos())
	if problems.Err() != nil {
		return nil
	}
	i := slices.IndexFunc(c.Machines, func(m config.Machine) bool { return m.Name == machine })
	s := settings.Schema(c.Machines[i])
	if e.models[s.Hash()] == nil {
		rows := make([]float64, 150*len(s.Channels))
		for i := range rows {
			rows[i] = 7 + e.rnd.Float64()
		}
		m, _, err := train.Train(e.t.Context(), s, rows, train.Options{})
		if err != nil {
			return nil // by these rows it never runs
		}
		if e.models[s.Hash()], err = m.Encode(); err != nil {
			e.t.Fatal(err)
		}
	}
	return e.models[s.Hash()]
}

// folder is where the models of a machine are.
func (e *edited) folder(machine string) string {
	return filepath.Join(e.dir, "state", "models", machine)
}

// moveModel is what somebody does with the models of a machine.
func (e *edited) moveModel(m editMachine) string {
	dir := e.folder(m.name)
	e.n++
	next := filepath.Join(dir, fmt.Sprintf("2030-%06d%s", e.n, state.Ext))
	have, _ := filepath.Glob(filepath.Join(dir, "*"+state.Ext))
	what := pick(e, "a model", "a model", "a truncated model", "another machine's model", "a foreign file", "current to nowhere", "no models", "no models", "a model cut in place", "only the oldest model")
	put := func(b []byte) {
		if err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(next, b, 0o600)); err != nil {
			e.t.Fatal(err)
		}
	}
	model := e.train(m.name)
	switch {
	case model == nil:
		return "nothing"
	case what == "a model":
		put(model)
	case what == "a truncated model":
		put(model[:len(model)/2])
	case what == "another machine's model":
		for _, b := range e.models {
			put(b)
			break
		}
	case what == "a foreign file":
		put([]byte("PK\x03\x04"))
	case what == "current to nowhere":
		if err := errors.Join(os.MkdirAll(dir, 0o700), os.RemoveAll(filepath.Join(dir, "current")), os.Symlink("gone"+state.Ext, filepath.Join(dir, "current"))); err != nil {
			e.t.Fatal(err)
		}
	case what == "no models":
		if err := os.RemoveAll(dir); err != nil {
			e.t.Fatal(err)
		}
	case what == "a model cut in place" && len(have) > 0:
		if err := os.Truncate(have[len(have)-1], 900); err != nil {
			e.t.Fatal(err)
		}
	case what == "only the oldest model" && len(have) > 1:
		for _, f := range append(have[1:], filepath.Join(dir, "current")) {
			os.Remove(f)
		}
	default:
		return "nothing"
	}
	e.moved[m.name]++
	return what
}

// edit changes the file, or the models beside it, and says what it did.
func (e *edited) edit() string {
	f := &e.file
	f.breaks = [2]string{}
	s := &f.sensors[e.rnd.IntN(len(f.sensors))]
	m := &f.machines[e.rnd.IntN(len(f.machines))]
	var r *editRegister
	if len(s.registers) > 0 {
		r = &s.registers[e.rnd.IntN(len(s.registers))]
	}
	switch n := e.rnd.IntN(100); {
	case n < 6:
		s.registers = append(s.registers, e.newRegister())
		if s.driver != "modbus" {
			s.registers = nil
		}
		return "channel added to " + s.name
	case n < 10 && r != nil && len(s.registers) > 1:
		s.registers = slices.Delete(s.registers, 0, 1)
		return "channel removed from " + s.name
	case n < 15 && r != nil:
		r.name = e.name("c")
		return "channel renamed in " + s.name
	case n < 20 && r != nil:
		r.unit = pick(e, "Hz", "A", "kW", "°C")
		return "unit of " + s.name + "." + r.name
	case n < 25 && r != nil:
		r.more, r.at = e.newRegister().more, e.rnd.IntN(8)
		return "register " + s.name + "." + r.name
	case n < 30:
		return "sensor and machine added " + e.addSensor()
	case n < 34 && len(f.sensors) > 2:
		return e.removeSensor(s.name)
	case n < 38:
		return e.renameSensor(s)
	case n < 41:
		s.period = e.period * time.Duration(e.rnd.IntN(4))
		return "period of sensor " + s.name
	case n < 46:
		m.period = e.period * time.Duration(1+e.rnd.IntN(4))
		return "period of machine " + m.name
	case n < 49:
		m.name = e.name("m")
		return "machine renamed " + m.name
	case n < 52 && len(f.machines) > 2:
		name := m.name
		f.machines = slices.DeleteFunc(f.machines, func(m editMachine) bool { return m.name == name })
		return "machine removed " + name
	case n < 55:
		f.machines = append(f.machines, e.newMachine(s.name))
		return "machine added on " + s.name
	case n < 58:
		m.onChange, m.when, m.above = pick(e, "relearn", "keep_blind"), pick(e, "never", "no_model", "soon"), pick(e, 0, 0, 3, 9)
		return "policy of machine " + m.name
	case n < 66:
		return e.editBus()
	case n < 72:
		return e.editServices()
	case n < 74:
		f.id = pick(e, "gw7", "gw8")
		return "gateway id"
	case n < 84:
		return "machine " + m.name + " gets " + e.moveModel(*m)
	case n < 94:
		f.breaks = pick(e, [2]string{"sensors:", "sensors: ["}, [2]string{"period:", "perod:"}, [2]string{"timeout", "timout"}, [2]string{"unit: 1", "unit: x"}, [2]string{"type: u16", "type: u17"},
			[2]string{"modbus: ", "modbus "}, [2]string{"machines:", "\tmachines:"}, [2]string{"rows0.csv", "gone.csv"}, [2]string{"buses:", "buses: {}\nbusses:"}, [2]string{"spool:", "\x00"}, [2]string{"state: state", "state: config.yaml"}, [2]string{"spool: {", "spool: {dir: config.yaml, "}, [2]string{"spool: {", "spool: {dir: config.yaml/x, "})
		return fmt.Sprintf("%q in place of %q", f.breaks[1], f.breaks[0])
	}
	return "nothing"
}

func (e *edited) addSensor() string {
	f := &e.file
	s := e.newSensor(pick(e, "modbus", "modbus", "replay", "derived"))
	m := e.newMachine(s.name)
	if s.driver == "derived" {
		from := f.sensors[e.rnd.IntN(len(f.sensors))]
		if len(from.registers) == 0 {
			s = e.newSensor("replay")
			m.sensors = []string{s.name}
		} else {
			s.expr = from.name + "." + from.registers[0].name + " * 2 / (1 + " + from.name + "." + from.registers[0].name + ")"
			if m.sensors = []string{from.name, s.name}; e.rnd.IntN(4) == 0 {
				m.sensors = []string{s.name} // without its input
			}
		}
	}
	f.sensors, f.machines = append(f.sensors, s), append(f.machines, m)
	return s.name
}

// removeSensor removes a sensor, and mostly the machines with it.
func (e *edited) removeSensor(name string) string {
	f := &e.file
	f.sensors = slices.DeleteFunc(f.sensors, func(o editSensor) bool { return o.name == name })
	if e.rnd.IntN(4) > 0 {
		kept := slices.DeleteFunc(slices.Clone(f.machines), func(m editMachine) bool { return slices.Contains(m.sensors, name) })
		if len(kept) > 0 {
			f.machines = kept
		}
	}
	return "sensor removed " + name
}

// renameSensor renames a sensor, mostly where machines name it, too.
func (e *edited) renameSensor(s *editSensor) string {
	old := s.name
	s.name = e.name("s")
	if e.rnd.IntN(5) > 0 {
		for i := range e.file.machines {
			for j, name := range e.file.machines[i].sensors {
				if name == old {
					e.file.machines[i].sensors[j] = s.name
				}
			}
		}
	}
	return "sensor renamed " + s.name
}

func (e *edited) editBus() string {
	f := &e.file
	b := &f.buses[e.rnd.IntN(len(f.buses))]
	switch e.rnd.IntN(5) {
	case 0:
		f.buses = append(f.buses, editBus{e.name("b"), e.rnd.IntN(2), 300})
		f.sensors[0].bus = f.buses[len(f.buses)-1].name
		return "bus added"
	case 1:
		if len(f.buses) < 3 {
			return "nothing"
		}
		f.buses = f.buses[:len(f.buses)-1] // sensors may dangle
		return "bus removed"
	case 2:
		old := b.name
		b.name = e.name("b")
		for i := range f.sensors {
			if f.sensors[i].bus == old {
				f.sensors[i].bus = b.name
			}
		}
		return "bus renamed " + b.name
	case 3:
		b.timeout = pick(e, 200, 300, 400)
		return "timeout of bus " + b.name
	}
	b.addr = 1 - b.addr
	return "address of bus " + b.name
}

func (e *edited) editServices() string {
	f := &e.file
	switch e.rnd.IntN(4) {
	case 0:
		f.broker = pick(e, "", e.broker, "tcp://127.0.0.1:9")
		return "broker"
	case 1:
		f.listen = pick(e, e.listen...)
		return "http"
	case 2:
		f.level = pick(e, "info", "debug", "warn")
		return "log"
	}
	f.spool = pick(e, 1, 4, 8, 64)
	return "spool"
}

// save puts the file in place.
func (e *edited) save() {
	e.t.Helper()
	if err := state.WriteFile(e.path, []byte(e.text()), 0o600); err != nil {
		e.t.Fatal(err)
	}
}

// names are those of the machines of the file, sorted.
func (e *edited) names() (out []string) { return slices.Sorted(maps.Keys(e.parts())) }
