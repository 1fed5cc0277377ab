// Command footprint measures what the agent costs while it runs. It starts the
// simulated pump station and a mosquitto, lets a built binary learn and watch the
// station, and prints the time to ready, resident memory and CPU. Then it measures
// the cost of a thousand channels, and of a fleet of machines at 10 Hz.
//
// The I2C chips of the station are simulated inside this process, out of reach of
// another one. So the binary finds no I2C bus, retries it, and reads the eight Modbus
// registers only.
//
//	footprint BINARY
package main

import (
	"encoding/json"
	"errors"
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
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: footprint BINARY")
		os.Exit(2)
	}
	err := measure(os.Args[1])
	if err == nil {
		err = measureChannels(os.Args[1])
	}
	if err == nil {
		err = measureFleet(os.Args[1])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "footprint:", err)
		os.Exit(1)
	}
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
	rss, peak := statusKiB(r.pid(), "VmRSS:"), statusKiB(r.pid(), "VmHWM:")
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

// scrape reads the metrics once and returns their size.
func scrape(addr string) (int64, error) {
	r, err := http.Get("http://" + addr + "/metrics")
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

// statusKiB is a field of /proc/PID/status in KiB.
func statusKiB(pid int, field string) int {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
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
