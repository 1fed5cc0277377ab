package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"iot-edge-anomaly/quant"
	"iot-edge-anomaly/quant/reference"
)

func main() {
	dir := flag.String("cache", ".build/peers", "`folder` of what is fetched and built")
	cc := flag.String("cc", "cc", "C compiler")
	rounds := flag.Int("rounds", 10, "how often each is measured; the best time counts")
	spell := flag.Duration("time", 40*time.Millisecond, "how long to measure in a round")
	arm := flag.Bool("arm", false, "count instructions on emulated Arm cores instead")
	order := flag.String("pass", "", "what the emulated program does: list, or `KERNEL,NETWORK,N`")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	switch {
	case *order != "":
		err = pass(*order, os.Stdout)
	case *arm:
		err = runCount(ctx, *dir, os.Stdout)
	default:
		err = run(ctx, *dir, *cc, *rounds, *spell, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

// errMissed ends the program with 1 after everything has been printed.
var errMissed = errors.New("targets were missed")

func run(ctx context.Context, dir, cc string, rounds int, spell time.Duration, w io.Writer) error {
	if rounds < 1 || spell < time.Millisecond {
		return fmt.Errorf("%d rounds of %v: want at least 1 of 1ms", rounds, spell)
	}
	h, err := openEngines(ctx, dir, cc, w)
	if err != nil {
		return err
	}
	defer h.close()
	names := reference.Names()
	results := map[string]*result{}
	for _, name := range names {
		if results[name], err = enter(h, dir, name); err != nil {
			return err
		}
	}
	if err := measure(ctx, names, results, rounds, spell); err != nil {
		return err
	}
	for _, name := range names {
		if err := printTimes(w, results[name]); err != nil {
			return err
		}
	}
	met, err := printTargets(w, names, results)
	if err == nil && !met {
		err = errMissed
	}
	return err
}

// openEngines downloads the libraries, compiles and starts native/peer, and prints
// the name of the CPU.
func openEngines(ctx context.Context, dir, cc string, w io.Writer) (*harness, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(dir, "networks"), 0o755); err != nil {
		return nil, err
	}
	program := filepath.Join(dir, "peer")
	if err := compile(ctx, cc, program); err != nil {
		return nil, err
	}
	h, err := start(program)
	if err != nil {
		return nil, err
	}
	for _, l := range libraries {
		file, err := l.fetch(ctx, dir, runtime.GOARCH)
		if err == nil {
			err = h.open(l.engine, file)
		}
		if err != nil {
			return nil, errors.Join(err, h.close())
		}
	}
	fmt.Fprintf(w, "%s %s, %s; one thread, batch 1, the shortest of many runs\n", runtime.GOOS, runtime.GOARCH, cpuName())
	return h, nil
}

// cpuName is the kernel's name of the CPU.
func cpuName() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown CPU"
	}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	if model, err := os.ReadFile("/proc/device-tree/model"); err == nil {
		return strings.TrimRight(string(model), "\x00\n")
	}
	return "unknown CPU"
}

// result is a network and what was measured on it.
type result struct {
	net         *network
	contestants []*contestant
	bounds      map[string]quant.Limits // by kernel; the best of all rounds
}

// enter makes a network and its contestants.
func enter(h *harness, dir, name string) (*result, error) {
	n, err := newNetwork(name, false)
	if err != nil {
		return nil, err
	}
	t, err := newNetwork(name, true)
	if err != nil {
		return nil, err
	}
	cs, err := own(n)
	if err != nil {
		return nil, err
	}
	for i, e := range entries(n, t) {
		c, _, err := e.load(h, filepath.Join(dir, "networks"), i)
		if err != nil {
			return nil, fmt.Errorf("network %s: %w", name, err)
		}
		cs = append(cs, c)
	}
	return &result{n, cs, map[string]quant.Limits{}}, nil
}

// measure times every contestant and the bounds of this CPU in turn, round after
// round, so that other load on the machine affects all of them alike.
func measure(ctx context.Context, names []string, results map[string]*result, rounds int, spell time.Duration) error {
	for range rounds {
		for _, name := range names {
			r := results[name]
			if err := r.bound(); err != nil {
				return err
			}
			for _, c := range r.contestants {
				if err := ctx.Err(); err != nil {
					return err
				}
				ns, err := c.time(spell)
				if err != nil {
					return fmt.Errorf("network %s: %s, %s: %w", name, c.name, c.form, err)
				}
				if c.ns == 0 || ns < c.ns {
					c.ns = ns
				}
			}
		}
	}
	return nil
}

// bound measures what this CPU can do at most with each kernel and as many
// weights as the network has.
func (r *result) bound() (err error) {
	before := quant.Kernel()
	defer func() { err = errors.Join(err, quant.Use(before)) }()
	for _, k := range judged() {
		if err := quant.Use(k); err != nil {
			return err
		}
		best, now := r.bounds[k], quant.MeasureLimits(r.net.MAC())
		r.bounds[k] = quant.Limits{Peak: max(best.Peak, now.Peak), Stream: max(best.Stream, now.Stream)}
	}
	return nil
}
