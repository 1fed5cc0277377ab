package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/detect"
	"iot-edge-anomaly/agent/devices"
	"iot-edge-anomaly/agent/judge"
	"iot-edge-anomaly/agent/machine"
	"iot-edge-anomaly/agent/settings"
	"iot-edge-anomaly/agent/state"
	"iot-edge-anomaly/drivers/driverstest"
	"iot-edge-anomaly/drivers/sim/modbussim"
	"iot-edge-anomaly/model/train"
)

// changePeriod is long enough for a busy machine: a sampler that gets no CPU for longer
// skips rows, whatever was changed. That a change costs none is shown to the tick by
// TestBecome of package sampler.
const changePeriod = 100 * time.Millisecond

// site is a running Gateway on two simulated Modbus devices, and the text of its
// configuration.
type site struct {
	t        *testing.T
	g        *Gateway
	dir      string
	text     string
	plc, fan *modbussim.Server
	stalls   *driverstest.Stalls
	stop     func()
}

// newSite starts a Gateway with two machines on one bus and a third on another. The
// buses are patient: on a busy machine a request may take longer than the 500 ms of the
// default, and a request given up costs the connection, whatever was changed.
func newSite(t *testing.T) *site {
	t.Helper()
	t.Parallel()
	s := &site{t: t, dir: t.TempDir(), stalls: driverstest.WatchStalls(t)}
	serve := func() *modbussim.Server {
		units := map[uint8]*modbussim.Bank{}
		for id := range uint8(4) {
			units[id+1] = &modbussim.Bank{}
			units[id+1].SetHolding(0, 7, 8, 9, 10)
		}
		srv, err := modbussim.Listen("127.0.0.1:0", units)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { srv.Close() })
		return srv
	}
	s.plc, s.fan = serve(), serve()
	s.text = fmt.Sprintf(`gateway: {site: s, id: gw7}
state: %s
control: {socket: ""}
http: {listen: ""}
buses:
  plc: {modbus: "tcp://%s", timeout: 20s}
  fan: {modbus: "tcp://%s", timeout: 20s}
sensors:
  - {name: pump, driver: modbus, bus: plc, unit: 1, registers: [{name: speed, at: "holding:0", type: u16}]}
  - {name: mill, driver: modbus, bus: plc, unit: 2, registers: [{name: speed, at: "holding:0", type: u16}]}
  - {name: fan, driver: modbus, bus: fan, unit: 1, registers: [{name: speed, at: "holding:0", type: u16}]}
machines:
  - {name: pump1, channels: ["pump.*"], period: %[4]v, model: {learn: {when: never}}}
  - {name: mill1, channels: ["mill.*"], period: %[4]v, model: {learn: {when: never}}}
  - {name: fan1, channels: ["fan.*"], period: %[4]v, model: {learn: {when: never}}}
`, s.dir, s.plc.Addr(), s.fan.Addr(), changePeriod)
	g, err := New(Options{Config: s.parse(s.text), Log: slog.New(slog.DiscardHandler), Reload: func() (*config.Config, error) {
		c, problems := config.Parse("config.yaml", []byte(s.text), devices.Infos())
		return c, config.Refuse(problems.Err())
	}})
	if err != nil {
		t.Fatal(err)
	}
	s.g = g
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	s.stop = func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	s.until("rows of all machines", func() bool {
		return !slices.ContainsFunc(g.Snapshot().Machines, func(m machine.Status) bool { return m.Rows < 5 })
	})
	return s
}

func (s *site) parse(text string) *config.Config {
	s.t.Helper()
	return parsed(s.t, text)
}

func (s *site) until(what string, ok func() bool) {
	s.t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(changePeriod / 5) {
		if time.Now().After(end) {
			s.t.Fatalf("in vain: %s", what)
		}
	}
}

// edit replaces a part of the file.
func (s *site) edit(old, with string) {
	s.t.Helper()
	if !strings.Contains(s.text, old) {
		s.t.Fatalf("the file has no %q", old)
	}
	s.text = strings.Replace(s.text, old, with, 1)
}

// reload asks the loop of the Gateway, as the control socket does.
func (s *site) reload() verdict {
	ask := make(chan verdict, 1)
	s.g.reloads <- ask
	return <-ask
}

// want reloads and wants what it touched.
func (s *site) want(changed ...string) {
	s.t.Helper()
	if v := s.reload(); v.err != nil || !slices.Equal(v.changed, changed) {
		s.t.Errorf("changed %q, %v; want %q", v.changed, v.err, changed)
	}
}

