// Command liars reads simulated Modbus devices that lie, each with its timing and its
// mistakes varied, and counts what became of every cell: right, wrong, suspect or
// missing. It ends with 1 if a wrong value was given as a good one.
//
//	liars [-seeds N] [-random N] [-only NAME] [-at-once N]
//
// A named behaviour is one kind of lie, with N seeds. A random behaviour is a device
// that may do several of these things.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"sync"
	"text/tabwriter"
	"time"
)

func main() {
	seeds := flag.Int("seeds", 100, "seeds of each named behaviour")
	random := flag.Int("random", 10_000, "random behaviours")
	only := flag.String("only", "", "run only the behaviour with this `NAME`")
	atOnce := flag.Int("at-once", 16*runtime.NumCPU(), "behaviours at the same time; nearly all of their time is waiting")
	flag.Parse()
	start := time.Now()
	jobs := named(*seeds)
	for seed := range *random {
		jobs = append(jobs, job{"random", uint64(seed), anything})
	}
	if *only != "" {
		var some []job
		for _, j := range jobs {
			if j.name == *only {
				some = append(some, j)
			}
		}
		jobs = some
	}
	table, wrong := runAll(jobs, *atOnce)
	table.print()
	fmt.Printf("%d behaviours in %v\n", len(jobs), time.Since(start).Round(time.Second))
	if len(jobs) == 0 || wrong > 0 {
		os.Exit(1)
	}
}

// job is one device and how it lies.
type job struct {
	name string
	seed uint64
	run  func(seed uint64) (tally, error)
}

// results are tallies by the name of the behaviour, in the order of the first jobs.
type results struct {
	names []string
	sum   map[string]*tally
	runs  map[string]int
}

// runAll runs the jobs, several at a time, and tells of each wrong value which seed
// makes it.
func runAll(jobs []job, atOnce int) (r results, wrong int) {
	r = results{sum: map[string]*tally{}, runs: map[string]int{}}
	for _, j := range jobs {
		if r.sum[j.name] == nil {
			r.names, r.sum[j.name] = append(r.names, j.name), new(tally)
		}
	}
	var mu sync.Mutex
	var running sync.WaitGroup
	free := make(chan bool, max(atOnce, 1))
	for _, j := range jobs {
		free <- true
		running.Go(func() {
			t, err := j.run(j.seed)
			<-free
			mu.Lock()
			defer mu.Unlock()
			r.runs[j.name]++
			r.sum[j.name].add(t)
			if wrong += t.wrong; t.wrong > 0 || err != nil {
				fmt.Printf("%s, seed %d: %d wrong cells, %s, %v\n", j.name, j.seed, t.wrong, t.first, err)
			}
		})
	}
	running.Wait()
	return r, wrong
}

func (r results) print() {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "behaviour\truns\twrong\tright\tsuspect\tmissing\tright of all\t")
	var all tally
	line := func(name string, runs int, t tally) {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%.1f %%\t\n", name, runs, t.wrong, t.right, t.suspect, t.missing, 100*float64(t.right)/float64(max(1, t.wrong+t.right+t.suspect+t.missing)))
	}
	runs := 0
	for _, name := range r.names {
		line(name, r.runs[name], *r.sum[name])
		all.add(*r.sum[name])
		runs += r.runs[name]
	}
	line("all", runs, all)
	w.Flush()
}
