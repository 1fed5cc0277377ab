package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/control"
	"iot-edge-anomaly/agent/gateway"
	"iot-edge-anomaly/drivers/driverstest"
)

// seenMachine is what is known of a machine at work.
type seenMachine struct {
	rows    uint64
	at      time.Time          // of the newest row, or when it was asked
	problem bool               // its model cannot judge as it should, and it says so
	values  map[string]float64 // by channel; nil = not known
}

// editedAgent is an agent whose configuration is edited.
type editedAgent interface {
	// start starts it; code is its exit code if it has ended at once, else -1.
	start() (code int, said string)
	stop()
	ended() bool
	reload() (code int, said string)
	machines() map[string]seenMachine // nil = it cannot be asked at present
	// missed is how many rows of that period nobody can blame the agent for.
	missed(period time.Duration, from time.Time) int
}

// playing is a sequence of edits as it is played.
type playing struct {
	*edited
	agent   editedAgent
	force   editFile          // the file that is in force
	parts   map[string]string // of it
	settled map[string]int    // moved when the machine last started
	since   map[string]seenMachine
	refused bool // the newest edit was
}

// play makes n edits and a reload or restart after each.
func (p *playing) play(n int, restarts int) {
	t := p.t
	p.save()
	told := p.check()
	if told.code == 78 {
		t.Fatalf("the first file: %s", told.problems)
	}
	p.begin(told)
	reloads, accepted := 0, 0
	for i := range n {
		before := p.file.clone()
		what := p.edit()
		p.save()
		told = p.check()
		restart := p.rnd.IntN(100) < restarts
		t.Logf("edit %d: %s: check %d, impaired %v, restart %v", i, what, told.code, slices.Sorted(maps.Keys(told.impaired)), restart)
		if restart {
			p.restart(told)
		} else {
			reloads++
			if p.reload(told) {
				accepted++
			}
		}
		if p.agent.ended() {
			t.Fatal("the agent has ended")
		}
		if t.Failed() {
			t.Fatalf("after edit %d, %s; check said %d\n%s\n%s", i, what, told.code, told.problems, p.text())
		}
		if p.refused && p.rnd.IntN(4) > 0 || p.rnd.IntN(20) == 0 || len(p.file.machines) > 8 { // somebody sees the mistake
			p.file = before
			if p.refused {
				p.file = p.force.clone()
			}
		}
		if p.refused && p.rnd.IntN(2) == 0 { // and that it is a model
			for _, m := range p.file.machines {
				if told.impaired[m.name] && p.moved[m.name] != p.settled[m.name] {
					p.moved[m.name]++
					if err := os.RemoveAll(p.folder(m.name)); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		time.Sleep(time.Duration(p.rnd.IntN(3)) * p.period)
	}
	time.Sleep(5 * p.period)
	p.losses(nil)
	p.agent.stop()
	t.Logf("%d edits: %d reloads, %d accepted", n, reloads, accepted)
}

// begin starts the agent, which must do as check said.
func (p *playing) begin(told foretold) {
	p.t.Helper()
	code, said := p.agent.start()
	switch {
	case told.code == 78 && code != 78:
		p.t.Errorf("check said 78 and run ended with %d (-1 = it runs): %s", code, said)
	case told.code != 78 && code != -1:
		p.t.Errorf("check said %d and run ended with %d: %s", told.code, code, said)
	}
	if code != -1 {
		return
	}
	p.force, p.parts, p.since = p.file.clone(), p.edited.parts(), map[string]seenMachine{}
	p.settled = maps.Clone(p.moved)
	p.matches(told)
}

// restart stops the agent and starts it with the file, or with that in force if run
// refuses the file.
func (p *playing) restart(told foretold) {
	p.t.Helper()
	p.losses(nil)
	p.agent.stop()
	p.begin(told)
	p.refused = told.code == 78
	if told.code == 78 && !p.t.Failed() {
		broken := p.file
		p.file = p.force.clone()
		p.save()
		p.begin(p.check())
		p.file = broken
	}
}

// reload has the agent reload, which must do as check said.
func (p *playing) reload(told foretold) (accepted bool) {
	t := p.t
	t.Helper()
	code, said := p.agent.reload()
	p.refused = false
	if code == 0 {
		if told.code == 78 {
			t.Errorf("check said 78 and the reload was accepted: %s", said)
		}
		now := p.edited.parts()
		p.losses(now)
		p.force, p.parts = p.file.clone(), now
		for name := range p.settled {
			p.settled[name] = p.moved[name]
		}
		p.matches(told)
		return true
	}
	p.refused = true
	if code != 78 {
		t.Errorf("reload ended with %d: %s", code, said)
	}
	if told.code == 78 {
		return false
	}
	fixed := p.file.id != p.force.id || strings.Contains(p.file.breaks[1], "state: ") || strings.Contains(p.file.breaks[1], "dir: ")
	if fixed && strings.Contains(said, "with a restart only") {
		return false
	}
	for name := range told.impaired { // a model put in place that cannot be used is refused
		if p.moved[name] != p.settled[name] && strings.Contains(said, "machine "+name+": ") {
			return false
		}
	}
	t.Errorf("check said %d and the reload was refused: %s", told.code, said)
	return false
}

// reads tells whether the values of a machine are those of the registers that the file
// names.
func (p *playing) reads(machine string, values map[string]float64) bool {
	i := slices.IndexFunc(p.file.machines, func(m editMachine) bool { return m.name == machine })
	for _, name := range p.file.machines[i].sensors {
		for _, r := range p.sensor(name).registers {
			want := float64(simulated + r.at)
			if r.more == ", scale: 0.1" {
				want /= 10
			}
			if r.kind == "u16" && (r.more == "" || r.more == ", scale: 0.1") && math.Abs(values[name+"."+r.name]-want) > 1e-9 {
				return false
			}
		}
	}
	return true
}

// matches wants those machines at work that the file has, and of them those to have a
// problem with their model that check has named. A machine may be learnt meanwhile:
// then check says so, too.
func (p *playing) matches(told foretold) {
	p.t.Helper()
	var have map[string]seenMachine
	ok := func() bool {
		if have = p.agent.machines(); have == nil || !slices.Equal(slices.Sorted(maps.Keys(have)), p.names()) {
			return false
		}
		for name, m := range have {
			if m.rows == 0 || m.problem != told.impaired[name] || m.values != nil && !p.reads(name, m.values) {
				return false
			}
		}
		return true
	}
	for end := time.Now().Add(busy); !ok(); time.Sleep(p.period) {
		if time.Now().After(end) {
			p.t.Errorf("check foretold problems of %v; at work are %+v, want %v", told.impaired, have, p.names())
			return
		}
		if p.agent.ended() {
			p.t.Error("the agent has ended")
			return
		}
		told = p.check()
	}
	for name, m := range have {
		if _, is := p.since[name]; !is {
			p.since[name] = m
		}
	}
}

// losses wants the machines that stay the same in now to have lost no row since they
// were first seen, and forgets the others. A nil now stands for the same parts.
func (p *playing) losses(now map[string]string) {
	p.t.Helper()
	have := p.agent.machines()
	if have == nil {
		p.t.Error("the agent cannot be asked")
		return
	}
	for name, was := range p.since {
		if now != nil && now[name] != p.parts[name] {
			delete(p.since, name)
			continue
		}
		is := have[name]
		if is.rows < was.rows {
			p.t.Errorf("machine %s was made anew: %d rows, then %d", name, was.rows, is.rows)
			continue
		}
		i := slices.IndexFunc(p.force.machines, func(m editMachine) bool { return m.name == name })
		period := p.force.machines[i].period
		ticks := int((is.at.Sub(was.at) + period/4) / period)
		if lost := ticks - int(is.rows-was.rows); lost > p.agent.missed(period, was.at) {
			p.t.Errorf("machine %s has lost %d of %d rows of %v; excused are %d", name, lost, ticks, period, p.agent.missed(period, was.at))
		}
	}
}

// inProcess is an agent in this process.
type inProcess struct {
	t      *testing.T
	path   string
	stalls *driverstest.Stalls
	g      *gateway.Gateway
	cancel context.CancelFunc
	done   chan error
}

func (a *inProcess) start() (int, string) {
	// Until it has become another program, a child of a test beside this one holds the
	// files, and so the locks, of the agent that has just stopped.
	syscall.ForkLock.RLock()
	a.g = nil
	syscall.ForkLock.RUnlock()
	c, err := loadConfig(a.path)
	if err == nil {
		a.g, err = gateway.New(gateway.Options{Config: c, File: a.path, Log: slog.New(slog.DiscardHandler), Reload: func() (*config.Config, error) { return loadConfig(a.path) }})
	}
	if err != nil {
		var refused *config.Refusal
		if errors.As(err, &refused) {
			return 78, err.Error()
		}
		return 1, err.Error()
	}
	ctx, cancel := context.WithCancel(a.t.Context())
	a.cancel, a.done = cancel, make(chan error, 1)
	g, done := a.g, a.done
	go func() { done <- g.Run(ctx) }()
	return -1, ""
}

func (a *inProcess) stop() {
	a.cancel()
	if err := <-a.done; err != nil {
		a.t.Errorf("run: %v", err)
	}
}

func (a *inProcess) ended() bool {
	select {
	case err := <-a.done:
		a.t.Errorf("run ended: %v", err)
		return true
	default:
		return false
	}
}

func (a *inProcess) reload() (int, string) {
	var r control.Reloaded
	for end := time.Now().Add(busy); ; time.Sleep(10 * time.Millisecond) {
		socket, err := config.Socket(a.path)
		if err == nil {
			err = control.Post(a.t.Context(), socket, "reload", nil, &r)
		}
		var refused *config.Refusal
		switch {
		case err == nil:
			return 0, r.Text()
		case errors.As(err, &refused):
			return 78, err.Error()
		case !errors.Is(err, control.ErrNotRunning) || time.Now().After(end):
			return 1, err.Error()
		}
	}
}

func (a *inProcess) machines() map[string]seenMachine {
	out := map[string]seenMachine{}
	for _, m := range a.g.Snapshot().Machines {
		s := seenMachine{m.Rows, m.RowTime, m.Problem != "", map[string]float64{}}
		for i, c := range m.Channels {
			s.values[c.Name] = m.Values[i]
		}
		out[m.Name] = s
	}
	return out
}

func (a *inProcess) missed(period time.Duration, from time.Time) int {
	n := a.stalls.Longer(period/2, from, time.Now())
	if n == 0 {
		return 0
	}
	return n + int(a.stalls.Between(from, time.Now())/period)
}

// built is the built program as a process of its own. Its machines are read from
// /metrics, at the address that the file in force names.
type built struct {
	t       *testing.T
	prog    []string
	play    *playing
	p       *process
	starved []starvation
}

// starvation is how long the process had had no CPU by a moment.
type starvation struct {
	at time.Time
	d  time.Duration
}

func (a *built) start() (int, string) {
	a.p = start(a.t, nil, append(a.prog, "run", "--config", a.play.path)...)
	listen := a.play.file.listen
	for end := time.Now().Add(busy); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if a.ended() {
			return a.p.cmd.ProcessState.ExitCode(), a.p.output()
		}
		if c, err := net.Dial("tcp", listen); err == nil {
			c.Close()
			a.starved = nil
			return -1, ""
		}
	}
	a.t.Fatalf("the agent neither runs nor ends: %s", a.p.output())
	return 0, ""
}

// stop stops it as systemd does, or as a power cut.
func (a *built) stop() {
	if a.play.rnd.IntN(3) == 0 {
		a.p.kill(syscall.SIGKILL)
		return
	}
	a.p.kill(syscall.SIGTERM)
	if a.p.err != nil {
		a.t.Errorf("run ended: %v\n%s", a.p.err, a.p.output())
	}
}

func (a *built) ended() bool {
	select {
	case <-a.p.done:
		return true
	default:
		return false
	}
}

func (a *built) reload() (int, string) {
	cmd := exec.Command(a.prog[0], append(a.prog[1:len(a.prog):len(a.prog)], "reload", "--config", a.play.path)...)
	b, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		a.t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(b)
}

func (a *built) machines() map[string]seenMachine {
	var text []byte
	var at time.Time
	for _, listen := range []string{a.play.file.listen, a.play.force.listen} { // which one is in force shows in a moment
		c := http.Client{Timeout: busy, Transport: &http.Transport{DisableKeepAlives: true}}
		r, err := c.Get("http://" + listen + "/metrics")
		if at = time.Now(); err != nil {
			continue
		}
		text, err = io.ReadAll(r.Body)
		r.Body.Close()
		if err == nil {
			break
		}
	}
	if text == nil {
		return nil
	}
	a.starved = append(a.starved, starvation{at, a.p.starved()})
	out := map[string]seenMachine{}
	for line := range strings.Lines(string(text)) {
		name, rest, _ := strings.Cut(line, "{machine=\"")
		machine, value, _ := strings.Cut(rest, "\"} ")
		n, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		if err != nil {
			continue
		}
		switch m := out[machine]; name {
		case "samples_processed_total":
			m.rows, m.at = uint64(n), at
			out[machine] = m
		case "machine_model_problem":
			m.problem = n > 0
			out[machine] = m
		}
	}
	return out
}

// missed is the time without CPU, and a row at either end: the rows are counted some
// time before the answer is here.
func (a *built) missed(period time.Duration, from time.Time) int {
	i := slices.IndexFunc(a.starved, func(s starvation) bool { return !s.at.Before(from) })
	if i < 0 {
		i = 0
	}
	return 2 + int((a.starved[len(a.starved)-1].d-a.starved[i].d)/period)
}

// TestEdits: whatever is edited in a configuration, an agent that reloads or restarts
// with it does what check has foretold, never ends, and loses no row of the machines
// that the edit does not concern. EDITS_SEED replays a sequence.
func TestEdits(t *testing.T) {
	t.Parallel()
	n := 200
	e := newEdited(t, editsSeed(t), 20*time.Millisecond)
	e.listen, e.broker = []string{driverstest.FreeAddr(t), driverstest.FreeAddr(t), ""}, startBroker(t).url()
	p := &playing{edited: e, agent: &inProcess{t: t, path: e.path, stalls: driverstest.WatchStalls(t)}}
	p.play(n, 10)
}

// TestEditsOfProgram is TestEdits with the built program, which is killed now and then:
// 30 edits, with EDGE_LONG=1 five sequences of 200.
func TestEditsOfProgram(t *testing.T) {
	t.Parallel()
	sequences, n := 1, 30
	if os.Getenv("EDGE_LONG") != "" {
		sequences, n = 5, 200
	}
	seed, prog, broker := editsSeed(t), program(t, "", ""), startBroker(t)
	for i := range sequences {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			e := newEdited(t, seed+uint64(i), 200*time.Millisecond)
			e.listen, e.broker = []string{driverstest.FreeAddr(t), driverstest.FreeAddr(t)}, broker.url()
			e.file.listen = e.listen[0]
			p := &playing{edited: e}
			p.agent = &built{t: t, prog: prog, play: p}
			p.play(n, 30)
		})
	}
}

// editsSeed is the seed of the sequence, which is printed: always the same one, with
// EDGE_LONG=1 another each time.
func editsSeed(t *testing.T) uint64 {
	seed := uint64(301)
	if os.Getenv("EDGE_LONG") != "" {
		seed = uint64(time.Now().UnixNano())
	}
	if text := os.Getenv("EDITS_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("EDITS_SEED=%d", seed)
	return seed
}
