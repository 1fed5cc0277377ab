package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"text/tabwriter"

	"iot-edge-anomaly/drivers/modbus"
)

// competitor is a way to read a device.
type competitor struct {
	name string
	open func(s scene, addr string) (reader, error)
	tcp  bool // only Modbus TCP
}

// competitors are our own reader and others. End ends what they started. A reader that
// cannot be had here is left out, with a line that says why.
func competitors() (all []competitor, end func(), err error) {
	all = []competitor{{"iot-edge-anomaly", openOurs, false},
		{version("github.com/goburrow/modbus"), openGoburrow, true},
		{version("github.com/grid-x/modbus"), openGridx, false},
		{version("github.com/simonvetter/modbus"), openSimonvetter, false}}
	var started []*children
	add := func(name string, command ...string) {
		c := &children{command: command}
		started = append(started, c)
		all = append(all, competitor{name, c.open, false})
	}
	out, err := exec.Command("/usr/bin/python3", "-c", "import pymodbus; print(pymodbus.__version__)").Output()
	if err == nil {
		add("pymodbus "+strings.TrimSpace(string(out)), "/usr/bin/python3", "-c", pymodbusReader)
	} else {
		fmt.Printf("without pymodbus: %v; scripts/setup.sh python3-pymodbus installs it\n", err)
	}
	dir, err := os.MkdirTemp("", "liars")
	if err != nil {
		return nil, nil, err
	}
	binary := filepath.Join(dir, "telegraf")
	if out, err := exec.Command(cmp.Or(os.Getenv("GO"), "go"), "-C", "scripts/liars/telegraf", "build", "-o", binary, ".").CombinedOutput(); err == nil {
		add("telegraf v1.37.2", binary)
	} else {
		fmt.Printf("without Telegraf, whose module does not build here: %v %s\n", err, out)
	}
	return all, func() {
		for _, c := range started {
			c.end()
		}
		os.RemoveAll(dir)
	}, nil
}

// version is the last part of a module's path that says who made it, with its version.
func version(module string) string {
	name := strings.TrimPrefix(module, "github.com/")
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Path == module {
				v, _, _ := strings.Cut(m.Version, "-0.")
				return name + " " + strings.TrimPrefix(v, "v0.0.0-20251121133955-")
			}
		}
	}
	return name
}

// compare lets each competitor read the same devices.
func compare(w io.Writer, seeds, atOnce int) error {
	all, end, err := competitors()
	if err != nil {
		return err
	}
	defer end()
	jobs := named(seeds)
	fmt.Fprintf(w, "\nThe same devices, %d seeds of each behaviour, read by libraries and programs as they come, with the same timeout and period.\n\n", seeds)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "over\treader\truns\twrong\tright\tsuspect\tmissing\tright of all\tarrived\tof those right\t")
	by := map[string][]results{}
	for _, mode := range []string{"TCP", "RTU"} {
		for _, c := range all {
			if c.tcp && mode == "RTU" {
				continue
			}
			r, _ := runAll(over(jobs, mode), atOnce, c.open, func(job, tally) {})
			by[c.name] = append(by[c.name], r)
			t := r.total()
			fmt.Fprintf(table, "%s\t%s\t%d\t%d\t%d\t%d\t%d\t%s\t%d\t%s\t\n", mode, c.name, len(over(jobs, mode)), t.wrong, t.right, t.suspect, t.missing,
				percent(t.right, t.cells()), t.arrived, percent(t.used, t.arrived))
		}
	}
	table.Flush()
	fmt.Fprintf(w, "\nWrong values given as good, of all cells of that behaviour:\n\n")
	wrongs(w, all, by)
	return nil
}

// wrongs prints the share of wrong cells by behaviour and reader.
func wrongs(w io.Writer, all []competitor, by map[string][]results) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(table, "behaviour\t")
	for _, c := range all {
		fmt.Fprintf(table, "%s\t", c.name)
	}
	fmt.Fprintln(table)
	for half, r := range by[all[0].name] {
		for _, name := range r.names {
			fmt.Fprintf(table, "%s\t", name)
			for _, c := range all {
				if half >= len(by[c.name]) {
					fmt.Fprint(table, "-\t")
					continue
				}
				t := by[c.name][half].sum[name]
				fmt.Fprintf(table, "%s\t", percent(t.wrong, t.cells()))
			}
			fmt.Fprintln(table)
		}
	}
	table.Flush()
}

// over leaves the jobs whose devices are read in one framing.
func over(jobs []job, mode string) (some []job) {
	for _, j := range jobs {
		if tcp := j.make(j.seed).line.Mode == modbus.TCP; tcp == (mode == "TCP") {
			some = append(some, j)
		}
	}
	return some
}
