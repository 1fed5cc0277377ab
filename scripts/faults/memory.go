package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"iot-edge-anomaly/scripts/child"
)

// The load of the case about memory, and the limit of its group at first: more than it
// needs.
const (
	memoryMachines = 100
	memoryChannels = 32 // which all machines watch
	memoryLimit    = 192 << 20
)

// group is a control group with a limit of memory, made by this process.
type group struct {
	dir   string  // of its files
	max   string  // file with the limit
	kills string  // file with the line "oom_kill N"
	limit float64 // bytes
}

// newGroup makes a group, of version 1 or 2, whichever has the memory controller.
func (t *trial) newGroup(limit int) (*group, error) {
	var errs []string
	for _, v := range []struct{ root, limit, kills string }{
		{"/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.oom_control"},
		{"/sys/fs/cgroup", "memory.max", "memory.events"},
	} {
		g := &group{dir: filepath.Join(v.root, fmt.Sprintf("faults-%d-%d", os.Getpid(), time.Now().UnixNano()))}
		g.max, g.kills = filepath.Join(g.dir, v.limit), filepath.Join(g.dir, v.kills)
		if _, err := os.Stat(filepath.Join(v.root, "cgroup.procs")); err != nil {
			errs = append(errs, err.Error())
			continue
		}
		if err := os.Mkdir(g.dir, 0o755); err != nil {
			errs = append(errs, err.Error())
			continue
		}
		t.later(func() { os.Remove(g.dir) })
		if err := g.set(limit); err != nil { // version 2 may lack the controller here
			errs = append(errs, err.Error())
			continue
		}
		return g, nil
	}
	return nil, fmt.Errorf("%w: no control group with a limit of memory (it takes root): %s", errCannot, strings.Join(errs, "; "))
}

// set sets the limit of the group, in bytes. The kernel refuses one that is below what
// cannot be taken back.
func (g *group) set(limit int) error {
	err := os.WriteFile(g.max, []byte(strconv.Itoa(limit)), 0o644)
	if err == nil {
		g.limit = float64(limit)
	}
	return err
}

// wrap runs a command in the group; the kernel kills the process of the highest score.
func (g *group) wrap(score string) []string {
	return []string{"/bin/sh", "-c", `echo $$ >"$0/cgroup.procs" && echo "$1" >/proc/self/oom_score_adj && shift && exec "$@"`, g.dir, score}
}

// killed is how many processes of the group the kernel has killed.
func (g *group) killed() (n int) {
	b, _ := os.ReadFile(g.kills)
	for line := range bytes.Lines(b) {
		if v, ok := strings.CutPrefix(string(line), "oom_kill "); ok {
			n, _ = strconv.Atoi(strings.TrimSpace(v))
		}
	}
	return n
}

// configureMemory adds machines to the agent's configuration: each has a model of its own
// in memory, and hardly anything to do.
func (t *trial) configureMemory(a *agent) error {
	text, err := os.ReadFile(a.config)
	if err != nil {
		return err
	}
	bank, err := t.learnBank()
	if err != nil {
		return err
	}
	machines := "machines:\n"
	for i := range memoryMachines {
		model := filepath.Join(t.dir, fmt.Sprintf("b%d.safetensors", i))
		if err := os.Link(filepath.Join(t.dir, "bank.safetensors"), model); err != nil {
			return err
		}
		machines += fmt.Sprintf("  - {name: b%d, channels: [\"bank.*\"], period: 1s, model: {path: %s, learn: {when: never}}}\n", i, model)
	}
	more := strings.NewReplacer("sensors:\n", "sensors:\n"+bank, "machines:\n", machines).Replace(string(text))
	return os.WriteFile(a.config, []byte(more), 0o644)
}