func (s *site) machine(name string) machine.Status {
	s.t.Helper()
	ms := s.g.Snapshot().Machines
	i := slices.IndexFunc(ms, func(m machine.Status) bool { return m.Name == name })
	if i < 0 {
		s.t.Fatalf("no machine %s", name)
	}
	return ms[i]
}

// lost is how many rows a machine has lost since it was in the state before, and not
// because this process stood still. Its counter tells whether it is still the same.
func (s *site) lost(before machine.Status) int {
	s.t.Helper()
	now := s.machine(before.Name)
	if now.Rows < before.Rows {
		s.t.Errorf("machine %s was made anew", before.Name)
	}
	ticks := int(now.RowTime.Sub(before.RowTime) / changePeriod)
	stalled := 0
	if n := s.stalls.Longer(changePeriod/2, before.RowTime, time.Now()); n > 0 {
		stalled = n + int(s.stalls.Between(before.RowTime, time.Now())/changePeriod)
	}
	return max(0, ticks-int(now.Rows-before.Rows)-stalled)
}

// TestChange_nothing: a reload of the same file, and of one that only looks different,
// touches nothing.
func TestChange_nothing(t *testing.T) {
	s := newSite(t)
	defer s.stop()
	before := s.machine("pump1")
	s.want()
	s.text = "# a comment\n\n" + s.text
	s.want()
	s.edit("  plc: {modbus", "  plc: {connections: 1, modbus") // the default
	s.want()
	time.Sleep(10 * changePeriod)
	if n := s.lost(before); n != 0 {
		t.Errorf("%d rows lost", n)
	}
	if a, b := s.plc.Connections(), s.fan.Connections(); a != 1 || b != 1 {
		t.Errorf("%d and %d connections, want one each", a, b)
	}
}

// TestChange: what is changed is changed, and the neighbours lose no row: those on
// other buses, those on the same bus, and those that share a sensor.
func TestChange(t *testing.T) {
	s := newSite(t)
	defer s.stop()
	fan, mill := s.machine("fan1"), s.machine("mill1")
	others := func(what string, neighbours ...machine.Status) {
		t.Helper()
		time.Sleep(5 * changePeriod)
		for _, m := range neighbours {
			if n := s.lost(m); n != 0 {
				t.Errorf("%s: machine %s lost %d rows", what, m.Name, n)
			}
		}
	}
	s.edit(`{name: speed, at: "holding:0", type: u16}]}`, `{name: speed, at: "holding:0", type: u16}, {name: load, at: "holding:1", type: u16}]}`)
	s.want("sensor pump changed", "machine pump1 changed")
	s.until("a row with the new channel", func() bool { m := s.machine("pump1"); return m.Rows > 0 && len(m.Values) == 2 && m.Values[1] == 8 })
	others("a register more", fan, mill)

	s.edit(`{name: pump1, channels: ["pump.*"], period: 100ms,`, `{name: pump1, channels: ["pump.*"], period: 150ms,`)
	s.want("machine pump1 changed")
	others("another period", fan, mill)

	s.edit("machines:\n", "machines:\n  - {name: both, channels: [\"*.speed\"], period: 50ms, model: {learn: {when: never}}}\n")
	s.want("machine both added")
	s.until("rows of the new machine", func() bool { m := s.machine("both"); return m.Rows > 5 && m.Values[2] == 7 })
	others("a machine with the same sensors, twice as fast", fan, mill)

	s.edit("  - {name: both, channels: [\"*.speed\"], period: 50ms, model: {learn: {when: never}}}\n", "")
	s.want("machine both removed")
	others("that machine removed", fan, mill)

	s.edit("machines:\n  - {name: pump1", "machines:\n  - {name: pump2")
	s.want("machine pump2 added", "machine pump1 removed")
	others("renamed", fan, mill)

	if a, b := s.plc.Connections(), s.fan.Connections(); a != 1 || b != 1 {
		t.Errorf("%d and %d connections, want one each", a, b)
	}
	s.edit(fmt.Sprintf(`fan: {modbus: "tcp://%s", timeout: 20s}`, s.fan.Addr()), fmt.Sprintf(`fan: {modbus: "tcp://%s", timeout: 21s}`, s.fan.Addr()))
	s.want("bus fan changed", "sensor fan changed", "machine fan1 changed") // the sensor has the timeout of its bus
	s.until("rows by the new connection", func() bool { m := s.machine("fan1"); return m.Rows > 5 && m.Values[0] == 7 })
	others("another bus", mill)
	if a, b := s.plc.Connections(), s.fan.Connections(); a != 1 || b != 2 {
		t.Errorf("%d and %d connections, want one and two", a, b)
	}
}

