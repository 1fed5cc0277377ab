package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"iot-edge-anomaly/model"
)

// everything is the default of -sets: the labelled sets, then the measurements that
// need no labels.
const everything = "skab,tep,hydraulic,gecco,nab,curves,wind60,wind30,wind0,ahu_iowa,ims,transformer,transformer_off,transformer_lasting,many,held," +
	"expected,missing,month,weather,faults,rates,drift"

func main() {
	seeds := flag.Int("seeds", 5, "how many seeds to learn with")
	sets := flag.String("sets", everything, "comma-separated")
	verbose := flag.Bool("v", false, "print what each file's learning reports")
	alone := flag.Bool("alone", false, "leave out the baselines")
	flag.Parse()
	ok, err := run(*seeds, strings.Split(*sets, ","), *alone, *verbose, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "accuracy:", err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

// bench is one measurement under way.
type bench struct {
	data, tmp string
	script    string // the second scorer; empty = none
	seeds     int
	alone     bool      // leave out the baselines
	verbose   io.Writer // nil = no reports of learning
	w         io.Writer
	models    learned
	results   map[string]map[string][]result // by set and detector, one for each seed
	beside                                   // measurements that need no labels
	fields
}

// run measures the named sets and returns whether every required target was met.
func run(seeds int, sets []string, alone, verbose bool, w io.Writer) (bool, error) {
	b := &bench{data: cmp.Or(os.Getenv("DATA"), "../shared/data"), script: cmp.Or(os.Getenv("EVAL"), "../shared/eval/score.py"),
		seeds: seeds, alone: alone, w: w, results: map[string]map[string][]result{}}
	if verbose {
		b.verbose = w
	}
	if _, err := os.Stat(b.data); err != nil {
		fmt.Fprintf(w, "accuracy: %s is absent: nothing measured (set DATA; make fetch gets the recordings)\n", b.data)
		return true, nil
	}
	if _, err := os.Stat(b.script); err != nil {
		b.script = ""
	}
	var err error
	if b.tmp, err = os.MkdirTemp("", "accuracy"); err != nil {
		return false, err
	}
	defer os.RemoveAll(b.tmp)
	for _, name := range sets {
		err := b.one(name)
		if errors.Is(err, fs.ErrNotExist) {
			fmt.Fprintf(w, "%s: left out: %v\n", name, err)
			continue
		}
		if err != nil {
			return false, fmt.Errorf("%s: %w", name, err)
		}
	}
	return b.verdicts(), nil
}

func (b *bench) one(name string) error {
	switch name {
	case "expected":
		return b.expectations()
	case "missing":
		return b.missing()
	case "month":
		return b.months()
	case "weather":
		return b.weather()
	case "faults":
		return b.faults()
	case "rates":
		return b.rates()
	case "drift":
		return b.drifts()
	case "many":
		return b.manyMachines()
	case "held":
		return b.heldOut()
	}
	if p := protocolOf(name); p != nil {
		return b.field(p)
	}
	return b.labelled(name)
}

// set reads a labelled set, or simulates it.
func (b *bench) set(name string) (set, error) {
	if name == curvesName {
		return curveSet(filepath.Join(b.tmp, name))
	}
	return load(b.data, name)
}

// The names of the detectors that the verdicts compare.
const (
	shipped   = "int8"
	asFloat   = "float32"
	noNetwork = "no network"
	pcaName   = "PCA T2+Q"
)

// labelled measures one labelled set with every detector and prints a line each.
func (b *bench) labelled(name string) error {
	s, err := b.set(name)
	if err != nil {
		return err
	}
	b.models.clear() // of the set before
	int8 := ours(&b.models, shipped, model.Int8, b.verbose)
	all := []detector{int8, rearmed(int8), ours(&b.models, asFloat, model.Float32, nil), ours(&b.models, noNetwork, model.None, nil)}
	again := ""
	if b.script != "" {
		again = ", every figure computed twice"
	}
	fmt.Fprintf(b.w, "%s, %d files%s\n", name, len(s.files), again)
	fmt.Fprintln(b.w, header)
	b.results[name] = map[string][]result{}
	for _, d := range append(all, b.simple()...) {
		rs, err := b.measure(s, d)
		if err != nil {
			return err
		}
		b.results[name][d.name] = rs
		fmt.Fprintln(b.w, line(d.name, rs))
	}
	return nil
}

// measure runs one detector over a set with every seed.
func (b *bench) measure(s set, d detector) ([]result, error) {
	seeds := b.seeds
	if !d.seeds {
		seeds = 1
	}
	want := causes(s.dir)
	all := make([]result, 0, seeds)
	for seed := range seeds {
		outs, err := every(s, d, uint64(seed+1))
		if err != nil {
			return nil, err
		}
		dir := filepath.Join(b.tmp, strings.ReplaceAll(fmt.Sprintf("%s-%s-%d", s.name, d.name, seed), " ", "-"))
		if err := os.Mkdir(dir, 0o750); err != nil {
			return nil, err
		}
		r, err := evaluate(s, outs, b.script, dir)
		if err != nil {
			return nil, err
		}
		r.Top1, r.Top2 = attribute(s, outs, want)
		r.named = want != nil && outs[0].shares != nil
		all = append(all, r)
	}
	return all, nil
}

// every runs a detector over the files of a set, on all CPUs at once. Learning times
// are therefore those of a busy machine.
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
	if i := slices.IndexFunc(errs, func(err error) bool { return err != nil }); i >= 0 {
		return nil, errs[i]
	}
	return outs, nil
}
