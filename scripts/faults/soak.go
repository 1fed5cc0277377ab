package main

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// The load of the soak is ten gateways' in one: 10 machines of 32 channels at 10 Hz,
// each with a model, a limit that is exceeded and a disturbance of its process every
// 200 s (of the recording, which is read again and again), values told every second, a
// connection that breaks once a minute, and a scrape every five seconds.
const (
	soakMachines = 10
	soakChannels = 32
	soakLimit    = "40MiB" // GOMEMLIMIT
	soakBudget   = 50e6    // bytes a day of one gateway, the default of budget.disk_per_day
)

// soakRow writes row i of machine m: channels that follow a load, and the noise of each.
func soakRow(b *bytes.Buffer, noise *rand.Rand, m, i int) {
	load := math.Sin(2*math.Pi*float64(i)/400) + 0.5*math.Sin(2*math.Pi*float64(i)/125)
	disturbed := within(i, 800+100*m, 60)
	for c := range soakChannels {
		v := 20 + 2*load/float64(1+c%5) + 0.1*noise.NormFloat64()
		if disturbed && c%8 == 1 {
			v += 1.5
		}
		if c == 0 {
			v = 1 + 0.1*noise.NormFloat64()
			if within(i, 1000+90*m, 50) || within(i, 1100+90*m, 20) && i%2 == 0 { // and it flaps
				v = 10
			}
		}
		b.WriteByte(',')
		b.Write(strconv.AppendFloat(b.AvailableBuffer(), v, 'f', 3, 64))
	}
}

// within tells whether row i of a recording that is read again and again is one of the n
// from the given one on.
func within(i, from, n int) bool { return (i-from%rows+rows)%rows < n }

// configureSoak writes recordings and configuration. The machines learn the rows
// before their first disturbance.
func (t *trial) configureSoak(broker string) (*agent, error) {
	a, err := t.configure(plant{broker: broker, wrap: []string{"/usr/bin/env", "GOMEMLIMIT=" + soakLimit}})
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(a.config)
	if err != nil {
		return nil, err
	}
	learn := fmt.Sprintf("%ds", t.pick(20, 20, 60))
	var sensors, machines strings.Builder
	for m := range soakMachines {
		var b bytes.Buffer
		b.WriteString("timestamp")
		for c := range soakChannels {
			fmt.Fprintf(&b, ",c%d", c)
		}
		noise := rand.New(rand.NewPCG(uint64(m), 1))
		for i := range rows {
			fmt.Fprintf(&b, "\n%d.%d", i/10, i%10)
			soakRow(&b, noise, m, i)
		}
		b.WriteByte('\n')
		name := fmt.Sprintf("m%d", m)
		file := filepath.Join(t.dir, name+".csv")
		if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
			return nil, err
		}
		fmt.Fprintf(&sensors, "  - {name: %s, driver: replay, file: %s, loop: true, limits: {c0: {warn: 4, alarm: 8}}}\n", name, file)
		fmt.Fprintf(&machines, "  - {name: %s, channels: [\"%s.*\"], period: 100ms, model: {path: %s/models/%s, learn: {for: %s}}, detect: {hold: 5s}}\n", name, name, a.state, name, learn)
	}
	config := strings.NewReplacer("sensors:\n", "sensors:\n"+sensors.String(), "machines:\n", "machines:\n"+machines.String(),
		"topic: \"plant/{device}\"", "topic: \"plant/{device}\", telemetry: {interval: 1s}").Replace(string(text))
	return a, os.WriteFile(a.config, []byte(config), 0o644)
}

// moment is what a soak looks at every few seconds.
type moment struct {
	at              time.Duration // since the start
	rss, pss        float64       // bytes
	heap            float64       // bytes that are used, garbage not yet collected included
	goroutines, fds float64
	connected       bool
}

// look takes a moment. ok is false if the endpoint does not answer.
func (a *agent) look(since time.Time) (m moment, ok bool) {
	figures := a.metrics()
	return moment{at: time.Since(since), rss: a.memory("status", "VmRSS:"), pss: a.memory("smaps_rollup", "Pss:"),
		heap: figures["go_memstats_heap_alloc_bytes"], goroutines: figures["go_goroutines"], fds: float64(a.fds()),
		connected: figures["mqtt_connected"] == 1}, len(figures) > 0
}

// memory is a field of a file of /proc/PID that is given in kB, in bytes.
func (a *agent) memory(file, field string) float64 {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/%s", a.Pid(), file))
	for line := range strings.Lines(string(text)) {
		if rest, is := strings.CutPrefix(line, field); is {
			kB, _ := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return 1024 * kB
		}
	}
	return 0
}

// soak runs the program for an hour (-long), else for 100 s, under ten times the
// load and with half the memory of the unit.
func soak(t *trial) error {
	b, err := t.startBroker("")
	if err != nil {
		return err
	}
	w, err := t.startWire(b.addr)
	if err != nil {
		return err
	}
	a, err := t.configureSoak(w.addr)
	if err != nil {
		return err
	}
	if err := a.start(); err != nil {
		return err
	}
	if err := a.answers(); err != nil {
		return err
	}
	begin := time.Now()
	length := time.Duration(t.pick(90, 100, 3600)) * time.Second
	warm := max(time.Minute, length/6) // learning is over, every buffer has been used
	fault := fmt.Sprintf("%v at 10x load, GOMEMLIMIT %s", length, soakLimit)
	moments, silent, stops := a.watchSoak(w, begin, length)
	if !a.Running() {
		t.expect(false, fault+": the program runs", "yes", "it ended: %v: %s", a.Err(), a.lastLine())
		return nil
	}
	took := time.Since(begin)
	figures, written := a.metrics(), a.written()
	t.expect(silent == 0 && !strings.Contains(a.text(), "panic"), fault+": the program runs, scrapes without an answer", "yes, 0", "yes, %d of %d", silent, silent+len(moments))
	moments = slices.DeleteFunc(moments, func(m moment) bool { return m.at < warm })
	t.grown(fault, moments)
	t.shed(fault, figures, took, stops)
	allowed := soakBudget/4 + soakBudget*took.Hours()/24 // at once, and what comes back meanwhile
	t.expect(float64(written) <= allowed, fault+": written to storage, learning included", fmt.Sprintf("<= %.1f MB", allowed/1e6), "%.2f MB, by the program's own count %.2f MB", float64(written)/1e6, figures["disk_bytes_written_total"]/1e6)
	if err := a.settle(b); err != nil {
		return err
	}
	t.inOrder(fault, balanceOf(b.all()))
	return nil
}

