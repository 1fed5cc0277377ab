package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// cost is what a program takes, all of its processes together.
type cost struct {
	started        time.Duration // until it was ready; 0 = not measured
	rss, pss, peak int           // KiB; the highest rss
	cpu            float64       // of one core
	read           float64       // of the rows that were due; 0 = it reads none
	written        float64       // bytes a second to storage
}

// cost measures a program and its children for the given time.
func (r *running) cost(long time.Duration) (c cost, err error) {
	cpu, written, err := r.used()
	if err != nil {
		return c, err
	}
	begin := time.Now()
	time.Sleep(long)
	cpu1, written1, err := r.used()
	took := time.Since(begin).Seconds()
	c = cost{started: r.took, cpu: (cpu1 - cpu) / took, written: float64(written1-written) / took}
	for _, pid := range r.family() {
		c.rss += procKiB(pid, "status", "VmRSS:")
		c.pss += procKiB(pid, "smaps_rollup", "Pss:")
		c.peak += procKiB(pid, "status", "VmHWM:")
	}
	return c, err
}

// used is the CPU time of a program and its children, and the bytes that they made the
// kernel write to storage.
func (r *running) used() (seconds float64, written int, err error) {
	for _, pid := range r.family() {
		s, e := cpuSeconds(pid)
		if pid == r.pid() {
			err = e // a child may have ended
		}
		seconds += s
		b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/io", pid))
		for line := range bytes.Lines(b) {
			if v, ok := bytes.CutPrefix(line, []byte("write_bytes: ")); ok {
				n, _ := strconv.Atoi(string(bytes.TrimSpace(v)))
				written += n
			}
		}
	}
	return seconds, written, err
}

// family are a program's process and its children, in all generations.
func (r *running) family() []int {
	pids := []int{r.pid()}
	for i := 0; i < len(pids); i++ {
		tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pids[i]))
		for _, t := range tasks {
			b, _ := os.ReadFile(t)
			for _, f := range strings.Fields(string(b)) {
				if pid, err := strconv.Atoi(f); err == nil {
					pids = append(pids, pid)
				}
			}
		}
	}
	return pids
}
