package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"iot-edge-anomaly/agent/demo"
)

// What the agent may take of memory, in KiB, and of a core, at 32 channels and 10 Hz.
const (
	goalMemory = 20 << 10
	goalCPU    = 0.01
)

// goalLoad is the workload of the goals.
var goalLoad = workload{1, 32, time.Second / 10}

// workloads are the rows of the table.
var workloads = []workload{
	{1, 8, time.Second}, {1, 8, time.Second / 10},
	{1, 32, time.Second}, goalLoad,
	{8, 32, time.Second}, {8, 32, time.Second / 10},
}

// settle is how long a program runs before it is measured.
const settle = 15 * time.Second

// page measures the agent and its peers.
type page struct {
	binary, broker    string
	telegraf, netdata string // programs; "" = cannot be had here
	long, disk        time.Duration
	dir               string
	costs             []cost // of the agent, as workloads
}

// write measures and writes the tables of docs/footprint.md. The error says which goal is
// missed.
func (p *page) write(to io.Writer) (err error) {
	if p.dir, err = os.MkdirTemp("", "footprint-"); err != nil {
		return err
	}
	defer os.RemoveAll(p.dir)
	var stop func()
	if p.broker, stop, err = startBroker(p.dir); err != nil {
		return err
	}
	defer stop()
	fmt.Fprintf(to, "Measured on %s; each for %v, storage for %v.\n\n", machine(), p.long, p.disk)
	if err := p.resources(to); err != nil {
		return err
	}
	if err := p.storage(to); err != nil {
		return err
	}
	return p.goals(to)
}

// resources writes memory, CPU and time to start.
func (p *page) resources(to io.Writer) error {
	fmt.Fprintln(to, "| program | channels | rows a second | RSS, MiB | highest | PSS, MiB | CPU, % of a core | rows read, % | ready after, ms |\n|---|---|---|---|---|---|---|---|---|")
	row := func(program, channels, rows string, c cost) {
		read, ready := "-", "-"
		if c.read > 0 {
			read = fmt.Sprintf("%.1f", 100*c.read)
		}
		if c.started > 0 {
			ready = fmt.Sprintf("%.0f", ms(c.started))
		}
		fmt.Fprintf(to, "| %s | %s | %s | %.1f | %.1f | %.1f | %.2f | %s | %s |\n", program, channels, rows, mib(c.rss), mib(c.peak), mib(c.pss), 100*c.cpu, read, ready)
	}
	for _, w := range workloads {
		channels, rows := fmt.Sprint(w.channels()), fmt.Sprint(int(time.Second/w.period))
		c, err := p.one(w, p.agentOn)
		if err != nil {
			return err
		}
		p.costs = append(p.costs, c)
		row("`iot-edge-anomaly`", channels, rows, c)
		if p.telegraf == "" {
			continue
		}
		if c, err = p.one(w, func(s *site, dir string) (*running, error) { return telegrafOn(s, dir, p.telegraf, p.broker) }); err != nil {
			return err
		}
		row("Telegraf", channels, rows, c)
	}
	if p.netdata != "" {
		dir, err := os.MkdirTemp(p.dir, "netdata-")
		if err != nil {
			return err
		}
		r, err := netdataIn(dir, p.netdata)
		if err != nil {
			return err
		}
		defer r.stop()
		time.Sleep(settle)
		c, err := r.cost(p.long)
		if err != nil {
			return err
		}
		row("netdata, of this computer", "-", "1", c)
	}
	return nil
}

// one measures one program on one workload.
func (p *page) one(w workload, start func(s *site, dir string) (*running, error)) (c cost, err error) {
	s, r, stop, err := p.open(w, start)
	if err != nil {
		return c, err
	}
	defer stop()
	time.Sleep(settle)
	asked := s.server.RequestsTo(1)
	begin := time.Now()
	if c, err = r.cost(p.long); err != nil {
		return c, err
	}
	c.read = float64(s.server.RequestsTo(1)-asked) * w.period.Seconds() / time.Since(begin).Seconds()
	if c.read < 0.9 {
		err = fmt.Errorf("%d channels every %v: %.0f %% of the rows were read\n%s", w.channels(), w.period, 100*c.read, r.said.String())
	}
	return c, err
}

// open starts a program on the devices of a workload.
func (p *page) open(w workload, start func(s *site, dir string) (*running, error)) (s *site, r *running, stop func(), err error) {
	dir, err := os.MkdirTemp(p.dir, "program-")
	if err != nil {
		return nil, nil, nil, err
	}
	if s, err = w.open(); err != nil {
		return nil, nil, nil, err
	}
	if r, err = start(s, dir); err != nil {
		s.close()
		return nil, nil, nil, err
	}
	return s, r, func() { r.stop(); s.close() }, nil
}