// learnBank has the program learn a model for a sensor, which it returns.
func (t *trial) learnBank() (sensor string, err error) {
	csv, config := filepath.Join(t.dir, "bank.csv"), filepath.Join(t.dir, "bank.yaml")
	var b bytes.Buffer
	b.WriteString("timestamp")
	for c := range memoryChannels {
		fmt.Fprintf(&b, ",bank.c%d", c)
	}
	noise := rand.New(rand.NewPCG(1, 1))
	for i := range rows {
		fmt.Fprintf(&b, "\n%d", i)
		for c := range memoryChannels {
			fmt.Fprintf(&b, ",%.3f", 20+2*math.Sin(2*math.Pi*float64(i)/400)/float64(1+c%5)+0.1*noise.NormFloat64())
		}
	}
	sensor = fmt.Sprintf("  - {name: bank, driver: replay, file: %s, loop: true}\n", csv)
	text := "sensors:\n" + sensor + "machines: [{name: bank, channels: [\"bank.*\"], period: 1s}]\n"
	if err := writeAll(csv, b.String()+"\n", config, text); err != nil {
		return "", err
	}
	train := exec.Command(t.program, "train", "--config", config, "--csv", csv, "--rows", "600", "--out", filepath.Join(t.dir, "bank.safetensors"))
	if out, err := train.CombinedOutput(); err != nil {
		return "", fmt.Errorf("train: %w: %s", err, out)
	}
	return sensor, nil
}

// said is how many lines of the log have a text.
func (a *agent) said(text string) int { return strings.Count(a.text(), text) }

// anonymous is the memory that the agent holds at most in a time, pages of files left
// out, in bytes.
func (a *agent) anonymous(long time.Duration) (most float64) {
	for end := time.Now().Add(long); time.Now().Before(end) && a.Running(); time.Sleep(100 * time.Millisecond) {
		most = max(most, a.memory("status", "RssAnon:"))
	}
	return most
}

// squeeze lowers a limit until the agent uses a share of it, and keeps it so until a
// condition holds or the agent ends. It goes in small steps: the agent reads the limit of
// its group every ten seconds, and Go then collects more often.
func (a *agent) squeeze(limit float64, set func(int) error, share float64, holds func() bool) error {
	for end := time.Now().Add(8 * time.Minute); !holds() && a.Running(); {
		used := a.anonymous(3 * time.Second)
		if time.Now().After(end) {
			return fmt.Errorf("%.0f %% of the memory in use, and not within 8 m what was expected", 100*used/limit)
		}
		if used >= share*limit || !a.Running() {
			continue
		}
		lower := max(used/(share+0.01), 0.92*limit)
		if err := set(int(lower)); err != nil {
			return err
		}
		limit = lower
		a.anonymous(9 * time.Second)
	}
	return nil
}

// budget reloads the agent with a limit of its own, in bytes.
func (a *agent) budget(limit int) error {
	text, err := os.ReadFile(a.config)
	if err != nil {
		return err
	}
	before, _, _ := strings.Cut(string(text), "budget:")
	if err := os.WriteFile(a.config, fmt.Appendf(nil, "%sbudget: {memory: %dKiB}\n", before, limit>>10), 0o644); err != nil {
		return err
	}
	if a.Running() {
		syscall.Kill(a.Pid(), syscall.SIGHUP)
	}
	return nil
}

// memory has the agent in a control group, and lowers the limit until it saves memory.
// Then it lowers the agent's own limit until the agent ends itself: in a group the kernel
// often comes first, because what it needs for the group itself counts too. At last a
// neighbour in the group takes all that is left.
func memory(t *trial) error {
	g, err := t.newGroup(memoryLimit)
	if err != nil {
		return err
	}
	b, err := t.startBroker("")
	if err != nil {
		return err
	}
	p := stream(b.addr)
	p.wrap, p.mqtt = g.wrap("1000"), ", telemetry: {interval: 1s}"
	a, err := t.configure(p)
	if err != nil {
		return err
	}
	if err := t.configureMemory(a); err != nil {
		return err
	}
	if err := a.start(); err != nil {
		return err
	}
	a.anonymous(25 * time.Second) // until every window is full
	if err := g.set(int(1.2 * a.anonymous(5*time.Second))); err != nil {
		return err
	}
	for _, part := range []func(*agent, *broker, *group) error{t.memorySaved, t.memoryEnds, t.memoryKilled} {
		if err := await(2*time.Minute, "messages", func() bool { return len(b.all()) > 20 }); err != nil {
			return fmt.Errorf("%w: %s", err, a.lastLine())
		}
		if err := part(a, b, g); err != nil {
			return fmt.Errorf("%w: %s", err, a.lastLine())
		}
	}
	if err := a.settle(b); err != nil {
		return err
	}
	t.inOrder("memory short, ended, killed", balanceOf(b.all()))
	return nil
}

