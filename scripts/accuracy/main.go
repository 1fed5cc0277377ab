package main

import (
	"cmp"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"
)

// The target of the default setting on skab.
const (
	leastF1 = 0.80
	mostFAR = 26.0
)

func main() {
	seeds := flag.Int("seeds", 3, "how many seeds to learn with")
	sets := flag.String("sets", "skab", "comma-separated: skab, tep, hydraulic, gecco, nab")
	verbose := flag.Bool("v", false, "print what each file's learning reports")
	flag.Parse()
	ok, err := run(*seeds, strings.Split(*sets, ","), *verbose, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "accuracy:", err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

// run measures every set and tells whether the target was met.
func run(seeds int, sets []string, verbose bool, w io.Writer) (bool, error) {
	data := cmp.Or(os.Getenv("DATA"), "../shared/data")
	script := cmp.Or(os.Getenv("EVAL"), "../shared/eval/score.py")
	for _, path := range []string{data, script} {
		if _, err := os.Stat(path); err != nil {
			fmt.Fprintf(w, "accuracy: %s is absent: nothing measured (set DATA and EVAL)\n", path)
			return true, nil
		}
	}
	tmp, err := os.MkdirTemp("", "accuracy")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(tmp)
	met := true
	for _, name := range sets {
		s, err := load(data, name)
		if err != nil {
			return false, fmt.Errorf("loading %s: %w", name, err)
		}
		ours := autoencoder(nil)
		if verbose {
			ours = autoencoder(w)
		}
		fmt.Fprintf(w, "%s, %d files\n", name, len(s.files))
		fmt.Fprintf(w, "  %-18s %5s  %6s %6s %6s  %6s  %7s %5s %6s  %5s %5s  %6s\n", "detector", "seed",
			"F1", "FAR %", "MAR %", "AUC-PR", "events", "false", "delay", "top-1", "top-2", "learn")
		for _, d := range append([]detector{ours}, baselines...) {
			all, err := measure(s, d, seeds, script, tmp, w)
			if err != nil {
				return false, err
			}
			if f1, far := mean(all, f1Of), mean(all, farOf); d.seeds && name == "skab" && (f1 < leastF1 || far > mostFAR) {
				met = false
				fmt.Fprintf(w, "  target missed: F1 %.3f, want >= %.2f; FAR %.1f %%, want <= %.0f %%\n", f1, leastF1, far, mostFAR)
			}
		}
	}
	return met, nil
}

// measure runs one detector over a set with every seed and prints a line each.
func measure(s set, d detector, seeds int, script, tmp string, w io.Writer) ([]result, error) {
	if !d.seeds {
		seeds = 1
	}
	want := causes(s.dir)
	var all []result
	for seed := range seeds {
		outs, err := every(s, d, uint64(seed+1))
		if err != nil {
			return nil, err
		}
		dir := filepath.Join(tmp, fmt.Sprintf("%s-%s-%d", s.name, strings.ReplaceAll(d.name, " ", "-"), seed))
		if err := os.Mkdir(dir, 0o750); err != nil {
			return nil, err
		}
		r, err := judge(s, outs, script, dir)
		if err != nil {
			return nil, err
		}
		r.Top1, r.Top2 = attribute(s, outs, want)
		all = append(all, r)
		causes := fmt.Sprintf("%5s %5s", "-", "-")
		if want != nil && outs[0].shares != nil {
			causes = fmt.Sprintf("%5d %5d", r.Top1, r.Top2)
		}
		fmt.Fprintf(w, "  %-18s %5d  %6.3f %6.1f %6.1f  %6.3f  %3d/%-3d %5d %5.0fs  %s  %5.2fs\n", d.name, seed+1,
			r.F1, r.FAR, r.MAR, r.AUCPR, r.Found, r.Events, r.False, r.Delay, causes, r.Slowest)
	}
	if len(all) > 1 {
		fmt.Fprintf(w, "  %-18s %5s  %.3f±%.3f  FAR %.1f±%.1f  MAR %.1f±%.1f  AUC-PR %.3f\n", d.name, "mean", mean(all, f1Of), sd(all, f1Of),
			mean(all, farOf), sd(all, farOf), mean(all, marOf), sd(all, marOf), mean(all, func(r result) float64 { return r.AUCPR }))
	}
	return all, nil
}

// every runs a detector over the files of a set, as many at a time as there are
// CPUs. Learning times are therefore those of a busy machine.
func every(s set, d detector, seed uint64) ([]output, error) {
	outs, errs := make([]output, len(s.files)), make([]error, len(s.files))
	slots := make(chan struct{}, runtime.NumCPU())
	var wg sync.WaitGroup
	for i, f := range s.files {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			start := time.Now()
			outs[i], errs[i] = d.run(f, seed)
			if outs[i].took == 0 {
				outs[i].took = time.Since(start)
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return outs, nil
}

func f1Of(r result) float64  { return r.F1 }
func farOf(r result) float64 { return r.FAR }
func marOf(r result) float64 { return r.MAR }

func mean(all []result, of func(result) float64) float64 {
	sum := 0.0
	for _, r := range all {
		sum += of(r)
	}
	return sum / float64(len(all))
}

func sd(all []result, of func(result) float64) float64 {
	m, sum := mean(all, of), 0.0
	for _, r := range all {
		sum += (of(r) - m) * (of(r) - m)
	}
	return math.Sqrt(sum / float64(len(all)))
}
