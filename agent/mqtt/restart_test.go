package mqtt

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"go.uber.org/goleak"

	"iot-edge-anomaly/agent/spool"
)

// The broker is killed and started again, twice, while events come.
func TestMosquitto_restart(t *testing.T) {
	m := newMosquitto(t)
	l := listen(t, m)
	q := mustSpool(t)
	c := mustNew(t, Options{Broker: "tcp://" + m.addr}, q)
	c.wait = 500 * time.Millisecond
	l.first(c)
	run(t, c)
	sent := 0
	for range 2 {
		appendN(t, q, 50)
		eventually(t, 20*time.Second, "delivery", func() bool { return c.Stats().Acked >= uint64(sent+50) })
		m.kill()
		appendN(t, q, 50)
		sent += 100
		eventually(t, 5*time.Second, "loss noticed", func() bool { return !c.Connected() && !l.hears.Load() })
		m.start()
	}
	eventually(t, 20*time.Second, "all events", func() bool { return len(firsts(l.on(eventTopic))) >= sent })
	wantNumbers(t, firsts(l.on(eventTopic)), sent)
	if s := c.Stats(); s.Connects != 3 || s.Disconnects != 2 {
		t.Errorf("%+v", s)
	}
}

// A connection that breaks makes the broker say offline; a new one says
// online; somebody else's offline is answered.
func TestMosquitto_presence(t *testing.T) {
	m := newMosquitto(t)
	l := listen(t, m)
	c := mustNew(t, Options{Broker: "tcp://" + m.addr}, mustSpool(t))
	c.wait = 500 * time.Millisecond
	conns := make(chan net.Conn, 10)
	dial := c.dial
	c.dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err == nil {
			conns <- conn
		}
		return conn, err
	}
	said := func(want string) {
		t.Helper()
		defer func() { t.Helper(); t.Logf("said: %v", l.on(statusTopic)) }()
		eventually(t, 5*time.Second, want, func() bool { return strings.HasPrefix(strings.Join(l.on(statusTopic), " ")+" ", want+" ") })
	}
	stop := run(t, c)
	said("online")
	(<-conns).Close()
	said("online offline online")
	o := paho.NewClientOptions().AddBroker("tcp://" + m.addr).SetClientID("ghost")
	ghost := paho.NewClient(o)
	if tok := ghost.Connect(); !tok.WaitTimeout(busy) || tok.Error() != nil {
		t.Fatal(tok.Error())
	}
	ghost.Publish(statusTopic, 1, true, "offline").WaitTimeout(busy)
	ghost.Disconnect(50)
	said("online offline online offline online")
	stop()
	said("online offline online offline online offline")
}

// What runs as a process of its own in TestKill.
const killEnv = "MQTT_TEST_KILL"

func TestMain(m *testing.M) {
	if dir := os.Getenv(killEnv); dir != "" {
		if err := victim(dir, os.Getenv(killEnv+"_BROKER")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// victim appends and delivers until it is killed; each number is written to a
// file after it was accepted and is on the disk. With an empty file `finish` in dir it appends
// nothing and ends when all is delivered.
func victim(dir, broker string) error {
	q, err := spool.Open(filepath.Join(dir, "spool"), spool.Options{SegmentBytes: 16 << 10})
	if err != nil {
		return err
	}
	c, err := New(Options{Broker: broker, ClientID: "victim", Logger: quiet, Birth: status("online"), Will: status("offline"), Offline: status("offline")}, q)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	if _, err := os.Stat(filepath.Join(dir, "finish")); err == nil {
		for end := time.Now().Add(20*time.Second + busy); q.Stats().Messages > 0 && time.Now().Before(end); {
			time.Sleep(10 * time.Millisecond)
		}
		cancel()
		return <-done
	}
	log, err := os.OpenFile(filepath.Join(dir, "accepted"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	for {
		for range 3 {
			if err := q.Append(numbered); err != nil {
				return err
			}
		}
		n := q.Seq()
		if err := q.Flush(); err != nil { // a kill before this may cost them, and give the numbers to others
			return err
		}
		if _, err := fmt.Fprintf(log, "%d\n%d\n%d\n", n-2, n-1, n); err != nil {
			return err
		}
		time.Sleep(time.Millisecond)
	}
}

// Killed with SIGKILL again and again while it appends and delivers: every
// accepted event arrives, in order of first arrival, without a gap in the
// numbers. EDGE_LONG kills 1000 times.
func TestKill(t *testing.T) {
	kills := 50
	if os.Getenv("EDGE_LONG") != "" {
		kills = 1000
	}
	m := newMosquitto(t)
	l := listen(t, m)
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	start := func() *exec.Cmd {
		cmd := exec.Command(self)
		cmd.Env = append(os.Environ(), killEnv+"="+dir, killEnv+"_BROKER=tcp://"+m.addr)
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd
	}
	accepted := func() []string {
		b, err := os.ReadFile(filepath.Join(dir, "accepted"))
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		return strings.Fields(string(b))
	}
	for i := range kills {
		before := len(accepted())
		cmd := start()
		if i%3 > 0 { // else it may be killed before it has accepted anything
			eventually(t, 10*time.Second, "two events accepted", func() bool { return len(accepted()) >= before+2 })
		}
		time.Sleep(time.Duration(60+i*37%120) * time.Millisecond)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		cmd.Wait()
	}
	if err := os.WriteFile(filepath.Join(dir, "finish"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := start().Wait(); err != nil {
		t.Fatal("the last run: ", err)
	}
	all := accepted()
	if len(all) < kills {
		t.Fatalf("only %d events accepted in %d lives", len(all), kills)
	}
	last, err := strconv.Atoi(all[len(all)-1])
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, 10*time.Second, "the last event", func() bool { return len(firsts(l.on(eventTopic))) >= last })
	heard := l.on(eventTopic)
	got := firsts(heard)
	wantNumbers(t, got, len(got)) // no gap, in order
	arrived := map[string]bool{}
	for _, p := range got {
		arrived[p] = true
	}
	for _, p := range all {
		if !arrived[p] {
			t.Errorf("event %s was accepted and did not arrive", p)
		}
	}
	dup := len(heard) - len(got)
	t.Logf("%d kills, %d accepted, %d arrived, %d repeated (%.1f %%)", kills, len(all), len(got), dup, 100*float64(dup)/float64(len(got)))
	if dup > kills*defaultWindow {
		t.Errorf("%d repetitions, at most a window for each kill", dup)
	}
}
