// Command footprint measures what the agent costs while it runs. It starts the
// simulated pump station and a mosquitto, lets a built binary learn and watch the
// station, and prints the time to ready, resident memory and CPU. Then it measures
// the cost of a thousand channels, and of a fleet of machines at 10 Hz.
//
// The I2C chips of the station are simulated inside this process, out of reach of
// another one. So the binary finds no I2C bus, retries it, and reads the eight Modbus
// registers only.
//
// With -page it prints the tables of docs/footprint.md instead: memory, CPU and what is
// written at several sizes, beside Telegraf, which reads the same devices, and netdata.
//
//	footprint [-page [-for TIME] [-disk TIME] [-into FILE]] BINARY
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"iot-edge-anomaly/agent/demo"
	"iot-edge-anomaly/scripts/child"
)

func main() {
	whole := flag.Bool("page", false, "measure what docs/footprint.md shows, beside Telegraf and netdata where they can be had")
	into := flag.String("into", "", "with -page: write the tables into this `FILE` too, between its comments")
	long := flag.Duration("for", time.Minute, "with -page: how long each program is measured")
	disk := flag.Duration("disk", 10*time.Minute, "with -page: how long what is written is measured")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: footprint [-page [-for TIME] [-disk TIME] [-into FILE]] BINARY")
		os.Exit(2)
	}
	var err error
	if *whole {
		err = printPage(&page{binary: flag.Arg(0), long: *long, disk: *disk}, *into)
	} else {
		err = errors.Join(measure(flag.Arg(0)), measureChannels(flag.Arg(0)), measureFleet(flag.Arg(0)))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "footprint:", err)
		os.Exit(1)
	}
}

// printPage prints the tables of docs/footprint.md, and writes them into a file if there
// is a name.
func printPage(p *page, into string) error {
	var err error
	if p.telegraf, err = buildTelegraf(".build/footprint"); err != nil {
		fmt.Fprintln(os.Stderr, "footprint: Telegraf is left out:", err)
	}
	if p.netdata, err = child.Find("netdata", "netdata-core"); err != nil {
		fmt.Fprintln(os.Stderr, "footprint: netdata is left out:", err)
	}
	var tables bytes.Buffer
	missed := p.write(io.MultiWriter(os.Stdout, &tables))
	if into == "" || len(p.costs) < len(workloads) {
		return missed
	}
	text, err := os.ReadFile(into)
	if err != nil {
		return errors.Join(missed, err)
	}
	page, err := between(string(text), tables.String())
	if err == nil {
		err = os.WriteFile(into, []byte(page), 0o644)
	}
	return errors.Join(missed, err)
}

// between puts a text between the two comments of a page.
func between(page, text string) (string, error) {
	const first, last = "<!-- make footprint writes this -->\n", "<!-- end of make footprint -->"
	before, rest, ok1 := strings.Cut(page, first)
	_, after, ok2 := strings.Cut(rest, last)
	if !ok1 || !ok2 {
		return "", fmt.Errorf("the page has no line %q and after it %q", strings.TrimSpace(first), last)
	}
	return before + first + "\n" + text + "\n" + last + after, nil
}

// watchFor is how long the binary watches before it is measured.
const watchFor = 30 * time.Second

func measure(binary string) error {
	dir, err := os.MkdirTemp("", "footprint-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	station, err := demo.Start(demo.Options{})
	if err != nil {
		return err
	}
	defer station.Close()
	broker, stop, err := startBroker(dir)
	if err != nil {
		return err
	}
	defer stop()
	addr, err := demo.FreeAddr("127.0.0.1:18080")
	if err != nil {
		return err
	}
	// Without the chips: their machine could not be learnt.
	text := strings.Replace(string(station.Config(broker, addr, dir)), `, "bearing.*"]`, "]", 1)
	r, err := start(binary, dir, text, addr)
	if err != nil {
		return err
	}
	defer r.stop()
	fmt.Printf("ready after                %8.0f ms\n", float64(r.took.Microseconds())/1000)
	if err := until(2*time.Minute, func() bool { return learnt(addr) }); err != nil {
		return fmt.Errorf("learn: %w", err)
	}
	cpu, err := r.load(watchFor)
	if err != nil {
		return err
	}
	rss, peak := procKiB(r.pid(), "status", "VmRSS:"), procKiB(r.pid(), "status", "VmHWM:")
	fmt.Printf("resident while watching    %8.1f MiB\n", float64(rss)/1024)
	fmt.Printf("highest, learning included %8.1f MiB\n", float64(peak)/1024)
	fmt.Printf("CPU at 20 + 10 rows a s    %8.2f %% of one core\n", 100*cpu)
	return nil
}

func startBroker(dir string) (url string, stop func(), err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	conf := filepath.Join(dir, "mosquitto.conf")
	if err := os.WriteFile(conf, fmt.Appendf(nil, "listener %d 127.0.0.1\nallow_anonymous true\n", port), 0o644); err != nil {
		return "", nil, err
	}
	os.Chmod(dir, 0o755)
	program, err := exec.LookPath("mosquitto")
	if err != nil {
		program = "/usr/sbin/mosquitto"
	}
	cmd := exec.Command(program, "-c", conf)
	if err := cmd.Start(); err != nil {
		return "", nil, fmt.Errorf("mosquitto (Debian package mosquitto): %w", err)
	}
	return fmt.Sprintf("tcp://127.0.0.1:%d", port), func() { cmd.Process.Kill(); cmd.Wait() }, nil
}

func until(limit time.Duration, ok func() bool) error {
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if ok() {
			return nil
		}
	}
	return errors.New("not within " + limit.String())
}

func ready(addr string) bool {
	r, err := http.Get("http://" + addr + "/health/ready")
	if err != nil {
		return false
	}
	r.Body.Close()
	return r.StatusCode == http.StatusOK
}

// fetch reads a page of the agent, such as its metrics, and returns its size.
func fetch(addr, path string) (int64, error) {
	r, err := http.Get("http://" + addr + path)
	if err != nil {
		return 0, err
	}
	defer r.Body.Close()
	return io.Copy(io.Discard, r.Body)
}

func learnt(addr string) bool {
	time.Sleep(200 * time.Millisecond)
	r, err := http.Get("http://" + addr + "/health")
	if err != nil {
		return false
	}
	defer r.Body.Close()
	var h struct {
		Machines map[string]struct{ State string }
	}
	err = json.NewDecoder(r.Body).Decode(&h)
	st := h.Machines["pump1"].State
	return err == nil && (st == "normal" || st == "idle")
}

// cpuSeconds is the user and system time of a process.
func cpuSeconds(pid int) (float64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	f := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	u, err1 := strconv.ParseFloat(f[11], 64)
	s, err2 := strconv.ParseFloat(f[12], 64)
	return (u + s) / 100, errors.Join(err1, err2) // USER_HZ is 100 on Linux
}

// procKiB is a field in KiB of a file of /proc/PID.
func procKiB(pid int, file, field string) int {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, field); ok {
			n, _ := strconv.Atoi(strings.Fields(rest)[0])
			return n
		}
	}
	return 0
}