// agentOn starts the agent on a site, with an open page and a scrape every 15 s, and waits
// until it scores.
func (p *page) agentOn(s *site, dir string) (*running, error) {
	if err := s.models(dir); err != nil {
		return nil, err
	}
	addr, err := demo.FreeAddr("127.0.0.1:18080")
	if err != nil {
		return nil, err
	}
	r, err := start(p.binary, dir, s.agentConfig(dir, p.broker, addr), addr)
	if err != nil {
		return nil, err
	}
	r.ends = look(addr)
	if err := until(2*time.Minute, func() bool {
		time.Sleep(100 * time.Millisecond)
		scored, err := total(addr, "inference_duration_seconds_count")
		return err == nil && scored > 0
	}); err != nil {
		r.stop()
		return nil, fmt.Errorf("%d channels every %v: no row was scored: %w\n%s", s.channels(), s.period, err, r.said.String())
	}
	return r, nil
}

// look asks as an open page and a Prometheus do, until the returned function is called.
func look(addr string) (stop func()) {
	done := make(chan bool)
	go func() {
		for n := 0; ; n++ {
			path := "/api/v1/state"
			if n%15 == 0 {
				path = "/metrics"
			}
			fetch(addr, path)
			select {
			case <-done:
				return
			case <-time.After(time.Second):
			}
		}
	}()
	return func() { close(done) }
}

// storage writes what is written to storage: all programs at once, because it takes long.
func (p *page) storage(to io.Writer) error {
	type program struct {
		name string
		r    *running
		c    cost
		err  error
	}
	var all []*program
	for _, w := range workloads {
		_, r, stop, err := p.open(w, p.agentOn)
		if err != nil {
			return err
		}
		defer stop()
		all = append(all, &program{name: fmt.Sprintf("`iot-edge-anomaly`, %d channels, %d rows a second", w.channels(), int(time.Second/w.period)), r: r})
	}
	if p.netdata != "" {
		dir, err := os.MkdirTemp(p.dir, "netdata-")
		if err != nil {
			return err
		}
		r, err := netdataIn(dir, p.netdata)
		if err != nil {
			return err
		}
		defer r.stop()
		all = append(all, &program{name: "netdata, of this computer", r: r})
	}
	time.Sleep(settle)
	done := make(chan bool)
	for _, one := range all {
		go func() {
			one.c, one.err = one.r.cost(p.disk)
			done <- true
		}()
	}
	for range all {
		<-done
	}
	fmt.Fprintf(to, "\n| program | written to storage, KiB | at this rate MB a day |\n|---|---|---|\n")
	for _, one := range all {
		if one.err != nil {
			return one.err
		}
		fmt.Fprintf(to, "| %s | %.0f | %.1f |\n", one.name, one.c.written*p.disk.Seconds()/1024, one.c.written*86400/1e6)
	}
	return nil
}

// goals compares with what a gateway was asked to keep to.
func (p *page) goals(to io.Writer) error {
	goal, most := p.costs[slices.Index(workloads, goalLoad)], p.costs[len(p.costs)-1]
	st, err := os.Stat(p.binary)
	if err != nil {
		return err
	}
	fmt.Fprintf(to, "\n| required | measured here |\n|---|---|\n")
	for _, row := range [][2]string{
		{"memory: below 100 MB", fmt.Sprintf("%.0f MiB with 32 channels, %.0f MiB with 256, at 10 rows a second", mib(goal.rss), mib(most.rss))},
		{"CPU: below 25 % of a Raspberry Pi 4", fmt.Sprintf("%.1f and %.1f %% of one core of this computer", 100*goal.cpu, 100*most.cpu)},
		{"more than 100 values a second", fmt.Sprintf("%.0f, by the same CPU", most.read*float64(workloads[len(workloads)-1].channels())/workloads[len(workloads)-1].period.Seconds())},
		{"start: below 30 s, model included", fmt.Sprintf("%.0f ms", ms(most.started))},
		{"image: below 500 MB", fmt.Sprintf("%.1f MiB, one file", float64(st.Size())/(1<<20))},
	} {
		fmt.Fprintf(to, "| %s | %s |\n", row[0], row[1])
	}
	if goal.rss > goalMemory || goal.cpu > goalCPU {
		return fmt.Errorf("32 channels at 10 rows a second take %.1f MiB and %.2f %% of a core, want %d MiB and %.0f %%", mib(goal.rss), 100*goal.cpu, goalMemory>>10, 100*goalCPU)
	}
	return nil
}

// machine describes this computer.
func machine() string {
	model := "an unknown CPU"
	b, _ := os.ReadFile("/proc/cpuinfo")
	for line := range bytes.Lines(b) {
		if name, value, ok := strings.Cut(string(line), ":"); ok && strings.TrimSpace(name) == "model name" {
			model = strings.TrimSpace(value)
		}
	}
	return fmt.Sprintf("%s, %d cores, %s", model, runtime.NumCPU(), runtime.GOARCH)
}

func mib(kib int) float64 { return float64(kib) / 1024 }

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