// watchSoak takes a moment every five seconds, cuts the connection once a minute, and
// stops the whole program for four seconds after one minute and then every ten: this
// costs rows.
func (a *agent) watchSoak(w *wire, begin time.Time, length time.Duration) (moments []moment, silent, stops int) {
	for n := 1; time.Since(begin) < length && a.Running(); n++ {
		if m, ok := a.look(begin); ok {
			moments = append(moments, m)
		} else {
			silent++
		}
		if n%12 == 6 {
			w.cut()
		}
		if n%120 == 12 {
			syscall.Kill(a.Pid(), syscall.SIGSTOP)
			time.Sleep(4 * time.Second)
			syscall.Kill(a.Pid(), syscall.SIGCONT)
			stops++
		}
		time.Sleep(time.Until(begin.Add(time.Duration(n) * 5 * time.Second)))
	}
	return moments, silent, stops
}

// grown judges the memory, goroutines and descriptors of moments. Below half an hour the
// noise of a slope is as large as its goal; then the end is compared with the beginning.
func (t *trial) grown(fault string, moments []moment) {
	series := func(of func(m moment) float64) []float64 {
		y := make([]float64, len(moments))
		for i, m := range moments {
			y[i] = of(m)
		}
		return y
	}
	hours := series(func(m moment) float64 { return m.at.Hours() })
	for _, s := range []struct {
		what string
		y    []float64
	}{
		{"resident memory", series(func(m moment) float64 { return m.rss })},
		{"proportional memory", series(func(m moment) float64 { return m.pss })},
		{"heap after collection", lowest(series(func(m moment) float64 { return m.heap }), min(12, len(moments)/4+1))},
	} {
		const MiB = 1 << 20
		first, last, top := ends(s.y)
		if long := len(hours) > 1 && hours[len(hours)-1]-hours[0] > 0.5; long {
			slope := slope(hours[:len(s.y)], s.y) / MiB
			t.expect(slope < 1, fault+": "+s.what+", slope", "< 1 MiB/h", "%+.2f MiB/h (highest %.1f MiB)", slope, top/MiB)
		} else {
			t.expect(last-first < 4*MiB, fault+": "+s.what+", second half against first", "< +4 MiB", "%+.2f MiB (highest %.1f MiB)", (last-first)/MiB, top/MiB)
		}
	}
	moments = slices.DeleteFunc(moments, func(m moment) bool { return !m.connected })
	goroutines0, goroutines1, _ := ends(series(func(m moment) float64 { return m.goroutines }))
	fds0, fds1, _ := ends(series(func(m moment) float64 { return m.fds }))
	t.expect(goroutines1 <= goroutines0 && fds1 <= fds0, fault+": goroutines, descriptors, second half against first", "+0, +0", "%+.0f of %.0f, %+.0f of %.0f", goroutines1-goroutines0, goroutines0, fds1-fds0, fds0)
}

// shed judges what the load cost: each row that was due was read or is counted as
// dropped, those of the time in which the program was stopped too.
func (t *trial) shed(fault string, figures map[string]float64, took time.Duration, stops int) {
	due := soakMachines * took.Seconds() * 10
	read, dropped := figures["samples_processed_total"], figures["samples_dropped_total"]
	room := float64(soakMachines * (10 + 2*stops)) // the time to the first row, the row that a stop delays
	t.expect(math.Abs(due-read-dropped) < room && dropped > 0, fmt.Sprintf("%s, stopped x%d for 4s: rows due, read, counted as dropped", fault, stops), "the sum", "%.0f, %.0f, %.0f", due, read, dropped)
	t.expect(figures["samples_scored_total"] > 0, fault+": rows scored; CPU; updates merged", "> 0", "%.0f; %.1f %% of a core; %.0f", figures["samples_scored_total"], 100*figures["process_cpu_seconds_total"]/took.Seconds(), figures["event_updates_merged_total"])
}

// ends are the medians of the first and of the second half of a series, and its highest.
func ends(y []float64) (first, last, top float64) {
	if len(y) < 2 {
		return 0, math.Inf(1), math.Inf(1)
	}
	median := func(y []float64) float64 { return slices.Sorted(slices.Values(y))[len(y)/2] }
	return median(y[:len(y)/2]), median(y[len(y)/2:]), slices.Max(y)
}

// lowest is a series of the same length in which each value is the least of its group
// of n.
func lowest(y []float64, n int) []float64 {
	var low []float64
	for group := range slices.Chunk(y, n) {
		for range group {
			low = append(low, slices.Min(group))
		}
	}
	return low
}

// slope is the slope of the straight line that fits best.
func slope(x, y []float64) float64 {
	var mx, my, xx, xy float64
	for i := range x {
		mx, my = mx+x[i]/float64(len(x)), my+y[i]/float64(len(x))
	}
	for i := range x {
		xx, xy = xx+(x[i]-mx)*(x[i]-mx), xy+(x[i]-mx)*(y[i]-my)
	}
	return xy / xx
}
