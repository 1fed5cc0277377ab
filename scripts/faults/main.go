// Command faults runs the built program beside real brokers, injects faults, and
// prints what each cost beside what it may cost. It ends with 1 if a goal is missed.
//
//	faults [-program FILE] [-only NAME,...] [-long] [-at-once N] [-keep]
//
// A case is a function that makes its own folder, broker and agent, does something bad
// to one of them, and measures. It has no access to the program but what its users
// have: configuration, signals, MQTT, HTTP, files and /proc. Events come from the replay
// driver and limits, so a case knows which events must arrive.
//
// A case that this machine cannot run (no strace, no mount namespaces) is printed as
// such. It is not a success, and not a missed goal.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"
)

// figure is one line of the table.
type figure struct {
	what, measured, goal string
	met                  bool
}

// fault is a case. Its cost of time decides what runs beside what.
type fault struct {
	name   string
	run    func(*trial) error
	alone  bool   // measures time, or loads the machine
	quick  bool   // part of the test of this package
	broker string // its make; "" = mosquitto, "-" = one that misbehaves, of this program
}

// faults are all cases, the longest first.
var faults = slices.Concat(networkCases, otherCases("rabbit-", "RabbitMQ"), otherCases("nats-", "NATS"), brokerCases("", ""), []fault{
	{name: "memory", run: memory},
	{name: "soak", run: soak},
	{name: "rabbit-silent", run: silenced, broker: "RabbitMQ"},
	{name: "slow-fsync", run: slowFsync},
	{name: "broker-away", run: brokerAway},
	{name: "wear-1", run: wear(1)},
	{name: "wear-31", run: wear(31)},
	{name: "wear-151", run: wear(151)},
	{name: "flap", run: flap},
	{name: "refused", run: refused},
	{name: "denied-status", run: deniedStatus, broker: "-"},
	{name: "kill", run: kill, quick: true},
	{name: "reload", run: reload, quick: true},
	{name: "disk-full", run: diskFull},
	{name: "read-only", run: readOnly},
	{name: "denied-acl", run: deniedACL},
	{name: "mutual-tls", run: mutualTLS},
	{name: "no-puback", run: noPuback, quick: true, broker: "-"},
	{name: "crowd", run: crowd, quick: true},
	{name: "damage", run: damage, quick: true},
	{name: "certificate", run: certificate},
	{name: "folder", run: folder},
	{name: "owner", run: owner},
	{name: "burst", run: burst},
	{name: "slowloris", run: slowloris, alone: true},
	{name: "idle-clients", run: keepers, alone: true},
})

// errCannot means that this machine cannot run a case.
var errCannot = errors.New("not possible here")

// trial is one run of a case. Its methods are for one goroutine.
type trial struct {
	program string
	broker  string // as in fault
	dir     string
	long    bool // the full length
	short   bool // as a part of the test
	figures []figure
	undo    []func()
}

// expect adds a line to the table.
func (t *trial) expect(met bool, what, goal, format string, args ...any) {
	t.figures = append(t.figures, figure{what, fmt.Sprintf(format, args...), goal, met})
}

// later calls f when the trial ends, the newest first.
func (t *trial) later(f func()) { t.undo = append(t.undo, f) }

// pick is the size for this run: in the test, usually, or with -long.
func (t *trial) pick(short, usual, long int) int {
	switch {
	case t.short:
		return short
	case t.long:
		return long
	}
	return usual
}

// outcome is what a case brought.
type outcome struct {
	fault
	figures []figure
	err     error
	took    time.Duration
}