// TestChange_refused: a file with a mistake, a setting that needs a restart and a
// damaged model leave everything as it was, and say so until a reload succeeds.
func TestChange_refused(t *testing.T) {
	s := newSite(t)
	defer s.stop()
	before := s.machine("pump1")
	good := s.text
	refused := func(what, says string) {
		t.Helper()
		v := s.reload()
		var r *config.Refusal
		if !errors.As(v.err, &r) || !strings.Contains(v.err.Error(), says) || !strings.Contains(s.g.summary(), "reload refused: ") {
			t.Errorf("%s: %v, summary %q; want a refusal that says %q", what, v.err, s.g.summary(), says)
		}
		s.text = good
	}
	s.edit("period:", "perod:")
	refused("a mistake", `did you mean "period"`)
	s.edit("id: gw7", "id: gw8")
	refused("another id", "gateway changes with a restart only")
	models := filepath.Join(s.dir, "models", "pump1")
	if err := errors.Join(os.MkdirAll(models, 0o700), os.WriteFile(filepath.Join(models, "x"+state.Ext), []byte("damaged"), 0o600)); err != nil {
		t.Fatal(err)
	}
	refused("a damaged model", "machine pump1: ")
	current := filepath.Join(models, "current")
	if err := errors.Join(os.Remove(filepath.Join(models, "x"+state.Ext)), os.Symlink("current", current)); err != nil {
		t.Fatal(err)
	}
	refused("a model that cannot be opened", "machine pump1: ")
	if err := os.Remove(current); err != nil {
		t.Fatal(err)
	}
	time.Sleep(5 * changePeriod)
	if n := s.lost(before); n != 0 {
		t.Errorf("%d rows lost", n)
	}
	if v := s.reload(); v.err != nil || strings.Contains(s.g.summary(), "refused") {
		t.Errorf("a good reload: %v, summary %q", v.err, s.g.summary())
	}
}

