package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"iot-edge-anomaly/agent/control"
	"iot-edge-anomaly/drivers/sim/modbussim"
	"iot-edge-anomaly/model"
)

// modelSite is a gateway with one machine, whose three channels follow one load, and the
// models that are brought to it.
type modelSite struct {
	t      *testing.T
	prog   []string
	dir    string
	agent  *process
	broken chan bool // the machine's third channel stands still
}

const modelPeriod = 50 * time.Millisecond

func newModelSite(t *testing.T, more string) *modelSite {
	t.Helper()
	bank := &modbussim.Bank{}
	srv, err := modbussim.Listen("127.0.0.1:0", map[uint8]*modbussim.Bank{1: bank})
	if err != nil {
		t.Fatal(err)
	}
	s := &modelSite{t: t, prog: program(t, "", ""), dir: t.TempDir(), broken: make(chan bool, 1)}
	stop, ended := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() { close(stop); <-ended; srv.Close() })
	go func() {
		defer close(ended)
		broken := false
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			case broken = <-s.broken:
			case <-time.After(modelPeriod / 5):
			}
			row := modelRow(i)
			if broken {
				row[2] = 900
			}
			bank.SetHolding(0, row[0], row[1], row[2])
		}
	}()
	s.write("config.yaml", fmt.Sprintf(`gateway: {site: s, id: gw7}
state: state
control: {socket: s}
http: {listen: ""}
buses: {plc: {modbus: "tcp://%s", timeout: 20s}}
sensors:
  - {name: m, driver: modbus, bus: plc, unit: 1, registers: [{name: load, at: "holding:0", type: u16}, {name: speed, at: "holding:1", type: u16}, {name: flow, at: "holding:2", type: u16}]}
machines: [{name: m1, channels: ["m.*"], period: %v, model: {learn: {when: never}}}]
%s`, srv.Addr(), modelPeriod, more))
	s.learn("good", 1)
	s.agent = start(t, nil, append(s.prog, "run", "--config", s.at("config.yaml"))...)
	waitFor(t, time.Minute, "the agent answers", func() bool { code, _ := s.model("list"); return code == 0 && s.asks() })
	return s
}

// asks tells whether the agent answers, and not the folder.
func (s *modelSite) asks() bool {
	return control.Get(s.t.Context(), s.at("s"), "status", &control.Status{}) == nil
}

// modelRow is what the machine does in the step: no row depends on those before it, so
// that it does not matter which of them are read.
func modelRow(i int) [3]uint16 {
	rnd := rand.New(rand.NewPCG(uint64(i), 5))
	load := 200 + rnd.IntN(300)
	return [3]uint16{uint16(load), uint16(2*load + rnd.IntN(9)), uint16(load/2 + rnd.IntN(5))}
}

func (s *modelSite) at(name string) string { return filepath.Join(s.dir, name) }