func main() {
	program := flag.String("program", "./iot-edge-anomaly", "the program to try, a `FILE`")
	only := flag.String("only", "", "run only the cases with these `NAMES`, separated by commas")
	long := flag.Bool("long", false, "1,000 kills, 1,000 flaps, ten minutes of slow clients, one hour of ten times the load")
	atOnce := flag.Int("at-once", 4, "cases at the same time; most of their time is waiting")
	keep := flag.Bool("keep", false, "keep the folders of the cases")
	flag.Parse()
	file, err := filepath.Abs(*program)
	if err == nil {
		_, err = os.Stat(file)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "faults:", err, "(make build)")
		os.Exit(2)
	}
	chosen, err := choose(*only)
	if err != nil {
		fmt.Fprintln(os.Stderr, "faults:", err)
		os.Exit(2)
	}
	start := time.Now()
	all := runAll(chosen, *atOnce, trial{program: file, long: *long}, *keep)
	missed := print(os.Stdout, all)
	fmt.Printf("%d cases in %v, %d goals missed\n", len(all), time.Since(start).Round(time.Second), missed)
	if missed > 0 {
		os.Exit(1)
	}
}

// choose returns the cases with these names, separated by commas; "" = all. A name that
// no case has is an error, so that nobody takes it for one that ran.
func choose(names string) ([]fault, error) {
	if names == "" {
		return slices.Clone(faults), nil
	}
	wanted := strings.Split(names, ",")
	for _, name := range wanted {
		if !slices.ContainsFunc(faults, func(f fault) bool { return f.name == name }) {
			var all []string
			for _, f := range faults {
				all = append(all, f.name)
			}
			return nil, fmt.Errorf("no case %q; there are %s", name, strings.Join(all, ", "))
		}
	}
	return slices.DeleteFunc(slices.Clone(faults), func(f fault) bool { return !slices.Contains(wanted, f.name) }), nil
}

// runAll runs cases, several at a time, and after them those that must be alone.
func runAll(chosen []fault, atOnce int, like trial, keep bool) []outcome {
	all := make([]outcome, len(chosen))
	free := make(chan bool, max(atOnce, 1))
	var running sync.WaitGroup
	one := func(i int) { all[i] = runOne(chosen[i], like, keep) }
	for i, f := range chosen {
		if !f.alone {
			free <- true
			running.Go(func() {
				one(i)
				<-free
			})
		}
	}
	running.Wait()
	for i, f := range chosen {
		if f.alone {
			one(i)
		}
	}
	return all
}

// runOne runs a case in a folder of its own.
func runOne(f fault, t trial, keep bool) (o outcome) {
	o.fault, t.broker = f, f.broker
	start := time.Now()
	if t.dir, o.err = os.MkdirTemp("", "faults-"+f.name+"-"); o.err != nil {
		return o
	}
	os.Chmod(t.dir, 0o755) // for mosquitto under its own user
	if !keep {
		defer os.RemoveAll(t.dir)
	}
	defer func() {
		for _, undo := range slices.Backward(t.undo) {
			undo()
		}
		o.figures, o.took = t.figures, time.Since(start)
		fmt.Fprintf(os.Stderr, "%-14s %v\n", f.name, o.took.Round(time.Second/10))
	}()
	o.err = f.run(&t)
	return o
}

// print writes the table and returns how many goals were missed. A case that ended with
// an error missed its goal.
func print(to io.Writer, all []outcome) (missed int) {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "case\tbroker\tfault: figure\tmeasured\tgoal\t")
	for _, o := range all {
		broker := or(o.broker, "mosquitto")
		for _, f := range o.figures {
			verdict := "ok"
			if !f.met {
				verdict = "MISSED"
				missed++
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", o.name, broker, f.what, f.measured, f.goal, verdict)
		}
		switch {
		case errors.Is(o.err, errCannot):
			fmt.Fprintf(w, "%s\t%s\t%v\t-\t-\tnot run\n", o.name, broker, o.err)
		case o.err != nil:
			fmt.Fprintf(w, "%s\t%s\t%s\t-\t-\tMISSED\n", o.name, broker, strings.ReplaceAll(o.err.Error(), "\n", " "))
			missed++
		}
	}
	w.Flush()
	return missed
}
