package devices

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/sampler"
	"iot-edge-anomaly/drivers/driverstest"
)

// mosquitto starts a real broker; stop ends it.
func mosquitto(t *testing.T, addr string) (stop func()) {
	t.Helper()
	binary, err := exec.LookPath("mosquitto")
	if err != nil {
		binary = "/usr/sbin/mosquitto"
	}
	host, port, _ := net.SplitHostPort(addr)
	dir, err := os.MkdirTemp("", "mosquitto") // readable by the user mosquitto
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	conf := filepath.Join(dir, "mosquitto.conf")
	if err := os.WriteFile(conf, fmt.Appendf(nil, "listener %s %s\nallow_anonymous true\n", port, host), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, "-c", conf)
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v (apt install mosquitto)", err)
	}
	stop = func() { cmd.Process.Kill(); cmd.Wait() }
	t.Cleanup(stop)
	for range 500 {
		if c, err := net.Dial("tcp", addr); err == nil {
			c.Close()
			return stop
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatal("mosquitto does not listen")
	return nil
}

// TestMQTT: sensors of one broker share a connection; a broker that is away is one
// fault of the bus, which closes by itself; and nothing runs on after Close.
func TestMQTT(t *testing.T) {
	if testing.Short() {
		t.Skip("needs mosquitto; left out with -short")
	}
	addr := driverstest.FreeAddr(t)
	host, port, _ := net.SplitHostPort(addr)
	stop := mosquitto(t, addr)
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	publish := func(topic, message string) {
		out, err := exec.Command("mosquitto_pub", "-h", host, "-p", port, "-r", "-t", topic, "-m", message).CombinedOutput()
		if err != nil {
			t.Fatalf("mosquitto_pub: %v\n%s", err, out)
		}
	}
	publish("hall", `{"temperature": 21.4}`)
	publish("heat", "12.5")
	c, problems := config.Parse("config.yaml", fmt.Appendf(nil, `sensors:
  - {name: hall, driver: mqtt, broker: "tcp://%[1]s", channels: {t: {topic: hall, path: $.temperature}}}
  - {name: heat, driver: mqtt, broker: "tcp://%[1]s", channels: {p: {topic: heat, scale: 1000, unit: W, range: [0, 50000]}}}
  - {name: other, driver: mqtt, broker: "tcp://%[1]s", username: gw, channels: {p: {topic: heat}}}
machines: [{name: m, channels: ["hall.*", "heat.*"], period: 100ms, model: {learn: {when: never}}}]
`, addr), Infos())
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	buses := Open(c.Buses, Host{})
	sensors, err := Sensors(c, buses)
	if err != nil {
		t.Fatal(err)
	}
	if len(buses.brokers) != 2 {
		t.Errorf("%d connections, want 2: one for each user", len(buses.brokers))
	}
	g, err := Group(c, c.Machines, sensors)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	buses.Listen(ctx)
	done := make(chan struct{})
	go func() { g.Run(ctx); close(done) }()
	good := func(f *sampler.Frame) bool { return slices.Equal(f.Values, []float64{21.4, 12500}) }
	await(t, g.Sampler("m"), good)

	stop()
	f := fault(t, g)
	if !f.Open || f.Bus != addr || f.Sensor != "" || !slices.Equal(f.Channels, []string{"hall.t", "heat.p"}) || !strings.Contains(f.Reason, "connection") {
		t.Errorf("%+v, want one fault of the bus %s", f, addr)
	}
	mosquitto(t, addr)
	publish("hall", `{"temperature": 21.4}`)
	publish("heat", "12.5")
	if f := fault(t, g); f.Open || f.Sensor != "" {
		t.Errorf("%+v, want the end of the fault", f)
	}
	await(t, g.Sampler("m"), good)
	cancel()
	<-done
	if err := CloseSensors(sensors); err != nil {
		t.Error(err)
	}
	if err := buses.Close(); err != nil {
		t.Error(err)
	}
}

// await takes rows until one is as wanted.
func await(t *testing.T, s *sampler.Sampler, want func(*sampler.Frame) bool) {
	t.Helper()
	end := time.After(time.Minute)
	for {
		select {
		case f := <-s.Frames():
			ok := want(f)
			s.Release(f)
			if ok {
				return
			}
		case <-end:
			t.Fatal("no such row for a minute")
		}
	}
}

func fault(t *testing.T, g *sampler.Group) sampler.Fault {
	t.Helper()
	select {
	case f := <-g.Faults():
		return f
	case <-time.After(time.Minute):
		t.Fatal("no fault for a minute")
	}
	return sampler.Fault{}
}