func (s *modelSite) write(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(s.at(name), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// learn makes the file of a model from rows that are factor times what the machine does.
// A moment later it has another version.
func (s *modelSite) learn(name string, factor float64) []byte {
	s.t.Helper()
	var b strings.Builder
	b.WriteString("timestamp,m.load,m.speed,m.flow\n")
	for i := range 1500 {
		r := modelRow(5 * i)
		fmt.Fprintf(&b, "%g,%g,%g,%g\n", 1.7e9+float64(i)*modelPeriod.Seconds(), factor*float64(r[0]), factor*float64(r[1]), factor*float64(r[2]))
	}
	s.write(name+".csv", b.String())
	if code, _, errs := call(s.t, "", "train", "--csv", s.at(name+".csv"), "--config", s.at("config.yaml"), "--out", s.at(name)); code != 0 {
		s.t.Fatalf("train ended with %d: %s", code, errs)
	}
	raw, err := os.ReadFile(s.at(name))
	if err != nil {
		s.t.Fatal(err)
	}
	// A model of its own name, as one has that is learnt in another second.
	m, err := model.Decode(raw)
	if err != nil {
		s.t.Fatal(err)
	}
	p := m.Parameters()
	p.Version = name
	if m, err = model.New(p); err == nil {
		raw, err = m.Encode()
	}
	if err != nil {
		s.t.Fatal(err)
	}
	s.write(name, string(raw))
	return raw
}

// model runs the verb model.
func (s *modelSite) model(args ...string) (code int, out string) {
	s.t.Helper()
	return s.verb(append([]string{"model"}, args...)...)
}

func (s *modelSite) verb(args ...string) (code int, out string) {
	s.t.Helper()
	code, o, e := call(s.t, "", append(args, "--config", s.at("config.yaml"))...)
	return code, o + e
}

// wants runs the verb and wants how it ends.
func (s *modelSite) wants(code int, says string, args ...string) string {
	s.t.Helper()
	got, out := s.model(args...)
	if got != code || !strings.Contains(out, says) {
		s.t.Errorf("model %v ended with %d and said\n%s\nwant %d and %q", args, got, out, code, says)
	}
	return out
}

func (s *modelSite) listed() control.MachineModels {
	s.t.Helper()
	var all control.Models
	if err := control.Get(s.t.Context(), s.at("s"), "models", &all); err != nil || len(all.Machines) != 1 {
		s.t.Fatalf("%+v, %v", all, err)
	}
	return all.Machines[0]
}

// active is the version that scores.
func (s *modelSite) active() string {
	s.t.Helper()
	var st control.Status
	if err := control.Get(s.t.Context(), s.at("s"), "status", &st); err != nil {
		s.t.Fatal(err)
	}
	return st.Machines["m1"].Model
}

// scores tells whether the machine scores rows.
func (s *modelSite) scores() bool {
	var st control.Status
	return control.Get(s.t.Context(), s.at("s"), "status", &st) == nil && st.Machines["m1"].Score != nil
}

// TestModelLife: a model is brought, another follows, each is watched on probation; one
// that alarms is taken back, and the command that brought it fails.
func TestModelLife(t *testing.T) {
	t.Parallel()
	s := newModelSite(t, "")
	s.wants(0, "there is no model yet", "list")
	s.wants(0, "5 vectors", "verify", s.at("good"))
	out := s.wants(0, "m1: version good is active", "install", s.at("good"), "--probation", "2s", "--note", "the first")
	if !strings.Contains(out, "kept") {
		t.Errorf("no word of the end of the probation:\n%s", out)
	}
	waitFor(t, time.Minute, "scores", s.scores)
	s.learn("second", 1.01)
	s.wants(0, "before it good", "install", s.at("second"), "--probation", "0s")
	if got := s.active(); got != "second" {
		t.Errorf("%s scores", got)
	}
	s.wants(0, "m1: version good is active, before it second", "rollback", "--note", "as it was")
	s.wants(0, "m1: version second is active", "activate", "second", "--probation", "1h", "--no-wait")
	s.wants(0, "s of probation left", "list")
	s.wants(0, `"version": "good"`, "show", "good")
	s.wants(78, "there is no version third", "show", "third")
	s.wants(78, "there is no version third", "activate", "third")
	waitFor(t, time.Minute, "scores", s.scores)

	// What is alarming is taken back, and the command that waits for it fails.
	done := make(chan int, 1)
	var told bytes.Buffer
	wait := exec.Command(s.prog[0], append(s.prog[1:], "model", "activate", "good", "--probation", "1h", "--config", s.at("config.yaml"))...)
	wait.Stdout, wait.Stderr = &told, &told
	if err := wait.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { wait.Wait(); done <- wait.ProcessState.ExitCode() }()
	waitFor(t, time.Minute, "good is in use", func() bool { return s.active() == "good" && s.scores() })
	s.broken <- true
	select {
	case code := <-done:
		if code != 1 || !strings.Contains(told.String(), "did not pass its probation, version second is in use again") {
			t.Errorf("the command ended with %d and said\n%s", code, told.String())
		}
	case <-time.After(3 * time.Minute):
		t.Fatal("nothing is taken back")
	}
	// The history is written before the machine has its model again.
	waitFor(t, time.Minute, "second is in use again", func() bool { return s.active() == "second" })
	waitFor(t, time.Minute, "status tells it", func() bool { _, out := s.verb("status"); return strings.Contains(out, "was taken back on probation") })
	var events control.Events
	waitFor(t, time.Minute, "an alert tells it", func() bool {
		b, _ := json.Marshal(&events)
		err := control.Get(t.Context(), s.at("s"), "events", &events)
		return err == nil && strings.Contains(string(b), "taken back on probation")
	})
	if log := s.agent.output(); !strings.Contains(log, "was taken back on probation") {
		t.Error("the log does not tell it")
	}
	h := s.listed().History
	if last := h[len(h)-1]; last.What != "rolled back" || last.By != "the agent" || !strings.Contains(last.Why, "score above 1") || h[len(h)-2].Outcome != "breached" {
		t.Errorf("history: %+v", h)
	}
}

// TestModelUnusable: a current version that was cut is refused by a reload and by SIGHUP,
// everybody is told, and the version at work scores on. With trust.keys only signed
// models come in.
func TestModelUnusable(t *testing.T) {
	t.Parallel()
	minisign := need(t, "minisign", "minisign")
	keys := t.TempDir()
	sign := func(args ...string) {
		t.Helper()
		if out, err := exec.Command(minisign, args...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	sign("-G", "-W", "-p", filepath.Join(keys, "k.pub"), "-s", filepath.Join(keys, "k.key"))
	s := newModelSite(t, fmt.Sprintf("trust: {keys: [%q]}", filepath.Join(keys, "k.pub")))
	s.wants(78, "sign it with minisign", "install", s.at("good"))
	s.learn("second", 1.01)
	for _, m := range []string{"good", "second"} {
		sign("-S", "-s", filepath.Join(keys, "k.key"), "-m", s.at(m), "-t", "for m1")
		s.wants(0, "for m1", "install", s.at(m), "--probation", "0s")
	}
	waitFor(t, time.Minute, "scores", s.scores)
	path := s.at("state/models/m1/second.safetensors")
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, raw[:len(raw)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	refused := func(says string) {
		t.Helper()
		waitFor(t, time.Minute, "status tells it", func() bool { _, out := s.verb("status"); return strings.Contains(out, "what was in use goes on") })
		waitFor(t, time.Minute, "an alert tells it", func() bool {
			var events control.Events
			err := control.Get(t.Context(), s.at("s"), "events", &events)
			b, _ := json.Marshal(&events)
			return err == nil && strings.Contains(string(b), says)
		})
		if got := s.active(); got != "second" || !s.scores() {
			t.Errorf("%s is in use, it scores: %v", got, s.scores())
		}
	}
	if code, out := s.verb("reload"); code != 78 || !strings.Contains(out, "model is damaged") {
		t.Errorf("reload ended with %d: %s", code, out)
	}
	refused("model is damaged")
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out := s.verb("reload"); code != 0 {
		t.Errorf("reload of the mended model ended with %d: %s", code, out)
	}
	waitFor(t, time.Minute, "the alert is over", func() bool { _, out := s.verb("status"); return !strings.Contains(out, "what was in use goes on") })

	// The same by SIGHUP, and with a model that the keys did not sign.
	if err := os.Remove(path + ".minisig"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append([]byte{}, raw...), 0o600); err != nil {
		t.Fatal(err)
	}
	s.agent.cmd.Process.Signal(syscall.SIGHUP)
	refused("model is not trusted")
	if out := s.agent.output(); !strings.Contains(out, "reload refused") {
		t.Error("the log does not tell it")
	}
	s.wants(78, "gate signature", "verify", "second")
	s.wants(0, "version good is active", "rollback")
	if got := s.active(); got != "good" {
		t.Errorf("%s is in use", got)
	}
}
