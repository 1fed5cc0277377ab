// Command liars reads simulated Modbus devices that lie, each with its timing and its
// mistakes varied, and counts what became of every cell: right, wrong, suspect or
// missing. Every value changes from row to row, so an old one is wrong. It ends with 1 if
// a wrong value was given as a good one.
//
//	liars [-seeds N] [-random N] [-compare N] [-only NAME] [-at-once N]
//
// A named behaviour is one kind of lie, with N seeds. A random behaviour is a device
// that may do several of these things. Then the devices of the named behaviours, with
// fewer seeds, are read by other libraries and programs as they come.
//
// It also counts the cells whose right answer arrived: the device gave it whole, within
// the timeout, to a question of the same row, on the connection that asked. Not all of
// them can be used: an answer that nothing tells from a stale or a foreign one (see
// witness) is no evidence for whoever reads it. So the share of those that became right
// and good values is printed for all of them, and for the recognisable ones.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"sync"
	"text/tabwriter"
	"time"
)

func main() {
	seeds := flag.Int("seeds", 100, "seeds of each named behaviour")
	random := flag.Int("random", 10_000, "random behaviours")
	compared := flag.Int("compare", 10, "seeds of each named behaviour that other readers read too")
	only := flag.String("only", "", "run only the behaviour with this `NAME`")
	atOnce := flag.Int("at-once", 16*runtime.NumCPU(), "behaviours at the same time; nearly all of their time is waiting")
	flag.Parse()
	start := time.Now()
	jobs := named(*seeds)
	for seed := range *random {
		jobs = append(jobs, job{"random", uint64(seed), anything})
	}
	if *only != "" {
		jobs = slices.DeleteFunc(jobs, func(j job) bool { return j.name != *only })
		*compared = 0
	}
	table, wrong := runAll(jobs, *atOnce, openOurs, func(j job, t tally) {
		fmt.Printf("%s, seed %d: %d wrong cells, %s\n", j.name, j.seed, t.wrong, t.first)
	})
	table.print(os.Stdout)
	fmt.Printf("%d behaviours in %v\n", len(jobs), time.Since(start).Round(time.Second))
	if *compared > 0 {
		if err := compare(os.Stdout, *compared, *atOnce/2); err != nil {
			fmt.Fprintln(os.Stderr, "liars:", err)
			os.Exit(1)
		}
	}
	if len(jobs) == 0 || wrong > 0 {
		os.Exit(1)
	}
}

// job is one device and how it lies.
type job struct {
	name string
	seed uint64
	make func(seed uint64) scene
}

// results are tallies by the name of the behaviour, in the order of the first jobs.
type results struct {
	names []string
	sum   map[string]*tally
	runs  map[string]int
}

// runAll runs the jobs with a reader, several at a time, and tells which of them give
// wrong values.
func runAll(jobs []job, atOnce int, open func(scene, string) (reader, error), tell func(job, tally)) (r results, wrong int) {
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
			t, err := j.make(j.seed).play(open)
			<-free
			mu.Lock()
			defer mu.Unlock()
			r.runs[j.name]++
			r.sum[j.name].add(t)
			if wrong += t.wrong; t.wrong > 0 {
				tell(j, t)
			}
			if err != nil {
				fmt.Fprintf(os.Stderr, "%s, seed %d: %v\n", j.name, j.seed, err)
			}
		})
	}
	running.Wait()
	return r, wrong
}

func (r results) print(to io.Writer) {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "behaviour\truns\twrong\tright\tsuspect\tmissing\tright of all\tarrived\tof those right\trecognisable\tof those right\t")
	line := func(name string, runs int, t tally) {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%s\t%d\t%s\t%d\t%s\t\n", name, runs, t.wrong, t.right, t.suspect, t.missing,
			percent(t.right, t.cells()), t.arrived, percent(t.used, t.arrived), t.clear, percent(t.clearUsed, t.clear))
	}
	runs := 0
	for _, name := range r.names {
		line(name, r.runs[name], *r.sum[name])
		runs += r.runs[name]
	}
	line("all", runs, r.total())
	w.Flush()
}

func (r results) total() (t tally) {
	for _, name := range r.names {
		t.add(*r.sum[name])
	}
	return t
}

func percent(part, whole int) string {
	if whole == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f %%", 100*float64(part)/float64(whole))
}
