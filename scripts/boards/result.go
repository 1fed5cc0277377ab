package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// result is the outcome on one board.
type result struct {
	board  *board
	kernel string
	took   []time.Duration // by step, of the steps that passed
	total  time.Duration
	booted []float64
	online []float64
	rss    int           // MiB, of qemu
	cpu    time.Duration // of qemu, both boots
	notes  []string
	err    error
}

// run takes a board through all steps and prints each that has passed.
func (r *result) run(ctx context.Context, cache string) {
	begin := time.Now()
	defer func() { r.total = time.Since(begin) }()
	t := newTrial(ctx, r.board, cache)
	defer func() {
		r.booted, r.online, r.notes = t.booted, t.online, t.notes
		t.close()
	}()
	if err := t.prepare(); err != nil {
		r.fail(t, "preparing", err)
		return
	}
	r.kernel = t.kernel.version
	for _, s := range steps {
		start := time.Now()
		if err := s.run(t); err != nil {
			r.fail(t, s.name, err)
			return
		}
		r.took = append(r.took, time.Since(start))
		fmt.Printf("%-13s %6.1f s  %s\n", r.board.name, time.Since(start).Seconds(), s.name)
	}
	r.rss, r.cpu = residentMiB(t.p), t.cpu+cpuTime(t.p)
}

// fail prints the error and the end of the board's console.
func (r *result) fail(t *trial, what string, err error) {
	r.err = fmt.Errorf("%s: %s: %w", r.board.name, what, err)
	fmt.Fprintln(os.Stderr, r.err)
	if t.machine != nil {
		fmt.Fprintf(os.Stderr, "%s printed:\n%s\n(all of it: %s)\n", r.board.name, t.console.tail(60), t.console.file.Name())
	}
}

// printTable prints which step passed on which board and how long it took.
func printTable(w io.Writer, rs []*result) {
	const width = 70
	row := func(name string, cell func(r *result) string) {
		fmt.Fprintf(w, "%-*s", width, name)
		for _, r := range rs {
			fmt.Fprintf(w, "%20s", cell(r))
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintln(w)
	row("", func(r *result) string { return r.board.name })
	row("", func(r *result) string { return r.board.cpu })
	row("kernel", func(r *result) string { return r.kernel })
	for i, s := range steps {
		row(s.name, func(r *result) string {
			switch {
			case i < len(r.took):
				return fmt.Sprintf("%.1f s", r.took[i].Seconds())
			case i == len(r.took) && r.err != nil:
				return "FAIL"
			}
			return "-"
		})
	}
	seconds := func(of func(r *result) []float64) func(r *result) string {
		return func(r *result) string {
			var out []string
			for _, s := range of(r) {
				out = append(out, fmt.Sprintf("%.1f", s))
			}
			return strings.Join(out, ", ") + " s"
		}
	}
	row("from power to the first process, each boot", seconds(func(r *result) []float64 { return r.booted }))
	row("from power to the agent's first MQTT message", seconds(func(r *result) []float64 { return r.online }))
	row("the whole run", func(r *result) string { return fmt.Sprintf("%.1f s", r.total.Seconds()) })
	row("CPU time of qemu", func(r *result) string { return fmt.Sprintf("%.1f s", r.cpu.Seconds()) })
	row("resident memory of qemu", func(r *result) string { return fmt.Sprintf("%d MiB", r.rss) })
	for _, r := range rs {
		for _, n := range r.notes {
			fmt.Fprintf(w, "%s: %s\n", r.board.name, n)
		}
	}
}