// TestChange_model: a reload takes a model that somebody has put in place, for its
// machine alone.
func TestChange_model(t *testing.T) {
	s := newSite(t)
	defer s.stop()
	mill := s.machine("mill1")
	rows := make([]float64, 300)
	for i := range rows {
		rows[i] = 7 + float64(i%5)/10
	}
	m, _, err := train.Train(t.Context(), settings.Schema(s.g.cfg.Machines[0]), rows, train.Options{})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(s.dir, "models", "pump1")
	if err := errors.Join(os.MkdirAll(path, 0o700), state.SaveModel(filepath.Join(path, "1"+state.Ext), m)); err != nil {
		t.Fatal(err)
	}
	s.want("machine pump1 changed")
	if got := s.machine("pump1").Model.SHA256; got != m.SHA256() {
		t.Errorf("model %q in force, want %q", got, m.SHA256())
	}
	s.want()
	// The folder has changed but not the model, as after the machine has learnt one by
	// itself. Nobody has put it there, so it hinders no change of the machine.
	if err := os.Chtimes(filepath.Join(path, "1"+state.Ext), time.Time{}, time.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	s.want()
	if err := os.Chtimes(filepath.Join(path, "1"+state.Ext), time.Time{}, time.Now().Add(2*time.Second)); err != nil {
		t.Fatal(err)
	}
	s.edit(fmt.Sprintf(`{name: pump1, channels: ["pump.*"], period: %v,`, changePeriod), `{name: pump1, channels: ["pump.*"], period: 3s,`)
	s.want("machine pump1 changed")
	if got := s.machine("pump1"); got.State != judge.Blind || !strings.Contains(got.Problem, fmt.Sprintf("period: learnt %v, configured 3s", changePeriod)) {
		t.Errorf("state %s, problem %q; want the machine alone to say that the period differs", got.State, got.Problem)
	}
	s.edit(`{name: pump1, channels: ["pump.*"], period: 3s,`, fmt.Sprintf(`{name: pump1, channels: ["pump.*"], period: %v,`, changePeriod))
	s.want("machine pump1 changed")
	// Somebody empties the folder, which looks then as it did before the machine had
	// learnt by itself.
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
	s.g.currentPlant().unit("pump1").stamp = state.OpenModels(path).Stamp()
	s.want("machine pump1 changed")
	if got := s.machine("pump1"); got.Model.SHA256 != "" || got.Problem == "" {
		t.Errorf("model %q, problem %q; want it told that the model is gone", got.Model.SHA256, got.Problem)
	}
	time.Sleep(5 * changePeriod)
	if n := s.lost(mill); n != 0 {
		t.Errorf("the other machine lost %d rows", n)
	}
}

// TestChange_random: any sequence of changes leaves the machine that is never touched
// without a gap, and the Gateway running.
func TestChange_random(t *testing.T) {
	s := newSite(t)
	defer s.stop()
	rnd := rand.New(rand.NewPCG(3, 4))
	mill := s.machine("mill1")
	head, _, _ := strings.Cut(s.text, "sensors:\n")
	for i := range 60 {
		var sensors, machines strings.Builder
		fmt.Fprintf(&sensors, "  - {name: mill, driver: modbus, bus: plc, unit: 2, registers: [{name: speed, at: \"holding:0\", type: u16}]}\n")
		fmt.Fprintf(&machines, "  - {name: mill1, channels: [\"mill.*\"], period: %v, model: {learn: {when: never}}}\n", changePeriod)
		for n := range 4 {
			if rnd.IntN(3) == 0 {
				continue
			}
			bus, unit := []string{"plc", "fan"}[rnd.IntN(2)], []int{1, 3, 4}[rnd.IntN(3)]
			fmt.Fprintf(&sensors, "  - {name: s%d, driver: modbus, bus: %s, unit: %d, registers: [{name: v, at: \"holding:%d\", type: u16, scale: %d}]}\n", n, bus, unit, rnd.IntN(4), 1+rnd.IntN(3))
			fmt.Fprintf(&machines, "  - {name: m%d, channels: [\"s%d.*\", \"mill.*\"], period: %dms, model: {learn: {when: never}}}\n", n, n, 50*(1+rnd.IntN(4)))
		}
		good := head + "sensors:\n" + sensors.String() + "machines:\n" + machines.String()
		s.text = good
		if rnd.IntN(5) == 0 {
			s.text = strings.Replace(good, "unit:", []string{"unti:", "unit: x", "unit"}[rnd.IntN(3)], 1)
			if v := s.reload(); v.err == nil {
				t.Errorf("change %d: a broken file was taken", i)
			}
			s.text = good
		}
		if v := s.reload(); v.err != nil {
			t.Fatalf("change %d: %v\n%s", i, v.err, s.text)
		}
		if got := len(s.g.Snapshot().Machines); got != strings.Count(machines.String(), "name:") {
			t.Errorf("change %d: %d machines", i, got)
		}
		time.Sleep(time.Duration(rnd.IntN(3)) * changePeriod)
	}
	s.want()
	time.Sleep(5 * changePeriod)
	if n := s.lost(mill); n != 0 {
		t.Errorf("%d rows lost", n)
	}
	s.until("the value in the newest row", func() bool { return s.machine("mill1").Values[0] == 7 })
	if n := s.plc.Connections(); n != 1 {
		t.Errorf("%d connections, want one", n)
	}
}

// TestChange_log: a reload says in the log which events it ends, and in its verdict how
// many learning rows are of no use any more.
func TestChange_log(t *testing.T) {
	s := newSite(t)
	defer s.stop()
	var told lockedText
	s.g.log = slog.New(slog.NewTextHandler(&told, nil))
	s.plc.Close()
	s.until("the fault of the bus", func() bool {
		return slices.ContainsFunc(s.g.reporter.OpenEvents(), func(ev detect.Event) bool { return ev.Kind == detect.BusFault })
	})
	for _, name := range []string{"pump", "mill"} {
		s.edit(fmt.Sprintf(`{name: %s, driver: modbus, bus: plc,`, name), fmt.Sprintf(`{name: %s, driver: modbus, bus: fan,`, name))
	}
	s.edit("  plc: {modbus", "  other: {modbus")
	if v := s.reload(); v.err != nil {
		t.Fatal(v.err)
	}
	s.until("the log tells the end", func() bool {
		return strings.Contains(told.String(), "event ends: what it is about is not configured any more")
	})

	s.edit("model: {learn: {when: never}}", "model: {learn: {for: 1h}}")
	s.want("machine pump1 changed")
	s.until("learning rows", func() bool { return s.machine("pump1").Learning.Have > 3 })
	s.edit("period: 100ms", "period: 50ms")
	v := s.reload()
	if len(v.changed) != 1 || !strings.HasPrefix(v.changed[0], "machine pump1 changed (its ") || !strings.Contains(v.changed[0], "learning rows do not fit any more") {
		t.Errorf("changed %q, %v", v.changed, v.err)
	}
}

// lockedText is a text that goroutines write.
type lockedText struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lockedText) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// TestForesee_files: secrets that others may read, folders in place of
// files, and what is left of other machines are named, and the log has them once.
func TestForesee_files(t *testing.T) {
	dir := t.TempDir()
	file := func(name string, mode os.FileMode) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte("x"), 0o600), os.Chmod(path, mode)); err != nil {
			t.Fatal(err)
		}
	}
	file("cert", 0o600)
	file("key", 0o644)
	file("token", 0o640)
	file("learn/gone.rows", 0o600)
	file("judge/gone.state", 0o600)
	file("judge/pump.state", 0o600)
	file("rows.csv", 0o600)
	if err := os.WriteFile(filepath.Join(dir, "rows.csv"), []byte("timestamp,x\n1,2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	text := `state: %[1]s
sensors: [{name: s, driver: replay, file: %[1]s/rows.csv, loop: true}]
machines: [{name: pump, model: {learn: {when: never}}}]
control: {socket: ""}
http: {listen: "127.0.0.1:0", tls: {cert: %[1]s/cert, key: %[1]s/key}, token_file: %[1]s/%[2]s}
`
	told := func(token string) (out string) {
		for _, p := range Foresee("c.yaml", parsed(t, fmt.Sprintf(text, dir, token))) {
			out += p.Path + ": " + strings.ReplaceAll(p.Message, dir+"/", "") + "\n"
		}
		return out
	}
	want := `http.tls.key: key has mode 0644: every user may read it (chmod 600)
http.token_file: token has mode 0640: its group may read it (chmod 600)
state: learn/gone.rows, judge/gone.state: kept of machines that are not configured
machines[0].model: machine pump: there is no model, and none may be learnt
`
	if got := told("token"); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if got := told("learn"); !strings.HasPrefix(got, "http.token_file: learn is a folder\n") {
		t.Errorf("a folder: %s", got)
	}
	var log strings.Builder
	g := opened(t, parsed(t, fmt.Sprintf(text, dir, "token")), &log)
	runOnce(t, g)
	for _, part := range []string{"key has mode 0644", "kept of machines that are not configured"} {
		if n := strings.Count(log.String(), part); n != 1 {
			t.Errorf("the log has %q %d times:\n%s", part, n, log.String())
		}
	}
}

// What keeps the folders of state and queue from being written is told; it keeps run
// from starting if the folder of the queue is not there yet.
func TestStartable(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ state, spool, want string }{
		{dir, filepath.Join(dir, "spool"), ""}, {filepath.Join(dir, "new", "state"), dir, ""},
		{file, dir, "run would start, and could not write: state: " + file}, {file, filepath.Join(dir, "spool"), "run would not start: state: " + file}, {dir, filepath.Join(file, "spool"), "run would not start: spool.dir: " + file},
	} {
		err := Startable(&config.Config{State: c.state, Spool: config.Spool{Dir: c.spool}})
		if (err == nil) != (c.want == "") || err != nil && !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s, %s: %v, want %q", c.state, c.spool, err, c.want)
		}
	}
}

// TestForesee_rows: check tells how many learning rows a configuration would cost, before
// it does; none where the channels stay, and none where nothing is learnt.
func TestForesee_rows(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "rows.csv"), []byte("timestamp,x,y\n1,2,3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	told := func(channels, learn string) (out string) {
		for _, p := range Foresee("c.yaml", parsed(t, fmt.Sprintf(`state: %[1]s
sensors: [{name: s, driver: replay, file: %[1]s/rows.csv}]
machines: [{name: pump, channels: [%[2]s], model: {learn: {when: %[3]s}}}]
`, dir, channels, learn))) {
			if strings.Contains(p.Message, "learning row") {
				out += p.Path + ": " + p.Message
			}
		}
		return out
	}
	mc := parsed(t, fmt.Sprintf("state: %[1]s\nsensors: [{name: s, driver: replay, file: %[1]s/rows.csv}]\nmachines: [{name: pump, channels: [s.x]}]\n", dir))
	rows, err := state.OpenRowLog(learning(mc, mc.Machines[0], settings.Schema(mc.Machines[0])).Rows)
	for i := 0; i < 42 && err == nil; i++ {
		err = rows.Push([]float64{float64(i)}, true)
	}
	if err = errors.Join(err, rows.Flush()); err != nil {
		t.Fatal(err)
	}
	if got := told("s.x", "no_model"); got != "" {
		t.Errorf("nothing has changed: %s", got)
	}
	if got := told("s.x, s.y", "no_model"); got != "machines[0]: machine pump: its 42 learning rows so far would be discarded: its channels, units, period or run_when have changed" {
		t.Errorf("a channel more: %q", got)
	}
	if got := told("s.x, s.y", "never"); got != "" {
		t.Errorf("nothing is learnt: %s", got)
	}
}