// memorySaved has the agent use more than 80 %.
func (t *trial) memorySaved(a *agent, b *broker, g *group) error {
	const fault = "80 % of the memory"
	if err := a.squeeze(g.limit, g.set, 0.84, func() bool { return a.said("msg=scarce of=memory") > 0 }); err != nil {
		return err
	}
	begin, told := time.Now(), len(b.all())
	length := time.Duration(t.pick(20, 75, 300)) * time.Second
	if err := a.squeeze(g.limit, g.set, 0.84, func() bool { return time.Since(begin) > length }); err != nil {
		return err
	}
	same := func() bool { return a.metrics()["memory_limit_bytes"] == math.Floor(g.limit/4096)*4096 }
	await(30*time.Second, "", same) // it is read every ten seconds
	m, took := a.metrics(), time.Since(begin)
	t.expect(same(), fault+": the program's own limit is that of the group", "yes", "%.1f and %.1f MiB", m["memory_limit_bytes"]/(1<<20), g.limit/(1<<20))
	said := a.said("msg=scarce of=memory")
	t.expect(said > 0 && said <= 3, fault+": said in the log", "1 to 3 times", "%d", said)
	n := m["memory_collections_total"]
	t.expect(n >= 1 && n <= 2+took.Minutes(), fault+": collections", "at most 1 a minute", "%.0f in %.0f s", n, took.Seconds())
	t.expect(m["telemetry_shed_total"] > 0, fault+": rows of telemetry that gave way", "> 0", "%.0f", m["telemetry_shed_total"])
	t.expect(a.said("no machine is trained: memory is short") > 0, fault+": learning gave way", "yes", "%d times", a.said("no machine is trained: memory is short"))
	status, _ := a.health()
	t.expect(status == "degraded" && a.Running(), fault+": the program runs, and says", "yes, degraded", "%t, %s", a.Running(), status)
	t.expect(len(b.all())-told > 40, fault+": messages told meanwhile", "> 40", "%d", len(b.all())-told)
	return nil
}

// memoryEnds has the agent use more than 95 %, until it ends.
func (t *trial) memoryEnds(a *agent, b *broker, g *group) error {
	const fault = "95 % of the memory"
	limit := g.limit
	if err := g.set(memoryLimit); err != nil {
		return err
	}
	if err := a.squeeze(limit, a.budget, 0.96, func() bool { return false }); err != nil {
		return err
	}
	state, killed := a.Err(), g.killed()
	t.expect(state != nil && state.Error() == "exit status 75" && killed == 0, fault+" for a minute: the program ends; killed by the kernel", "exit status 75; 0", "%v; %d", state, killed)
	heap, err := os.ReadFile(filepath.Join(a.state, "heap.txt"))
	t.expect(err == nil && bytes.HasPrefix(heap, []byte("heap profile: ")) && len(heap) <= 256<<10, fault+": a profile of the heap", "<= 256 KiB", "%d KiB", len(heap)>>10)
	return a.again(b, g)
}

// again starts the agent once more, with limits that are large enough, and waits for
// messages.
func (a *agent) again(b *broker, g *group) error {
	if err := errors.Join(g.set(memoryLimit), a.budget(memoryLimit)); err != nil {
		return err
	}
	told := len(b.all())
	if err := a.start(); err != nil {
		return err
	}
	return await(2*time.Minute, "messages after a start", func() bool { return len(b.all()) > told+40 })
}

// memoryKilled has a neighbour take the memory of the group; the kernel then kills the
// agent.
func (t *trial) memoryKilled(a *agent, b *broker, g *group) error {
	const fault = "a neighbour takes the memory"
	hog := append(g.wrap("0"), "/bin/sh", "-c", fmt.Sprintf("head -c %d /dev/zero | tail -n 1", memoryLimit))
	neighbour, err := child.Start(io.Discard, hog...)
	if err != nil {
		return err
	}
	defer neighbour.End(syscall.SIGKILL)
	if err := await(2*time.Minute, "the kernel kills the agent", func() bool { return !a.Running() }); err != nil {
		return err
	}
	neighbour.End(syscall.SIGKILL)
	t.expect(g.killed() > 0, fault+": the kernel kills the program", "yes", "%v", a.Err())
	return a.again(b, g)
}
